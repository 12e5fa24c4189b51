//! How a job ends: done, failed, cancelled.

use bookstate_domain::{JobStatus, Stage, Text};
use bookstate_store::Snapshot;

use super::{Actor, Obstacle};
use crate::{persist_call::PersistCall, progress::JobEnd};

impl Actor {
    /// The book is done: the job's status is the book's, in one commit.
    pub(super) fn finish(&mut self, snapshot: &Snapshot) -> Result<JobEnd, Obstacle> {
        for metric in self.metrics.documents(&self.parts.engines) {
            self.persist(&PersistCall::Metric(self.parts.job_id.clone(), Box::new(metric)))?;
        }
        let problems = snapshot.state.completeness(self.parts.variant).problems;
        // A book of which nothing can be read is none; one of which something is missing is a bad copy.
        let unreadable = !problems.is_empty() && !snapshot.state.has_readable_page();
        let status = match problems.is_empty() {
            true => JobStatus::Completed,
            false if unreadable => JobStatus::Failed,
            false => JobStatus::Degraded,
        };
        let reason = (!problems.is_empty()).then(|| self.explain(problems));
        self.persist(&PersistCall::JobStatus(self.parts.job_id.clone(), status, reason.clone()))?;
        Ok(JobEnd::Over { status, reason })
    }

    /// The problems, with the reasons of the stages that failed in this run.
    fn explain(&self, problems: Vec<String>) -> Text {
        let explained = problems.into_iter().map(|problem| {
            let stage = problem.strip_suffix(" failed").and_then(|stage| stage.parse().ok());
            match stage.and_then(|stage: Stage| self.failures.get(&stage)) {
                Some(reason) => format!("{problem}: {reason}"),
                None => problem,
            }
        });
        explained.collect::<Vec<_>>().join("; ").into()
    }

    /// The job cannot go on.
    pub(super) fn fail(&self, reason: &str) -> JobEnd {
        let reason = Text::from(reason);
        let call = PersistCall::JobStatus(self.parts.job_id.clone(), JobStatus::Failed, Some(reason.clone()));
        self.over(&call, JobStatus::Failed, Some(reason))
    }

    /// The job is cancelled: what is in flight is dropped, the rest of the state stays.
    pub(super) fn cancel(&mut self) -> JobEnd {
        // What has arrived is stored, if it can be; if not it is counted as dropped.
        match self.settle_kept() {
            Err(Obstacle::Poisoned(reason)) => return JobEnd::Stopped { reason },
            Err(Obstacle::Fenced) => return JobEnd::Fenced,
            Ok(()) | Err(Obstacle::Full | Obstacle::Bug(_)) => {}
        }
        let call = PersistCall::JobStatus(self.parts.job_id.clone(), JobStatus::Cancelled, None);
        self.over(&call, JobStatus::Cancelled, None)
    }

    fn over(&self, call: &PersistCall, status: JobStatus, reason: Option<Text>) -> JobEnd {
        match self.persist(call) {
            Ok(_) => JobEnd::Over { status, reason },
            Err(Obstacle::Fenced) => JobEnd::Fenced,
            Err(Obstacle::Full) => {
                let reason =
                    "the journal's disk is full, so the job stays active: free some space, start it again";
                JobEnd::Stopped { reason: reason.to_owned() }
            }
            Err(Obstacle::Poisoned(reason) | Obstacle::Bug(reason)) => JobEnd::Stopped { reason },
        }
    }
}
