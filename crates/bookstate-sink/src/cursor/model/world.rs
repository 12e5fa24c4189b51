//! The world of the model: one book, one target, and up to two data directories that write it there, each with the
//! cursor as it is in the program. What a cursor asks for is done at once; who does what next, and what goes wrong,
//! is a [`Step`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use bookstate_domain::{At, BookId, BookState, Effect, Op, OpVisitor, PageKey, Seq, Timestamp, WriteOp};
use bookstate_store::{
    Chunk, Distrust, Epoch, Intent, Remembered, StartId, StoredBook, TargetError, WriteMark, WriterId,
};

use super::super::{Action, Author, Claim, Cursor, Event, Look, Outcome, Owner, Phase, Role};
use crate::{compare::compare, token, trust::Looking};

const WRITER: WriterId = WriterId([7; 16]);

/// A part of the protocol that is left out, to see that the laws need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// Batches are not recorded before they are sent. So a copy that has gone on is taken for ours, as long as it
    /// claims no seq that we lack: that a process died before it recorded anything looks just like that.
    Intents,
    /// That a comparison has begun is not recorded.
    Distrust,
    /// A chunk is taken by its writer and number alone.
    Token,
    /// Whose start wrote a copy is not looked at.
    Start,
    /// Under which epoch a copy was written is not looked at.
    Epoch,
}

/// How much of what may happen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) commits: u8,
    pub(super) kills: u8,
    /// Answers that are lost, and requests that arrive later.
    pub(super) lost: u8,
    /// A data directory is put back to its copy.
    pub(super) restores: u8,
    /// A copy of a data directory is used beside it.
    pub(super) clones: u8,
    /// The target is put back to a copy.
    pub(super) roll_backs: u8,
    /// A person says whose the book is.
    pub(super) take_overs: u8,
    /// The fleet gives the book to a directory, each time under the next epoch.
    pub(super) claims: u8,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A directory's cursor does what it wants to do.
    Work(usize),
    /// The same, and the target takes the chunk, but nobody hears of it.
    LoseAnswer(usize),
    /// The same, but the chunk arrives later, or never.
    Stall(usize),
    Arrive,
    Commit(usize),
    Kill(usize),
    TakeOver(usize),
    Claim(usize),
    CopyDirectory,
    Restore,
    Clone,
    CopyTarget,
    RollBack,
}

/// What survives the end of a process.
#[derive(Debug, Clone)]
struct Durable {
    commits: BTreeMap<Seq, u8>,
    remembered: Remembered,
    starts: BTreeSet<u64>,
    /// The batches that it has begun, so that it has all that is in them, and those that a person gave it: only their
    /// copies may it overwrite. Nothing of the program knows this.
    ours: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Directory {
    durable: Durable,
    cursor: Cursor,
    start: StartId,
    /// Under which it was given the book; it does not outlive the process.
    epoch: Option<Epoch>,
    reserved: Seq,
    /// A person has said that it takes the book over.
    may_take: bool,
}

/// A chunk on its way, and what the book is to be when it is taken.
#[derive(Debug, Clone)]
struct Sent {
    chunk: Chunk,
    expected: BookState,
    may_overwrite: bool,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) directories: Vec<Directory>,
    target: Option<StoredBook>,
    late: Option<Sent>,
    directory_copy: Option<Durable>,
    target_copy: Option<Option<StoredBook>>,
    left: Limits,
    next_number: u64,
    next_commit: u8,
    /// The last that was given out.
    epoch: Epoch,
    /// Directories were put back or doubled: books may be another's.
    is_disturbed: bool,
    left_out: Option<LeftOut>,
    /// The law that was broken.
    pub(super) broken: Option<String>,
}

impl Durable {
    fn last(&self) -> Seq {
        self.commits.last_key_value().map_or(Seq::ZERO, |(seq, _)| *seq)
    }

    /// No commit may have a seq that the target may have.
    fn highest_used(&self) -> Seq {
        let sent = self.remembered.intents.iter().map(|intent| intent.seq);
        let sent = sent.chain(self.remembered.progress.map(|progress| progress.persisted_seq));
        sent.fold(self.last(), Seq::max)
    }

    /// The book after the commits up to `seq`: each puts a page of its own, and one that all put.
    fn fold(&self, seq: Seq) -> BookState {
        let mut state = BookState::new(book());
        for (at, commit) in self.commits.range(..=seq) {
            for op in ops(*at, *commit) {
                state.apply(&op);
            }
        }
        state
    }
}

fn book() -> BookId {
    BookId::new("b").expect("an id")
}

fn ops(seq: Seq, commit: u8) -> Vec<WriteOp> {
    let put = |page_num: i32| {
        let mut page =
            PageKey { book_id: book(), page_num }.document(&At { seq, now: Timestamp::from_nanos(0) });
        page.header = Some(commit.to_string().into());
        WriteOp::from(Op::Upsert(Arc::new(page)))
    };
    vec![put(0), put(i32::from(commit))]
}

impl Directory {
    /// A process begins.
    fn start(durable: Durable, number: u64) -> Self {
        let reserved = durable.highest_used();
        Self {
            durable,
            cursor: Cursor::new(book()),
            start: StartId(number),
            epoch: None,
            reserved,
            may_take: false,
        }
    }

    fn author(&self) -> Author {
        Author { writer: WRITER, start: self.start, epoch: self.epoch, role: Role::Remote }
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.cursor.foreign().is_some()
    }

    /// Whether it says that the target has everything.
    fn has_all(&self) -> bool {
        self.cursor.has_reached(self.durable.last())
    }

    pub(super) fn rests(&self) -> bool {
        self.is_foreign() || self.has_all()
    }
}

impl World {
    pub(super) fn new(limits: Limits, left_out: Option<LeftOut>) -> Self {
        let durable = Durable {
            commits: BTreeMap::new(),
            remembered: Remembered::default(),
            starts: BTreeSet::new(),
            ours: BTreeSet::new(),
        };
        Self {
            directories: vec![Directory::start(durable, 1)],
            target: None,
            late: None,
            directory_copy: None,
            target_copy: None,
            left: limits,
            next_number: 2,
            next_commit: 1,
            epoch: Epoch::NONE,
            is_disturbed: false,
            left_out,
            broken: None,
        }
    }

    /// What may happen next.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (n, dir) in self.directories.iter().enumerate() {
            let is_write = matches!(dir.cursor.next(dir.author()), Action::Write(_));
            let may = [
                (Step::Work(n), !dir.rests()),
                (Step::LoseAnswer(n), is_write && self.left.lost > 0),
                (Step::Stall(n), is_write && self.left.lost > 0 && self.late.is_none()),
                (Step::Commit(n), self.left.commits > 0),
                (Step::Kill(n), self.left.kills > 0),
                (Step::TakeOver(n), self.left.take_overs > 0 && dir.is_foreign()),
                (Step::Claim(n), self.left.claims > 0),
            ];
            steps.extend(may.into_iter().filter(|(_, may)| *may).map(|(step, _)| step));
        }
        let copies = self.left.restores + self.left.clones > 0 && self.directory_copy.is_none();
        let may = [
            (Step::Arrive, self.late.is_some()),
            // One that has begun nothing remembers nothing: it is a directory that finds a copy by strangers.
            (Step::CopyDirectory, copies && !self.directories[0].durable.starts.is_empty()),
            (Step::Restore, self.left.restores > 0 && self.directory_copy.is_some()),
            (Step::Clone, self.left.clones > 0 && self.directory_copy.is_some()),
            (Step::CopyTarget, self.left.roll_backs > 0 && self.target_copy.is_none()),
            (Step::RollBack, self.left.roll_backs > 0 && self.target_copy.is_some()),
        ];
        steps.extend(may.into_iter().filter(|(_, may)| *may).map(|(step, _)| step));
        steps
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Work(n) => self.work(n, Delivery::Answered),
            Step::LoseAnswer(n) => {
                self.left.lost -= 1;
                self.work(n, Delivery::Unheard);
            }
            Step::Stall(n) => {
                self.left.lost -= 1;
                self.work(n, Delivery::Late);
            }
            Step::Arrive => {
                if let Some(sent) = self.late.take() {
                    // Nobody waits for the answer.
                    drop(self.receive(&sent));
                }
            }
            Step::Commit(n) => {
                self.left.commits -= 1;
                self.commit(n);
            }
            Step::Kill(n) => {
                self.left.kills -= 1;
                self.restart(n);
            }
            Step::TakeOver(n) => {
                self.left.take_overs -= 1;
                self.take_over(n);
            }
            Step::Claim(n) => {
                self.left.claims -= 1;
                self.claim(n);
            }
            Step::CopyDirectory => self.directory_copy = Some(self.directories[0].durable.clone()),
            Step::Restore => {
                self.left.restores -= 1;
                self.is_disturbed = true;
                if let Some(copy) = self.directory_copy.clone() {
                    let number = self.number();
                    self.directories[0] = Directory::start(copy, number);
                }
            }
            Step::Clone => {
                self.left.clones -= 1;
                self.is_disturbed = true;
                if let Some(copy) = self.directory_copy.clone() {
                    let number = self.number();
                    self.directories.push(Directory::start(copy, number));
                }
            }
            Step::CopyTarget => self.target_copy = Some(self.target.clone()),
            Step::RollBack => {
                self.left.roll_backs -= 1;
                self.target = self.target_copy.clone().flatten();
            }
        }
        self.check();
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// What is drawn at random in the program: unlike any other.
    fn random(&mut self) -> u64 {
        self.number() << 32
    }

    pub(super) fn commit(&mut self, n: usize) {
        let dir = &mut self.directories[n];
        let seq = dir.durable.last().max(dir.reserved).next().expect("few commits");
        dir.durable.commits.insert(seq, self.next_commit);
        self.next_commit += 1;
    }

    pub(super) fn restart(&mut self, n: usize) {
        let number = self.number();
        let durable = self.directories[n].durable.clone();
        self.directories[n] = Directory::start(durable, number);
    }

    pub(super) fn take_over(&mut self, n: usize) {
        self.directories[n].may_take = true;
        self.directories[n].cursor.take_over(Claim::Person);
    }

    /// The fleet gives the book to a directory, which may be slow to make use of that.
    pub(super) fn claim(&mut self, n: usize) {
        self.is_disturbed = true;
        self.epoch = self.epoch.next().unwrap_or(self.epoch);
        let dir = &mut self.directories[n];
        (dir.may_take, dir.epoch) = (true, Some(self.epoch));
        dir.cursor.take_over(Claim::Owner(Owner { epoch: self.epoch, same: None }));
    }

    /// Whether books are given to directories by the fleet.
    pub(super) fn has_owners(&self) -> bool {
        self.epoch > Epoch::NONE
    }

    /// What a directory sees of the target.
    fn seen(&self) -> Option<StoredBook> {
        let mut seen = self.target.clone();
        if let Some(book) = seen.as_mut().filter(|_| self.left_out == Some(LeftOut::Epoch)) {
            book.sync.epoch = Epoch::NONE;
        }
        seen
    }

    /// One step of a cursor, as `transport` does it.
    fn work(&mut self, n: usize, delivery: Delivery) {
        let by = self.directories[n].author();
        let action = self.directories[n].cursor.next(by);
        let event = self.perform(n, action, delivery);
        let dir = &mut self.directories[n];
        let outcome = dir.cursor.on(event, dir.author());
        dir.cursor.take_counters();
        if dir.cursor.takes_over.is_none() {
            dir.may_take = false;
        }
        if let Outcome::Failed(failure) = outcome
            && failure.stop
        {
            self.broken = Some(format!("a person must act: {}", failure.error));
        }
    }

    fn looking(&self, n: usize, start: Option<StartId>) -> Looking {
        let durable = &self.directories[n].durable;
        let is_ignored = self.left_out == Some(LeftOut::Start);
        let knows_start = is_ignored || start.is_none_or(|start| durable.starts.contains(&start.0));
        Looking { writer: WRITER, knows_start, seq: durable.last(), epoch: self.directories[n].epoch }
    }

    fn remembered(&self, n: usize) -> Remembered {
        let mut remembered = self.directories[n].durable.remembered.clone();
        match self.left_out {
            Some(LeftOut::Intents) => {
                let seq = self.directories[n].durable.last();
                let found = self.target.as_ref().map(|book| &book.sync);
                let has_gone_on = found.filter(|found| found.persisted_seq <= seq);
                remembered.intents = has_gone_on
                    .map(|found| Intent { batch: found.token, seq, commit_seq: seq })
                    .into_iter()
                    .collect();
            }
            Some(LeftOut::Distrust) => remembered.distrust = None,
            Some(LeftOut::Token | LeftOut::Start | LeftOut::Epoch) | None => {}
        }
        remembered
    }

    fn perform(&mut self, n: usize, action: Action, delivery: Delivery) -> Event {
        match action {
            Action::Look => {
                let found = self.seen().map(|book| book.sync);
                let by = self.looking(n, found.as_ref().map(|found| found.start));
                let (remembered, random) = (self.remembered(n), self.random());
                Event::Looked(Box::new(Look { found, remembered, by, parked: BTreeMap::new(), random }))
            }
            Action::Load => {
                let copy = Box::new(self.seen());
                let start = (*copy).as_ref().map(|copy| copy.sync.start);
                Event::Loaded { copy, by: self.looking(n, start) }
            }
            Action::Cut { ahead, since, against, claims, .. } => {
                let random = self.random();
                let dir = &mut self.directories[n];
                dir.reserved = dir.reserved.max(ahead);
                let (seq, ours) = (dir.durable.last(), dir.durable.fold(dir.durable.last()));
                let ops = match against {
                    Some(copy) => compare(&ours, (*copy).as_ref().map(|copy| &copy.state)),
                    None if seq <= since && claims => Vec::new(),
                    None if seq <= since => return Event::Nothing,
                    None => compare(&ours, Some(&dir.durable.fold(since))),
                };
                let mut chunks: VecDeque<_> = ops.into_iter().map(|op| vec![op]).collect();
                if chunks.is_empty() {
                    chunks.push_back(Vec::new());
                }
                Event::Cut { seq, chunks, random }
            }
            Action::Intend { intent, distrust, anew } => {
                if anew {
                    self.directories[n].start = StartId(self.number());
                }
                let dir = &mut self.directories[n];
                if let Phase::TakingOver { theirs, .. } = &dir.cursor.phase {
                    // What a person has said outlives the process, once it is recorded.
                    dir.durable.ours.insert(token::batch(theirs.token));
                }
                dir.durable.starts.insert(dir.start.0);
                dir.durable.ours.insert(token::batch(intent.batch));
                dir.durable.remembered.intents.push(intent);
                if let Some(Distrust::Compare) = distrust {
                    dir.durable.remembered.distrust = distrust;
                }
                Event::Done
            }
            Action::Write(chunk) => self.write(n, chunk, delivery),
            Action::Ask => {
                let found = self.seen().map(|book| book.sync);
                let by = self.looking(n, found.as_ref().map(|found| found.start));
                Event::Asked { found, by }
            }
            Action::Record { progress, .. } => {
                let durable = &mut self.directories[n].durable;
                durable.remembered = Remembered {
                    progress: Some(progress),
                    intents: Vec::new(),
                    elsewhere: Vec::new(),
                    distrust: None,
                };
                Event::Done
            }
            Action::Park { .. } | Action::Rest => Event::Nothing,
        }
    }

    fn write(&mut self, n: usize, chunk: Chunk, delivery: Delivery) -> Event {
        let dir = &mut self.directories[n];
        let expected = dir.durable.fold(chunk.sync.persisted_seq);
        let is_ours = |mark: WriteMark| dir.durable.ours.contains(&token::batch(mark.token));
        let may_overwrite = chunk.expect.is_none_or(is_ours) || dir.may_take;
        let sent = Sent { chunk, expected, may_overwrite };
        let lost = Event::Written(Err(TargetError::Ambiguous { reason: "lost".to_owned() }));
        match delivery {
            Delivery::Answered => Event::Written(self.receive(&sent)),
            Delivery::Unheard => {
                // Taken or refused: nobody hears of it.
                drop(self.receive(&sent));
                lost
            }
            Delivery::Late => {
                self.late = Some(sent);
                lost
            }
        }
    }

    /// The target gets a chunk.
    fn receive(&mut self, sent: &Sent) -> Result<(), TargetError> {
        let Sent { chunk, expected, may_overwrite } = sent;
        let there = self.target.as_ref().map(|book| book.sync.mark());
        let without_token = |mark: WriteMark| (mark.writer, mark.write_no);
        let is_expected = match self.left_out {
            Some(LeftOut::Token) => there.map(without_token) == chunk.expect.map(without_token),
            _ => there == chunk.expect,
        };
        if !is_expected {
            return Err(TargetError::Mismatch);
        }
        let state = self.target.as_ref().map_or_else(|| BookState::new(book()), |book| book.state.clone());
        let mut stored = StoredBook { state, sync: chunk.sync.clone() };
        for op in &chunk.ops {
            if stored.state.apply(op) == Effect::NothingThere && op.visit(IsPatch) {
                return Err(TargetError::Missing { key: op.key() });
            }
        }
        if self.target.as_ref().is_some_and(|book| book.sync.epoch > chunk.sync.epoch) {
            self.broken = Some("a chunk of an earlier owner is taken behind one of a later".to_owned());
        }
        if !may_overwrite {
            self.broken = Some("a copy that somebody else wrote is overwritten unasked".to_owned());
        }
        if stored.sync.persisting_seq == stored.sync.persisted_seq && stored.state != *expected {
            self.broken =
                Some(format!("the target says that it is at {} and is not", stored.sync.persisted_seq));
        }
        self.target = Some(stored);
        Ok(())
    }

    /// What always holds.
    fn check(&mut self) {
        let there = self.target.as_ref().map(|book| book.sync.mark());
        for dir in &self.directories {
            if dir.is_foreign() && !self.is_disturbed {
                self.broken = Some("a person is asked although nobody else has written".to_owned());
            }
            let Phase::Ready(ready) = &dir.cursor.phase else { continue };
            let believed = ready.sync.as_ref().map(|sync| sync.mark());
            let (Some(book), true) = (&self.target, dir.has_all()) else { continue };
            if believed == there && book.state != dir.durable.fold(dir.durable.last()) {
                self.broken = Some("all is said to be in the target, and is not".to_owned());
            }
        }
    }

    /// Whether the target has what a directory has.
    pub(super) fn is_equal(&self, n: usize) -> bool {
        let durable = &self.directories[n].durable;
        let ours = durable.fold(durable.last());
        self.target.as_ref().map_or_else(|| ours.document_count() == 0, |book| book.state == ours)
    }

    /// Names the state.
    pub(super) fn digest(&self) -> u64 {
        let mut digest = Digest(DefaultHasher::new());
        write!(digest, "{self:?}").expect("hashing does not fail");
        digest.0.finish()
    }
}

#[derive(Debug, Clone, Copy)]
enum Delivery {
    Answered,
    Unheard,
    Late,
}

struct IsPatch;

impl OpVisitor for IsPatch {
    type Out = bool;
    fn visit<D: bookstate_domain::Document>(self, op: &Op<D>) -> bool {
        matches!(op, Op::Update { .. })
    }
}

struct Digest(DefaultHasher);

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
