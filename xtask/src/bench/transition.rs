//! `cargo measure bench transition`: from the answer of one stage to the start of the next, the number that began all this.
//!
//! A provider and a database that take a fixed time each: engines that sleep before they answer by the local rules, and
//! a SQLite mirror that sleeps before each write. What is timed lies between the moment at which the engine of
//! `toc_finder` gives its answer and that at which the one of `toc_extract` is called. Beside it, in the same run, is
//! what the job would stand still for if it waited for the database at each document of the same commits.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use bookstate_domain::{
    BookId, BookState, Engines, Operation, OperationState, Priority, Seq, Variant, WriteOp,
    persist::{NewTocEntry, TocFound},
};
use bookstate_jobs::{
    JobRequest, Scheduler, SchedulerConfig, Started,
    engine::{BookContext, EngineResult, TocExtractor, TocFinder, Turn},
    engines::{EngineCatalog, EngineSpec, LocalAnalysis},
    ingest,
};
use bookstate_sink::{Pace, RemoteTarget, Sink, SinkConfig};
use bookstate_store::{
    BookSync, Chunk, Library, LibraryConfig, Limits, StartId, StoredBook, Target, TargetError, WriterId,
    sqlite::SqliteTarget,
};
use bookstate_tests::books::Book;
use clap::Args;
use tokio::{sync::mpsc, time::sleep};

use super::standard_book;

/// The bar: what the transition may add.
const MOST: Duration = Duration::from_millis(1);

/// The name of the engines that sleep.
const REMOTE: &str = "provider:model";

/// What `bench transition` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Books, one after the other
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Pages of each book
    #[arg(long, default_value_t = 60)]
    pages: u32,
    /// Milliseconds that the provider takes for an answer
    #[arg(long, default_value_t = 50)]
    provider_ms: u64,
    /// Milliseconds that the database takes for a write
    #[arg(long, default_value_t = 50)]
    database_ms: u64,
    /// End with an error when the bar is missed
    #[arg(long)]
    check: bool,
}

/// Measures and writes the table.
///
/// # Errors
/// A job or a write failed; or the bar was missed and `--check` was given.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(options, out))
}

async fn measure(options: &Options, out: &mut dyn Write) -> Result<()> {
    ensure!(options.rounds > 0, "at least one round is needed");
    let commits = transition(&standard_book::record(options.pages).await?.commits)?;
    let documents = commits.iter().map(Vec::len).sum::<usize>();
    let (mut ours, mut waiting) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        ours.push(asynchronous(options, round).await?);
        waiting.push(synchronous(options, &commits).await?);
    }
    let (ours, waiting) = (median(&mut ours), median(&mut waiting));
    writeln!(
        out,
        "toc_finder to toc_extract, {} commits of {documents} documents, median of {} books",
        commits.len(),
        options.rounds
    )?;
    writeln!(out, "  as it is                             {:>10.3} ms", ours.as_secs_f64() * 1e3)?;
    writeln!(out, "  waiting for each document's write    {:>10.3} ms", waiting.as_secs_f64() * 1e3)?;
    let met = ours < MOST;
    let word = if met { "met   " } else { "MISSED" };
    writeln!(out, "{word} less than {} ms", MOST.as_millis())?;
    ensure!(met || !options.check, "the bar was missed");
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The commits from the one with the finder's answer to the one behind which the extractor is started.
fn transition(commits: &[Vec<WriteOp>]) -> Result<Vec<Vec<WriteOp>>> {
    let first = commits.iter().flatten().next().context("the job committed nothing")?;
    let mut state = BookState::new(first.key().book_id().clone());
    let (mut between, mut has_answer) = (Vec::new(), false);
    for ops in commits {
        for op in ops {
            state.apply(op);
        }
        let is = |operation, wanted| state.operation(operation).state == wanted;
        has_answer |= state.toc().is_some_and(|toc| toc.toc_found);
        if has_answer {
            // Whole: the database of the run that waits has not seen what was there before.
            between.push(ops.iter().map(|op| state.whole(&op.key())).collect());
        }
        if is(Operation::TocExtract, OperationState::InProgress) {
            return Ok(between);
        }
    }
    bail!("the contents of the standard book are not extracted")
}

/// What lies between the finder's answer and the extractor's call in a job with a sink.
async fn asynchronous(options: &Options, round: usize) -> Result<Duration> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("book.pdf");
    let seed = u64::try_from(round)?;
    std::fs::write(&file, Book::standard(options.pages).seed(seed).make_pdf().bytes)?;
    let (library, _) = Library::open(LibraryConfig::new(dir.path().join("data")))?;
    let database = Arc::new(SlowDatabase::new(&dir.path().join("mirror.db"), options));
    let remote = RemoteTarget { name: "mirror".parse()?, target: database, pace: Pace::REMOTE };
    let sink = Sink::start(&library, vec![remote], &SinkConfig::new());
    let (moments, mut seen) = mpsc::channel(2);
    let provider =
        Arc::new(Provider { takes: Duration::from_millis(options.provider_ms), moments: moments.clone() });
    let catalog = EngineCatalog::local()
        .with_finder(REMOTE, EngineSpec::local(), provider.clone())
        .with_extractor(REMOTE, EngineSpec::local(), provider);
    let scheduler = Scheduler::new(library.clone(), catalog, SchedulerConfig::default());
    let book = ingest(&library, &file).await?;
    let analysis = format!("local toc_finder={REMOTE} toc_extract={REMOTE}").as_str().into();
    let engines = Engines { ocr: vec!["text-layer".into()], analysis };
    let request = JobRequest {
        variant: Variant::Standard,
        engines,
        options: None,
        reset: None,
        priority: Priority::Bulk,
    };
    let Started::Running(job) = scheduler.start(&book.book_id, request).await? else {
        bail!("there was nothing to do");
    };
    let report = job.wait().await;
    let (Ok(answered), Ok(called)) = (seen.try_recv(), seen.try_recv()) else {
        bail!("the stages did not run: {:?}", report.end);
    };
    sink.drain(Duration::from_secs(60)).await;
    Ok(called.duration_since(answered))
}

/// How long it takes to write these documents one by one.
async fn synchronous(options: &Options, commits: &[Vec<WriteOp>]) -> Result<Duration> {
    let dir = tempfile::tempdir()?;
    let database = SlowDatabase::new(&dir.path().join("mirror.db"), options);
    database.prepare().await?;
    let book_id: BookId =
        commits.iter().flatten().next().context("nothing lies between")?.key().book_id().clone();
    let mut sync: Option<BookSync> = None;
    let began = Instant::now();
    for op in commits.iter().flatten() {
        let ops = vec![op.clone()];
        let next = BookSync {
            writer: WriterId([1; 16]),
            start: StartId::default(),
            epoch: bookstate_store::Epoch::NONE,
            write_no: sync.as_ref().map_or(1, |sync| sync.write_no + 1),
            token: 0,
            persisting_seq: Seq::ZERO,
            persisted_seq: Seq::ZERO,
            parked: Vec::new(),
        };
        let expect = sync.as_ref().map(BookSync::mark);
        database.write_chunk(&Chunk { book_id: book_id.clone(), expect, sync: next.clone(), ops }).await?;
        sync = Some(next);
    }
    Ok(began.elapsed())
}

/// Engines that take their time, and tell when the first has its answer and when the second is called.
#[derive(Debug)]
struct Provider {
    takes: Duration,
    moments: mpsc::Sender<Instant>,
}

impl Provider {
    fn note(&self) {
        // Two moments are wanted; whatever comes behind them has no room.
        self.moments.try_send(Instant::now()).ok();
    }
}

#[async_trait]
impl TocFinder for Provider {
    async fn find(&self, book: BookContext) -> EngineResult<Turn<Option<TocFound>>> {
        sleep(self.takes).await;
        let found = LocalAnalysis.find(book).await;
        self.note();
        found
    }
}

#[async_trait]
impl TocExtractor for Provider {
    async fn extract(&self, book: BookContext) -> EngineResult<Vec<NewTocEntry>> {
        self.note();
        sleep(self.takes).await;
        LocalAnalysis.extract(book).await
    }
}

/// A database that takes its time for each write.
#[derive(Debug)]
struct SlowDatabase {
    database: SqliteTarget,
    takes: Duration,
}

impl SlowDatabase {
    fn new(file: &std::path::Path, options: &Options) -> Self {
        Self {
            database: SqliteTarget::mirror(file.to_owned()),
            takes: Duration::from_millis(options.database_ms),
        }
    }
}

#[async_trait]
impl Target for SlowDatabase {
    fn limits(&self) -> Limits {
        self.database.limits()
    }

    async fn prepare(&self) -> Result<(), TargetError> {
        self.database.prepare().await
    }

    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        self.database.book_sync(book_id).await
    }

    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        sleep(self.takes).await;
        self.database.write_chunk(chunk).await
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        self.database.load_book(book_id).await
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        self.database.list_books().await
    }
}
