//! Log lines when a server's jobs begin and end.

use bookstate_domain::JobStatus;
use bookstate_jobs::{JobEnd, JobReport, RunningJob};

/// Says that a job begins, and, when it is so far, how it ended.
pub(crate) fn follow(job: RunningJob) {
    let what = if job.resumed { "a job goes on" } else { "a job begins" };
    tracing::info!(book = %job.book_id, job = %job.job_id, "{what}");
    // Has nothing of the library: the data directory is free as soon as the server has ended.
    drop(tokio::spawn(async { ended(&job.wait().await) }));
}

fn ended(report: &JobReport) {
    let JobReport { book_id, job_id, end, .. } = report;
    let units = report.units.run;
    match end {
        JobEnd::Over { status: status @ (JobStatus::Completed | JobStatus::Cancelled), .. } => {
            tracing::info!(book = %book_id, job = %job_id, units, "a job is {status}");
        }
        JobEnd::Over { status, .. } => {
            tracing::warn!(book = %book_id, job = %job_id, units, "a job is {status}");
        }
        JobEnd::Paused => {
            tracing::info!(book = %book_id, job = %job_id, units, "a job stopped at a safe point")
        }
        JobEnd::Fenced => {
            tracing::warn!(book = %book_id, job = %job_id, units, "a job has lost its book to another machine");
        }
        JobEnd::Stopped { reason } => {
            tracing::warn!(book = %book_id, job = %job_id, units, "a job has stopped: {reason}");
        }
        _ => tracing::info!(book = %book_id, job = %job_id, units, "a job has ended"),
    }
}
