//! The state of a book while a long job works on it: its documents, the changes that are possible, and
//! what follows from them.
//!
//! Everything here is pure. This crate must not know files, the network, tokio, GraphQL or SQL; it reads no
//! clock and draws no random numbers: times and ids are arguments. What it returns depends on its arguments
//! alone, so its laws are property tests.
//!
//! Reading order: [`value`] (what a field may hold), [`document`] (what a document is), [`documents`] (the
//! nine of them), [`op`] (a change), [`collections`] (all of them in one list, and [`BookState`]),
//! [`operation`] (the state machine), [`persist`] (the only way in which a book changes), [`reset`],
//! [`completeness`], and [`changes`] (what a target lacks).
//!
//! ```
//! use bookstate_domain::{At, BookId, BookState, Seq, Timestamp, persist::NewBook};
//!
//! let mut book = BookState::new(BookId::new("moby-dick")?);
//! let at = At { seq: Seq::new(1).unwrap(), now: Timestamp::from_nanos(0) };
//! for op in book.persist_book_record(&at, NewBook { page_count: 300 })? {
//!     book.apply(&op);
//! }
//! assert_eq!(book.book().map(|b| b.page_count), Some(300));
//! assert!(book.persist_page_extract(&at, 900).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod changes;
pub mod collections;
pub mod commit;
pub mod completeness;
pub mod document;
pub mod documents;
pub mod id;
pub mod op;
pub mod operation;
pub mod persist;
pub mod priority;
pub mod reset;
pub mod value;

pub use changes::{Changes, Since};
pub use collections::{
    AnyKey, BookState, Collection, CollectionVisitor, KeyVisitor, OpVisitor, Table, WriteOp,
};
pub use commit::Commit;
pub use completeness::{Completeness, Stage, StageProgress, StageState};
pub use document::{Document, DocumentKey, Patch};
pub use documents::*;
pub use id::{BookId, IdError, JobId, Provider, Seq};
pub use op::{At, Effect, Op, OpShape};
pub use operation::{
    Impossible, Operation, OperationEvent, OperationName, OperationState, OperationStatus, PAGE_RETRIES,
};
pub use persist::{Misuse, Ops};
pub use priority::Priority;
pub use value::{Json, Text, Timestamp};
