//! Log lines when a server's jobs begin and end.

use bookstate_jobs::{JobProgress, RunningJob};
use tokio::sync::watch;

/// Says that a job begins, and, when it is so far, that this run of it has ended.
pub(crate) fn begins(job: &RunningJob) {
    let what = if job.resumed { "a job goes on" } else { "a job begins" };
    tracing::info!(book = %job.progress.borrow().book_id, job = %job.job_id, "{what}");
    drop(tokio::spawn(ends(job.progress.clone())));
}

async fn ends(mut progress: watch::Receiver<JobProgress>) {
    // A job whose actor is gone has ended, too.
    drop(progress.wait_for(JobProgress::is_over).await);
    let last = progress.borrow();
    let (open, failed) = last.stages.iter().fold((0, 0), |(open, failed), stage| {
        use bookstate_domain::StageState;
        (
            open + usize::from(!stage.state.is_settled()),
            failed + usize::from(stage.state == StageState::Failed),
        )
    });
    let how = match (open, failed) {
        (0, 0) => "complete",
        (0, _) => "over, with failures",
        _ => "not complete",
    };
    tracing::info!(book = %last.book_id, job = %last.job_id, units = last.units.run, "a job has ended: {how}");
}
