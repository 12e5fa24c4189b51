//! An engine of one's own in the pipeline: one that reads pages by a service that often has no answer.
//!
//! `cargo run -p bookstate-jobs --example own_engine`

#![allow(clippy::print_stdout, reason = "it tells a person")]

use std::{collections::HashSet, fs, sync::Arc, time::Duration};

use async_trait::async_trait;
use bookstate_domain::{Engines, Provider, Variant};
use bookstate_jobs::{
    JobRequest, Scheduler, SchedulerConfig, Started,
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, blocking},
    engines::{EngineCatalog, EngineSpec},
    ingest,
    pool::{PoolConfig, RetryPolicy},
};
use bookstate_store::{CloseError, Library, LibraryConfig};
use parking_lot::Mutex;

const POOL: &str = "scan-service";

/// A made-up service: the first request for each page fails, the second is answered.
#[derive(Debug, Default)]
struct ScanService {
    asked: Mutex<HashSet<u32>>,
}

#[async_trait]
impl OcrEngine for ScanService {
    /// Answers with what a persist method wants. It neither persists nor tries again: that is the job's part.
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        if self.asked.lock().insert(page) {
            return Err(EngineError::transient("the service is busy"));
        }
        let content = blocking(move || book.source.page_text(page).map_err(EngineError::permanent)).await?;
        Ok(OcrReading { text: content.text.into(), confidence: Some(0.9), ..OcrReading::default() }.into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("book.txt");
    fs::write(&file, "CHAPTER 1\n\nIt was a dark night.\n\u{c}CHAPTER 2\n\nThe day was bright.\n")?;
    let (library, _) = Library::open(LibraryConfig::new(folder.path().join("data")))?;

    // Its pool says how many requests run at once, and how a failed one is repeated.
    let service = EngineSpec { pool: POOL.into(), metered: true };
    let catalog = EngineCatalog::local().with_ocr("scans", service, Arc::new(ScanService::default()));
    let retry = RetryPolicy { base: Duration::from_millis(10), ..RetryPolicy::default() };
    let pool = PoolConfig { concurrency: 2, retry, ..PoolConfig::new(POOL) };
    let config = SchedulerConfig { pools: vec![pool], ..SchedulerConfig::default() };
    let scheduler = Scheduler::new(library.clone(), catalog, config);

    let book = ingest(&library, &file).await?;
    let request = JobRequest {
        variant: Variant::Standard,
        engines: Engines { ocr: vec!["scans".into()], analysis: "local".into() },
        options: None,
        reset: None,
    };
    let Started::Running(job) = scheduler.start(&book.book_id, request).await? else {
        return Err("a new book has everything to do".into());
    };
    let report = job.wait().await;
    println!("{:?} after {} units, {} commits", report.end, report.units.run, report.commits);

    let snapshot = library.active(&book.book_id).ok_or("the book is not live")?;
    let first = snapshot.state.ocr_result(1, &Provider::new("scans")?).ok_or("page 1 was not read")?;
    println!("page 1: {:?}", first.text);
    // A metered engine leaves a Metric for each unit, beside those of the stages.
    println!("{} metrics", snapshot.state.metrics().size());
    // Whoever still has the library, as a task that is ending, is cut off by the end of the program: nothing is lost.
    if let Err(error @ CloseError::Poisoned(_)) = library.close() {
        return Err(error.into());
    }
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
