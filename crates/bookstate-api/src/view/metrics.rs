//! Cost and time of a book, per stage.

use std::collections::BTreeMap;

use bookstate_domain::{BookState, Metric, Stage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Cost and time of a stage, over all jobs of the book.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageMetrics {
    /// The stage.
    pub stage: String,
    /// Units of work, as recorded.
    pub units: usize,
    /// Of these, those that failed.
    pub failed: usize,
    /// Cost in US dollars.
    pub cost_usd: f64,
    /// Tokens in all.
    pub total_tokens: i64,
    /// Seconds spent waiting for a worker.
    pub queue_seconds: f64,
    /// Seconds of work.
    pub execution_seconds: f64,
}

impl StageMetrics {
    fn add(&mut self, metric: &Metric) {
        self.units += 1;
        self.failed += usize::from(!metric.success);
        self.cost_usd += metric.cost_usd.unwrap_or(0.0);
        self.total_tokens += metric.total_tokens.map_or(0, i64::from);
        self.queue_seconds += metric.queue_seconds.unwrap_or(0.0);
        self.execution_seconds += metric.execution_seconds.unwrap_or(0.0);
    }
}

/// Cost and time of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    /// The book's id.
    pub book_id: String,
    /// Per stage, in the order of the pipeline.
    pub stages: Vec<StageMetrics>,
    /// Cost in US dollars, over all stages.
    pub cost_usd: f64,
    /// Seconds of work, over all stages.
    pub execution_seconds: f64,
}

impl Metrics {
    /// Cost and time of a book.
    #[must_use]
    pub fn of(state: &BookState) -> Self {
        let mut stages: BTreeMap<(usize, String), StageMetrics> = BTreeMap::new();
        for metric in state.metrics().values() {
            let place = Stage::ALL.iter().position(|stage| stage.as_str() == &*metric.stage);
            let key = (place.unwrap_or(Stage::ALL.len()), metric.stage.to_string());
            let of = || StageMetrics { stage: metric.stage.to_string(), ..StageMetrics::default() };
            stages.entry(key).or_insert_with(of).add(metric);
        }
        let stages: Vec<_> = stages.into_values().collect();
        Self {
            book_id: state.book_id().to_string(),
            cost_usd: stages.iter().fold(0.0, |sum, stage| sum + stage.cost_usd),
            execution_seconds: stages.iter().fold(0.0, |sum, stage| sum + stage.execution_seconds),
            stages,
        }
    }
}
