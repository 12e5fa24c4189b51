//! The shapes of answers: plain data with a schema, made from a book's state or from what runs.
//!
//! The command line prints the same shapes, whether it reads the local store or asks a server, so they can be
//! read back too. A shape of a book depends on its state alone: never on where it was read.

mod agents;
mod book;
mod chapters;
mod jobs;
mod metrics;
mod pages;
mod providers;
mod scan;
mod status;
mod targets;
mod toc;
mod words;

pub use agents::{AgentRow, Agents};
pub use book::{BookDetails, BookRow, Books, Completeness, Operation, Stage};
pub use chapters::{ChapterRow, Chapters};
pub use jobs::{BookJob, JobId, JobRow, Jobs, LiveJob, Units};
pub use metrics::{Metrics, StageMetrics};
pub use pages::{Heading, PageDetails, PageRow, PageText, Pages};
pub use providers::{ModelTotals, ProviderRow};
pub use scan::{Area, DOUBTFUL, PageWord, PageWords};
pub use status::{BookDetailedStatus, BookStatusLine, Journal, JournalState, LocalStore, Process, Status};
pub use targets::{
    BookLag, Counters, ForeignBook, Parked, ParkedRow, TakenOver, TargetHealth, TargetRow, Targets, Tried,
    Verified,
};
pub use toc::{Contents, EntryRow};
