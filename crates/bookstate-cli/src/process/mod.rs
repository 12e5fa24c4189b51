//! `bookstate process FILE…`: takes books in, runs their jobs, and ends with everything in the local store.
//!
//! Reading order: [`run`], [`book`] (one file from start to end), [`stop`] (Ctrl-C), [`display`] (bars or log
//! lines), [`report`] (the line per book, the summary), [`remote`] (the same at a server), [`estimate`] (costs),
//! [`take_over`] (books of another data directory).

mod book;
mod display;
mod estimate;
mod remote;
mod report;
pub(crate) mod stop;
mod take_over;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bookstate_domain::{BookId, Priority};
use bookstate_jobs::{
    Intake, JobRequest, Scheduler, SchedulerConfig, UnitLog,
    engines::EngineCatalog,
    plan::JobPlan,
    pool::{LOCAL_POOL, PoolConfig},
};
use bookstate_reading::source::SourceError;
use bookstate_scans::input::Scan;
use bookstate_store::Library;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    args::ProcessArgs,
    client::Client,
    failure::{Exit, Failure},
    file_limit, library,
    logging::say,
    models::{self, Models},
    output::{self, count},
    settings::Settings,
};
use display::Display;
use report::Outcome;
use stop::Stop;

/// What the tasks of all files share.
#[derive(Debug)]
struct Shared {
    library: Library,
    scheduler: Scheduler,
    request: JobRequest,
    intake: Intake,
    /// What such a job would do.
    plan: JobPlan,
    display: Display,
    stop: Stop,
    /// Books that are being processed, so that the same content given twice is processed once.
    taken: Mutex<BTreeSet<BookId>>,
    /// Files are taken in one after the other: the same content twice at once would be two writers of one
    /// book.
    taking_in: tokio::sync::Mutex<()>,
    /// How many books are worked on at once.
    turns: Semaphore,
    drain: Duration,
    /// How long a job waits for room on a full disk.
    stall: Duration,
    /// Nobody made room: no further book is begun.
    given_up: AtomicBool,
}

/// Processes books at a server. The exit code is the most serious of all files'.
///
/// # Errors
/// None of the files is there.
pub(crate) async fn at_server(client: Client, args: &ProcessArgs, json: bool) -> Result<Exit, Failure> {
    if args.take_over {
        return Err(Failure::usage("--take-over is for a data directory of one's own: end the server first"));
    }
    if args.estimate {
        return Err(Failure::usage(
            "a server makes no estimate: leave out --estimate, or end the server first",
        ));
    }
    remote::run(client, args, json).await
}

/// Processes books. The exit code is the most serious of all files'.
///
/// # Errors
/// Nothing could be begun, or the local store does not have everything at the end.
pub(crate) async fn run(settings: &Settings, args: &ProcessArgs, json: bool) -> Result<Exit, Failure> {
    if args.estimate {
        return estimate::run(settings, args, json).await;
    }
    let (files, missing) = existing(&args.files)?;
    let (catalog, models) = models::engines(settings)?;
    let plan = catalog.resolve(&settings.engines).map_err(Failure::usage)?.job_plan(settings.variant);
    let unit_log = args.unit_log.as_deref().map(UnitLog::open).transpose().map_err(|error| {
        let path = args.unit_log.as_deref().unwrap_or(std::path::Path::new("")).display();
        Failure::usage(format_args!("the unit log {path} cannot be written: {error}"))
    })?;
    file_limit::raise();
    if args.take_over && settings.targets.is_empty() {
        return Err(Failure::usage(
            "--take-over asks targets, and there is none: `bookstate target add NAME PLACE`",
        ));
    }
    let intake = library::intake(settings)?;
    let library = library::open(settings)?;
    models.count_today(&library, settings).await?;
    let sink = library::start_sink(&library, settings)?;
    if args.take_over
        && let Err(failure) = take_over::all(&sink, &files).await
    {
        library::finish(library, sink, settings).await?;
        return Err(failure);
    }
    let shared = Arc::new(Shared {
        scheduler: scheduler(&library, catalog, &models, settings, unit_log),
        library: library.clone(),
        request: JobRequest {
            variant: settings.variant,
            engines: settings.engines.clone(),
            options: models.job_options(settings),
            reset: args.reset,
            priority: Priority::Bulk,
        },
        intake,
        plan,
        display: Display::new(io::stderr().is_terminal(), files.len()),
        stop: Stop::watch(),
        taken: Mutex::default(),
        taking_in: tokio::sync::Mutex::default(),
        turns: Semaphore::new(settings.books_at_once),
        drain: settings.drain,
        stall: settings.stall,
        given_up: AtomicBool::new(false),
    });
    let mut outcomes = process_all(&shared, files, json).await?;
    shared.display.end();
    let stopped = shared.stop.is_asked();
    // What is shared holds the library, whose end ends the journal.
    drop(shared);
    let drained = library::finish(library, sink, settings).await;
    tell_outcomes(&mut outcomes, json)?;
    drained?;
    let exit = outcomes.iter().map(|outcome| outcome.exit).chain([missing]).max().unwrap_or(Exit::Ok);
    if stopped {
        tell_stopped(&outcomes);
        return Ok(Exit::Interrupted);
    }
    Ok(exit)
}

/// The files that are there, and what the others mean for the exit code. Nothing is opened for missing and empty files
/// alone, so that a mistyped name makes no data directory.
fn existing(files: &[PathBuf]) -> Result<(Vec<PathBuf>, Exit), Failure> {
    let mut there = Vec::new();
    let mut errors = Vec::new();
    for path in files {
        let is_empty = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0);
        match path.exists() || names_images(path) {
            true if is_empty => errors.push(SourceError::Empty { path: path.clone() }),
            true => there.push(path.clone()),
            false => errors.push(SourceError::Missing { path: path.clone() }),
        }
    }
    if there.is_empty() {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(Failure::input(texts.join("; ")));
    }
    let mut exit = Exit::Ok;
    for error in errors {
        say("error", error);
        exit = Exit::Input;
    }
    Ok((there, exit))
}

/// Whether a path that is no file is a pattern of page images. What is wrong with it is said when it is taken in.
fn names_images(path: &Path) -> bool {
    !matches!(Scan::find(path), Ok(None))
}

/// The scheduler of a command that runs jobs.
pub(crate) fn scheduler(
    library: &Library,
    catalog: EngineCatalog,
    models: &Models,
    settings: &Settings,
    unit_log: Option<UnitLog>,
) -> Scheduler {
    let local = PoolConfig { concurrency: settings.workers, ..PoolConfig::new(LOCAL_POOL) };
    let config = SchedulerConfig {
        books_at_once: settings.books_at_once,
        pools: models.pools().chain([local]).collect(),
        unit_log: unit_log.map(Arc::new),
        min_free_bytes: settings.min_free_bytes,
        ..SchedulerConfig::default()
    };
    Scheduler::new(library.clone(), catalog, config)
}

/// Runs every file's task; prints each book's line as it is done.
async fn process_all(shared: &Arc<Shared>, files: Vec<PathBuf>, json: bool) -> Result<Vec<Outcome>, Failure> {
    let mut tasks = JoinSet::new();
    for (place, path) in files.into_iter().enumerate() {
        let shared = shared.clone();
        tasks.spawn(async move { book::process(&shared, place, path).await });
    }
    let mut outcomes = Vec::new();
    loop {
        tokio::select! {
            // A request to stop must reach the jobs although results keep coming in.
            biased;
            () = shared.stop.asked() => break,
            done = tasks.join_next() => match done {
                Some(done) => take(done, json, &mut outcomes)?,
                None => return Ok(outcomes),
            },
        }
    }
    say("note", "stopping at a safe point; press Ctrl-C again to exit at once (nothing is lost either way)");
    shared.scheduler.pause();
    while let Some(done) = tasks.join_next().await {
        take(done, json, &mut outcomes)?;
    }
    Ok(outcomes)
}

fn take(
    done: Result<Outcome, tokio::task::JoinError>,
    json: bool,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), Failure> {
    let outcome = done.map_err(Failure::unexpected)?;
    if let (true, Some(line)) = (json, &outcome.line) {
        output::json(line)?;
    }
    outcomes.push(outcome);
    Ok(())
}

/// Prints the summary, in the order of the command line. With JSON each line was printed when its book was done.
fn tell_outcomes(outcomes: &mut [Outcome], json: bool) -> Result<(), Failure> {
    outcomes.sort_by_key(|outcome| outcome.place);
    if !json && outcomes.iter().any(|outcome| outcome.line.is_some()) {
        output::print(&report::summary(outcomes), "")?;
    }
    Ok(())
}

/// Says what a stop has left, and how to go on.
fn tell_stopped(outcomes: &[Outcome]) {
    let left: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.exit == Exit::Interrupted)
        .map(|outcome| output::quoted(&outcome.path.to_string_lossy()))
        .collect();
    match left.as_slice() {
        [] => say("note", "stopped; every book was done already"),
        left => say(
            "note",
            format_args!(
                "stopped; {} left, nothing is lost: `bookstate process {}` continues",
                count(left.len(), "book"),
                left.join(" ")
            ),
        ),
    }
}
