//! What goes on beside requests: jobs that no machine has are taken, and books that nobody needs here are given back.

use std::{sync::Arc, time::Duration};

use bookstate_domain::BookId;
use bookstate_fleet::{Candidate, JobNote};
use bookstate_jobs::{Intake, JobRequest, Started, copy_of, ingest_within};
use serde::Deserialize;

use super::{
    files::{self, BookFile},
    member::Inner,
};

/// How often it is looked whether there is room, or something to give back.
const LOOK: Duration = Duration::from_millis(100);

/// How long it is waited before something is tried again that did not work.
const AGAIN: Duration = Duration::from_secs(2);

/// What this program puts into the note of a job.
#[derive(Debug, Default, Deserialize)]
struct NoteOptions {
    #[serde(default)]
    files: Vec<BookFile>,
}

/// Goes on with jobs that no machine has, as long as there is room.
pub(super) async fn take(inner: Arc<Inner>) {
    let Ok(fleet) = inner.fleet() else { return };
    let mut wanted = fleet.wanted();
    loop {
        while inner.scheduler.jobs().len() >= inner.room {
            tokio::time::sleep(LOOK).await;
        }
        let Some(candidate) = wanted.next().await else { return };
        if inner.is_leaving() {
            return;
        }
        let book = candidate.book.clone();
        if let Err(reason) = go_on(&inner, candidate).await {
            tracing::warn!(%book, reason, "the job of another machine is not gone on with here");
            // Another machine may be able to.
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Goes on with a job.
async fn go_on(inner: &Arc<Inner>, Candidate { book, note, .. }: Candidate) -> Result<(), String> {
    // Without a job it is given back when this is over.
    let _use = inner.own(&book).await.map_err(|error| error.to_string())?;
    resume(inner, &book, note).await
}

async fn resume(
    inner: &Arc<Inner>,
    book: &BookId,
    JobNote { job_id, priority, options, .. }: JobNote,
) -> Result<(), String> {
    let options: NoteOptions = serde_json::from_value(options).unwrap_or_default();
    let dir = inner.library.dir();
    files::fetch(&*inner.sources, dir, &options.files).await.map_err(|error| error.to_string())?;
    let (library, id) = (inner.library.clone(), book.clone());
    let known = tokio::task::spawn_blocking(move || library.book_seq(&id)).await;
    let known = known.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    if known.get() == 0 {
        // The machine died before any target had the book.
        let copy = copy_of(dir, book).ok_or("its file is nowhere")?;
        let taken_in = ingest_within(&inner.library, &copy, &Intake::default()).await;
        taken_in.map_err(|error| error.to_string())?;
    }
    let request = JobRequest { priority, ..inner.request.clone() };
    let started = inner.scheduler.start(book, request).await.map_err(|error| error.to_string())?;
    match started {
        Started::Running(job) => {
            tracing::info!(%book, job = job_id, "the job of another machine goes on here");
            inner.announce(book, job.job_id.as_str(), priority).await;
            let (inner, book) = (inner.clone(), book.clone());
            tokio::spawn(async move {
                let report = job.wait().await;
                tracing::info!(%book, end = ?report.end, "the job has ended here");
                inner.look.notify_one();
            });
        }
        Started::NothingToDo { .. } => inner.look.notify_one(),
    }
    Ok(())
}

/// Gives books back that nobody needs here, and tells the others of jobs of which they were not told.
pub(super) async fn keep(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.look.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        inner.tidy();
        // What waits here may be begun elsewhere. Alone, a machine would only take it again.
        if inner.fleet().is_ok_and(|fleet| fleet.machines().len() > 1) {
            inner.scheduler.put_back_waiting();
        }
        for (book, untold) in inner.owned() {
            if inner.is_done_with(&book) {
                inner.give_back(&book).await;
            } else if let Some(priority) = untold
                && let Some(progress) = inner.scheduler.progress(&book)
            {
                let job_id = progress.borrow().job_id.clone();
                inner.announce(&book, job_id.as_str(), priority).await;
            }
        }
    }
}

/// Claims targets that were away when their books were.
pub(super) async fn claim(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(AGAIN).await;
        inner.claim_silent().await;
    }
}
