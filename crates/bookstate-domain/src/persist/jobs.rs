//! Persist methods on jobs and metrics.

use std::sync::Arc;

use super::{Misuse, Ops, put};
use crate::{
    At, BookState, BookStatus, Engines, Job, JobId, JobKey, JobPatch, JobStatus, Json, MetricKey, Op,
    OperationName, Text, Variant, document::Document,
};

/// A job as it is asked for.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of Job")]
pub struct NewJob {
    pub job_id: JobId,
    pub variant: Variant,
    pub engines: Engines,
    pub options: Option<Text>,
    pub rules: Option<i32>,
    pub reset_from: Option<OperationName>,
}

/// Cost and time of a unit of work.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are those of Metric")]
pub struct UnitMetric {
    pub unit: Text,
    pub stage: Text,
    pub item_key: Option<Text>,
    pub provider: Option<Text>,
    pub model: Option<Text>,
    pub cost_usd: Option<f64>,
    pub prompt_tokens: Option<i32>,
    pub completion_tokens: Option<i32>,
    pub queue_seconds: Option<f64>,
    pub execution_seconds: Option<f64>,
    pub success: bool,
    pub error_type: Option<Text>,
}

impl BookState {
    fn job_key(&self, job_id: &JobId) -> JobKey {
        JobKey { book_id: self.book_id().clone(), job_id: job_id.clone() }
    }

    /// The job that has work to do. There is at most one.
    #[must_use]
    pub fn active_job(&self) -> Option<&Arc<Job>> {
        self.jobs().values().find(|job| job.status.is_some_and(JobStatus::is_active))
    }

    /// The job that was created last.
    #[must_use]
    pub fn latest_job(&self) -> Option<&Arc<Job>> {
        self.jobs().values().max_by_key(|job| job.created_seq)
    }

    /// A new job, queued; the book is processing from now on.
    ///
    /// # Errors
    /// There is no book, or one of its jobs is active, or the job exists.
    pub fn persist_job_record(&self, at: &At, new: NewJob) -> Result<Ops, Misuse> {
        self.require_book()?;
        if let Some(active) = self.active_job() {
            return Err(Misuse::JobActive(active.job_id.clone()));
        }
        let key = self.job_key(&new.job_id);
        if self.jobs().contains_key(&key) {
            return Err(Misuse::Twice(Job::any_key(key)));
        }
        let mut job = key.document(at);
        job.job_type = Some("process-book".into());
        job.variant = Some(new.variant);
        job.engines = Some(Json::from(new.engines));
        job.options = new.options;
        job.rules = new.rules;
        job.reset_from = new.reset_from;
        job.status = Some(JobStatus::Queued);
        let mut ops = vec![put(self, job)];
        ops.extend(self.persist_book_status(at, BookStatus::Processing, None)?);
        Ok(ops)
    }

    /// Where a job stands. Terminal states set the book's status in the same commit, so that the two cannot
    /// contradict each other.
    ///
    /// # Errors
    /// There is no such job, or another one is active: whatever is said late about this one, the book's status
    /// is the active one's.
    pub fn persist_job_status(
        &self,
        at: &At,
        job_id: &JobId,
        status: JobStatus,
        reason: Option<Text>,
    ) -> Result<Ops, Misuse> {
        let key = self.job_key(job_id);
        let Some(job) = self.jobs().get(&key) else { return Err(Misuse::NoSuchDocument(Job::any_key(key))) };
        if let Some(active) = self.active_job().filter(|active| active.job_id != *job_id) {
            return Err(Misuse::JobActive(active.job_id.clone()));
        }
        let starts = status == JobStatus::Running && job.started_at.is_none();
        let patch = JobPatch {
            status: Some(Some(status)),
            error: Some(reason.clone()),
            started_at: starts.then_some(Some(at.now)),
            completed_at: Some((!status.is_active()).then_some(at.now)),
            ..JobPatch::default()
        };
        let mut ops: Ops = vec![Op::<Job>::Update { key, patch: Box::new(patch) }.into()];
        let book = match status {
            JobStatus::Queued | JobStatus::Running => BookStatus::Processing,
            JobStatus::Completed => BookStatus::Complete,
            JobStatus::Degraded => BookStatus::Degraded,
            JobStatus::Failed => BookStatus::Failed,
            JobStatus::Cancelled => BookStatus::Ingested,
        };
        ops.extend(self.persist_book_status(at, book, reason)?);
        Ok(ops)
    }

    /// Cost and time of one unit of work; a unit that ran again replaces its metric.
    ///
    /// # Errors
    /// There is no book.
    pub fn persist_metric(&self, at: &At, job_id: &JobId, unit: UnitMetric) -> Result<Ops, Misuse> {
        self.require_book()?;
        let key = MetricKey { book_id: self.book_id().clone(), job_id: job_id.clone(), unit: unit.unit };
        let mut metric = key.document(at);
        metric.stage = unit.stage;
        metric.item_key = unit.item_key;
        metric.provider = unit.provider;
        metric.model = unit.model;
        metric.cost_usd = unit.cost_usd;
        metric.prompt_tokens = unit.prompt_tokens;
        metric.completion_tokens = unit.completion_tokens;
        metric.total_tokens = match (unit.prompt_tokens, unit.completion_tokens) {
            (None, None) => None,
            (prompt, completion) => Some(prompt.unwrap_or(0).saturating_add(completion.unwrap_or(0))),
        };
        metric.queue_seconds = unit.queue_seconds;
        metric.execution_seconds = unit.execution_seconds;
        metric.total_seconds = match (unit.queue_seconds, unit.execution_seconds) {
            (None, None) => None,
            (queue, execution) => Some(queue.unwrap_or(0.0) + execution.unwrap_or(0.0)),
        };
        metric.success = unit.success;
        metric.error_type = unit.error_type;
        Ok(vec![put(self, metric)])
    }
}
