//! Takes one book through the whole pipeline, with the engines that need nothing but this machine.
//!
//! `cargo run --release -p bookstate-jobs --example process_book -- BOOK [DATA_DIR]`

#![allow(clippy::print_stdout, reason = "it tells a person")]

use std::{path::PathBuf, time::Duration};

use bookstate_domain::{Engines, Priority, Variant};
use bookstate_jobs::{JobRequest, Scheduler, SchedulerConfig, Started, engines::EngineCatalog, ingest};
use bookstate_store::{CloseError, Library, LibraryConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let file = arguments.next().ok_or("a file is expected")?;
    let data_dir = arguments.next().unwrap_or_else(|| ".bookstate".into());
    let (library, _) = Library::open(LibraryConfig::new(data_dir))?;
    let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
    let book = ingest(&library, &file).await?;
    let request = JobRequest {
        variant: Variant::Standard,
        engines: Engines { ocr: vec!["text-layer".into()], analysis: "local".into() },
        options: None,
        reset: None,
        priority: Priority::Bulk,
    };
    let job = match scheduler.start(&book.book_id, request).await? {
        Started::Running(job) => job,
        Started::NothingToDo { status, .. } => {
            println!("book {} is {status}: nothing to do", book.book_id);
            return Ok(());
        }
    };
    let mut progress = job.progress.clone();
    tokio::spawn(async move {
        while progress.changed().await.is_ok() {
            let now = progress.borrow_and_update().clone();
            let stages: Vec<_> =
                now.stages.iter().map(|s| format!("{} {}/{}", s.stage, s.done, s.total)).collect();
            println!("{}", stages.join("  "));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let report = job.wait().await;
    println!("{}", serde_json::to_string(&report)?);
    if let Some(snapshot) = library.active(&book.book_id) {
        let state = &snapshot.state;
        let words: i32 = state.chapters().values().map(|chapter| chapter.word_count).sum();
        println!(
            "{} pages, {} entries, {} chapters, {words} words, {} documents",
            state.pages().size(),
            state.toc_entries().size(),
            state.chapters().size(),
            state.document_count(),
        );
    }
    // Whoever still has the library, as a task that is ending, is cut off by the end of the program: nothing is lost.
    if let Err(error @ CloseError::Poisoned(_)) = library.close() {
        return Err(error.into());
    }
    Ok(())
}
