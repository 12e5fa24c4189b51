//! `bookstate jobs [BOOK]`.

use bookstate_api::view::{JobRow, Jobs};

use crate::{
    failure::Failure,
    logging::say,
    output,
    table::{Column, Table},
    time,
};

/// What an active job is called on which nobody works.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Lists jobs.
///
/// `at_work`: a process has the data directory. An active job without one was interrupted.
pub(crate) fn run(jobs: &Jobs, at_work: bool, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(jobs);
    }
    let mut table = Table::new(&[
        Column::whole("job"),
        Column::text("variant", 8).rank(3),
        Column::text("status", 11).toned(),
        Column::text("stage", 12).rank(1),
        Column::text("created", 23).rank(2),
        Column::text("why", 12).rank(4),
    ]);
    for job in &jobs.jobs {
        let word = |word: Option<String>| word.unwrap_or_default();
        table.row([
            job.id.clone(),
            word(job.variant.map(|variant| variant.to_string())),
            status(job, at_work),
            stage(job),
            word(job.created_at.map(time::local)),
            job.error.as_deref().unwrap_or_default().to_owned(),
        ]);
    }
    output::print(&table, "no jobs yet: `bookstate process FILE` starts one")?;
    if jobs.jobs.iter().any(|job| status(job, at_work) == INTERRUPTED) {
        say("note", "an interrupted job continues with `bookstate process FILE`; nothing of it is lost");
    }
    Ok(())
}

/// Where a job stands: what its record says, unless nobody works on it any more.
fn status(job: &JobRow, at_work: bool) -> String {
    match job.status {
        Some(status) if status.is_active() && job.live.is_none() && !at_work => INTERRUPTED.to_owned(),
        status => status.map(|status| status.to_string()).unwrap_or_default(),
    }
}

/// The stage that a running job is at.
fn stage(job: &JobRow) -> String {
    let stages = job.live.iter().flat_map(|live| &live.stages);
    let open = stages.into_iter().find(|stage| !stage.state.is_settled());
    open.map(|stage| format!("{} {}/{}", stage.stage, stage.done, stage.total)).unwrap_or_default()
}
