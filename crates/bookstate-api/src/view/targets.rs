//! Targets: how each is, how far behind, and what it refuses.

use bookstate_domain::{AnyKey, BookId};
use bookstate_sink::{Counters as SinkCounters, Health, TargetStatus, Verification};
use bookstate_store::ParkedDocument;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a target has been sent since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<&SinkCounters> for Counters {
    fn from(counters: &SinkCounters) -> Self {
        Self {
            batches: counters.batches,
            chunks: counters.chunks,
            documents: counters.documents,
            bytes: counters.bytes,
            unavailable: counters.unavailable,
            ambiguous: counters.ambiguous,
            mismatches: counters.mismatches,
            splits: counters.splits,
            compares: counters.compares,
            parked: counters.parked,
        }
    }
}

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetHealth {
    /// Not reached yet.
    Starting,
    /// The last attempt went through.
    Healthy,
    /// The last attempt failed; tried again.
    Failing,
    /// It cannot be used until a person acts.
    Unusable,
}

/// How far behind a target is with a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookLag {
    /// The book's id.
    pub book_id: String,
    /// The last commit.
    pub seq: u32,
    /// The commit that the target has.
    pub persisted_seq: u32,
    /// Documents that it lacks, as far as memory knows.
    pub dirty: usize,
}

/// A book that a target does not take from this data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForeignBook {
    /// The book's id.
    pub book_id: String,
    /// The data directory that writes it.
    pub writer: String,
}

/// How a book's copy in a target differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// The target.
    pub target: String,
    /// The book's id.
    pub book_id: String,
    /// Documents that agree.
    pub equal: usize,
    /// Documents that the copy lacks.
    pub missing: Vec<String>,
    /// Documents that differ.
    pub differing: Vec<String>,
    /// Documents that the copy should not have.
    pub extra: Vec<String>,
    /// Documents that differ since the target refuses them.
    pub parked: Vec<String>,
    /// Commits that the copy lacks; what they changed is not counted above.
    pub lag: u32,
}

impl Verified {
    /// What comparing a book with its copy has found.
    #[must_use]
    pub fn of(target: &str, book_id: &BookId, found: &Verification) -> Self {
        let texts = |keys: &[AnyKey]| keys.iter().map(ToString::to_string).collect();
        Self {
            target: target.to_owned(),
            book_id: book_id.to_string(),
            equal: found.equal,
            missing: texts(&found.missing),
            differing: texts(&found.differing),
            extra: texts(&found.extra),
            parked: texts(&found.parked),
            lag: found.lag,
        }
    }

    /// Whether the copy is the book, what the target refuses aside.
    #[must_use]
    pub const fn is_equal(&self) -> bool {
        self.missing.is_empty() && self.differing.is_empty() && self.extra.is_empty()
    }
}

/// A book that is written into a target from here now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenOver {
    /// The target.
    pub target: String,
    /// The book's id.
    pub book_id: String,
    /// The data directory that wrote it until now.
    pub previous_writer: Option<String>,
    /// It was unknown here, and its copy was being written: it has a part of a batch.
    pub in_flux: bool,
    /// It was unknown here, and so many of its documents had been refused by the target.
    pub parked: usize,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetRow {
    /// Its name; `local` is the local store.
    pub name: String,
    /// How it is.
    pub health: TargetHealth,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// Commits that it lacks, over all books.
    pub lag_commits: u64,
    /// The age of the oldest commit that it lacks.
    pub lag_seconds: f64,
    /// Documents that it lacks, as far as memory knows.
    pub dirty: usize,
    /// Documents that it refuses, those dropped on purpose aside.
    pub parked: usize,
    /// Books that it lacks something of.
    pub behind: Vec<BookLag>,
    /// Books that it refuses, since another data directory writes them.
    pub foreign: Vec<ForeignBook>,
    /// What it has been sent since the start.
    pub counters: Counters,
}

impl TargetRow {
    /// A target, and the age of the oldest commit that it lacks.
    #[must_use]
    pub fn of(status: &TargetStatus, lag_seconds: f64) -> Self {
        let (health, reason) = match &status.health {
            Health::Starting => (TargetHealth::Starting, None),
            Health::Healthy => (TargetHealth::Healthy, None),
            Health::Failing { error, .. } => (TargetHealth::Failing, Some(error.clone())),
            Health::Unusable { reason } => (TargetHealth::Unusable, Some(reason.clone())),
        };
        let behind = status.behind.iter().map(|book| BookLag {
            book_id: book.book_id.to_string(),
            seq: book.seq.get(),
            persisted_seq: book.watermark.get(),
            dirty: book.dirty,
        });
        let foreign = status
            .foreign
            .iter()
            .map(|book| ForeignBook { book_id: book.book_id.to_string(), writer: book.writer.to_string() });
        Self {
            name: status.name.to_string(),
            health,
            reason,
            lag_commits: status.lag(),
            lag_seconds,
            dirty: status.behind.iter().map(|book| book.dirty).sum(),
            parked: status.parked,
            behind: behind.collect(),
            foreign: foreign.collect(),
            counters: Counters::from(&status.counters),
        }
    }
}

/// The targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Targets {
    /// The targets, the local store among them.
    pub targets: Vec<TargetRow>,
}

/// A document that a target refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParkedRow {
    /// The target.
    pub target: String,
    /// The book's id.
    pub book_id: String,
    /// The document, `Collection/key`.
    pub document: String,
    /// Its collection.
    pub collection: String,
    /// Its key within the collection.
    pub key: String,
    /// What the target said.
    pub reason: String,
    /// The commit at which it was refused first.
    pub first_seq: u32,
    /// When it was refused last.
    #[schema(format = DateTime)]
    pub parked_at: String,
    /// Somebody accepted on purpose that the target's copy differs.
    pub dropped: bool,
}

impl ParkedRow {
    /// A parked document.
    #[must_use]
    pub fn of(document: &ParkedDocument) -> Self {
        let ParkedDocument { target, parked, dropped } = document;
        Self {
            target: target.clone(),
            book_id: parked.book_id.to_string(),
            document: parked.document.to_string(),
            collection: parked.document.collection().to_string(),
            key: parked.document.key_text(),
            reason: parked.reason.clone(),
            first_seq: parked.first_seq.get(),
            parked_at: parked.parked_at.to_string(),
            dropped: *dropped,
        }
    }
}

/// What was tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tried {
    /// The target.
    pub target: String,
    /// How many documents.
    pub tried: usize,
    /// How many are still refused, those dropped on purpose aside.
    pub still_parked: usize,
}

/// The documents that a target refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Parked {
    /// The documents.
    pub parked: Vec<ParkedRow>,
}
