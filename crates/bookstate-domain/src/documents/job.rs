//! One job of a book.

use bookstate_domain_macros::document;
use serde::{Deserialize, Serialize};

use crate::{
    BookId, JobId, OperationName, Timestamp,
    value::{Json, Text, word_enum},
};

word_enum! {
    /// Where a job stands.
    JobStatus {
        /// Waits for its turn.
        Queued = "queued",
        /// Works.
        Running = "running",
        /// Every stage is done.
        Completed = "completed",
        /// Done, but something failed on the way.
        Degraded = "degraded",
        /// Cannot go on.
        Failed = "failed",
        /// Stopped on request.
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// Whether the job still has work to do.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

word_enum! {
    /// Which stages a job runs.
    Variant {
        /// All of them.
        Standard = "standard",
        /// Pages and metadata.
        TextOnly = "text-only",
        /// Pages only.
        OcrOnly = "ocr-only",
    }
}

/// The engines of a job, by name. A resumed job uses the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Engines {
    /// OCR providers in order of preference.
    pub ocr: Vec<Text>,
    /// The engine of every other stage, then those of single stages: `local toc_finder=another`.
    pub analysis: Text,
}

/// One job of a book.
#[document(jobs)]
pub struct Job {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// The job.
    #[key]
    pub job_id: JobId,
    /// `process-book`.
    pub job_type: Option<Text>,
    /// Which stages it runs.
    pub variant: Option<Variant>,
    /// What it runs them with.
    pub engines: Option<Json<Engines>>,
    /// Options, as JSON text.
    pub options: Option<Text>,
    /// The version of the reading rules that it began with.
    pub rules: Option<i32>,
    /// The operation that was reset for it.
    pub reset_from: Option<OperationName>,
    /// Where it stands.
    pub status: Option<JobStatus>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed or is degraded.
    pub error: Option<Text>,
}
