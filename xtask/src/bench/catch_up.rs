//! `cargo measure bench catch-up`: a target that is added to a data directory with many books.
//!
//! Two bars: the memory that catching up takes above that of the idle process, and how long a commit of a book that is
//! worked on takes to the target meanwhile. The data directory is made by this process and used by one that it starts,
//! so that what was needed to make it does not count. Linux only: memory is read in `/proc`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bookstate_domain::{BookId, Seq, persist::NewBook};
use bookstate_sink::{
    Pace, RemoteTarget, Sink, SinkConfig,
    defradb::{DefraOptions, DefraTarget},
};
use bookstate_store::{BookSync, Chunk, Library, LibraryConfig, SqliteTarget, StartId, Target, TargetName};
use bookstate_tests::node::Node;
use clap::Args;

use super::{copies::Original, standard_book};

/// The bars.
const MOST_MEBIBYTES: u64 = 256;
const LONGEST_LAG: Duration = Duration::from_secs(5);

/// How often the live book gets a commit.
const BEAT: Duration = Duration::from_millis(100);

/// What `bench catch-up` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Books in the data directory
    #[arg(long, default_value_t = 1000)]
    books: usize,
    /// Pages of each
    #[arg(long, default_value_t = 300)]
    pages: u32,
    /// A real node is the target, not a SQLite mirror
    #[arg(long)]
    node: bool,
    /// Do not make a data directory: use this one. What the command calls itself with
    #[arg(long, hide = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The URL of the node; without it a mirror beside the data directory
    #[arg(long, hide = true, requires = "data")]
    url: Option<String>,
}

/// Measures and writes what was measured.
///
/// # Errors
/// A copy differs, or a bar was missed.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Some(data) = &options.data {
        return runtime.block_on(measure(data, options.url.as_deref(), out));
    }
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    runtime.block_on(make(&data, options, out))?;
    let mut again = Command::new(std::env::current_exe()?);
    again.args(["bench", "catch-up", "--data"]).arg(&data);
    let node = options.node.then(Node::throwaway).transpose()?;
    if let Some(node) = &node {
        again.args(["--url", &node.url()]);
    }
    out.flush()?;
    let status = again.status()?;
    ensure!(status.success(), "see above");
    Ok(())
}

/// A data directory with that many books, all of them in its local store only.
async fn make(data: &Path, options: &Options, out: &mut dyn Write) -> Result<()> {
    let book = standard_book::record(options.pages).await?;
    let original = Original::of(&book)?;
    let (library, _) = Library::open(LibraryConfig::new(data))?;
    let seq = Seq::new(u32::try_from(book.commits.len())?).context("a seq")?;
    for number in 0..options.books {
        let book_id = BookId::new(&format!("book-{number}"))?;
        let ops = original.documents(&book_id)?;
        let sync = BookSync {
            writer: library.writer(),
            start: StartId(1),
            epoch: bookstate_store::Epoch::NONE,
            write_no: 1,
            token: 1,
            persisting_seq: seq,
            persisted_seq: seq,
            parked: Vec::new(),
        };
        library.local_store().write_chunk(&Chunk { book_id, expect: None, sync, ops })?;
    }
    library.close()?;
    writeln!(out, "{} books of {} documents", options.books, book.state.document_count())?;
    Ok(())
}

async fn measure(data: &Path, url: Option<&str>, out: &mut dyn Write) -> Result<()> {
    let (library, _) = Library::open(LibraryConfig::new(data))?;
    let sink = Sink::start(&library, Vec::new(), &SinkConfig::new());
    let live = library.create_book(&BookId::new("the-live-one")?, "bench")?;
    live.persist_book_record(NewBook { page_count: 1_000_000 })?;
    sink.barrier().await;
    let idle = kibibytes("VmRSS")?;
    // From here on the highest is that of catching up.
    fs::write("/proc/self/clear_refs", "5")?;
    let name: TargetName = "new".parse()?;
    let target: Arc<dyn Target> = match url {
        Some(url) => Arc::new(DefraTarget::new(&DefraOptions::new(url))?),
        None => Arc::new(SqliteTarget::mirror(data.with_extension("mirror"))),
    };
    let begun = Instant::now();
    sink.add(RemoteTarget { name: name.clone(), target: target.clone(), pace: Pace::REMOTE })?;
    let mut longest = Duration::ZERO;
    {
        let mut arriving = std::pin::pin!(sink.barrier());
        for page_num in 1.. {
            let began = Instant::now();
            let receipt = live.persist_page_extract(page_num)?;
            let persisted = live.persisted(receipt.seq, &name);
            tokio::select! {
                reached = &mut arriving => {
                    ensure!(reached.iter().all(|(_, reached)| *reached == bookstate_sink::Reached::All), "{reached:?}");
                    break;
                }
                () = persisted => longest = longest.max(began.elapsed()),
            }
            tokio::time::sleep(BEAT).await;
        }
    }
    let took = begun.elapsed();
    let above = kibibytes("VmHWM")?.saturating_sub(idle);
    check(&library, target.as_ref(), &name, &sink).await?;
    let mebibytes = above / 1024;
    writeln!(
        out,
        "caught up in {:.1} s; {mebibytes} MiB above the {} MiB of the idle process (bar: {MOST_MEBIBYTES}); a live \
         book's lag at most {:.2} s (bar: {})",
        took.as_secs_f64(),
        idle / 1024,
        longest.as_secs_f64(),
        LONGEST_LAG.as_secs(),
    )?;
    ensure!(mebibytes <= MOST_MEBIBYTES && longest < LONGEST_LAG, "a bar was missed");
    Ok(())
}

/// Nothing is parked, all books are there, and some of them are looked at.
async fn check(library: &Library, target: &dyn Target, name: &TargetName, sink: &Sink) -> Result<()> {
    for status in sink.status().into_iter().filter(|status| status.name == *name) {
        ensure!(status.parked == 0, "documents were parked: {status:?}");
    }
    let books = library.local_store().list_books()?;
    let theirs = target.list_books().await?;
    ensure!(theirs.len() == books.len(), "the target has {} books of {}", theirs.len(), books.len());
    for (id, _) in books.iter().step_by(books.len().div_ceil(20)) {
        if library.is_live(id) {
            continue;
        }
        let ours = library.local_store().load_book(id)?.context("the book is there")?;
        let theirs = target.load_book(id).await?.context("the copy is there")?;
        ensure!(theirs.state == ours.state, "the copy of {id} differs");
    }
    Ok(())
}

/// A number of `/proc/self/status`.
fn kibibytes(what: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let number =
        line.and_then(|line| line.split_whitespace().next()).context("a line of /proc/self/status")?;
    Ok(number.parse()?)
}
