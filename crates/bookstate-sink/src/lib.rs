//! Write-behind: brings what changed in the live books to the local store and to any number of targets,
//! while nobody waits for it.
//!
//! This crate must not know jobs, or axum. It never sees a persist call: it asks the
//! [`Library`](bookstate_store::Library) what a target lacks, as of now, and sends that. So coalescing, retry,
//! catching up after a day, a new mirror, healing after a refusal and verifying are one mechanism: send the
//! target what differs.
//!
//! Reading order: [`classify()`] (what follows from an error), [`judge()`] (what a copy is worth), [`compare()`] (the
//! one healing mechanism), `order` and `split` (a batch's chunks), `cursor` (one book on its way to one target, as a
//! pure state machine), `transport` (what it asks for is done), `worker` (one target's task), [`Sink`] (all of them). [`defradb`] (a feature, on by default) has DefraDB nodes as targets.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use bookstate_domain::{BookId, persist::NewBook};
//! use bookstate_sink::{Pace, RemoteTarget, Sink, SinkConfig};
//! use bookstate_store::{Library, LibraryConfig, SqliteTarget, TargetName};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path().join("data");
//! # let file = folder.path().join("mirror.sqlite");
//! let (library, _) = Library::open(LibraryConfig::new(dir))?;
//! let name: TargetName = "mirror".parse()?;
//! let target = Arc::new(SqliteTarget::mirror(file));
//! let mirror = RemoteTarget { name: name.clone(), target, pace: Pace::REMOTE };
//! let sink = Sink::start(&library, vec![mirror], &SinkConfig::new());
//!
//! // Whoever writes a book knows nothing of targets.
//! let book = library.create_book(&BookId::new("moby-dick")?, "example")?;
//! let receipt = book.persist_book_record(NewBook { page_count: 635 })?;
//!
//! // Only where it matters, and never in a hot path: until a copy has it.
//! book.persisted(receipt.seq, &name).await;
//! assert!(sink.drain(Duration::from_secs(10)).await.is_complete());
//! # Ok(())
//! # }
//! ```

mod agenda;
mod backoff;
mod classify;
mod command;
mod compare;
mod config;
mod cursor;
#[cfg(feature = "defradb")]
pub mod defradb;
mod errand;
mod order;
mod owner;
#[cfg(feature = "test-util")]
pub mod sim;
mod sink;
mod split;
mod status;
mod take_over;
mod token;
mod transport;
mod trust;
mod turns;
mod verify;
mod worker;

pub use classify::{Circumstances, SUSPECT_AFTER, Verdict, classify};
pub use command::{CommandError, Reached, TakenOver, Verification};
pub use compare::compare;
pub use config::{Pace, RemoteTarget, SinkConfig};
pub use owner::{HighestEpoch, Owned};
pub use sink::{DrainReport, Sink};
pub use status::{BookLag, Counters, ForeignBook, Health, TargetStatus};
pub use take_over::TakenEverywhere;
pub use trust::{Looking, Trust, judge};
pub use verify::verify_stored;
