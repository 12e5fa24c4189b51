//! One book on its way to one target, as a pure state machine: [`Cursor::next`] says what to do, `transport` does it, and
//! [`Cursor::on`] is told what came of it. Nothing here waits, reads a clock or draws a number.
//!
//! ```text
//!            Look                      Load                 Cut              Write, for every chunk
//!  Unknown ───────▶ Ready{compare} ─────────▶ Loaded ──────────────▶ Sending ─────────────────┐
//!     │ ▲    │           ▲  │                                           │  ▲                  │
//!     │ │    ▼           │  └── a copy that is trusted is not loaded ───┘  │ Ask: was it      │
//!     │ │  Foreign       │                                               │ applied?         │
//!     │ │    │           ├───── something else was there ────────────────┤ Probe: whose     │
//!     │ │    ▼ a person  │                                               │ fault is it?     │
//!     │ └─ TakingOver ───┘                                               │ Park             │
//!     │                  ▲                                                                  │
//!     │                  └──────────────────── Recording ◀──────────────────────────────────┘
//! ```
//!
//! The cursor believes something of the target (the [`BookSync`] that it last saw or made), and every chunk
//! proves or refutes it by compare-and-set. Rules:
//!
//! * A batch is finished before the next is begun, so S only grows.
//! * A chunk that is sent again under the same write number has the same token only if it has the same
//!   content. So when the target shows that number with that token, that content is there.
//! * Before a batch's first chunk its intent is recorded. So whatever a target shows later is explained by what is
//!   recorded, or is not ours to overwrite ([`judge`]).
//! * What does not fit (another number or token, a missing document) is healed by comparing the whole book, never
//!   by guessing. That a comparison has begun is recorded before its first chunk, so that it is begun anew when it
//!   does not come to its end.
//! * A comparison is with what was loaded, so the chunks that follow from it expect the state that was loaded; and
//!   the book is looked at after the copy, when seqs that the copy has used are out of reach.
//! * Nothing is parked that was refused by a target which refuses everything.

#[cfg(test)]
mod model;
mod sending;
mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bookstate_domain::{AnyKey, BookId, Seq, WriteOp};
use bookstate_store::{
    BookSync, Chunk, Differing, Distrust, Epoch, Intent, Progress, StoredBook, TargetError, WriterId,
};

use sending::{Facts, Sending, Turn};
pub(crate) use step::{Action, Author, Claim, Event, Failure, Look, Outcome, Owner, Role, Scope};

use crate::{
    status::Counters,
    token,
    trust::{Looking, Trust, is_superseded, judge, may_claim},
};

/// A batch of more chunks than this that follows one which was broken off is a comparison instead: most of it may be
/// there already.
const MOST_CHUNKS_AGAIN: usize = 4;

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum Phase {
    /// Nothing is believed of the target.
    Unknown,
    /// The target is at `sync`.
    Ready(Ready),
    /// Its copy was read, to be compared.
    Loaded(Box<Option<StoredBook>>),
    /// A batch is under way.
    Sending(Sending),
    /// A batch is in the target, and not yet recorded.
    Recording { sync: BookSync, commit_seq: Seq },
    /// The book is to be this data directory's, under this epoch.
    TakingOver { theirs: BookSync, epoch: Epoch, token: u64, intended: bool, same: Option<Seq> },
    /// The target does not take the book from this data directory; `epoch` is that of the copy.
    Foreign { writer: WriterId, epoch: Epoch },
}

#[derive(Debug, Clone)]
struct Ready {
    sync: Option<BookSync>,
    /// What the target holds is not trusted.
    compare: bool,
    /// A batch was broken off.
    broken_off: bool,
}

impl Ready {
    const fn new(sync: Option<BookSync>, compare: bool) -> Self {
        Self { sync, compare, broken_off: false }
    }
}

/// See the module documentation.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Cursor {
    facts: Facts,
    phase: Phase,
    /// Up to this seq the target has the book.
    watermark: Seq,
    /// Parked documents to be tried again with the next batch.
    retry: BTreeSet<AnyKey>,
    /// Somebody wants the copy compared.
    compare_wanted: bool,
    has_had_a_batch: bool,
    /// The next look is that of a take-over.
    takes_over: Option<Claim>,
    /// The target has to show this epoch, whether it lacks documents or not.
    claims: Option<Epoch>,
    /// Whose it was before.
    taken_from: Option<WriterId>,
}

impl Cursor {
    pub(crate) fn new(book_id: BookId) -> Self {
        let facts = Facts {
            book_id,
            write_no: 0,
            intents: Vec::new(),
            parked: BTreeMap::new(),
            healed: Vec::new(),
            counters: Counters::default(),
        };
        Self {
            facts,
            phase: Phase::Unknown,
            watermark: Seq::ZERO,
            retry: BTreeSet::new(),
            compare_wanted: false,
            has_had_a_batch: false,
            takes_over: None,
            claims: None,
            taken_from: None,
        }
    }

    /// What it has counted since this was asked last.
    pub(crate) fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.facts.counters)
    }

    pub(crate) const fn book_id(&self) -> &BookId {
        &self.facts.book_id
    }

    pub(crate) const fn watermark(&self) -> Seq {
        self.watermark
    }

    pub(crate) const fn foreign(&self) -> Option<WriterId> {
        match self.phase {
            Phase::Foreign { writer, .. } => Some(writer),
            _ => None,
        }
    }

    /// The epoch of the copy that the target takes from somebody else.
    pub(crate) const fn foreign_epoch(&self) -> Epoch {
        match self.phase {
            Phase::Foreign { epoch, .. } => epoch,
            _ => Epoch::NONE,
        }
    }

    /// Whether a batch, or a copy to be compared, is in memory.
    pub(crate) const fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Sending(_) | Phase::Loaded(_))
    }

    /// Whether the target is to take something before it is known to be well.
    pub(crate) const fn is_writing(&self) -> bool {
        matches!(self.phase, Phase::Sending(_)) || self.takes_over.is_some()
    }

    /// Whether a batch could begin now, and nothing else is to be done.
    pub(crate) fn is_between_batches(&self) -> bool {
        matches!(&self.phase, Phase::Ready(ready) if !ready.compare)
            && !self.compare_wanted
            && self.claims.is_none()
    }

    /// Whether the target has taken a batch from it.
    pub(crate) const fn has_had_a_batch(&self) -> bool {
        self.has_had_a_batch
    }

    /// Whether there is something to do even though no new commit came.
    pub(crate) fn is_pending(&self) -> bool {
        match &self.phase {
            Phase::Foreign { .. } => false,
            Phase::Ready(ready) => {
                ready.compare || self.compare_wanted || self.claims.is_some() || !self.retry.is_empty()
            }
            _ => true,
        }
    }

    /// Whether the target has the book up to `seq`, and is to be trusted with that.
    pub(crate) fn has_reached(&self, seq: Seq) -> bool {
        self.is_between_batches() && self.retry.is_empty() && self.watermark >= seq
    }

    pub(crate) fn parked_count(&self) -> usize {
        self.facts.parked.values().filter(|dropped| !**dropped).count()
    }

    /// Whether nothing would be lost if the cursor were made anew.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_pending() && self.facts.parked.is_empty() && !matches!(self.phase, Phase::Foreign { .. })
    }

    /// Tries parked documents again: one, or all that were not dropped.
    pub(crate) fn retry(&mut self, document: Option<&AnyKey>) -> usize {
        let chosen =
            self.facts.parked.iter().filter(|(key, dropped)| document.map_or(!**dropped, |d| d == *key));
        let keys: Vec<_> = chosen.map(|(key, _)| key.clone()).collect();
        self.retry.extend(keys.iter().cloned());
        keys.len()
    }

    /// Accepts that a parked document's copy differs.
    pub(crate) fn drop_parked(&mut self, document: &AnyKey) {
        if let Some(dropped) = self.facts.parked.get_mut(document) {
            *dropped = true;
            self.retry.remove(document);
        }
    }

    /// Distrusts the target's copy: it will be compared whole, after the batch that is under way.
    pub(crate) const fn distrust(&mut self) {
        self.compare_wanted = true;
    }

    /// Writes the book from now on, whoever wrote it, as far as the claim goes.
    pub(crate) fn take_over(&mut self, claim: Claim) {
        self.takes_over = Some(claim);
        self.claims = None;
        self.taken_from = None;
        self.phase = Phase::Unknown;
    }

    /// Does not take the book over after all, unless that is done already.
    pub(crate) fn leave(&mut self) {
        if self.takes_over.take().is_some() {
            self.phase = Phase::Unknown;
        }
        self.claims = None;
    }

    /// Whose the book was before it was taken over; `None` when the target had nothing of it.
    pub(crate) const fn taken_from(&self) -> Option<WriterId> {
        self.taken_from
    }

    /// What is to be done.
    pub(crate) fn next(&self, by: Author) -> Action {
        match &self.phase {
            Phase::Unknown => Action::Look,
            Phase::Foreign { .. } => Action::Rest,
            Phase::Ready(ready) if ready.compare || self.compare_wanted => Action::Load,
            Phase::Ready(ready) => self.cut(ready.sync.as_ref(), None),
            Phase::Loaded(copy) => {
                self.cut(copy.as_ref().as_ref().map(|copy| &copy.sync), Some(copy.clone()))
            }
            Phase::Recording { sync, commit_seq } => {
                let progress = Progress {
                    write_no: sync.write_no,
                    token: sync.token,
                    persisted_seq: sync.persisted_seq,
                    commit_seq: *commit_seq,
                };
                Action::Record { progress, healed: self.facts.healed.clone() }
            }
            Phase::TakingOver { theirs, epoch, token, intended, same } => {
                let token = *token;
                if !intended {
                    let seq = same.unwrap_or(theirs.persisting_seq);
                    let intent = Intent { batch: token, seq, commit_seq: same.unwrap_or(Seq::ZERO) };
                    let distrust = same.is_none().then_some(Distrust::Compare);
                    return Action::Intend { intent, distrust, anew: true };
                }
                let write_no = theirs.write_no.max(self.facts.write_no).saturating_add(1);
                // In flux, unless it is what we were made from: it is not yet what we have at any seq.
                let sync = BookSync {
                    writer: by.writer,
                    start: by.start,
                    epoch: *epoch,
                    write_no,
                    token,
                    persisting_seq: same.unwrap_or(theirs.persisting_seq),
                    persisted_seq: same.unwrap_or(Seq::ZERO),
                    ..theirs.clone()
                };
                let expect = Some(theirs.mark());
                Action::Write(Chunk { book_id: self.facts.book_id.clone(), expect, sync, ops: Vec::new() })
            }
            Phase::Sending(sending) => sending.next(&self.facts, by),
        }
    }

    fn cut(&self, sync: Option<&BookSync>, against: Option<Box<Option<StoredBook>>>) -> Action {
        // A target that is ahead (the data directory was put back to a copy) never goes back.
        let ahead = sync.map_or(Seq::ZERO, |sync| sync.persisting_seq.max(sync.persisted_seq));
        let differing =
            Differing { parked: self.facts.parked.keys().cloned().collect(), retry: self.retry.clone() };
        Action::Cut { ahead, since: self.watermark, differing, against, claims: self.claims.is_some() }
    }

    /// What follows from what came of [`next`](Self::next).
    pub(crate) fn on(&mut self, event: Event, by: Author) -> Outcome {
        match event {
            Event::Failed { error, scope } => Outcome::Failed(Failure::new(error, scope)),
            Event::Looked(look) => self.looked(*look, by),
            Event::Loaded { copy, by: looking } => self.loaded(copy, looking, by),
            Event::Nothing => Outcome::Done,
            Event::TooOld => {
                if let Phase::Ready(ready) = &mut self.phase {
                    ready.compare = true;
                }
                Outcome::Progress
            }
            Event::Cut { seq, chunks, random } => self.begin(seq, chunks, random, by),
            Event::Done => self.done(),
            Event::Written(result) => self.written(result, by),
            Event::Asked { found, by: looking } => match &mut self.phase {
                Phase::Sending(sending) => {
                    let turn = sending.asked(found, looking, &mut self.facts, by);
                    self.turns(turn)
                }
                _ => Outcome::Progress,
            },
        }
    }

    fn goes_on(&mut self, phase: Phase) -> Outcome {
        self.phase = phase;
        Outcome::Progress
    }

    fn loaded(&mut self, copy: Box<Option<StoredBook>>, looking: Looking, by: Author) -> Outcome {
        self.facts.counters.compares += 1;
        let believed = match &self.phase {
            Phase::Ready(ready) => ready.sync.as_ref(),
            _ => None,
        };
        let found = (*copy).as_ref().map(|copy| &copy.sync);
        // What was looked at before has been judged. Somebody may have written it since then.
        let is_other = by.role == Role::Remote && found != believed;
        if let Some(found) = found
            && is_other
            && self.facts.is_foreign(found, believed, looking)
        {
            return self.is_foreign(&found.clone());
        }
        self.goes_on(Phase::Loaded(copy))
    }

    /// The target takes the book from somebody else; nothing more is wanted of it, but on command.
    fn is_foreign(&mut self, found: &BookSync) -> Outcome {
        (self.takes_over, self.claims) = (None, None);
        self.phase = Phase::Foreign { writer: found.writer, epoch: found.epoch };
        Outcome::Done
    }

    fn looked(&mut self, look: Look, by: Author) -> Outcome {
        let Look { found, remembered, by: looking, parked, random } = look;
        self.watermark = found.as_ref().map_or(Seq::ZERO, |sync| sync.persisted_seq);
        if by.role == Role::Local {
            return self.goes_on(Phase::Ready(Ready::new(found, false)));
        }
        self.facts.parked = parked;
        self.retry(None);
        let trust = judge(found.as_ref(), &remembered, looking);
        self.facts.write_no =
            self.facts.write_no.max(remembered.progress.map_or(0, |progress| progress.write_no));
        self.facts.intents = remembered.intents;
        if let Some(claim) = self.takes_over {
            let (own, same) = match claim {
                Claim::Person => (None, None),
                Claim::Owner(Owner { epoch, same }) => (Some(epoch), same),
            };
            self.claims = own;
            let Some(theirs) = found else {
                self.takes_over = None;
                return self.goes_on(Phase::Ready(Ready::new(None, true)));
            };
            if own.is_some_and(|own| !may_claim(&theirs, by.writer, own)) {
                return self.is_foreign(&theirs);
            }
            self.taken_from.get_or_insert(theirs.writer);
            if own.is_none() || trust != Trust::Sound {
                let (epoch, token) = (own.unwrap_or(theirs.epoch), token::first(random));
                let same = same.filter(|(mark, seq)| *mark == theirs.mark() && *seq == looking.seq);
                let same = same.map(|(_, seq)| seq);
                return self.goes_on(Phase::TakingOver { theirs, epoch, token, intended: false, same });
            }
            // It is ours as it is: that it is so under this epoch goes with what it lacks.
            self.takes_over = None;
            self.claims = own.filter(|own| theirs.epoch < *own);
            return self.trusted(theirs, remembered.progress);
        }
        match (trust, found) {
            (Trust::Foreign, Some(sync)) => self.is_foreign(&sync),
            (Trust::Sound, Some(sync)) => self.trusted(sync, remembered.progress),
            (trust, found) => self.goes_on(Phase::Ready(Ready::new(found, trust == Trust::Compare))),
        }
    }

    /// The copy is as it says.
    fn trusted(&mut self, sync: BookSync, recorded: Option<Progress>) -> Outcome {
        let broken_off = sync.persisting_seq > sync.persisted_seq;
        if recorded.is_some_and(|progress| progress.token == sync.token) || broken_off {
            return self.goes_on(Phase::Ready(Ready { sync: Some(sync), compare: false, broken_off }));
        }
        let is_of_it = |intent: &&Intent| token::batch(intent.batch) == token::batch(sync.token);
        if !self.facts.intents.iter().all(|intent| is_of_it(&intent)) {
            // Another batch may have followed, and this be out of date. What is recorded ends all intents, so
            // the other would be taken for somebody else's: only a chunk that is taken proves what is there.
            return self.goes_on(Phase::Ready(Ready::new(Some(sync), true)));
        }
        // A process ended between the target's answer and its record.
        let commit_seq = self.facts.intents.iter().map(|intent| intent.commit_seq).max();
        self.goes_on(Phase::Recording { commit_seq: commit_seq.unwrap_or(sync.persisted_seq), sync })
    }

    fn begin(&mut self, commit_seq: Seq, chunks: VecDeque<Vec<WriteOp>>, random: u64, by: Author) -> Outcome {
        let (sync, comparison) = match &mut self.phase {
            Phase::Ready(ready) if ready.broken_off && chunks.len() > MOST_CHUNKS_AGAIN => {
                ready.compare = true;
                return Outcome::Progress;
            }
            Phase::Ready(ready) => (ready.sync.take(), false),
            Phase::Loaded(copy) => {
                self.compare_wanted = false;
                (copy.take().map(|copy| copy.sync), true)
            }
            _ => return Outcome::Progress,
        };
        // Who was claimed for is given the book when all is claimed.
        let by = Author { epoch: by.epoch.max(self.claims), ..by };
        // The book was given to this machine after the copy was looked at, and to a later owner before.
        if let Some(found) = sync.as_ref().filter(|found| is_superseded(found, by.epoch))
            && by.role == Role::Remote
        {
            return self.is_foreign(&found.clone());
        }
        self.retry.clear();
        let sending = Sending::new(sync, commit_seq, chunks, random, comparison, by);
        if comparison {
            // What does not differ any more is not parked.
            let differing = sending.keys();
            let equal = self.facts.parked.extract_if(.., |key, _| !differing.contains(key));
            self.facts.healed.extend(equal.map(|(key, _)| key));
        }
        self.goes_on(Phase::Sending(sending))
    }

    /// Something was recorded.
    fn done(&mut self) -> Outcome {
        match &mut self.phase {
            Phase::TakingOver { intended, .. } => *intended = true,
            Phase::Recording { sync, .. } => {
                // Only now: what could not be recorded goes with the next record.
                self.facts.healed.clear();
                self.facts.intents.clear();
                self.facts.write_no = self.facts.write_no.max(sync.write_no);
                let sync = Some(sync.clone());
                self.phase = Phase::Ready(Ready::new(sync, false));
            }
            Phase::Sending(sending) => sending.recorded(&mut self.facts),
            _ => {}
        }
        Outcome::Progress
    }

    fn written(&mut self, result: Result<(), TargetError>, by: Author) -> Outcome {
        match &mut self.phase {
            Phase::TakingOver { .. } => self.took_over(result, by),
            Phase::Sending(sending) => {
                let turn = sending.written(result, &mut self.facts, by);
                self.turns(turn)
            }
            _ => Outcome::Progress,
        }
    }

    fn turns(&mut self, turn: Turn) -> Outcome {
        match turn {
            Turn::Stays(outcome) => outcome,
            Turn::Whole(sync) => {
                self.watermark = sync.persisted_seq;
                self.has_had_a_batch = true;
                self.claims = self.claims.filter(|claimed| sync.epoch < *claimed);
                let commit_seq = match &self.phase {
                    Phase::Sending(sending) => sending.commit_seq,
                    _ => sync.persisted_seq,
                };
                self.phase = Phase::Recording { sync, commit_seq };
                Outcome::Applied
            }
            Turn::Compare(sync) => {
                self.watermark = sync.as_ref().map_or(Seq::ZERO, |sync| sync.persisted_seq);
                self.goes_on(Phase::Ready(Ready::new(sync, true)))
            }
            Turn::Foreign(found) => self.is_foreign(&found),
        }
    }

    /// The chunk that makes the book ours was sent.
    fn took_over(&mut self, result: Result<(), TargetError>, by: Author) -> Outcome {
        match result {
            Ok(()) => {
                let is_same = matches!(&self.phase, Phase::TakingOver { same: Some(_), .. });
                if let Action::Write(Chunk { sync, .. }) = self.next(by) {
                    self.facts.write_no = self.facts.write_no.max(sync.write_no);
                    self.watermark = sync.persisted_seq;
                    self.phase = if is_same {
                        self.claims = None;
                        Phase::Recording { commit_seq: sync.persisted_seq, sync }
                    } else {
                        Phase::Ready(Ready::new(Some(sync), true))
                    };
                }
                self.takes_over = None;
                Outcome::Applied
            }
            Err(TargetError::Conflict { .. }) => {
                self.facts.counters.conflicts += 1;
                Outcome::Yield
            }
            // It is looked at anew, whatever became of it.
            Err(TargetError::Mismatch) => self.goes_on(Phase::Unknown),
            Err(error) => {
                self.phase = Phase::Unknown;
                Outcome::Failed(Failure::new(error, Scope::Target))
            }
        }
    }
}
