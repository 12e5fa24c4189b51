//! From a unit's end to its persist calls.

use std::collections::VecDeque;

use bookstate_domain::persist::UnitMetric;
use bookstate_store::PersistError;

use super::{Actor, Obstacle, task::Done};
use crate::{
    engine::EngineError,
    outcome::{is_wanted, on_failure, on_success},
    persist_call::PersistCall,
    unit::{Doer, Unit},
    unit_log::UnitEvent,
};

/// A unit whose calls are being made.
#[derive(Debug)]
pub(super) struct Settling {
    unit: Unit,
    calls: VecDeque<PersistCall>,
    /// What it cost, for metered engines; persisted behind the result.
    metric: Option<Box<UnitMetric>>,
    failure: Option<EngineError>,
    /// Its first call was accepted: it is no longer to be dropped.
    begun: bool,
}

impl Actor {
    pub(super) fn settling(&mut self, done: Done) -> Settling {
        let Done { unit, result, time } = done;
        self.metrics.add(unit.work.stage(), time, result.is_ok());
        let metric = self.unit_metric(&unit, &result, time);
        let mut settling = Settling { unit, calls: VecDeque::new(), metric, failure: None, begun: false };
        let snapshot = self.snapshot();
        match result {
            Ok((outcome, _)) => match on_success(&snapshot.state, &self.job, &settling.unit.work, outcome) {
                Ok(calls) => settling.calls = calls.into(),
                Err(reason) => self.turn_into_failure(&mut settling, EngineError::permanent(reason)),
            },
            Err(error) => self.turn_into_failure(&mut settling, error),
        }
        settling
    }

    fn turn_into_failure(&mut self, settling: &mut Settling, error: EngineError) {
        let work = &settling.unit.work;
        tracing::warn!(book = %self.parts.handle.id(), unit = %work, %error, "a unit failed");
        self.failures.insert(work.stage(), format!("{work}: {error}"));
        let snapshot = self.snapshot();
        settling.calls = on_failure(&snapshot.state, &self.job, work, &error).into();
        settling.failure = Some(error);
    }

    /// Persists the results that wait, oldest first.
    pub(super) fn settle_kept(&mut self) -> Result<(), Obstacle> {
        while let Some(mut settling) = self.kept.pop_front() {
            if let Err(obstacle) = self.settle(&mut settling) {
                self.kept.push_front(settling);
                return Err(obstacle);
            }
        }
        Ok(())
    }

    fn settle(&mut self, settling: &mut Settling) -> Result<(), Obstacle> {
        if !settling.begun && !is_wanted(&self.snapshot().state, &settling.unit.work) {
            self.counts.dropped += 1;
            self.in_flight.end(&settling.unit.work);
            return Ok(());
        }
        while let Some(call) = settling.calls.front() {
            match self.commit(call) {
                Ok(_) => {
                    settling.begun = true;
                    settling.calls.pop_front();
                }
                Err(PersistError::JournalFull) => return Err(Obstacle::Full),
                // The engine's answer names a page that does not exist, or the like: its mistake, not ours.
                Err(PersistError::Misuse(misuse)) if settling.failure.is_none() => {
                    let error = EngineError::permanent(format!("the answer is impossible: {misuse}"));
                    self.turn_into_failure(settling, error);
                }
                Err(PersistError::Misuse(misuse)) => {
                    return Err(Obstacle::Bug(format!("{}: {misuse}", settling.unit.work)));
                }
                Err(error) => return Err(Obstacle::Poisoned(error.to_string())),
            }
        }
        self.settled(settling)
    }

    /// A unit's persist calls returned.
    fn settled(&mut self, settling: &mut Settling) -> Result<(), Obstacle> {
        if let Some(metric) = &settling.metric {
            self.persist(&PersistCall::Metric(self.parts.job_id.clone(), metric.clone()))?;
            settling.metric = None;
        }
        let event = match settling.failure {
            None => UnitEvent::Persisted,
            Some(_) => UnitEvent::Failed,
        };
        match event {
            UnitEvent::Failed => self.counts.failed += 1,
            _ => self.counts.run += 1,
        }
        if let Some(log) = &self.parts.unit_log {
            let (book, job, work) = (self.parts.handle.id(), &self.parts.job_id, &settling.unit.work);
            if let Err(error) = log.append(event, book, job, work) {
                // The work is done and stored; what is lost is a line of the audit trail, and the next unit
                // will not begin without one.
                tracing::error!(unit = %work, %error, "the unit log could not be written");
            }
        }
        self.in_flight.end(&settling.unit.work);
        Ok(())
    }

    /// The Metric of a unit whose engine costs money.
    fn unit_metric(
        &self,
        unit: &Unit,
        result: &crate::worker::WorkResult,
        time: crate::pool::UnitTime,
    ) -> Option<Box<UnitMetric>> {
        let engines = &self.parts.engines;
        let (name, spec) = match unit.work.doer() {
            Doer::Machine => return None,
            Doer::Provider(provider) => {
                let engine = engines.ocr.iter().find(|(name, _)| name == provider)?;
                (provider.as_str().into(), &engine.1.spec)
            }
            Doer::Analysis => (engines.analysis_name.clone(), &engines.analysis.spec),
        };
        if !spec.metered {
            return None;
        }
        let usage = result.as_ref().map(|(_, usage)| usage.clone()).unwrap_or_default();
        Some(Box::new(UnitMetric {
            unit: unit.key(),
            stage: unit.work.stage().as_str().into(),
            item_key: unit.work.item(),
            provider: Some(name),
            model: usage.model,
            cost_usd: usage.cost_usd,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            queue_seconds: Some(time.queued.as_secs_f64()),
            execution_seconds: Some(time.worked.as_secs_f64()),
            success: result.is_ok(),
            error_type: result.as_ref().err().map(|error| error.kind().into()),
        }))
    }
}
