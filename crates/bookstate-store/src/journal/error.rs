//! The journal's errors. Each says what its caller has to do.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::io::Errno;

use super::format::{Defect, FORMAT_VERSION, MAX_PAYLOAD_LEN};

/// Bytes of the journal that are not as they were written although they had been synced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment}, byte {offset}: {defect}")]
pub struct Damage {
    /// The segment's number.
    pub segment: u64,
    /// Where in the file the bad bytes begin; what stands before is readable.
    pub offset: u64,
    /// What is wrong.
    pub defect: Defect,
}

/// Why a journal could not be opened or read. Nothing was deleted or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Synced bytes are bad. Restore the file from a copy, or set the segment aside with
    /// [`quarantine`](super::quarantine()) and open again.
    #[error(
        "the journal is damaged: {0}; nothing was deleted: run `bookstate journal verify` to see what is readable, \
         then restore the segment from a copy, or quarantine it to go on without what follows the damage"
    )]
    Damaged(Damage),
    /// A newer bookstate wrote this journal: use that version.
    #[error(
        "journal segment {segment} has format version {version}, this bookstate reads up to {FORMAT_VERSION}; use \
         the newer bookstate that wrote it"
    )]
    NewerVersion {
        /// The segment's number.
        segment: u64,
        /// Its format version.
        version: u32,
    },
    /// The segment was written for another data directory: a file was copied here; move it away.
    #[error("journal segment {segment} belongs to another data directory; move it back where it came from")]
    ForeignWriter {
        /// The segment's number.
        segment: u64,
    },
    /// Whoever was given the commits did not take one of them, and knows why. The files are as they were.
    #[error("a commit of the journal was not taken")]
    Stopped,
    /// The file system failed: look at the source, correct it, open again.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// The journal accepts nothing more: what it writes might not be durable. Restart the process; recovery continues
/// from what is safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is poisoned ({reason}); restart after checking the disk")]
pub struct Poisoned {
    /// The first failure, for people.
    pub reason: Arc<str>,
}

/// Why a commit was not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// No space on the disk (or in the quota), or too many files are open. Nothing has changed; the same append may
    /// succeed later.
    #[error(
        "there is no room for the journal: the disk is full, or too many files are open; nothing was lost"
    )]
    Full,
    /// Nothing will be accepted any more. Whether this very record survives is not known.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The payload has no book and seq where recovery looks for them, or its book has gone beyond that seq; nothing
    /// has changed.
    #[error("a record with such a head is not possible: {what}")]
    Head {
        /// What was found.
        what: &'static str,
    },
    /// The payload is empty or larger than any commit may be; nothing has changed.
    #[error("a record of {len} bytes is not possible, the limit is {MAX_PAYLOAD_LEN}")]
    Size {
        /// The payload's length in bytes.
        len: usize,
    },
}

/// Why a segment was not set aside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// The segment is whole: there is nothing to set aside.
    #[error("journal segment {segment} is not damaged, it stays")]
    NotDamaged {
        /// The segment's number.
        segment: u64,
    },
    /// The journal could not be read or the file not be renamed.
    #[error(transparent)]
    Open(#[from] JournalError),
}

/// Whether an error means that the disk, the quota or the open files are used up: a state that passes.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || is_out_of_files(error)
}

/// Whether nothing was done because the process or the system has too many files open.
pub(super) fn is_out_of_files(error: &io::Error) -> bool {
    let codes = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// Adds what was tried on which path to an I/O error.
pub(super) fn io_error(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Io { what, path, source }
}
