//! `cargo measure bench contention`: several data directories drain their books into one real node at once.
//!
//! The node lets two transactions that add documents conflict, whatever they add. So writers take turns: who is told of
//! another's transaction waits a little. Each round has a fresh node; beside it the same books are drained by one data
//! directory, into a node of its own.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bookstate_domain::BookId;
use bookstate_sink::{
    Counters, Pace, RemoteTarget, Sink, SinkConfig,
    defradb::{DefraOptions, DefraTarget},
};
use bookstate_store::{BookHandle, Library, LibraryConfig, Target as _, TargetName};
use bookstate_tests::{node::Node, warnings::Warnings};
use clap::Args;
use tempfile::TempDir;

use super::{copies::Original, standard_book};

/// The bar: so many times the time of one directory with all the books.
const MOST_TIMES: f64 = 1.3;

/// What `bench contention` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many data directories, round by round
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8])]
    writers: Vec<usize>,
    /// Books of each
    #[arg(long, default_value_t = 20)]
    books: usize,
    /// Pages of each book
    #[arg(long, default_value_t = 8)]
    pages: u32,
    /// End with an error when the bar is missed
    #[arg(long)]
    check: bool,
}

/// Measures and writes the table.
///
/// # Errors
/// A document was parked, something was warned of, a command failed, a copy differs; or the bar was missed and `--check`
/// was given.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(options, out))
}

async fn measure(options: &Options, out: &mut dyn Write) -> Result<()> {
    let warnings = Warnings::listen()?;
    let book = standard_book::record(options.pages).await?;
    writeln!(out, "{} books of {} documents per data directory", options.books, book.state.document_count())?;
    let original = Original::of(&book)?;
    writeln!(
        out,
        "\n{:>11} {:>10} {:>10} {:>7} {:>9} {:>20}",
        "directories", "together", "one alone", "ratio", "chunks", "attempts in the way"
    )?;
    let mut worst: f64 = 0.0;
    // What was warned of while the book was made is not about the node.
    drop(warnings.take());
    for &writers in &options.writers {
        let alone = round(&original, 1, writers * options.books).await?;
        let together = round(&original, writers, options.books).await?;
        let warned = warnings.take();
        ensure!(warned.is_empty(), "{} warnings, the first: {:?}", warned.len(), warned.first());
        let ratio = together.took.as_secs_f64() / alone.took.as_secs_f64();
        worst = worst.max(ratio);
        let Counters { chunks, conflicts, .. } = together.counters;
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = 100.0 * conflicts as f64 / (chunks + conflicts).max(1) as f64;
        writeln!(
            out,
            "{writers:>11} {:>8.1} s {:>8.1} s {ratio:>7.2} {chunks:>9} {conflicts:>11} ({share:>4.1} %)",
            together.took.as_secs_f64(),
            alone.took.as_secs_f64(),
        )?;
    }
    let met = worst <= MOST_TIMES;
    let word = if met { "met   " } else { "MISSED" };
    writeln!(out, "\n{word} at most {MOST_TIMES} times the time of one directory: {worst:.2}")?;
    ensure!(met || !options.check, "the bar was missed");
    Ok(())
}

struct Round {
    took: Duration,
    counters: Counters,
}

/// A data directory with books that no target has.
struct Directory {
    _dir: TempDir,
    library: Library,
    handles: Vec<BookHandle>,
}

impl Directory {
    fn with_books(original: &Original, number: usize, books: usize) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (library, _) = Library::open(LibraryConfig::new(dir.path()))?;
        let mut handles = Vec::new();
        for book in 0..books {
            let id = BookId::new(&format!("book-{number}-{book}"))?;
            let handle = library.create_book(&id, "bench")?;
            for ops in original.commits(&id)? {
                handle.commit(|_, _| Ok(ops))?;
            }
            handles.push(handle);
        }
        Ok(Self { _dir: dir, library, handles })
    }
}

async fn round(original: &Original, writers: usize, books: usize) -> Result<Round> {
    let mut node = Node::throwaway()?;
    let name: TargetName = "defradb".parse()?;
    let target = || DefraTarget::new(&DefraOptions::new(node.url()));
    target()?.prepare().await?;
    let mut directories = Vec::new();
    for number in 0..writers {
        directories.push(Directory::with_books(original, number, books)?);
    }
    let begun = Instant::now();
    let mut sinks = Vec::new();
    for directory in &directories {
        let remote = RemoteTarget { name: name.clone(), target: Arc::new(target()?), pace: Pace::REMOTE };
        sinks.push(Arc::new(Sink::start(&directory.library, vec![remote], &SinkConfig::new())));
    }
    let waiting: Vec<_> =
        sinks.iter().cloned().map(|sink| tokio::spawn(async move { sink.barrier().await })).collect();
    for reached in waiting {
        let reached = reached.await?;
        ensure!(
            reached.iter().all(|(_, reached)| *reached == bookstate_sink::Reached::All),
            "not all has arrived: {reached:?}"
        );
    }
    let took = begun.elapsed();
    let mut counters = Counters::default();
    for sink in &sinks {
        for status in sink.status().into_iter().filter(|status| status.name == name) {
            ensure!(status.behind.is_empty() && status.parked == 0, "not everything arrived: {status:?}");
            counters.chunks += status.counters.chunks;
            counters.conflicts += status.counters.conflicts;
        }
    }
    // Commands get through as well.
    let commands: Vec<_> = sinks
        .iter()
        .zip(&directories)
        .filter_map(|(sink, directory)| {
            Some((sink.clone(), name.clone(), directory.handles.first()?.id().clone()))
        })
        .map(|(sink, name, id)| tokio::spawn(async move { sink.resync(&name, &id).await }))
        .collect();
    for command in commands {
        command.await??;
    }
    let reader = target()?;
    for handle in directories.iter().flat_map(|directory| &directory.handles) {
        let theirs = reader.load_book(handle.id()).await?;
        ensure!(
            theirs.is_some_and(|theirs| theirs.state == handle.snapshot().state),
            "the node's copy of {} differs",
            handle.id()
        );
    }
    drop(sinks);
    node.stop()?;
    Ok(Round { took, counters })
}
