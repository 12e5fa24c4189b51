//! What can go wrong with a SQLite file, by what the caller does about it.

use bookstate_domain::AnyKey;
use rusqlite::{ErrorCode, ffi};

/// Why the store did not do what it was asked. Unless it is [`Ambiguous`](StoreError::Ambiguous), nothing was
/// applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The compare-and-set found something else than expected: read where the book stands.
    #[error("the book's write number in the store is not the expected one")]
    Mismatch,
    /// A patch found no document of its key: the store is not what the caller believes, compare the book.
    #[error("the store has no document {key}")]
    Missing {
        /// The key.
        key: AnyKey,
    },
    /// A constraint or a trigger refuses something: find the document that it is, do not simply try again.
    #[error("refused: {reason}")]
    Refused {
        /// What SQLite said.
        reason: String,
    },
    /// A value is too large for SQLite.
    #[error("too large: {reason}")]
    TooLarge {
        /// What SQLite said.
        reason: String,
    },
    /// The disk is full: free space, then try again.
    #[error("the disk is full ({reason}): free some space, then try again")]
    Full {
        /// What SQLite said.
        reason: String,
    },
    /// Another process holds the file: try again later.
    #[error("the database is busy: {reason}")]
    Busy {
        /// What SQLite said.
        reason: String,
    },
    /// The file cannot be opened, read or written at the moment: look at the disk, then try again.
    #[error("the database cannot be reached: {reason}")]
    Io {
        /// What SQLite said.
        reason: String,
    },
    /// The commit itself failed, so it may come to light later that it was done: read where the book stands.
    #[error("the outcome of the write is unknown: {reason}")]
    Ambiguous {
        /// What SQLite said.
        reason: String,
    },
    /// The file is damaged, or holds what no version of ours wrote: restore it from a copy, or set it aside.
    #[error("the database is damaged: {reason}; restore it from a copy or set it aside")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// The file is sound but not usable by this program until a person acts.
    #[error("the database cannot be used: {reason}")]
    Unusable {
        /// What was found and what to do.
        reason: String,
    },
}

impl StoreError {
    /// The same error, when it is what the commit itself answered.
    pub(super) fn of_commit(self) -> Self {
        match self {
            Self::Io { reason } => Self::Ambiguous { reason },
            other => other,
        }
    }

    /// The same error, said of a file.
    pub(super) fn at(self, path: &std::path::Path) -> Self {
        match self {
            Self::Io { reason } => Self::Io { reason: format!("{}: {reason}", path.display()) },
            Self::Damaged { reason } => Self::Damaged { reason: format!("{}: {reason}", path.display()) },
            Self::Unusable { reason } => Self::Unusable { reason: format!("{}: {reason}", path.display()) },
            other => other,
        }
    }
}

/// The one place where SQLite's codes get their meaning.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        let (code, extended) = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => (failure.code, failure.extended_code),
            rusqlite::Error::SqlInputError { error, .. } => (error.code, error.extended_code),
            // What was read is not of the type that every version of ours writes.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => return Self::Damaged { reason },
            _ => return Self::Unusable { reason },
        };
        match code {
            ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => Self::Refused { reason },
            ErrorCode::TooBig => Self::TooLarge { reason },
            ErrorCode::DiskFull => Self::Full { reason },
            // The shared-memory file could not be extended, which has no other cause in practice.
            ErrorCode::SystemIoFailure if extended == ffi::SQLITE_IOERR_SHMSIZE => Self::Full { reason },
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted => Self::Busy { reason },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged { reason },
            // Plain SQL errors: a table or column is gone, somebody changed the layout under us.
            ErrorCode::Unknown | ErrorCode::SchemaChanged => {
                Self::Unusable { reason: format!("{reason}; the layout was changed by hand, open it again") }
            }
            _ => Self::Io { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: std::ffi::c_int) -> StoreError {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn codes_have_the_meaning_that_the_caller_acts_on() {
        use StoreError::{Ambiguous, Busy, Damaged, Full, Io, Refused, TooLarge, Unusable};
        assert!(matches!(of(ffi::SQLITE_CONSTRAINT_TRIGGER), Refused { .. }));
        assert!(matches!(of(ffi::SQLITE_CONSTRAINT_DATATYPE), Refused { .. }));
        assert!(matches!(of(ffi::SQLITE_TOOBIG), TooLarge { .. }));
        assert!(matches!(of(ffi::SQLITE_FULL), Full { .. }));
        assert!(matches!(of(ffi::SQLITE_IOERR_SHMSIZE), Full { .. }));
        assert!(matches!(of(ffi::SQLITE_BUSY_SNAPSHOT), Busy { .. }));
        assert!(matches!(of(ffi::SQLITE_CORRUPT), Damaged { .. }));
        assert!(matches!(of(ffi::SQLITE_NOTADB), Damaged { .. }));
        assert!(matches!(of(ffi::SQLITE_CANTOPEN), Io { .. }));
        assert!(matches!(of(ffi::SQLITE_READONLY), Io { .. }));
        assert!(matches!(of(ffi::SQLITE_ERROR), Unusable { .. }));
        // A commit whose sync failed may still be found in the log by the next process.
        assert!(matches!(of(ffi::SQLITE_IOERR_FSYNC), Io { .. }));
        assert!(matches!(of(ffi::SQLITE_IOERR_FSYNC).of_commit(), Ambiguous { .. }));
        assert!(matches!(of(ffi::SQLITE_FULL).of_commit(), Full { .. }));
    }
}
