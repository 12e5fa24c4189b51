//! What a cursor asks for, what it is told, and what it says.

use std::collections::{BTreeMap, VecDeque};

use bookstate_domain::{AnyKey, Seq, WriteOp};
use bookstate_store::{
    BookSync, Chunk, Differing, Distrust, Epoch, Intent, Progress, Remembered, StartId, StoredBook,
    TargetError, WriteMark, WriterId,
};

use crate::{
    classify::{Circumstances, Verdict, classify},
    trust::Looking,
};

/// Whether a target frees the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The local store: frees the journal, never parks, remembers itself.
    Local,
    /// Any other target.
    Remote,
}

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author {
    pub(crate) writer: WriterId,
    pub(crate) start: StartId,
    /// Under which ownership; `None` where no fleet shares books, or this machine was not given this one.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) role: Role,
}

/// In whose name a book is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A person says that it is this data directory's, whoever wrote it.
    Person,
    /// The fleet gave it to this machine. No owner of this epoch or a later one is replaced.
    Owner(Owner),
}

/// A claim of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) epoch: Epoch,
    /// The book was made from the copy of this mark, and is at this seq since then.
    pub(crate) same: Option<(WriteMark, Seq)>,
}

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Action {
    /// Find out where the target stands, and what is remembered of it.
    Look,
    /// Read the target's copy.
    Load,
    /// Take from the book what the copy lacks, after putting the seqs up to `ahead` out of reach: everything that
    /// changed since the watermark, or what differs from `against`. `claims`: also when that is nothing.
    Cut {
        ahead: Seq,
        since: Seq,
        differing: Differing,
        against: Option<Box<Option<StoredBook>>>,
        claims: bool,
    },
    /// Record that a batch is about to be sent. `anew`: by a start of its own, which no other copy of this data
    /// directory knows.
    Intend { intent: Intent, distrust: Option<Distrust>, anew: bool },
    /// Send a chunk.
    Write(Chunk),
    /// Find out where the target stands, after an attempt.
    Ask,
    /// Record that the target refuses a document.
    Park { document: AnyKey, seq: Seq, reason: String },
    /// Record what came of a batch, and tell the library.
    Record { progress: Progress, healed: Vec<AnyKey> },
    /// Nothing.
    Rest,
}

/// What came of an action.
#[derive(Debug)]
pub(crate) enum Event {
    /// Of [`Action::Look`].
    Looked(Box<Look>),
    /// Of [`Action::Load`].
    Loaded { copy: Box<Option<StoredBook>>, by: Looking },
    /// Of [`Action::Cut`]: nothing is lacking.
    Nothing,
    /// Of [`Action::Cut`]: what changed since the watermark is not known any more.
    TooOld,
    /// Of [`Action::Cut`]: the batch, as of a commit.
    Cut { seq: Seq, chunks: VecDeque<Vec<WriteOp>>, random: u64 },
    /// Of [`Action::Intend`], [`Action::Park`] and [`Action::Record`].
    Done,
    /// Of [`Action::Write`].
    Written(Result<(), TargetError>),
    /// Of [`Action::Ask`].
    Asked { found: Option<BookSync>, by: Looking },
    /// Of any but [`Action::Write`]: it could not be done. `scope`: how far that reaches.
    Failed { error: TargetError, scope: Scope },
}

/// What a first look shows.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) found: Option<BookSync>,
    pub(crate) remembered: Remembered,
    pub(crate) by: Looking,
    /// What the target refuses, and whether that was accepted.
    pub(crate) parked: BTreeMap<AnyKey, bool>,
    pub(crate) random: u64,
}

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This book.
    Book,
    /// The target, unless others get through.
    Target,
}

/// What follows for the one who drives a cursor.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// There is more to do.
    Progress,
    /// A chunk is in the target, and there is more to do.
    Applied,
    /// The target has all that can be sent.
    Done,
    /// Another writer was first: again in a moment.
    Yield,
    /// It did not work.
    Failed(Failure),
}

/// A step that failed, and how it should be treated.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: TargetError,
    pub(crate) scope: Scope,
    /// A person must act.
    pub(crate) stop: bool,
    /// Even a chunk without documents was not taken: what was parked of late may be the target's fault.
    pub(crate) sick: bool,
}

impl Failure {
    pub(crate) fn new(error: TargetError, scope: Scope) -> Self {
        let stop = classify(&error, Circumstances::default()) == Verdict::Stop;
        Self { error, scope, stop, sick: false }
    }
}
