//! `bookstate status [BOOK] [--watch]`: how far books are, and how far each target has them.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use bookstate_domain::{
    BookId, BookState, BookStatus, Completeness, JobId, JobStatus, Seq, StageProgress, StageState, Text,
    Variant,
};
use bookstate_store::TargetName;
use serde::Serialize;

use crate::{
    failure::{Exit, Failure},
    local::{Behind, LocalReader},
    output::{self, shortened},
    settings::Settings,
};

/// How often a watched status is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Serialize, PartialEq)]
struct Status {
    /// The process at work.
    process: Option<Process>,
    /// Commits that the journal has and the local store lacks, after a kill.
    behind: Vec<Behind>,
    books: Vec<BookLine>,
}

#[derive(Serialize, PartialEq)]
struct Process {
    pid: u32,
    host: String,
    since: String,
    command: String,
}

#[derive(Serialize, PartialEq)]
struct BookLine {
    book_id: BookId,
    title: Option<Text>,
    status: Option<BookStatus>,
    status_reason: Option<Text>,
    job: Option<JobLine>,
    settled: bool,
    stages: Vec<StageProgress>,
    problems: Vec<String>,
    persisted_seq: Seq,
    targets: Vec<TargetLine>,
}

#[derive(Serialize, PartialEq)]
struct JobLine {
    job_id: JobId,
    variant: Option<Variant>,
    status: Option<JobStatus>,
    error: Option<Text>,
}

#[derive(Serialize, PartialEq)]
struct TargetLine {
    name: TargetName,
    persisted_seq: Seq,
    /// Commits that it lacks.
    lag: u32,
    parked: usize,
}

fn status(local: &LocalReader, settings: &Settings, only: Option<&BookId>) -> Result<Status, Failure> {
    let store = local.store();
    let ids = match only {
        Some(id) => vec![id.clone()],
        None => store.list_books()?.into_iter().map(|(id, _)| id).collect(),
    };
    let mut books = Vec::new();
    for id in ids {
        let Some(loaded) = store.load_book(&id)? else { continue };
        let persisted = loaded.sync.persisted_seq;
        let mut targets = Vec::new();
        for target in &settings.targets {
            let passed = store.progress(target.name.as_str(), &id)?.map_or(Seq::ZERO, |p| p.persisted_seq);
            let parked = store.parked(Some(target.name.as_str()), Some(&id))?;
            targets.push(TargetLine {
                name: target.name.clone(),
                persisted_seq: passed,
                lag: persisted.get().saturating_sub(passed.get()),
                parked: parked.iter().filter(|document| !document.dropped).count(),
            });
        }
        books.push(book_line(&loaded.state, persisted, targets));
    }
    let process = local.holder().map(|holder| Process {
        pid: holder.pid,
        host: holder.host,
        since: holder.started,
        command: holder.command,
    });
    Ok(Status { process, behind: local.behind()?, books })
}

fn book_line(state: &BookState, persisted_seq: Seq, targets: Vec<TargetLine>) -> BookLine {
    let job = state.latest_job();
    let variant = job.and_then(|job| job.variant).unwrap_or(Variant::Standard);
    let Completeness { stages, settled, problems } = state.completeness(variant);
    let book = state.book();
    BookLine {
        book_id: state.book_id().clone(),
        title: book.and_then(|book| book.title.clone()),
        status: book.and_then(|book| book.status),
        status_reason: book.and_then(|book| book.status_reason.clone()),
        job: job.map(|job| JobLine {
            job_id: job.job_id.clone(),
            variant: job.variant,
            status: job.status,
            error: job.error.clone(),
        }),
        settled,
        stages,
        problems,
        persisted_seq,
        targets,
    }
}

/// Shows the status once, or whenever it changes.
pub(crate) async fn run(
    local: &LocalReader,
    settings: &Settings,
    book: Option<&str>,
    watch: bool,
    json: bool,
) -> Result<(), Failure> {
    let only = book.map(|book| local.find(book)).transpose()?;
    let mut shown = status(local, settings, only.as_ref())?;
    local.note_behind(only.as_ref());
    show(&shown, only.is_some(), json)?;
    while watch && !is_over(&shown) {
        tokio::select! {
            () = tokio::time::sleep(WATCH_INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => return Err(Failure::silent(Exit::Interrupted)),
        }
        let now = status(local, settings, only.as_ref())?;
        if now != shown {
            if !json && io::stdout().is_terminal() {
                // Clears the screen, so that the new state stands where the old one was.
                output::text("\u{1b}[2J\u{1b}[H")?;
            }
            show(&now, only.is_some(), json)?;
        }
        shown = now;
    }
    Ok(())
}

/// Whether nothing more is to be expected: no process is at work, or every book is done.
fn is_over(status: &Status) -> bool {
    let done =
        |book: &BookLine| !matches!(book.status, Some(BookStatus::Ingested | BookStatus::Processing) | None);
    status.process.is_none() || status.books.iter().all(done)
}

fn show(status: &Status, one: bool, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(status);
    }
    if let Some(process) = &status.process {
        output::line(&format!("process {} is at work (`{}`)", process.pid, process.command))?;
    }
    if one {
        return status.books.iter().try_for_each(show_book);
    }
    let mut table = output::table(&["book", "title", "status", "stage", "lag", "parked"]);
    for book in &status.books {
        let stage = book.stages.iter().find(|stage| !stage.state.is_settled());
        table.add_row([
            book.book_id.to_string(),
            shortened(book.title.as_deref().unwrap_or_default(), 40),
            book.status.map(|status| status.to_string()).unwrap_or_default(),
            stage.map(|stage| format!("{} {}/{}", stage.stage, stage.done, stage.total)).unwrap_or_default(),
            book.targets.iter().map(|target| target.lag).max().unwrap_or(0).to_string(),
            book.targets.iter().map(|target| target.parked).sum::<usize>().to_string(),
        ]);
    }
    output::print(&table, "no books yet: `bookstate process FILE` takes one in")
}

fn show_book(book: &BookLine) -> Result<(), Failure> {
    let word = |word: Option<String>| word.unwrap_or_else(|| "-".to_owned());
    output::line(&format!("book      {}", book.book_id))?;
    output::line(&format!("title     {}", book.title.as_deref().unwrap_or("-")))?;
    let reason = book.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    output::line(&format!("status    {}{reason}", word(book.status.map(|status| status.to_string()))))?;
    if let Some(job) = &book.job {
        let (variant, status) = (job.variant.map(|v| v.to_string()), job.status.map(|s| s.to_string()));
        output::line(&format!("job       {} ({}), {}", job.job_id, word(variant), word(status)))?;
    }
    output::line(&format!("seq       {} in the local store\n", book.persisted_seq))?;
    let mut stages = output::table(&["stage", "state", "done"]);
    for stage in &book.stages {
        let done = match stage.state {
            StageState::Skipped => String::new(),
            _ => format!("{}/{}", stage.done, stage.total),
        };
        stages.add_row([stage.stage.to_string(), stage.state.to_string(), done]);
    }
    output::print(&stages, "")?;
    if !book.targets.is_empty() {
        let mut targets = output::table(&["target", "seq", "lag", "parked"]);
        for target in &book.targets {
            targets.add_row([
                target.name.to_string(),
                target.persisted_seq.to_string(),
                target.lag.to_string(),
                target.parked.to_string(),
            ]);
        }
        output::line("")?;
        output::print(&targets, "")?;
    }
    Ok(())
}
