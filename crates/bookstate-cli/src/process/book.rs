//! One file, from taking it in to the end of its job.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use bookstate_domain::{BookId, JobId, JobStatus, Seq};
use bookstate_jobs::{
    Activity, IngestError, Ingested, JobEnd, JobProgress, RunningJob, StartError, Started, ingest_within,
    plan::settled_units,
};
use bookstate_scans::InputError;
use bookstate_store::{Snapshot, TargetName};
use tokio::sync::watch;

use super::{
    Shared,
    report::{BookLine, FinishedBook, Outcome, Run},
};
use crate::{
    commands::reset::cancel_interrupted,
    failure::{Exit, Failure},
    logging::say,
};

/// Processes the file at `path`. Never fails as a whole: what went wrong is said, and is the outcome.
pub(super) async fn process(shared: &Shared, place: usize, path: PathBuf) -> Outcome {
    let Ok(_turn) = shared.turns.acquire().await else {
        return Outcome::without_line(place, path, Exit::Failed);
    };
    if shared.stop.is_asked() {
        return Outcome::without_line(place, path, Exit::Interrupted);
    }
    if shared.given_up.load(Ordering::Relaxed) {
        return Outcome::without_line(place, path, Exit::DataDir);
    }
    match one(shared, &path).await {
        Ok(Some((exit, line))) => Outcome { place, path, exit, line: Some(line) },
        Ok(None) => Outcome::without_line(place, path, Exit::Ok),
        Err(failure) => {
            if !failure.is_silent() {
                say("error", &failure);
            }
            Outcome::without_line(place, path, failure.exit)
        }
    }
}

async fn one(shared: &Shared, path: &Path) -> Result<Option<(Exit, BookLine)>, Failure> {
    let taking_in = shared.taking_in.lock().await;
    let ingested = ingest_within(&shared.library, path, &shared.intake).await.map_err(ingest_failure)?;
    drop(taking_in);
    if shared.stop.is_asked() {
        return Err(Failure::silent(Exit::Interrupted));
    }
    let id = ingested.book_id.clone();
    if !shared.taken.lock().insert(id.clone()) {
        say(
            "note",
            format_args!("{} has the content of another file (book {id}): processed once", path.display()),
        );
        return Ok(None);
    }
    let before = if ingested.known { shared.library.book_seq(&id)? } else { Seq::ZERO };
    if shared.request.reset.is_some() {
        let handle = shared.library.open_book(&id, "reset")?;
        cancel_interrupted(&handle)?;
    }
    match shared.scheduler.start(&id, shared.request.clone()).await.map_err(start_failure)? {
        Started::NothingToDo { job_id, snapshot, .. } => {
            say("note", format_args!("{} (book {id}) is done already; nothing was changed", path.display()));
            let run = Run { skipped: settled_units(&snapshot.state, &shared.plan), ..Run::default() };
            let line = line(shared, &ingested, job_id, &snapshot, run, None).await?;
            Ok(Some((line.exit(), line)))
        }
        Started::Running(job) => run(shared, path, &ingested, before, job).await.map(Some),
    }
}

async fn run(
    shared: &Shared,
    path: &Path,
    ingested: &Ingested,
    before: Seq,
    job: RunningJob,
) -> Result<(Exit, BookLine), Failure> {
    let id = &ingested.book_id;
    let name = path.file_name().map_or_else(|| id.to_string(), |name| name.to_string_lossy().into_owned());
    if job.resumed {
        say("note", format_args!("{name} (book {id}): {} was interrupted and continues", job.job_id));
    }
    // Asked for while the job began: then it was not among those that were brought to a safe point.
    if shared.stop.is_asked() {
        shared.scheduler.pause();
    }
    let job_id = job.job_id.clone();
    let bars = shared.display.follow(&name, job.progress.clone());
    let stalled = stalled_too_long(job.progress.clone(), shared.stall);
    let mut why = None;
    let wait = job.wait();
    tokio::pin!(wait);
    let report = tokio::select! {
        report = &mut wait => report,
        reason = stalled => {
            why = Some(reason);
            shared.given_up.store(true, Ordering::Relaxed);
            shared.scheduler.pause();
            wait.await
        }
    };
    // The display ends by itself when the job's progress does.
    drop(bars.await);
    let (exit, stopped) = match &report.end {
        JobEnd::Over { status: JobStatus::Completed, .. } => (Exit::Ok, None),
        JobEnd::Over { status: JobStatus::Degraded, .. } => (Exit::Degraded, None),
        // Paused by nobody's wish: a disk is everybody's, and so is a provider.
        JobEnd::Paused if !shared.stop.is_asked() => {
            let reason =
                why.unwrap_or_else(|| "another book waits for something that you have to do".to_owned());
            (Exit::DataDir, Some(format!("{reason}; the same command continues")))
        }
        JobEnd::Paused => (Exit::Interrupted, Some("interrupted; the same command continues".to_owned())),
        JobEnd::Fenced => {
            let reason =
                "another machine may own the book now, and goes on with it: what was not stored was dropped";
            (Exit::DataDir, Some(reason.to_owned()))
        }
        JobEnd::Stopped { reason } => (Exit::DataDir, Some(reason.clone())),
        _ => (Exit::Failed, None),
    };
    let reading = shared.library.read(id).await?;
    let snapshot = reading.ok_or_else(|| Failure::unexpected(format_args!("book {id} is gone")))?.snapshot;
    let run = Run {
        commits: snapshot.seq.get().saturating_sub(before.get()),
        run: report.units.run,
        skipped: report.units.skipped,
        seconds: report.seconds,
    };
    let line = line(shared, ingested, Some(job_id), &snapshot, run, stopped).await?;
    if matches!(exit, Exit::Degraded | Exit::Failed | Exit::DataDir) {
        let book = line.book();
        let reason = book.status_reason.as_deref().unwrap_or("no reason was given");
        let kind = if exit == Exit::Degraded { "warning" } else { "error" };
        say(kind, format_args!("{name} (book {id}) is {}: {reason}", book.status));
    }
    Ok((exit, line))
}

/// Waits until a job has been stalled for `limit` without a single commit, by what only a person can change; says by
/// what. Never ends when its job does not stall, or goes on by itself some time.
async fn stalled_too_long(mut progress: watch::Receiver<JobProgress>, limit: Duration) -> String {
    let needs_person = |now: &JobProgress| match &now.activity {
        Activity::Stalled { reason, goes_on: false } => Some(reason.clone()),
        _ => None,
    };
    loop {
        let now = progress.wait_for(|now| needs_person(now).is_some()).await;
        let now = now.map(|now| (now.seq, needs_person(&now).unwrap_or_default()));
        let Ok((seq, reason)) = now else { return std::future::pending().await };
        let goes_on = progress.wait_for(|now| now.seq > seq || needs_person(now).is_none());
        if tokio::time::timeout(limit, goes_on).await.is_err() {
            return reason;
        }
    }
}

/// The line of a book, once the local store has all of it.
async fn line(
    shared: &Shared,
    ingested: &Ingested,
    job_id: Option<JobId>,
    snapshot: &Snapshot,
    run: Run,
    stopped: Option<String>,
) -> Result<BookLine, Failure> {
    let persisted = persisted(shared, &ingested.book_id, snapshot.seq).await?;
    Ok(BookLine::new(FinishedBook::of(&snapshot.state, job_id, stopped), persisted, run))
}

/// Waits until the local store has a book up to `seq`, not longer than a drain may take; returns how far it
/// is.
async fn persisted(shared: &Shared, id: &BookId, seq: Seq) -> Result<Seq, Failure> {
    let stored = || shared.library.local_store().book_sync(id);
    if let Some(sync) = stored()?.filter(|sync| sync.persisted_seq >= seq) {
        return Ok(sync.persisted_seq);
    }
    let handle = shared.library.open_book(id, "process")?;
    let waited = tokio::time::timeout(shared.drain, handle.persisted(seq, &TargetName::local())).await;
    drop(handle);
    if waited.is_ok() {
        return Ok(seq);
    }
    Ok(stored()?.map_or(Seq::ZERO, |sync| sync.persisted_seq))
}

pub(super) fn ingest_failure(error: IngestError) -> Failure {
    match error {
        IngestError::Open(error) => error.into(),
        IngestError::Persist(error) => error.into(),
        error => {
            let exit = match error {
                IngestError::Source(_) | IngestError::TooLarge { .. } | IngestError::Excessive { .. } => {
                    Exit::Input
                }
                IngestError::Images(InputError::Write { .. }) => Exit::DataDir,
                IngestError::Images(_) => Exit::Input,
                IngestError::Copy { .. } => Exit::DataDir,
                _ => Exit::Failed,
            };
            Failure::caused(exit, &error)
        }
    }
}

fn start_failure(error: StartError) -> Failure {
    match error {
        StartError::Open(error) => error.into(),
        StartError::Persist(error) => error.into(),
        error => {
            let exit = match error {
                StartError::Engine(_) | StartError::EngineMissing { .. } => Exit::Usage,
                StartError::Source(_)
                | StartError::Images(_)
                | StartError::SourceGone { .. }
                | StartError::EndsProcess { .. } => Exit::Input,
                _ => Exit::Failed,
            };
            Failure::caused(exit, &error)
        }
    }
}
