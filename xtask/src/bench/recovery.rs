//! `cargo measure bench recovery`: how fast a start is after a kill.
//!
//! The journal's commits are read, checked, and applied to the books in memory; then a book of 500 pages is read
//! from the local store.

use std::{sync::Arc, time::Instant};

use anyhow::{Context as _, Result};
use bookstate_domain::{BookId, Op, PageKey, persist::NewBook};
use bookstate_sink::{Sink, SinkConfig};
use bookstate_store::{BookHandle, Library, LibraryConfig};
use clap::Args;

/// Bytes of text in an op.
const OP_BYTES: usize = 400;

/// What `bench recovery` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Commits in the journal
    #[arg(long, default_value_t = 200_000)]
    commits: u32,
}

/// Measures and writes the table.
///
/// # Errors
/// A file could not be written or read.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let config = || LibraryConfig::new(dir.path());
    let id = BookId::new("recovery")?;
    let (library, _) = Library::open(config())?;
    let handle = library.create_book(&id, "bench")?;
    handle.persist_book_record(NewBook { page_count: 500 })?;
    let began = Instant::now();
    write(&handle, options.commits)?;
    rate(out, "commits accepted", options.commits, began)?;
    // Without a sink nothing has left the journal: as after a kill.
    drop((handle, library));
    let began = Instant::now();
    let (library, report) = Library::open(config())?;
    rate(out, "commits recovered", options.commits, began)?;
    let recovered = library.active(&id).context("the book is live again")?;
    anyhow::ensure!(recovered.seq.get() > options.commits, "commits are missing: {report:?}");
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let sink = Sink::start(&library, Vec::new(), &SinkConfig::new());
        sink.barrier().await;
    });
    let began = Instant::now();
    let stored = library.local_store().load_book(&id)?.context("the local store has the book")?;
    writeln!(
        out,
        "{:34} {:>10.1} ms for {} documents",
        "a book read from the local store",
        began.elapsed().as_secs_f64() * 1e3,
        stored.state.document_count()
    )?;
    Ok(())
}

fn write(handle: &BookHandle, commits: u32) -> Result<()> {
    let text: Arc<str> = "x".repeat(OP_BYTES).into();
    for n in 0..commits {
        let page_num = i32::try_from(n % 500)? + 1;
        handle.commit(|state, at| {
            let mut page = PageKey { book_id: state.book_id().clone(), page_num }.document(at);
            page.ocr_markdown = Some(text.clone());
            Ok(vec![Op::Upsert(Arc::new(page)).into()])
        })?;
    }
    Ok(())
}

fn rate(out: &mut dyn std::io::Write, what: &str, commits: u32, began: Instant) -> Result<()> {
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{what:34} {:>10.0} /s ({commits} in {seconds:.2} s)", f64::from(commits) / seconds)?;
    Ok(())
}
