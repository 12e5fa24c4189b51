//! Books in a SQLite file: the local store inside the data directory, and mirrors in any other file.
//!
//! Both have the same layout: one table per collection, named as the collection, with one real column per
//! field, so that the `sqlite3` shell or a notebook can read the books while a job runs. All SQL text comes from
//! the domain's field tables; a field that is added there becomes a column when the file is opened next.
//!
//! Invariants: a chunk is one transaction with its compare-and-set and its [`BookSync`](crate::BookSync); every
//! answer about a book comes out of one read transaction; a deleted document leaves a tombstone until it is
//! forgotten. Readers never wait for the writer (WAL mode). Everything here blocks; [`SqliteTarget`] is the
//! asynchronous face. Not here: what to send, when, and what to do about an error.

mod books;
mod chunk;
mod error;
mod open;
mod progress;
mod rows;
mod schema;
mod store;
mod target;

pub use books::{ChangedBook, LoadedBook};
pub use error::StoreError;
pub use progress::{Distrust, Intent, Parked, ParkedDocument, Progress, Remembered};
pub use store::SqliteStore;
pub use target::SqliteTarget;
