//! Live books in memory, their journal, and the local SQLite store.
//!
//! This crate must not know GraphQL or HTTP, nor who sends batches where: it offers what is dirty
//! ([`Library::feed`]) and says what a target is ([`Target`]).
//!
//! Nothing here brings commits from the journal to the local store by itself: that is the sink's task
//! (`bookstate-sink`), and only that frees the journal. Without a sink the journal grows without end, and a start replays
//! all of it.
//!
//! Reading order: [`Target`] (what a target is), [`journal`] (the redo log), [`library`] (the live books),
//! [`sqlite`] (the local store), [`StateStore`] (the ADR's interface). `conformance` (with the feature `test-util`) has
//! the laws of a target as tests, for further kinds of targets.
//!
//! ```
//! use bookstate_domain::{BookId, persist::NewBook};
//! use bookstate_store::{Library, LibraryConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path();
//! let id = BookId::new("moby-dick")?;
//! {
//!     let (library, _) = Library::open(LibraryConfig::new(dir))?;
//!     let book = library.create_book(&id, "a first process")?;
//!     // A plain function: journaled and in memory when it returns.
//!     let receipt = book.persist_book_record(NewBook { page_count: 635 })?;
//!     assert_eq!(receipt.seq.get(), 1);
//! } // Nothing is closed: the process may as well have been killed.
//!
//! let (library, report) = Library::open(LibraryConfig::new(dir))?;
//! assert_eq!(report.recovered.len(), 1);
//! let snapshot = library.active(&id).ok_or("recovered books are live")?;
//! assert_eq!(snapshot.state.book().map(|book| book.page_count), Some(635));
//! # Ok(())
//! # }
//! ```

mod clock;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod fs;
pub mod journal;
pub mod library;
pub mod sqlite;
mod state_store;
mod target;

pub use clock::{Clock, SystemClock};
pub use library::{
    Batch, BatchOps, BookHandle, CallTimes, CloseError, CommitNote, Commits, Differing, Follower,
    ImportError, Library, LibraryConfig, Noted, OpenBookError, OpenError, PersistError, ReadError, Reading,
    Receipt, RecoveryReport, ReplaceError, Replaced, SetAside, Snapshot, Source, TargetFeed, TargetName,
    Tenure,
};
pub use sqlite::{
    ChangedBook, Distrust, Intent, LoadedBook, Parked, ParkedDocument, Progress, Remembered, SqliteStore,
    SqliteTarget, StoreError,
};
pub use state_store::{MemoryStateStore, StateStore};
pub use target::{
    BookSync, Chunk, Epoch, Limits, StartId, StoredBook, Target, TargetError, WriteMark, WriterId,
};
