//! Time per stage: one Metric document for all units of a stage whose engine costs nothing.
//!
//! A Metric per unit would double the documents of a book. The sums are stored when the job is over; a run
//! that is killed loses its own.

use std::collections::BTreeMap;

use bookstate_domain::{BookState, JobId, Stage, Text, persist::UnitMetric};

use crate::{engines::EngineSet, pool::UnitTime};

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    queued: f64,
    worked: f64,
    failures: usize,
}

/// The sums of a job.
#[derive(Debug, Default)]
pub(super) struct StageMetrics(BTreeMap<Stage, Sum>);

/// The key of a stage's Metric; no unit has such a key.
fn key(stage: Stage) -> Text {
    format!("stage:{stage}").into()
}

impl StageMetrics {
    /// Goes on with what an earlier run of the job stored.
    pub(super) fn resume(state: &BookState, job_id: &JobId) -> Self {
        let of_job = state.metrics().values().filter(|metric| metric.job_id == *job_id);
        let mut sums = BTreeMap::new();
        for metric in of_job {
            if let Some(stage) = Stage::ALL.iter().copied().find(|stage| key(*stage) == metric.unit) {
                let queued = metric.queue_seconds.unwrap_or(0.0);
                let worked = metric.execution_seconds.unwrap_or(0.0);
                let failures = usize::from(!metric.success);
                sums.insert(stage, Sum { queued, worked, failures });
            }
        }
        Self(sums)
    }

    pub(super) fn add(&mut self, stage: Stage, time: UnitTime, success: bool) {
        let sum = self.0.entry(stage).or_default();
        sum.queued += time.queued.as_secs_f64();
        sum.worked += time.worked.as_secs_f64();
        sum.failures += usize::from(!success);
    }

    pub(super) fn documents(&self, engines: &EngineSet) -> Vec<UnitMetric> {
        let ocr: Vec<&str> = engines.ocr.iter().map(|(name, _)| name.as_str()).collect();
        let ocr = Text::from(ocr.join(","));
        let provider = |stage: Stage| match stage {
            Stage::Extract => None,
            Stage::Ocr => Some(ocr.clone()),
            stage => Some(engines.names_of(stage)),
        };
        let document = |(stage, sum): (&Stage, &Sum)| UnitMetric {
            unit: key(*stage),
            stage: stage.as_str().into(),
            provider: provider(*stage),
            queue_seconds: Some(sum.queued),
            execution_seconds: Some(sum.worked),
            success: sum.failures == 0,
            ..UnitMetric::default()
        };
        self.0.iter().map(document).collect()
    }
}
