//! Jobs: their records, and what the running ones show of themselves.

use std::{fmt, str::FromStr};

use bookstate_domain::{BookId, IdError, Job, JobId as DomainJobId, JobStatus, Text, Timestamp, Variant};
use bookstate_jobs::{Activity, JobProgress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{book::Stage, words::optional_word};

/// Names a job of any book: `{book}~{job}`. Ids do not have the character in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobId {
    /// The book.
    pub book_id: BookId,
    /// The job within the book.
    pub job_id: DomainJobId,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.book_id, self.job_id)
    }
}

impl FromStr for JobId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (book, job) = text.split_once('~').unwrap_or((text, ""));
        Ok(Self { book_id: BookId::new(book)?, job_id: DomainJobId::new(job)? })
    }
}

/// What a job has done since it was last started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Units {
    /// Units whose result was persisted.
    pub run: usize,
    /// Units that were done before.
    pub skipped: usize,
    /// Failures that were persisted.
    pub failed: usize,
    /// Results that nobody wanted any more.
    pub dropped: usize,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveJob {
    /// `waiting` for its turn, `working`, `stalled`, `pausing` or `ended`.
    pub activity: String,
    /// Why it is stalled.
    pub reason: Option<String>,
    /// How far the book is, stage by stage.
    pub stages: Vec<Stage>,
    /// What was done.
    pub units: Units,
    /// Units in flight.
    pub in_flight: usize,
    /// The book's last commit.
    pub seq: u32,
}

impl LiveJob {
    /// What a running job shows of itself.
    #[must_use]
    pub fn of(progress: &JobProgress) -> Self {
        let (activity, reason) = match &progress.activity {
            Activity::Waiting => ("waiting", None),
            Activity::Working => ("working", None),
            Activity::Stalled { reason, .. } => ("stalled", Some(reason.clone())),
            Activity::Pausing => ("pausing", None),
            Activity::Ended => ("ended", None),
        };
        Self {
            activity: activity.to_owned(),
            reason,
            stages: progress.stages.iter().map(Stage::from).collect(),
            units: Units {
                run: progress.units.run,
                skipped: progress.units.skipped,
                failed: progress.units.failed,
                dropped: progress.units.dropped,
            },
            in_flight: progress.in_flight,
            seq: progress.seq.get(),
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobRow {
    /// Names it among the jobs of all books.
    pub id: String,
    /// Names it among the jobs of its book.
    pub job_id: String,
    /// The book's id.
    pub book_id: String,
    /// Which stages it runs.
    #[schema(schema_with = optional_word::<Variant>)]
    pub variant: Option<Variant>,
    /// Where it stands.
    #[schema(schema_with = optional_word::<JobStatus>)]
    pub status: Option<JobStatus>,
    /// OCR providers in order of preference.
    #[schema(value_type = Vec<String>)]
    pub ocr: Vec<Text>,
    /// The engine of every other stage.
    #[schema(value_type = Option<String>)]
    pub analysis: Option<Text>,
    /// The operation that was reset for it.
    pub reset_from: Option<String>,
    /// When it was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// Why it failed or is degraded.
    #[schema(value_type = Option<String>)]
    pub error: Option<Text>,
    /// What it shows of itself while it runs; null when it does not. An active job that does not run was
    /// interrupted: starting the book's job resumes it.
    pub live: Option<LiveJob>,
    /// It does not run here and goes on by itself: a machine of the fleet has it, or will.
    #[serde(default)]
    pub awaited: bool,
}

impl JobRow {
    /// A job, and its progress if it is the one that runs. A job that is over by its record is over: what was seen of it
    /// before does not count.
    #[must_use]
    pub fn of(job: &Job, live: Option<&JobProgress>) -> Self {
        let id = JobId { book_id: job.book_id.clone(), job_id: job.job_id.clone() };
        let engines = job.engines.as_ref();
        let is_active = job.status.is_some_and(JobStatus::is_active);
        Self {
            id: id.to_string(),
            job_id: job.job_id.to_string(),
            book_id: job.book_id.to_string(),
            variant: job.variant,
            status: job.status,
            ocr: engines.map(|engines| engines.ocr.clone()).unwrap_or_default(),
            analysis: engines.map(|engines| engines.analysis.clone()),
            reset_from: job.reset_from.map(|operation| operation.to_string()),
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
            error: job.error.clone(),
            live: live.filter(|live| is_active && live.job_id == job.job_id).map(LiveJob::of),
            awaited: false,
        }
    }
}

/// Jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Jobs {
    /// This part of the list.
    pub jobs: Vec<JobRow>,
    /// How many jobs there are in the whole list.
    pub total: usize,
}

/// The latest job of a book, as far as its record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookJob {
    /// Names it among the jobs of its book.
    pub job_id: String,
    /// Which stages it runs.
    #[schema(schema_with = optional_word::<Variant>)]
    pub variant: Option<Variant>,
    /// Where it stands.
    #[schema(schema_with = optional_word::<JobStatus>)]
    pub status: Option<JobStatus>,
    /// Why it failed or is degraded.
    #[schema(value_type = Option<String>)]
    pub error: Option<Text>,
}

impl BookJob {
    /// The job's record.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        Self {
            job_id: job.job_id.to_string(),
            variant: job.variant,
            status: job.status,
            error: job.error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_among_all_books() {
        let id: JobId = "b-1_x~job-2".parse().unwrap();
        assert_eq!((id.book_id.as_str(), id.job_id.as_str()), ("b-1_x", "job-2"));
        assert_eq!(id.to_string(), "b-1_x~job-2");
        for text in ["job-2", "~job-2", "b-1~", "b/1~job", ""] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
