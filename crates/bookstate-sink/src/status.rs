//! What a target's task is doing, for health, metrics, API and command line.

use std::collections::BTreeMap;

use bookstate_domain::{BookId, Seq};
use bookstate_store::{TargetName, WriterId};
use serde::Serialize;

/// What a target has been sent, since the sink was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Batches that were written whole.
    pub batches: u64,
    /// Chunks that were applied.
    pub chunks: u64,
    /// Documents in them.
    pub documents: u64,
    /// Bytes of text in them, roughly.
    pub bytes: u64,
    /// Attempts that failed because the target was unavailable.
    pub unavailable: u64,
    /// Attempts that met another writer's.
    pub conflicts: u64,
    /// Attempts whose outcome was unknown at first.
    pub ambiguous: u64,
    /// Attempts that met another write number.
    pub mismatches: u64,
    /// Chunks that were cut in two.
    pub splits: u64,
    /// Whole-book comparisons.
    pub compares: u64,
    /// Documents that were parked.
    pub parked: u64,
}

impl Counters {
    /// Adds what another has counted.
    pub(crate) const fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.chunks += other.chunks;
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.unavailable += other.unavailable;
        self.conflicts += other.conflicts;
        self.ambiguous += other.ambiguous;
        self.mismatches += other.mismatches;
        self.splits += other.splits;
        self.compares += other.compares;
        self.parked += other.parked;
    }
}

/// How a target is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Health {
    /// Not reached yet.
    Starting,
    /// The last attempt went through.
    Healthy,
    /// The last attempt failed; tried again.
    Failing {
        /// Why.
        error: String,
        /// How many attempts have failed in a row.
        failures: u32,
    },
    /// It cannot be used until a person acts; tried again at the slowest pace.
    Unusable {
        /// What to do.
        reason: String,
    },
}

/// A book that a target does not take from this data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeignBook {
    /// The book.
    pub book_id: BookId,
    /// Whose it is.
    pub writer: WriterId,
    /// It is this very data directory's, by its id: another copy of it wrote the book, or it did itself before it was
    /// put back to a copy.
    pub is_copy: bool,
}

/// How far behind a book's copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BookLag {
    /// The book.
    pub book_id: BookId,
    /// The last commit.
    pub seq: Seq,
    /// The commit that the target has.
    pub watermark: Seq,
    /// Documents that it lacks, as far as memory knows.
    pub dirty: usize,
}

/// What a target's task is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetStatus {
    /// The target.
    pub name: TargetName,
    /// How it is.
    pub health: Health,
    /// What it has been sent.
    pub counters: Counters,
    /// Books that it lacks something of.
    pub behind: Vec<BookLag>,
    /// Documents parked now, those dropped on purpose aside.
    pub parked: usize,
    /// Books that it refuses, since another data directory writes them.
    pub foreign: Vec<ForeignBook>,
}

/// The same as a target's task keeps it: by book, so that a step changes one entry, however many there are.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) name: TargetName,
    pub(crate) health: Health,
    pub(crate) counters: Counters,
    pub(crate) behind: BTreeMap<BookId, BookLag>,
    pub(crate) parked: BTreeMap<BookId, usize>,
    pub(crate) foreign: BTreeMap<BookId, ForeignBook>,
}

impl Published {
    pub(crate) fn new(name: TargetName) -> Self {
        let (behind, parked, foreign) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { name, health: Health::Starting, counters: Counters::default(), behind, parked, foreign }
    }

    pub(crate) fn status(&self) -> TargetStatus {
        TargetStatus {
            name: self.name.clone(),
            health: self.health.clone(),
            counters: self.counters,
            behind: self.behind.values().cloned().collect(),
            parked: self.parked.values().sum(),
            foreign: self.foreign.values().cloned().collect(),
        }
    }
}

impl TargetStatus {
    /// Commits that the target lacks, over all books.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.behind.iter().map(|book| u64::from(book.seq.get().saturating_sub(book.watermark.get()))).sum()
    }
}
