//! Live books in memory, their journal, and the local SQLite store.
//!
//! This crate must not know GraphQL or HTTP, nor who sends batches where: it offers what is dirty
//! ([`Library::batch`]) and says what a target is ([`Target`]).
//!
//! Reading order: [`Target`] (what a target is), [`journal`] (the redo log), [`library`] (the live books),
//! [`sqlite`] (the local store), [`StateStore`] (the ADR's interface).

mod clock;
pub mod fs;
pub mod journal;
pub mod library;
pub mod sqlite;
mod state_store;
mod target;

pub use clock::{Clock, SystemClock};
pub use library::{
    Batch, BatchOps, BookHandle, Commits, Differing, Library, LibraryConfig, OpenBookError, OpenError,
    PersistError, ReadError, Reading, Receipt, RecoveryReport, Snapshot, Source, TargetName,
};
pub use sqlite::{
    ChangedBook, LoadedBook, Parked, ParkedDocument, Progress, SqliteStore, SqliteTarget, StoreError,
};
pub use state_store::{MemoryStateStore, StateStore};
pub use target::{BookSync, Chunk, Limits, StoredBook, Target, TargetError, WriteMark, WriterId};
