//! The unit log: an optional audit trail of (paid) work, outside every store.
//!
//! One JSON line when an engine begins a unit (`run`), one when the unit's result was persisted (`persisted`)
//! or its failure was (`failed`), the latter two with the commit up to which the book has it, and with the epoch of the
//! ownership under which it was written where a fleet shares books. Each line is one `write(2)`, so that a killed process loses none. What it
//! says is independent of the journal: tests compare the two across kills.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use bookstate_domain::{BookId, JobId, Seq};
use bookstate_store::{Epoch, fs::private};
use parking_lot::Mutex;
use serde::Serialize;

use crate::unit::Work;

/// What happened to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitEvent {
    /// An engine begins to work on it.
    Run,
    /// Its result was persisted: it must never run again.
    Persisted,
    /// Its failure was persisted: it may run again.
    Failed,
}

#[derive(Serialize)]
struct Line<'a> {
    event: UnitEvent,
    book: &'a str,
    job: &'a str,
    unit: &'a str,
    process: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<Epoch>,
}

/// Where a book stands when a unit's result or failure was persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    /// The book's last commit: what was persisted is in it or before.
    pub seq: Seq,
    /// The ownership under which it was written; `None` where no fleet shares books.
    pub epoch: Option<Epoch>,
}

/// See the module documentation.
#[derive(Debug)]
pub struct UnitLog {
    file: Mutex<File>,
}

impl UnitLog {
    /// Opens the log for appending; creates it when it is not there.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = private::create_new(path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => private::open_append(path),
            _ => Err(error),
        })?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Appends a line. `stands` is for what was persisted.
    ///
    /// # Errors
    /// The file system's.
    pub fn append(
        &self,
        event: UnitEvent,
        book: &BookId,
        job: &JobId,
        work: &Work,
        stands: Option<Stands>,
    ) -> io::Result<()> {
        let unit = work.to_string();
        let process = std::process::id();
        let seq = stands.map(|stands| stands.seq);
        let epoch = stands.and_then(|stands| stands.epoch);
        let line = Line { event, book: book.as_str(), job: job.as_str(), unit: &unit, process, seq, epoch };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        self.file.lock().write_all(&bytes)
    }
}
