//! `cargo measure bench defradb`: what a standard book's writes cost a real DefraDB, in three ways.
//!
//! Every way has a node of its own with an empty disk, and the same commits: those that the real pipeline makes
//! of a made book (`standard_book`). The job's work itself takes no time, so what is seen is the writing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bookstate_domain::{Collection, WriteOp};
use bookstate_sink::{
    Pace, RemoteTarget, Sink, SinkConfig,
    defradb::{DefraOptions, DefraTarget},
};
use bookstate_store::{Library, LibraryConfig, Target as _, TargetName};
use bookstate_tests::node::{Node, Proxy};
use clap::Args;

use super::{
    standard_book::{self, StandardBook},
    ways::{Cost, Plain},
};

/// What `bench defradb` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Pages of the book
    #[arg(long, default_value_t = 300)]
    pages: u32,
    /// End with an error when a bar of the design is missed
    #[arg(long)]
    check: bool,
    /// Measure lingers instead: a job that takes this many seconds, with one linger after another
    #[arg(long, value_name = "SECONDS")]
    lingers: Option<f64>,
}

/// Measures and writes the table.
///
/// # Errors
/// The node cannot be had, something was refused, or a bar was missed and `--check` was given.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(options, out))
}

async fn measure(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let book = standard_book::record(options.pages).await?;
    let (ops, documents) = (book.ops().count(), book.state.document_count());
    writeln!(
        out,
        "{} pages, {} entries, {} chapters: {ops} ops in {} commits, {documents} documents at the end",
        book.state.pages().size(),
        book.state.toc_entries().size(),
        book.state.chapters().size(),
        book.commits.len(),
    )?;
    if let Some(seconds) = options.lingers {
        return lingers(out, &book, Duration::from_secs_f64(seconds)).await;
    }
    let finals: Vec<WriteOp> = book.state.documents().collect();
    let waiting = on_a_node(async |node| Plain::new(&node).waiting(&book.commits).await).await?;
    let queued = on_a_node(async |node| Plain::new(&node).queued(&book.commits).await).await?;
    let bookstate = bookstate(&book, Duration::ZERO, Pace::REMOTE).await?;
    let bare = on_a_node(async |node| Plain::new(&node).bare(&finals).await).await?;
    writeln!(
        out,
        "\n{:44} {:>12} {:>12} {:>9} {:>10} {:>8} {:>9}",
        "", "job blocked", "persisted", "requests", "documents", "metrics", "node disk"
    )?;
    row(out, "one waiting request per op", &waiting)?;
    row(out, "fire-and-forget, every op, 10 per request", &queued)?;
    row(out, "bookstate", &bookstate)?;
    row(out, "bare loop: the final documents, 10 per request", &bare)?;
    let missed = bars(out, &waiting, &bookstate, &bare)?;
    ensure!(missed == 0 || !options.check, "{missed} bars were missed");
    Ok(())
}

/// Runs a way on a fresh node that has the collections.
async fn on_a_node(way: impl AsyncFnOnce(String) -> Result<Cost>) -> Result<Cost> {
    let mut node = Node::throwaway()?;
    DefraTarget::new(&DefraOptions::new(node.url()))?.prepare().await?;
    let cost = way(node.url()).await?;
    node.stop()?;
    Ok(Cost { disk_bytes: node.disk_bytes()?, ..cost })
}

/// What a longer linger saves and costs: documents are written less often, and visible later.
async fn lingers(out: &mut dyn std::io::Write, book: &StandardBook, job: Duration) -> Result<()> {
    writeln!(
        out,
        "\n{:>9} {:>10} {:>9} {:>22}",
        "linger", "documents", "requests", "persisted after the job"
    )?;
    for millis in [0, 100, 300, 1000, 3000] {
        let pace = Pace { linger: Duration::from_millis(millis), ..Pace::REMOTE };
        let cost = bookstate(book, job, pace).await?;
        let after = cost.persisted.saturating_sub(job).as_millis();
        writeln!(out, "{millis:>6} ms {:>10} {:>9} {after:>19} ms", cost.documents, cost.requests)?;
    }
    Ok(())
}

/// The library and the sink as they are, with everything switched on: journal, local store, target. The job
/// takes at least `job`.
async fn bookstate(book: &StandardBook, job: Duration, pace: Pace) -> Result<Cost> {
    let mut node = Node::throwaway()?;
    // Counts the requests, whoever makes them.
    let proxy = Proxy::start(node.address())?;
    let dir = tempfile::tempdir()?;
    let (library, _) = Library::open(LibraryConfig::new(dir.path()))?;
    let name: TargetName = "defradb".parse()?;
    let target = Arc::new(DefraTarget::new(&DefraOptions::new(proxy.url()))?);
    target.prepare().await?;
    let remote = RemoteTarget { name: name.clone(), target: target.clone(), pace };
    let before = proxy.counts().requests;
    let begun = Instant::now();
    let sink = Sink::start(&library, vec![remote], &SinkConfig::new());
    let handle = library.create_book(book.state.book_id(), "bench")?;
    let mut cost = Cost::default();
    let unit = job / u32::try_from(book.commits.len())?.max(1);
    for (ops, n) in book.commits.iter().zip(1..) {
        let ops = ops.clone();
        tokio::time::sleep_until((begun + unit * n).into()).await;
        let call = Instant::now();
        handle.commit(|_, _| Ok(ops))?;
        cost.blocked += call.elapsed();
    }
    sink.barrier().await;
    cost.persisted = begun.elapsed();
    cost.requests = proxy.counts().requests - before;
    let status =
        sink.status().into_iter().find(|status| status.name == name).context("the target has a status")?;
    ensure!(status.behind.is_empty() && status.parked == 0, "not everything arrived: {status:?}");
    let metrics = book.state.documents().filter(|op| op.key().collection() == Collection::Metric).count();
    cost.metrics = u64::try_from(metrics)?;
    cost.documents = status.counters.documents - cost.metrics;
    let theirs = target.load_book(book.state.book_id()).await?.context("the node has the book")?;
    ensure!(theirs.state == book.state, "the node's copy is not the book");
    sink.drain(Duration::from_secs(10)).await;
    node.stop()?;
    Ok(Cost { disk_bytes: node.disk_bytes()?, ..cost })
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn row(out: &mut dyn std::io::Write, name: &str, cost: &Cost) -> Result<()> {
    writeln!(
        out,
        "{name:46} {:>9.1} ms {:>9.0} ms {:>9} {:>10} {:>8} {:>6.1} MB",
        cost.blocked.as_secs_f64() * 1e3,
        cost.persisted.as_secs_f64() * 1e3,
        cost.requests,
        cost.documents,
        cost.metrics,
        cost.disk_bytes as f64 / 1e6,
    )?;
    Ok(())
}

/// The bars of the design (§11), as ratios of this run. Gives how many were missed.
fn bars(out: &mut dyn std::io::Write, waiting: &Cost, bookstate: &Cost, bare: &Cost) -> Result<usize> {
    let ratio = |more: Duration, less: Duration| more.as_secs_f64() / less.as_secs_f64();
    let faster = ratio(waiting.persisted, bookstate.persisted);
    let blocked = ratio(waiting.blocked, bookstate.blocked);
    let share = ratio(bare.persisted, bookstate.persisted);
    let bars = [
        (
            format!("{} documents without Metric and BookSync (at most 800)", bookstate.documents),
            bookstate.documents <= 800,
        ),
        (format!("persisted {faster:.1} times faster than one request per op (at least 3)"), faster >= 3.0),
        (format!("the job blocked {blocked:.0} times less (at least 500)"), blocked >= 500.0),
        (format!("the sink reaches {:.0} % of the bare loop (at least 80)", share * 100.0), share >= 0.8),
    ];
    writeln!(out)?;
    for (bar, met) in &bars {
        writeln!(out, "{} {bar}", if *met { "met   " } else { "MISSED" })?;
    }
    Ok(bars.iter().filter(|(_, met)| !met).count())
}
