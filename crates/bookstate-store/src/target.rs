//! What a target is: a place that holds copies of books, reached chunk by chunk.
//!
//! The local SQLite store, a SQLite mirror, a DefraDB node and the simulated target of the tests are all
//! [`Target`]s. A target is simple on purpose: it reads a book, and it applies a chunk atomically under
//! compare-and-set. Everything else (what to send, retries, parking, healing) is the sink's.

use std::fmt;

use async_trait::async_trait;
use bookstate_domain::{AnyKey, BookId, BookState, Seq, WriteOp};
use serde::{Deserialize, Serialize};

/// Identifies a data directory: the one writer of its books. Random, made once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriterId(pub [u8; 16]);

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for WriterId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is not a writer id: 32 hexadecimal digits are expected");
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .map(|n| Self(n.to_be_bytes()))
            .ok_or_else(error)
    }
}

impl Serialize for WriterId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WriterId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Names one start of a process that writes: random, and recorded in the data directory before it first writes. A
/// data directory that was restored from a copy or cloned meets one that it does not know. 0 is that of a version
/// that did not name its starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StartId(pub u64);

/// Which ownership of a book a chunk was written under. Machines that share a fleet's books count the owners of each
/// book; a target takes a book from a later one only where its epoch is the higher. 32 bits, as targets have them.
///
/// 0 ([`Epoch::NONE`], the default) is that of a book which no fleet ever owned, and of a version that did not know
/// epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Epoch(pub u32);

impl Epoch {
    /// No fleet owned the book.
    pub const NONE: Self = Self(0);

    /// That of the next owner; `None` when they are used up. What is stored has to fit a signed number of 32 bits.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.0 < i32::MAX as u32 { Some(Self(self.0 + 1)) } else { None }
    }

    fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a target knows of where a book stands in it. One per book, written by every chunk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BookSync {
    /// The data directory whose chunks the target takes.
    pub writer: WriterId,
    /// The start of a process that wrote the last chunk.
    pub start: StartId,
    /// The ownership under which it was written. Of the chunks that a target takes of a book it never goes back. Not
    /// written when it is none, so that older programs read what no fleet owns.
    #[serde(default, skip_serializing_if = "Epoch::is_none")]
    pub epoch: Epoch,
    /// Grows with every chunk. The first chunk makes it 1.
    pub write_no: u32,
    /// Names the last chunk, at random: the upper 40 bits its batch, the others its content. After an ambiguous answer the number alone would not do: a stalled chunk
    /// of an earlier process may be what made it `write_no`.
    pub token: u64,
    /// The seq of the batch that is being written; equals `persisted_seq` when none is.
    pub persisting_seq: Seq,
    /// The book is as it was at this seq, parked documents aside.
    pub persisted_seq: Seq,
    /// Documents whose copy here differs, since the target refuses them.
    pub parked: Vec<AnyKey>,
}

/// Names one state of a book in a target: that after one chunk, and no other.
///
/// The number alone would not do: a target that was rolled back counts the same numbers again, and a request
/// that was stalled across that must not find its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteMark {
    /// See [`BookSync::writer`].
    pub writer: WriterId,
    /// See [`BookSync::write_no`].
    pub write_no: u32,
    /// See [`BookSync::token`].
    pub token: u64,
}

impl BookSync {
    /// What names this state.
    #[must_use]
    pub const fn mark(&self) -> WriteMark {
        WriteMark { writer: self.writer, write_no: self.write_no, token: self.token }
    }
}

/// A part of a batch: applied whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// The book; every op is of it.
    pub book_id: BookId,
    /// What must be there: the mark of the stored [`BookSync`], or none for a new book.
    pub expect: Option<WriteMark>,
    /// What is there afterwards.
    pub sync: BookSync,
    /// Net effects, at most one per key, in the order in which they are to be applied: `Upsert` puts (in
    /// place when the key exists), `Update` patches, `Delete` deletes (a missing key is success).
    pub ops: Vec<WriteOp>,
}

/// What a chunk for this target may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Documents.
    pub documents: usize,
    /// Fields of all documents together.
    pub fields: usize,
    /// Bytes of text of all documents together, roughly.
    pub bytes: usize,
}

impl Limits {
    /// No limit: a whole batch is one chunk.
    pub const NONE: Self = Self { documents: usize::MAX, fields: usize::MAX, bytes: usize::MAX };
}

/// A book as a target holds it.
#[derive(Debug, Clone)]
pub struct StoredBook {
    /// Its documents.
    pub state: BookState,
    /// Where it stands.
    pub sync: BookSync,
}

/// Why a target did not do what it was asked. The sink decides what follows (`bookstate_sink::classify`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing was applied, the target cannot be reached or is busy; the same will go through later.
    #[error("the target is unavailable: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// Another transaction was in the way and nothing was applied: the target is well, and the same will go through
    /// in a moment.
    #[error("another transaction was in the way: {reason}")]
    Conflict {
        /// What the target said.
        reason: String,
    },
    /// The request was sent and its outcome is unknown.
    #[error("the answer was lost: {reason}")]
    Ambiguous {
        /// What happened.
        reason: String,
    },
    /// The compare-and-set found something else than expected; nothing was applied.
    #[error("the book's write number in the target is not the expected one")]
    Mismatch,
    /// The chunk is too large for the target; nothing was applied.
    #[error("the chunk is too large: {reason}")]
    TooLarge {
        /// What the target said.
        reason: String,
    },
    /// The target refuses something in the chunk; nothing was applied.
    #[error("refused: {reason}")]
    Refused {
        /// What the target said.
        reason: String,
    },
    /// A patch found no document of its key; nothing was applied. The target is not what we believe.
    #[error("the target has no document {key}")]
    Missing {
        /// The key.
        key: AnyKey,
    },
    /// The target cannot be used until a person acts: another schema, another version, no permission.
    #[error("the target cannot be used: {reason}")]
    Unusable {
        /// What to do.
        reason: String,
    },
}

/// A place that holds copies of books.
///
/// Contract: a chunk is atomic; its compare-and-set holds against any other writer and against late
/// deliveries; what [`write_chunk`](Target::write_chunk) acknowledged is durable as far as the target
/// promises anything. Methods are cancel safe in that a dropped call is like an [`Ambiguous`] answer.
///
/// [`Ambiguous`]: TargetError::Ambiguous
#[async_trait]
pub trait Target: Send + Sync + fmt::Debug {
    /// What a chunk may hold.
    fn limits(&self) -> Limits;

    /// Makes the target ready (schema set-up). Idempotent; called before anything else, and again after an error.
    ///
    /// # Errors
    /// [`TargetError::Unavailable`] or [`TargetError::Unusable`].
    async fn prepare(&self) -> Result<(), TargetError>;

    /// Where a book stands; `None` when the target does not have it.
    ///
    /// # Errors
    /// The target is unavailable or unusable.
    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError>;

    /// Applies a chunk.
    ///
    /// # Errors
    /// See [`TargetError`]; only [`TargetError::Ambiguous`] leaves open whether it was applied.
    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError>;

    /// A whole book, consistent in itself; `None` when the target does not have it.
    ///
    /// # Errors
    /// The target is unavailable or unusable, or holds what is not a book of ours.
    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError>;

    /// The books that the target has, and where they stand.
    ///
    /// # Errors
    /// The target is unavailable or unusable.
    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError>;
}
