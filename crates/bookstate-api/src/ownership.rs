//! Where the server hears which machine may write a book, where several share them: this crate knows no fleet.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bookstate_domain::{BookId, JobId, Priority};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A machine that owns a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its name.
    pub machine: String,
    /// Where its server answers, `http://host:port`.
    pub address: String,
}

/// A book that this machine may not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOwned {
    /// Another machine owns it: ask there.
    #[error("the machine {} owns the book: ask at {}", .0.machine, .0.address)]
    Elsewhere(Elsewhere),
    /// Whose it is cannot be found out now: try again.
    #[error("whose book it is cannot be found out now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Keeps a book this machine's while something is begun with it. A book that is at work stays so by itself.
#[derive(Debug, Clone)]
#[must_use = "the book may be given back as soon as this is dropped"]
pub struct Use {
    _counted: Arc<()>,
}

impl Use {
    /// One more use of what `all` counts.
    pub fn of(all: &Arc<()>) -> Self {
        Self { _counted: all.clone() }
    }

    /// Whether anybody uses it.
    #[must_use]
    pub fn is_any(all: &Arc<()>) -> bool {
        Arc::strong_count(all) > 1
    }
}

/// A machine of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetMachine {
    /// Its name.
    pub machine: String,
    /// Where its server answers.
    pub address: String,
    /// The version of its program.
    pub version: String,
    /// How many books it works on at once.
    pub capacity: u32,
    /// The books that it owns.
    pub books: usize,
}

/// A book of a fleet that a machine owns, or that has a job which waits for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetBook {
    /// The book.
    pub book_id: String,
    /// The machine that owns it; none: it waits for one.
    pub machine: Option<String>,
    /// Which ownership of the book this is; each is above all before.
    pub epoch: Option<u32>,
    /// Its job, while one is active.
    pub job_id: Option<String>,
    /// Whether somebody waits for the job: `interactive` goes before `bulk`.
    pub priority: Option<String>,
}

/// A fleet, as this machine hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetView {
    /// This machine.
    pub machine: String,
    /// The machines that live.
    pub machines: Vec<FleetMachine>,
    /// Their books, and those that wait for a machine.
    pub books: Vec<FleetBook>,
}

/// Who knows which machine may write a book.
#[async_trait]
pub trait Ownership: Send + Sync + fmt::Debug {
    /// Makes this machine the owner of a book, unless it is already: it can be opened for writing as long as the use
    /// lives.
    ///
    /// Cancel safe: what was claimed is given back later.
    ///
    /// # Errors
    /// See [`NotOwned`].
    async fn own(&self, book: &BookId) -> Result<Use, NotOwned>;

    /// A job of a book that this machine owns runs: others are to go on with it if this machine does not. What cannot
    /// be told now is told later.
    async fn announce(&self, book: &BookId, job: &JobId, priority: Priority);

    /// Whether a book has a job that the fleet goes on with: a machine works on it, or will. Must not block.
    fn is_awaited(&self, book: &BookId) -> bool;

    /// The other machine that owns a book, as far as was heard. Must not block.
    fn elsewhere(&self, book: &BookId) -> Option<Elsewhere>;

    /// The fleet as it is now. Must not block.
    fn view(&self) -> FleetView;

    /// The server is about to end: no book is claimed any more, and those whose jobs have stopped are given back.
    fn leave(&self);
}
