//! What a target's task can be asked to do. It does it between two chunks.

use bookstate_domain::{AnyKey, BookId, Seq};
use bookstate_store::{BookSync, Epoch, StoredBook, TargetError, TargetName, WriterId};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::{cursor::Claim, trust::Trust};

/// How a barrier ended for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Reached {
    /// Everything that was accepted before it is in the target, or parked, or refused as another writer's.
    All,
    /// The target is not healthy; it will have it later.
    Unhealthy {
        /// Why.
        error: String,
    },
}

/// How a book's copy differs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verification {
    /// Documents that the copy lacks.
    pub missing: Vec<AnyKey>,
    /// Documents that differ.
    pub differing: Vec<AnyKey>,
    /// Documents that the copy should not have.
    pub extra: Vec<AnyKey>,
    /// Documents that differ and are parked, so that this is known.
    pub parked: Vec<AnyKey>,
    /// Documents that agree.
    pub equal: usize,
    /// Commits that the copy lacks; what they changed is not counted above.
    pub lag: u32,
}

/// A book that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TakenOver {
    /// Whose it was; `None` when the target had nothing of it.
    pub from: Option<WriterId>,
    /// The book was unknown here, and the copy that it was made from was being written: it holds a part of a batch.
    pub in_flux: bool,
    /// The book was unknown here, and so many documents of it had been refused by the target: they are as they were
    /// before, or missing.
    pub parked: usize,
}

impl Verification {
    /// Whether the copy is the book, parked documents aside.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.missing.is_empty() && self.differing.is_empty() && self.extra.is_empty()
    }
}

/// A command that a target could not carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such target.
    #[error("there is no target {0}: see `target list`")]
    NoSuchTarget(String),
    /// There is a target of this name already.
    #[error("there is a target {0} already")]
    TargetExists(TargetName),
    /// Neither this data directory nor the target has the book.
    #[error("there is no book {0}")]
    NoSuchBook(BookId),
    /// Another data directory writes the book in this target.
    #[error(
        "the target takes book {book_id} from data directory {writer} only, as that is where it was last written: take \
         it over, or leave it to that one"
    )]
    Foreign {
        /// The book.
        book_id: BookId,
        /// Whose it is.
        writer: WriterId,
    },
    /// The book is or was here, and a target takes it from another data directory.
    #[error(
        "book {book_id} is or was in this data directory, and target {target} takes it from another one: take it over \
         in an empty data directory, or, to lose what the other one has more, `bookstate target takeover {target} \
         {book_id}`"
    )]
    Known {
        /// The book.
        book_id: BookId,
        /// The target.
        target: TargetName,
    },
    /// A later owner has the book in this target: whoever asked owns it no more.
    #[error(
        "target {target} takes book {book_id} from an owner of epoch {epoch}: this machine owns it no more"
    )]
    Superseded {
        /// The book.
        book_id: BookId,
        /// The target.
        target: TargetName,
        /// The epoch that it shows.
        epoch: Epoch,
    },
    /// A target's copy is being compared, or was when its writer ended: it may have more than it says.
    #[error(
        "target {target} may have more of book {book_id} than another one: its copy was being compared when its writer \
         ended; `bookstate target takeover {target} {book_id}` takes that one"
    )]
    Unclear {
        /// The book.
        book_id: BookId,
        /// The target.
        target: TargetName,
    },
    /// No target that answers has the book, and this one does not answer.
    #[error("target {target} does not say whether it has the book ({reason}), and no other has it")]
    Unanswered {
        /// The target.
        target: TargetName,
        /// Why not.
        reason: String,
    },
    /// A job still has the book, or the local store has not all of it yet: try again in a moment.
    #[error("book {book_id} is in use here: wait for its job to end")]
    InUse {
        /// The book.
        book_id: BookId,
    },
    /// The book cannot be made what a target has of it.
    #[error("book {book_id} cannot be made what the targets have: {reason}")]
    NotReplaced {
        /// The book.
        book_id: BookId,
        /// Why, with the remedy.
        reason: String,
    },
    /// The target did not do it.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The sink is being shut down.
    #[error("the sink is being shut down")]
    Stopped,
}

/// A copy, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) sync: BookSync,
    pub(crate) trust: Trust,
    /// The last commit of ours that the target took, as far as it is remembered.
    pub(crate) shipped: Seq,
}

pub(crate) type Answer<T> = oneshot::Sender<Result<T, CommandError>>;

impl CommandError {
    /// Whether it may work in a moment.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Target(error) if !matches!(error, TargetError::Unusable { .. }))
    }
}

#[derive(Debug)]
pub(crate) enum Command {
    /// Answer when everything accepted before now is in the target.
    Barrier(oneshot::Sender<Reached>),
    /// Say where the target has a book.
    Look(BookId, Answer<Option<BookSync>>),
    /// Give the target's copy of a book.
    Fetch(BookId, Answer<Option<StoredBook>>),
    /// Say what the target's copy of a book is worth.
    Judge(BookId, Answer<Option<Judged>>),
    /// Compare a book with its copy; change nothing.
    Verify(BookId, Answer<Verification>),
    /// Compare a book with its copy and heal it.
    Resync(BookId, Answer<()>),
    /// Write a book that another data directory wrote.
    TakeOver(BookId, Claim, Answer<TakenOver>),
    /// Try parked documents again.
    Retry(Option<AnyKey>, Answer<usize>),
    /// Accept that a parked document's copy differs.
    Drop(AnyKey, Answer<()>),
}
