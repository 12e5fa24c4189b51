//! Cost and time of one unit of work.

use bookstate_domain_macros::document;

use crate::{BookId, JobId, value::Text};

/// Cost and time of one unit of work of a job.
#[document(metrics)]
pub struct Metric {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// The job.
    #[key]
    pub job_id: JobId,
    /// The unit's key within the job.
    #[key]
    pub unit: Text,
    /// The stage.
    pub stage: Text,
    /// What the unit was about: a page, an entry.
    pub item_key: Option<Text>,
    /// Who did it.
    pub provider: Option<Text>,
    /// With which model.
    pub model: Option<Text>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens sent.
    pub prompt_tokens: Option<i32>,
    /// Tokens received.
    pub completion_tokens: Option<i32>,
    /// Tokens in all.
    pub total_tokens: Option<i32>,
    /// Seconds spent waiting for a worker.
    pub queue_seconds: Option<f64>,
    /// Seconds of work.
    pub execution_seconds: Option<f64>,
    /// Seconds in all.
    pub total_seconds: Option<f64>,
    /// Whether it succeeded.
    pub success: bool,
    /// The kind of error, when it failed.
    pub error_type: Option<Text>,
}
