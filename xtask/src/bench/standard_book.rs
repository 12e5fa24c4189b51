//! The writes of a standard book: the commits that the real pipeline makes of one, in its order.
//!
//! The book is made on the spot (300 pages of some 3 KB, 40 entries), processed by the real scheduler with its
//! local engines, and what its job committed is read back from the journal. No target sees any of it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bookstate_domain::{BookState, Commit, Engines, Priority, Variant, WriteOp};
use bookstate_jobs::engines::EngineCatalog;
use bookstate_jobs::{JobRequest, Scheduler, SchedulerConfig, Started, ingest};
use bookstate_store::{
    Library, LibraryConfig,
    fs::OsFs,
    journal::{self, Entry},
};
use bookstate_tests::books::Book;

/// What a job committed.
#[derive(Debug)]
pub(super) struct StandardBook {
    /// The ops, commit by commit.
    pub(super) commits: Vec<Vec<WriteOp>>,
    /// The book at the end.
    pub(super) state: BookState,
}

impl StandardBook {
    /// All ops.
    pub(super) fn ops(&self) -> impl Iterator<Item = &WriteOp> {
        self.commits.iter().flatten()
    }
}

/// Processes a book of `pages` pages and gives what was committed.
pub(super) async fn record(pages: u32) -> Result<StandardBook> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("standard.pdf");
    let made = Book::standard(pages).make_pdf();
    std::fs::write(&file, &made.bytes)?;
    let data = dir.path().join("data");
    // One segment, and no sink: nothing leaves the journal before it is read.
    let config = LibraryConfig { segment_bytes: 1 << 30, ..LibraryConfig::new(&data) };
    let (library, _) = Library::open(config)?;
    let taken = ingest(&library, &file).await?;
    let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
    let engines = Engines { ocr: vec!["text-layer".into()], analysis: "local".into() };
    let request = JobRequest {
        variant: Variant::Standard,
        engines,
        options: None,
        reset: None,
        priority: Priority::Bulk,
    };
    let Started::Running(job) = scheduler.start(&taken.book_id, request).await? else {
        bail!("there was nothing to do");
    };
    job.wait().await;
    let state = library.active(&taken.book_id).context("the book is live")?.state.clone();
    let commits = commits(&data)?;
    Ok(StandardBook { commits, state })
}

fn commits(data: &Path) -> Result<Vec<Vec<WriteOp>>> {
    let (mut commits, mut failure) = (Vec::new(), None);
    journal::inspect(&OsFs, &LibraryConfig::journal_dir(data), &mut |entry| {
        if let Entry::Commit { payload, .. } = entry {
            match rmp_serde::from_slice::<Commit>(payload) {
                Ok(commit) => commits.push(commit.ops),
                Err(error) => failure = Some(error),
            }
        }
    })?;
    failure.map_or(Ok(commits), |error| Err(error.into()))
}
