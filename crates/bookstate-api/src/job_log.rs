//! Log lines when a server's jobs begin and end.

use bookstate_domain::JobStatus;
use bookstate_jobs::{JobProgress, RunningJob};
use bookstate_store::Library;
use tokio::sync::watch;

/// Says that a job begins, and, when it is so far, how it ended: by its stored status, which is the one that counts.
pub(crate) fn begins(library: &Library, job: &RunningJob) {
    let what = if job.resumed { "a job goes on" } else { "a job begins" };
    tracing::info!(book = %job.book_id, job = %job.job_id, "{what}");
    drop(tokio::spawn(ends(library.clone(), job.progress.clone())));
}

async fn ends(library: Library, mut progress: watch::Receiver<JobProgress>) {
    // A job whose actor is gone has ended, too.
    drop(progress.wait_for(JobProgress::is_over).await);
    let last = progress.borrow().clone();
    let reading = library.read(&last.book_id).await;
    let status = reading.ok().flatten().and_then(|reading| {
        let jobs = reading.snapshot.state.jobs();
        jobs.values().find(|job| job.job_id == last.job_id).and_then(|job| job.status)
    });
    let Some(status) = status else {
        return tracing::warn!(book = %last.book_id, job = %last.job_id, "a job has ended, and is not stored");
    };
    let units = last.units.run;
    match status {
        status if status.is_active() => {
            tracing::info!(book = %last.book_id, job = %last.job_id, units, "a job stopped at a safe point");
        }
        JobStatus::Completed | JobStatus::Cancelled => {
            tracing::info!(book = %last.book_id, job = %last.job_id, units, "a job is {status}");
        }
        status => tracing::warn!(book = %last.book_id, job = %last.job_id, units, "a job is {status}"),
    }
}
