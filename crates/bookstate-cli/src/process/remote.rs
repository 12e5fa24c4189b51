//! `process` at a server: files are sent to it, and their jobs are followed from here.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bookstate_api::view::{self, JobRow};
use bookstate_domain::{BookStatus, JobId, JobStatus, Priority, Seq, StageProgress};
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use super::{
    display::{Display, Shown},
    existing,
    report::{BookLine, FinishedBook, Outcome, Run},
    stop::Stop,
    take, tell_outcomes,
};
use crate::{
    args::ProcessArgs,
    client::Client,
    failure::{Exit, Failure},
    logging::say,
};

/// How often the server is asked how far a job is.
const PACE: Duration = Duration::from_millis(200);

/// What the server says of a file that it took in, as far as it concerns us.
#[derive(Debug, Deserialize)]
struct TakenIn {
    book_id: String,
    /// Its job; none when the book is done and never had one.
    id: Option<String>,
    page_count: Option<i32>,
}

/// What the tasks of all files share.
#[derive(Debug)]
struct Shared {
    client: Client,
    /// What a job is asked for beside what the server gives it by itself.
    request: Option<serde_json::Value>,
    priority: Option<Priority>,
    display: Display,
    /// One file is sent at a time: the server takes few at once from one client.
    sending: tokio::sync::Mutex<()>,
}

/// Processes books at a server. The exit code is the most serious of all files'.
///
/// # Errors
/// None of the files is there.
pub(super) async fn run(client: Client, args: &ProcessArgs, json: bool) -> Result<Exit, Failure> {
    let (files, missing) = existing(&args.files)?;
    let own = [
        ("--unit-log", args.unit_log.is_some()),
        ("--languages", args.languages().is_some()),
        ("--whole-images", args.whole_images),
        ("--no-cache", args.no_cache),
        ("--prompts", args.prompts.is_some()),
    ];
    if let Some((flag, _)) = own.iter().find(|(_, is_given)| *is_given) {
        return Err(Failure::usage(format_args!(
            "{flag} is the server's own when a server does the work: configure it where it runs"
        )));
    }
    let asked = args.variant().is_some() || args.reset.is_some();
    let request = json!({
        "variant": args.variant().map(|variant| variant.to_string()),
        "reset_from": args.reset.map(|operation| operation.to_string()),
        "priority": args.priority.unwrap_or_default().as_str(),
    });
    let shared = Arc::new(Shared {
        client,
        request: asked.then_some(request),
        priority: args.priority,
        display: Display::new(io::stderr().is_terminal(), files.len()),
        sending: tokio::sync::Mutex::default(),
    });
    let stop = Stop::watch();
    let mut tasks = JoinSet::new();
    for (place, path) in files.into_iter().enumerate() {
        let shared = shared.clone();
        tasks.spawn(async move { process(&shared, place, path).await });
    }
    let mut outcomes = Vec::new();
    let stopped = loop {
        tokio::select! {
            biased;
            () = stop.asked() => break true,
            done = tasks.join_next() => match done {
                Some(done) => take(done, json, &mut outcomes)?,
                None => break false,
            },
        }
    };
    shared.display.end();
    tell_outcomes(&mut outcomes, json)?;
    if stopped {
        say(
            "note",
            "what was sent is processed by the server, whoever looks on; `bookstate status` shows it",
        );
        return Ok(Exit::Interrupted);
    }
    Ok(outcomes.iter().map(|outcome| outcome.exit).chain([missing]).max().unwrap_or(Exit::Ok))
}

/// Processes the file at `path`. Never fails as a whole: what went wrong is said, and is the outcome.
async fn process(shared: &Shared, place: usize, path: PathBuf) -> Outcome {
    match one(shared, &path).await {
        Ok(line) => Outcome { place, path, exit: line.exit(), line: Some(line) },
        Err(failure) => {
            say("error", &failure);
            Outcome::without_line(place, path, failure.exit)
        }
    }
}

async fn one(shared: &Shared, path: &Path) -> Result<BookLine, Failure> {
    if !path.is_file() {
        return Err(Failure::input(format_args!(
            "{} is no file, and only files are sent to a server: make a CBZ or ZIP archive of page images",
            path.display()
        )));
    }
    let client = &shared.client;
    let sending = shared.sending.lock().await;
    let priority = shared.priority.map(|priority| ("priority", priority.to_string()));
    let query: Vec<_> = priority.into_iter().collect();
    let mut taken: TakenIn = client.upload(&["api", "books", "upload"], &query, path).await?;
    drop(sending);
    if let Some(request) = &shared.request {
        let pages = taken.page_count;
        taken = client.post(&["api", "jobs", "start", &taken.book_id], Some(request)).await?;
        taken.page_count = pages;
    }
    let job = match &taken.id {
        Some(id) => Some(follow(shared, path, id).await?),
        None => None,
    };
    line(client, &taken, job).await
}

/// A job that was followed to its end.
struct Followed {
    /// Its row, with what was last seen of it alive.
    row: JobRow,
    /// Where the book stood when it was first seen.
    first_seq: u32,
}

/// Follows a job to its end.
async fn follow(shared: &Shared, path: &Path, id: &str) -> Result<Followed, Failure> {
    let name = path.file_name().map_or_else(|| id.to_owned(), |name| name.to_string_lossy().into_owned());
    let (show, shown) = watch::channel(Shown::default());
    let bars = shared.display.follow(&name, shown);
    let mut last_live: Option<view::LiveJob> = None;
    let mut first_seq = None;
    let row = loop {
        let (mut row, _): (JobRow, _) = shared.client.get(&["api", "jobs", id], &[]).await?;
        if let Some(live) = row.live.take() {
            show.send_replace(Shown {
                stages: live.stages.iter().map(progress).collect(),
                stalled: live.reason.clone(),
                over: false,
            });
            first_seq.get_or_insert(live.seq);
            last_live = Some(live);
        } else if row.status.is_some_and(JobStatus::is_active) {
            // Between two machines of a fleet nobody works on it.
            if row.awaited {
                tokio::time::sleep(PACE).await;
                continue;
            }
            return Err(Failure::new(
                Exit::Failed,
                format_args!("the server does not work on {id} any more"),
            ));
        } else {
            break JobRow { live: last_live, ..row };
        }
        tokio::time::sleep(PACE).await;
    };
    drop(show);
    // The display ends by itself when nothing more can come.
    drop(bars.await);
    Ok(Followed { row, first_seq: first_seq.unwrap_or_default() })
}

fn progress(stage: &view::Stage) -> StageProgress {
    StageProgress { stage: stage.stage, state: stage.state, done: stage.done, total: stage.total }
}

/// The line of a book, as the server has it.
async fn line(client: &Client, taken: &TakenIn, job: Option<Followed>) -> Result<BookLine, Failure> {
    let id = taken.book_id.as_str();
    let (status, headers): (view::BookStatusLine, _) =
        client.get(&["api", "jobs", "status", id], &[]).await?;
    let (contents, _): (view::Contents, _) = client.get(&["api", "books", id, "toc"], &[]).await?;
    let (chapters, _): (view::Chapters, _) = client.get(&["api", "books", id, "chapters"], &[]).await?;
    let seq = headers.get("x-bookstate-seq").and_then(|seq| seq.to_str().ok()?.parse().ok());
    let seq: u32 = seq.unwrap_or_default();
    let live = job.as_ref().and_then(|job| job.row.live.as_ref());
    let times = job.as_ref().and_then(|job| Some((job.row.started_at?, job.row.completed_at?)));
    let run = Run {
        commits: job.as_ref().map_or(0, |job| seq.saturating_sub(job.first_seq)),
        run: live.map_or(0, |live| live.units.run),
        skipped: live.map_or(0, |live| live.units.skipped),
        seconds: times.map_or(0.0, |(from, to)| to.seconds_since(from)),
    };
    let book = FinishedBook {
        book_id: taken.book_id.clone(),
        job_id: job.and_then(|job| JobId::new(&job.row.job_id).ok()),
        status: status.status.unwrap_or(BookStatus::Ingested),
        status_reason: status.status_reason.as_deref().map(str::to_owned),
        pages: taken.page_count.unwrap_or_default(),
        toc_found: contents.found,
        toc_entries: contents.entries.len(),
        toc_entries_linked: contents.entries.iter().filter(|entry| entry.actual_page.is_some()).count(),
        chapters: chapters.chapters.len(),
        words: chapters.chapters.iter().map(|chapter| i64::from(chapter.word_count)).sum(),
    };
    Ok(BookLine::new(book, Seq::new(seq).unwrap_or(Seq::ZERO), run))
}
