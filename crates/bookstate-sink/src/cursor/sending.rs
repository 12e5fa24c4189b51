//! A batch on its way: its chunks, one attempt after the other, and what each answer means for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bookstate_domain::{AnyKey, BookId, Seq, WriteOp};
use bookstate_store::{BookSync, Chunk, Distrust, Epoch, Intent, Progress, Remembered, TargetError};

use super::step::{Action, Author, Failure, Outcome, Role, Scope};
use crate::{
    classify::{Circumstances, SUSPECT_AFTER, Verdict, classify},
    split,
    status::Counters,
    token,
    trust::{Looking, Trust, judge},
};

/// After how many lost answers a chunk is suspected.
const SUSPECT_AFTER_LOST: u32 = 2;

/// What a cursor knows beside the batch at hand.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Facts {
    pub(super) book_id: BookId,
    /// The highest write number that was made.
    pub(super) write_no: u32,
    /// The batches that may be on their way.
    pub(super) intents: Vec<Intent>,
    /// Documents whose copy differs; `true` when that was accepted on purpose.
    pub(super) parked: BTreeMap<AnyKey, bool>,
    /// Documents that were parked and have now gone through.
    pub(super) healed: Vec<AnyKey>,
    pub(super) counters: Counters,
}

impl Facts {
    /// Whether a copy that is not the one that was believed is for a person to decide about.
    pub(super) fn is_foreign(&self, found: &BookSync, believed: Option<&BookSync>, by: Looking) -> bool {
        let progress = Progress {
            write_no: self.write_no,
            token: believed.map_or(0, |sync| sync.token),
            persisted_seq: Seq::ZERO,
            commit_seq: Seq::ZERO,
        };
        let remembered = Remembered {
            // What was only seen may have been out of date.
            progress: (self.write_no > 0).then_some(progress),
            intents: self.intents.clone(),
            elsewhere: Vec::new(),
            distrust: Some(Distrust::Compare),
        };
        judge(Some(found), &remembered, by) == Trust::Foreign
    }
}

/// What follows for a batch.
#[derive(Debug)]
pub(super) enum Turn {
    /// It goes on.
    Stays(Outcome),
    /// All of it is in the target, which is there now.
    Whole(BookSync),
    /// The target is not what was believed, but there: its copy has to be compared.
    Compare(Option<BookSync>),
    /// The target takes the book from another: what is there.
    Foreign(BookSync),
}

/// What the next attempt of a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// To record that there will be one.
    Intend,
    /// The first chunk, or a chunk without documents.
    Write(Content),
    /// What became of it.
    Ask(Content, Doubt),
    /// To park the one document of the first chunk.
    Park,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Documents,
    /// Tells whose fault it is.
    Probe,
}

/// Why the target is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Lost,
    Mismatch,
}

/// See the module documentation.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Sending {
    /// What the target has now, as far as is known.
    sync: Option<BookSync>,
    seq: Seq,
    /// Of all chunks of the batch, so that one that is sent again is the same. It never goes back.
    epoch: Epoch,
    pub(super) commit_seq: Seq,
    comparison: bool,
    chunks: VecDeque<Vec<WriteOp>>,
    /// Names the content of the next attempt.
    token: u64,
    attempt: Attempt,
    failures: u32,
    lost_answers: u32,
    /// The first chunk is one document, and failed although the target takes chunks: one more failure is enough.
    convicted: bool,
    /// Why the first chunk is suspected.
    error: Option<TargetError>,
}

impl Sending {
    /// A batch as of a commit, for a target that is at `sync`. It never takes the target back.
    pub(super) fn new(
        sync: Option<BookSync>,
        commit_seq: Seq,
        chunks: VecDeque<Vec<WriteOp>>,
        random: u64,
        comparison: bool,
        by: Author,
    ) -> Self {
        let ahead = sync.as_ref().map_or(Seq::ZERO, |sync| sync.persisting_seq.max(sync.persisted_seq));
        let found = sync.as_ref().map_or(Epoch::NONE, |sync| sync.epoch);
        let attempt = match by.role {
            Role::Local => Attempt::Write(Content::Documents),
            Role::Remote => Attempt::Intend,
        };
        Self {
            sync,
            seq: commit_seq.max(ahead),
            epoch: found.max(by.epoch.unwrap_or(Epoch::NONE)),
            commit_seq,
            comparison,
            chunks,
            token: token::first(random),
            attempt,
            failures: 0,
            lost_answers: 0,
            convicted: false,
            error: None,
        }
    }

    /// The documents of the batch.
    pub(super) fn keys(&self) -> BTreeSet<AnyKey> {
        self.chunks.iter().flatten().map(WriteOp::key).collect()
    }

    fn first(&self) -> &[WriteOp] {
        self.chunks.front().map_or(&[], Vec::as_slice)
    }

    /// What is to be done.
    pub(super) fn next(&self, facts: &Facts, by: Author) -> Action {
        match self.attempt {
            Attempt::Intend => {
                let intent = Intent { batch: self.token, seq: self.seq, commit_seq: self.commit_seq };
                let distrust = self.comparison.then_some(Distrust::Compare);
                Action::Intend { intent, distrust, anew: false }
            }
            Attempt::Write(content) => Action::Write(Chunk {
                book_id: facts.book_id.clone(),
                expect: self.sync.as_ref().map(BookSync::mark),
                sync: self.following(content, facts, by),
                ops: if content == Content::Probe { Vec::new() } else { self.first().to_vec() },
            }),
            Attempt::Ask(..) => Action::Ask,
            Attempt::Park => {
                let reason = self.error.as_ref().map_or_else(String::new, ToString::to_string);
                let document = self.first().first().map(WriteOp::key);
                document.map_or(Action::Rest, |document| Action::Park { document, seq: self.seq, reason })
            }
        }
    }

    /// What the target holds once an attempt is applied.
    fn following(&self, content: Content, facts: &Facts, by: Author) -> BookSync {
        let sent: BTreeSet<_> = match content {
            Content::Documents => self.first().iter().map(WriteOp::key).collect(),
            Content::Probe => BTreeSet::new(),
        };
        let last = content == Content::Documents && self.chunks.len() <= 1;
        let (number, persisted) =
            self.sync.as_ref().map_or((0, Seq::ZERO), |sync| (sync.write_no, sync.persisted_seq));
        // What is compared is as it was at no seq that is known.
        let persisted = if self.comparison { Seq::ZERO } else { persisted };
        BookSync {
            writer: by.writer,
            start: by.start,
            epoch: self.epoch,
            // Above what was seen before a roll-back too, so that a higher number is always a later one.
            write_no: number.max(facts.write_no).saturating_add(1),
            token: self.token,
            persisting_seq: self.seq,
            persisted_seq: if last { self.seq } else { persisted },
            parked: facts.parked.keys().filter(|key| !sent.contains(key)).cloned().collect(),
        }
    }

    /// Something was recorded: the intent, or that a document is parked.
    pub(super) fn recorded(&mut self, facts: &mut Facts) {
        if self.attempt == Attempt::Intend {
            facts.intents.push(Intent { batch: self.token, seq: self.seq, commit_seq: self.commit_seq });
            self.attempt = Attempt::Write(Content::Documents);
            return;
        }
        for op in self.chunks.front_mut().map(std::mem::take).unwrap_or_default() {
            // What was dropped stays so when it is refused again.
            facts.parked.entry(op.key()).or_insert(false);
            facts.counters.parked += 1;
        }
        if self.chunks.len() > 1 {
            self.chunks.pop_front();
        }
        self.begin_chunk();
    }

    /// What follows from the answer to an attempt.
    pub(super) fn written(&mut self, result: Result<(), TargetError>, facts: &mut Facts, by: Author) -> Turn {
        let Attempt::Write(content) = self.attempt else { return Turn::Stays(Outcome::Progress) };
        let error = match result {
            Ok(()) => return self.applied(content, facts, by),
            Err(error) => error,
        };
        let verdict = classify(&error, Circumstances { failures: self.failures });
        match verdict {
            Verdict::Yield => {
                facts.counters.conflicts += 1;
                return Turn::Stays(Outcome::Yield);
            }
            Verdict::Resolve if error == TargetError::Mismatch => {
                // The target answered: it can be asked at once.
                self.attempt = Attempt::Ask(content, Doubt::Mismatch);
                facts.counters.mismatches += 1;
                return Turn::Stays(Outcome::Progress);
            }
            Verdict::Resolve => {
                self.attempt = Attempt::Ask(content, Doubt::Lost);
                facts.counters.ambiguous += 1;
                self.lost_answers = self.lost_answers.saturating_add(1);
                return Turn::Stays(Outcome::Failed(Failure::new(error, Scope::Target)));
            }
            Verdict::Compare => return Turn::Compare(self.sync.take()),
            Verdict::Retry | Verdict::Suspect | Verdict::Stop => {}
        }
        if matches!(error, TargetError::Unavailable { .. }) {
            facts.counters.unavailable += 1;
        }
        self.failures = self.failures.saturating_add(1);
        let may_be_the_documents = content == Content::Documents && !self.first().is_empty();
        if verdict == Verdict::Suspect && may_be_the_documents && by.role == Role::Remote {
            self.error = Some(error);
            return Turn::Stays(self.suspect(&mut facts.counters));
        }
        // Not even a chunk without documents is taken: the target is at fault.
        let sick = verdict == Verdict::Suspect && !may_be_the_documents;
        if content == Content::Probe {
            self.begin_chunk();
        }
        Turn::Stays(Outcome::Failed(Failure { sick, ..Failure::new(error, Scope::Target) }))
    }

    /// The attempt is in the target.
    fn applied(&mut self, content: Content, facts: &mut Facts, by: Author) -> Turn {
        let applied = self.following(content, facts, by);
        facts.write_no = facts.write_no.max(applied.write_no);
        if content == Content::Probe {
            self.sync = Some(applied);
            self.condemn(&mut facts.counters);
            return Turn::Stays(Outcome::Applied);
        }
        let ops = self.chunks.pop_front().unwrap_or_default();
        facts.counters.chunks += 1;
        facts.counters.documents += ops.len() as u64;
        facts.counters.bytes += split::bytes(&ops);
        for key in ops.iter().map(WriteOp::key) {
            if facts.parked.remove(&key).is_some() {
                facts.healed.push(key);
            }
        }
        if self.chunks.is_empty() {
            facts.counters.batches += 1;
            return Turn::Whole(applied);
        }
        self.sync = Some(applied);
        self.begin_chunk();
        Turn::Stays(Outcome::Applied)
    }

    /// The target was asked what became of an attempt.
    pub(super) fn asked(
        &mut self,
        found: Option<BookSync>,
        looking: Looking,
        facts: &mut Facts,
        by: Author,
    ) -> Turn {
        let Attempt::Ask(content, doubt) = self.attempt else { return Turn::Stays(Outcome::Progress) };
        let attempt = self.following(content, facts, by);
        let is_ours = |found: &BookSync| found.mark() == attempt.mark() && found.start == attempt.start;
        if found.as_ref().is_some_and(is_ours) {
            return self.applied(content, facts, by);
        }
        if found == self.sync {
            return Turn::Stays(self.not_applied(content, doubt, facts, by));
        }
        // A late delivery of an earlier chunk of ours, or a copy that was put back; or another's.
        let is_foreign = |found: &BookSync| facts.is_foreign(found, self.sync.as_ref(), looking);
        if by.role == Role::Remote
            && let Some(found) = found.as_ref().filter(|found| is_foreign(found))
        {
            return Turn::Foreign(found.clone());
        }
        Turn::Compare(found)
    }

    /// The target is where it was: not applied, perhaps not yet.
    fn not_applied(&mut self, content: Content, doubt: Doubt, facts: &mut Facts, by: Author) -> Outcome {
        self.attempt = Attempt::Write(content);
        let failed = |reason: &str| {
            Failure::new(TargetError::Unavailable { reason: reason.to_owned() }, Scope::Target)
        };
        if doubt == Doubt::Mismatch {
            return Outcome::Failed(failed(
                "it refuses a chunk that follows what it shows: what it shows is out of date; is there a load \
                 balancer in front of several nodes?",
            ));
        }
        // The same content again, under the same number, unless it is suspected.
        if self.lost_answers < SUSPECT_AFTER_LOST || by.role == Role::Local {
            return Outcome::Progress;
        }
        if content == Content::Probe {
            self.begin_chunk();
            return Outcome::Failed(Failure { sick: true, ..failed("it answers no write") });
        }
        if self.first().is_empty() {
            return Outcome::Progress;
        }
        self.error = Some(TargetError::Ambiguous { reason: "the target does not answer".to_owned() });
        self.suspect(&mut facts.counters)
    }

    /// The first chunk, with a new token and nothing held against it.
    fn begin_chunk(&mut self) {
        self.token = token::next(self.token);
        self.attempt = Attempt::Write(Content::Documents);
        (self.failures, self.lost_answers) = (0, 0);
        (self.convicted, self.error) = (false, None);
    }

    /// Whose fault is it? A chunk that is said to be too large needs no probe to be cut.
    fn suspect(&mut self, counters: &mut Counters) -> Outcome {
        let is_large = matches!(self.error, Some(TargetError::TooLarge { .. }));
        if is_large && self.first().len() > 1 {
            self.condemn(counters);
        } else {
            self.token = token::next(self.token);
            self.attempt = Attempt::Write(Content::Probe);
        }
        Outcome::Progress
    }

    /// The first chunk is at fault: find the document, and park it alone.
    fn condemn(&mut self, counters: &mut Counters) {
        self.token = token::next(self.token);
        if self.first().len() > 1 {
            counters.splits += 1;
            if let Some(mut first) = self.chunks.pop_front() {
                let second = first.split_off(first.len().div_ceil(2));
                self.chunks.push_front(second);
                self.chunks.push_front(first);
            }
            self.begin_chunk();
        } else if self.convicted {
            self.attempt = Attempt::Park;
        } else {
            // Once more: it may have been the target's fault after all. This time one failure is enough.
            self.convicted = true;
            self.attempt = Attempt::Write(Content::Documents);
            (self.failures, self.lost_answers) = (SUSPECT_AFTER, SUSPECT_AFTER_LOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use bookstate_store::WriterId;

    use super::*;

    /// A balancer in front of several nodes: what is read is out of date for as long as one looks.
    #[test]
    fn a_mismatch_with_what_the_target_shows_is_a_failure_and_no_hot_loop() {
        let by = Author {
            writer: WriterId([7; 16]),
            start: bookstate_store::StartId(1),
            epoch: None,
            role: Role::Remote,
        };
        let seq = |number| Seq::new(number).unwrap();
        let shown = BookSync {
            writer: by.writer,
            start: by.start,
            epoch: Epoch::NONE,
            write_no: 3,
            token: token::first(u64::MAX),
            persisting_seq: seq(3),
            persisted_seq: seq(3),
            parked: Vec::new(),
        };
        let mut facts = Facts {
            book_id: BookId::new("b").unwrap(),
            write_no: 3,
            intents: Vec::new(),
            parked: BTreeMap::new(),
            healed: Vec::new(),
            counters: Counters::default(),
        };
        let chunks = VecDeque::from([Vec::new()]);
        let mut sending = Sending::new(Some(shown.clone()), seq(4), chunks, 5 << 30, false, by);
        sending.recorded(&mut facts);
        let looking = Looking { writer: by.writer, knows_start: true, seq: seq(4), epoch: None };
        for _ in 0..3 {
            assert!(matches!(sending.next(&facts, by), Action::Write(_)));
            let turn = sending.written(Err(TargetError::Mismatch), &mut facts, by);
            assert!(matches!(turn, Turn::Stays(Outcome::Progress)), "it answered: it can be asked at once");
            assert!(matches!(sending.next(&facts, by), Action::Ask));
            let turn = sending.asked(Some(shown.clone()), looking, &mut facts, by);
            let Turn::Stays(Outcome::Failed(failure)) = turn else { panic!("{turn:?}") };
            assert!(!failure.stop && failure.error.to_string().contains("load balancer"), "{failure:?}");
        }
    }
}
