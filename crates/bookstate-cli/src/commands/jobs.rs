//! `bookstate jobs [BOOK]`.

use bookstate_api::view::{JobRow, Jobs};

use crate::{
    failure::Failure,
    output::{self, shortened},
};

/// Lists jobs.
pub(crate) fn run(jobs: &Jobs, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(jobs);
    }
    let mut table = output::table(&["job", "variant", "status", "stage", "created", "why"]);
    for job in &jobs.jobs {
        let word = |word: Option<String>| word.unwrap_or_default();
        table.add_row([
            job.id.clone(),
            word(job.variant.map(|variant| variant.to_string())),
            word(job.status.map(|status| status.to_string())),
            stage(job),
            // Nobody looks for nanoseconds in a table.
            word(job.created_at.map(|at| at.to_string().chars().take(19).collect())),
            shortened(job.error.as_deref().unwrap_or_default(), 60),
        ]);
    }
    output::print(&table, "no jobs yet: `bookstate process FILE` starts one")
}

/// The stage that a running job is at.
fn stage(job: &JobRow) -> String {
    let stages = job.live.iter().flat_map(|live| &live.stages);
    let open = stages.into_iter().find(|stage| !stage.state.is_settled());
    open.map(|stage| format!("{} {}/{}", stage.stage, stage.done, stage.total)).unwrap_or_default()
}
