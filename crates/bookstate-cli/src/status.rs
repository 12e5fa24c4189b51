//! How far books are, and how far each target has them: what `status` shows, from wherever it is read.

use bookstate_api::view::BookStatusLine;
use serde::Serialize;

use crate::local::Behind;

/// What the command shows.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct Status {
    /// The process at work.
    pub(crate) process: Option<Process>,
    /// Commits that the journal has and the local store lacks, after a kill.
    pub(crate) behind: Vec<Behind>,
    /// The books.
    pub(crate) books: Vec<BookLine>,
}

/// A process that has the data directory.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) host: String,
    pub(crate) since: String,
    pub(crate) command: String,
}

/// A book, and how far the local store and the targets have it.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct BookLine {
    #[serde(flatten)]
    pub(crate) line: BookStatusLine,
    /// What its file was called, where that is known.
    pub(crate) file_name: Option<String>,
    /// The last commit in the local store.
    pub(crate) persisted_seq: u32,
    pub(crate) targets: Vec<TargetLine>,
}

impl BookLine {
    /// What people call it: its title, else its file's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.line.title.as_deref().or(self.file_name.as_deref())
    }
}

/// A target, and how far it has a book.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct TargetLine {
    pub(crate) name: String,
    pub(crate) persisted_seq: u32,
    /// Commits that it lacks.
    pub(crate) lag: u32,
    pub(crate) parked: usize,
}
