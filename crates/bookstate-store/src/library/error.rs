//! What can go wrong with a library, by what the caller should do.

use std::path::PathBuf;

use bookstate_domain::{BookId, Misuse, Seq};

use crate::{
    fs::LockError,
    journal::{AppendError, JournalError, Poisoned},
    sqlite::StoreError,
};

/// A persist call that was not accepted: nothing has changed, but for [`NotSynced`](PersistError::NotSynced). It is
/// never a database's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersistError {
    /// The call is impossible in the book's state: a mistake of the caller.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The disk of the journal is full, or the process has too many files open. Keep the result, start nothing new,
    /// and call again later.
    #[error(
        "the journal has no room: free some space on its disk, or raise the limit of open files, then try again"
    )]
    JournalFull,
    /// The journal does not accept anything more: a write or an fsync failed. Stop, and start anew after the
    /// disk was looked at; what was accepted before is kept.
    #[error("the journal is poisoned ({reason}): look at the disk, then start again")]
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// Under [`SyncPolicy::Always`](crate::journal::SyncPolicy::Always): the commit is in memory and in the journal, and
    /// its fsync failed. It comes back after a kill, and maybe not after a power loss. Stop as if the journal were
    /// poisoned, which it is; do not make the call again.
    #[error(
        "commit {seq} was made, but it is not known to be on the disk ({reason}): look at the disk, then start again"
    )]
    NotSynced {
        /// The commit.
        seq: Seq,
        /// What failed.
        reason: String,
    },
    /// The tenure under which the book was opened has ended, so another machine may own the book now. Drop the work:
    /// nothing more is accepted by this handle, and what the other machine does with the book counts.
    #[error("another machine may own book {book_id} now: drop the work")]
    Fenced {
        /// The book.
        book_id: BookId,
    },
    /// The commit could not be encoded.
    #[error("the commit could not be encoded: {reason}")]
    Encode {
        /// Why.
        reason: String,
    },
}

impl From<AppendError> for PersistError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full => Self::JournalFull,
            AppendError::Poisoned(poisoned) => Self::Poisoned { reason: poisoned.reason.to_string() },
            AppendError::Size { len } => Self::Misuse(Misuse::TooLarge { bytes: len }),
            head @ AppendError::Head { .. } => Self::Encode { reason: head.to_string() },
        }
    }
}

/// A library that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The journal is damaged, of a newer version, or unreadable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The local store is damaged, of a newer version, or unreadable.
    #[error("the local store: {0}")]
    Store(#[from] StoreError),
    /// A record's checksum is right and its content is not understood: written by a newer version.
    #[error(
        "a record of the journal is not understood ({reason}): it was written by a newer version, use that"
    )]
    Record {
        /// What was not understood.
        reason: String,
    },
    /// A file of the data directory cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A book that cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenBookError {
    /// Somebody writes it already.
    #[error("book {book_id} is being written by {holder}: wait for it, or cancel it")]
    Held {
        /// The book.
        book_id: BookId,
        /// Who writes it.
        holder: String,
    },
    /// Neither memory nor the local store has it.
    #[error("there is no book {book_id} here")]
    Unknown {
        /// The book.
        book_id: BookId,
    },
    /// The book exists already.
    #[error("book {book_id} exists already")]
    Exists {
        /// The book.
        book_id: BookId,
    },
    /// Books are shared by a fleet, and this machine does not own this one: it has no tenure that holds.
    #[error("this machine does not own book {book_id}: claim it, or leave it to the machine that does")]
    NotOwned {
        /// The book.
        book_id: BookId,
    },
    /// The local store could not be read.
    #[error("the local store: {0}")]
    Store(#[from] StoreError),
}

/// A read that found no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The local store could not be read.
    #[error("the local store: {0}")]
    Store(#[from] StoreError),
    /// Neither memory nor the local store has the book, and a target that might could not be asked.
    #[error("target {target}: {source}")]
    Target {
        /// The target.
        target: super::TargetName,
        /// Why not.
        source: crate::TargetError,
    },
}

/// A library that was not closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// Another clone of it, or a handle, still lives; nothing was done: drop that first.
    #[error("the data directory is still in use within this process")]
    InUse,
    /// The journal is or becomes poisoned; what was synced before is safe.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// A book that was not imported. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The book is here already, in memory or in the local store: there is nothing to import.
    #[error("book {book_id} is here already")]
    Exists {
        /// The book.
        book_id: BookId,
    },
    /// The local store could not be read or written.
    #[error("the local store: {0}")]
    Store(#[from] StoreError),
}

/// A book that was not replaced by a target's copy: it is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The book is in memory: somebody writes it, or the local store has not all of it yet. Try again in a moment.
    #[error("book {book_id} is in use: wait for its job to end")]
    InUse {
        /// The book.
        book_id: BookId,
    },
    /// The local store does not have the book: import it.
    #[error("there is no book {book_id} here")]
    Unknown {
        /// The book.
        book_id: BookId,
    },
    /// No seq is left above those that were used.
    #[error("the seqs of book {book_id} are used up")]
    SeqsUsedUp {
        /// The book.
        book_id: BookId,
    },
    /// What no target took could not be kept.
    #[error("what no target took of book {book_id} could not be set aside: {reason}")]
    SetAside {
        /// The book.
        book_id: BookId,
        /// Why.
        reason: String,
    },
    /// The local store could not be read or written.
    #[error("the local store: {0}")]
    Store(#[from] StoreError),
}
