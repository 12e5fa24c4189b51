//! What a job shows of itself while it runs.

use bookstate_domain::{BookId, Completeness, JobId, JobStatus, Seq, StageProgress, Text, Variant};
use serde::Serialize;

/// What a job has done in this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UnitCounts {
    /// Units whose result was persisted.
    pub run: usize,
    /// Units that were done before this run began.
    pub skipped: usize,
    /// Failures that were persisted; a unit may have several.
    pub failed: usize,
    /// Results that nobody wanted any more: the job was cancelled, or the unit's operation had failed.
    pub dropped: usize,
}

impl std::ops::AddAssign for UnitCounts {
    fn add_assign(&mut self, other: Self) {
        self.run += other.run;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.dropped += other.dropped;
    }
}

/// How a job is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "activity", rename_all = "snake_case")]
pub enum Activity {
    /// It waits for its turn.
    Waiting,
    /// It works.
    Working,
    /// It starts nothing new until the reason is gone, and keeps what comes in.
    Stalled {
        /// Why: the journal's disk is full, or nearly, or a provider cannot be used.
        reason: String,
        /// It goes on by itself, without anybody doing something.
        goes_on: bool,
    },
    /// It starts nothing new and waits for what is in flight.
    Pausing,
    /// It has ended.
    Ended,
}

/// A job at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobProgress {
    /// The book.
    pub book_id: BookId,
    /// The job.
    pub job_id: JobId,
    /// Which stages it runs.
    pub variant: Variant,
    /// How it is doing.
    pub activity: Activity,
    /// How far the book is, stage by stage.
    pub stages: Vec<StageProgress>,
    /// What was done.
    pub units: UnitCounts,
    /// Units in flight.
    pub in_flight: usize,
    /// The book's last commit.
    pub seq: Seq,
}

impl JobProgress {
    /// A job that begins.
    #[must_use]
    pub(crate) fn new(book_id: BookId, job_id: JobId, variant: Variant, completeness: Completeness) -> Self {
        Self {
            book_id,
            job_id,
            variant,
            activity: Activity::Working,
            stages: completeness.stages,
            units: UnitCounts::default(),
            in_flight: 0,
            seq: Seq::ZERO,
        }
    }

    /// Whether this run of the job has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.activity == Activity::Ended
    }
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "end", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobEnd {
    /// The job is over; this is its stored status: completed, degraded, failed or cancelled.
    Over {
        /// The stored status.
        status: JobStatus,
        /// Why it is degraded or failed.
        reason: Option<Text>,
    },
    /// It stopped at a safe point, and is active still: starting it again resumes it.
    Paused,
    /// The tenure under which it worked has ended, and another machine may own the book now. What was in flight was
    /// dropped, and nothing was stored of the end: the job is the next owner's, which resumes it.
    Fenced,
    /// It cannot persist anything any more: starting it again, with the cause removed, resumes it.
    Stopped {
        /// What to do.
        reason: String,
    },
}

/// What a run of a job did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobReport {
    /// The book.
    pub book_id: BookId,
    /// The job.
    pub job_id: JobId,
    /// How it ended.
    #[serde(flatten)]
    pub end: JobEnd,
    /// What was done.
    pub units: UnitCounts,
    /// The book's last commit.
    pub seq: Seq,
    /// Commits of this run.
    pub commits: u32,
    /// Wall time of this run.
    pub seconds: f64,
}
