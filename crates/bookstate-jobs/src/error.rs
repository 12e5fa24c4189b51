//! What can go wrong before a job runs, by what the caller should do.

use std::path::PathBuf;

use bookstate_domain::{BookId, IdError, JobId};
use bookstate_store::{OpenBookError, PersistError};

use bookstate_reading::source::SourceError;

use crate::engines::UnknownEngine;

/// A file that could not be taken in. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The file is not a book that can be read; the text says what to do.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The file would make a larger book than is allowed.
    #[error("{path} is too large a book: {reason}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// In what way.
        reason: String,
    },
    /// Opening the file takes more memory or time than is allowed.
    #[error("{path} is not opened: that takes more memory or time than is allowed")]
    Excessive {
        /// The file.
        path: PathBuf,
    },
    /// The program that opens files first cannot be started.
    #[error("the program that opens files first cannot be started: {0}")]
    Trial(std::io::Error),
    /// The page images cannot be taken in; the text says what to do.
    #[cfg(feature = "scans")]
    #[error(transparent)]
    Images(#[from] bookstate_scans::InputError),
    /// The copy of the file could not be written.
    #[error("the copy of the source at {path} could not be written: {source}")]
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The book cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenBookError),
    /// The book's record was not accepted.
    #[error(transparent)]
    Persist(#[from] PersistError),
    /// An id that was made is not one: a bug.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The work was given up: the program is shutting down.
    #[error("the program is shutting down")]
    ShuttingDown,
}

/// A job that could not be started. Nothing has changed, except after [`StartError::Persist`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The book is unknown, or somebody writes it already.
    #[error(transparent)]
    Open(#[from] OpenBookError),
    /// The job names an engine that there is not.
    #[error(transparent)]
    Engine(#[from] UnknownEngine),
    /// The book is made of page images, and what reads them is not there.
    #[error("{reason}")]
    EngineMissing {
        /// What is missing, with the remedy.
        reason: String,
    },
    /// The copy of the book's file is gone.
    #[error("the source of book {book_id} is not in {dir}: process its file again")]
    SourceGone {
        /// The book.
        book_id: BookId,
        /// Where it should be.
        dir: PathBuf,
    },
    /// The book's file cannot be read any more.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Opening the book's file ended the process, again and again.
    #[error(
        "the program died {times} times while it opened the source of book {book_id}: it is not opened again; cancel the job"
    )]
    EndsProcess {
        /// The book.
        book_id: BookId,
        /// How often.
        times: u32,
    },
    /// The copy of the page images cannot be read any more.
    #[cfg(feature = "scans")]
    #[error(transparent)]
    Images(#[from] bookstate_scans::InputError),
    /// A reset is asked for while a job is active.
    #[error("job {job_id} of book {book_id} is not over: let it finish or cancel it, then reset")]
    ResetWhileActive {
        /// The book.
        book_id: BookId,
        /// Its job.
        job_id: JobId,
    },
    /// The job's record was not accepted; a reset before it may have been.
    #[error(transparent)]
    Persist(#[from] PersistError),
    /// An id that was made is not one: a bug.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The work was given up: the program is shutting down.
    #[error("the program is shutting down")]
    ShuttingDown,
}
