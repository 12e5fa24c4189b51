//! Jobs: the pipeline that takes a book from its file to chapters, and what runs it.
//!
//! A job is a pure planner over the book's state plus workers. The planner says what can run now; one actor
//! per job dispatches it to worker pools and persists what comes back, result by result; engines do the
//! work. What a job knows is in the book's state, so that resuming after a crash is planning again. This
//! crate must not know which targets a book is written to, nor who asks for jobs.
//!
//! Reading order: [`Work`] (a unit), [`plan`] (what can run), [`outcome`] (what becomes of a result),
//! [`engine`] (who does the work) and [`engines`] (by name), [`pool`] (how many at once), [`Scheduler`]
//! (jobs), [`ingest()`] (files), `page_images` and `figures` (for people to look at). What the local engines know of books is in [`bookstate_reading`].
//!
//! ```
//! use bookstate_domain::{Engines, Priority, Variant};
//! use bookstate_jobs::{JobRequest, Scheduler, SchedulerConfig, Started, engines::EngineCatalog, ingest};
//! use bookstate_store::{Library, LibraryConfig};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("book.txt");
//! # std::fs::write(&file, "CHAPTER 1\n\nIt was a dark night.\n\nCHAPTER 2\n\nThe day was bright.\n")?;
//! let (library, _) = Library::open(LibraryConfig::new(folder.path().join("data")))?;
//! let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
//! let book = ingest(&library, &file).await?;
//! let request = JobRequest {
//!     variant: Variant::Standard,
//!     engines: Engines { ocr: vec!["text-layer".into()], analysis: "local".into() },
//!     options: None,
//!     reset: None,
//!     priority: Priority::Bulk,
//! };
//! if let Started::Running(job) = scheduler.start(&book.book_id, request).await? {
//!     let report = job.wait().await;
//!     println!("{:?} after {} units", report.end, report.units.run);
//! }
//! # Ok(())
//! # }
//! ```

mod answers;
pub mod choose;
pub mod engine;
pub mod engines;
pub mod error;
#[cfg(feature = "scans")]
pub mod figures;
mod file_name;
pub mod ingest;
pub mod intake;
mod kept;
pub mod marks;
pub mod options;
pub mod outcome;
#[cfg(feature = "scans")]
pub mod page_images;
mod part;
pub mod persist_call;
pub mod plan;
pub mod pool;
pub mod progress;
#[cfg(feature = "scans")]
pub mod scan;
pub mod scheduler;
pub mod unit;
pub mod unit_log;

mod actor;
mod turns;
mod worker;

pub use error::{IngestError, StartError};
pub use file_name::{file_name, file_names};
pub use ingest::{Ingested, forget_answers, identify, ingest, ingest_within, remove_copy};
pub use intake::{Intake, Trial};
pub use kept::{copy_of, files_of, sources_dir};
pub use options::JobOptions;
pub use part::{Part, PartError};
pub use persist_call::PersistCall;
pub use progress::{Activity, JobEnd, JobProgress, JobReport, UnitCounts};
pub use scheduler::{JobRequest, JobTotals, RunningJob, Scheduler, SchedulerConfig, Started};
pub use unit::{CHAPTERS_PER_BATCH, Doer, PoolName, Unit, Work};
pub use unit_log::{Stands, UnitEvent, UnitLog};
