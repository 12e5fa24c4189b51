//! From a unit's end to its persist calls.

use std::collections::VecDeque;

use bookstate_domain::{MetricKey, Text, persist::UnitMetric};
use bookstate_store::{PersistError, Tenure};

use super::{Actor, Obstacle, task::Done};
use crate::{
    engine::{EngineError, Usage},
    outcome::{Outcome, is_wanted, on_failure, on_success},
    persist_call::PersistCall,
    pool::UnitTime,
    unit::Unit,
    unit_log::{Stands, UnitEvent},
};

/// A unit whose calls are being made.
#[derive(Debug)]
pub(super) struct Settling {
    unit: Unit,
    /// What came of it, until it is decided what is stored: by the state as it is then, and not when the result came, since
    /// those before it may not be stored yet.
    result: Option<Result<Outcome, EngineError>>,
    calls: VecDeque<PersistCall>,
    /// What it cost, for metered engines; in the commit of the last call, so that no kill parts the two.
    metric: Option<Box<UnitMetric>>,
    failure: Option<EngineError>,
    /// Its first call was accepted: it is no longer to be dropped.
    begun: bool,
}

impl Actor {
    pub(super) fn settling(&mut self, done: Done) -> Settling {
        let Done { unit, result, time, usage } = done;
        self.metrics.add(unit.work.stage(), time, result.is_ok());
        let error = result.as_ref().err().map(|error| error.kind());
        let metric = self.unit_metric(&unit, error, usage, time);
        let result = Some(result.map(|(outcome, _)| outcome));
        Settling { unit, result, calls: VecDeque::new(), metric, failure: None, begun: false }
    }

    /// What is stored of a result.
    fn decide(&mut self, settling: &mut Settling, result: Result<Outcome, EngineError>) {
        let snapshot = self.snapshot();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => return self.turn_into_failure(settling, error),
        };
        match on_success(&snapshot.state, &self.job, &settling.unit.work, outcome) {
            Ok(calls) => settling.calls = calls.into(),
            Err(reason) => self.turn_into_failure(settling, EngineError::permanent(reason)),
        }
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
            // What it cost was paid all the same.
            self.persist_metric(&mut settling.metric)?;
            self.counts.dropped += 1;
            self.in_flight.end(&settling.unit.work);
            return Ok(());
        }
        if let Some(result) = settling.result.take() {
            self.decide(settling, result);
        }
        while let Some(call) = settling.calls.front() {
            let is_last = settling.calls.len() == 1;
            let committed = match settling.metric.as_deref().filter(|_| is_last) {
                Some(metric) => {
                    self.commit(&PersistCall::Together(vec![call.clone(), self.metric_call(metric)]))
                }
                None => self.commit(call),
            };
            match committed {
                Ok(_) => {
                    settling.begun = true;
                    settling.calls.pop_front();
                    settling.metric = settling.metric.take().filter(|_| !is_last);
                }
                Err(PersistError::JournalFull) => return Err(Obstacle::Full),
                Err(PersistError::Fenced { .. }) => return Err(Obstacle::Fenced),
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
        // Where there was no call.
        self.persist_metric(&mut settling.metric)?;
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
            let epoch = self.parts.handle.tenure().map(Tenure::epoch);
            let stands = Stands { seq: self.snapshot().seq, epoch };
            if let Err(error) = log.append(event, book, job, work, Some(stands)) {
                // The work is done and stored; what is lost is a line of the audit trail, and the next unit
                // will not begin without one.
                tracing::error!(unit = %work, %error, "the unit log could not be written");
            }
        }
        self.in_flight.end(&settling.unit.work);
        Ok(())
    }

    /// The call that stores what a unit cost, under a key that no earlier run of the unit has: what that cost stays, too.
    fn metric_call(&self, metric: &UnitMetric) -> PersistCall {
        let snapshot = self.snapshot();
        let is_free = |unit: &Text| {
            let (book_id, job_id) = (snapshot.state.book_id().clone(), self.parts.job_id.clone());
            !snapshot.state.metrics().contains_key(&MetricKey { book_id, job_id, unit: unit.clone() })
        };
        let again = (2..=u32::MAX).map(|number| Text::from(format!("{}#{number}", metric.unit)));
        let unit = std::iter::once(metric.unit.clone()).chain(again).find(is_free);
        let metric = UnitMetric { unit: unit.unwrap_or_else(|| metric.unit.clone()), ..metric.clone() };
        PersistCall::Metric(self.parts.job_id.clone(), Box::new(metric))
    }

    /// Persists what a unit cost without anything else.
    fn persist_metric(&self, metric: &mut Option<Box<UnitMetric>>) -> Result<(), Obstacle> {
        if let Some(waiting) = metric {
            self.persist(&self.metric_call(waiting))?;
            *metric = None;
        }
        Ok(())
    }

    /// The costs of units that are given up with the job.
    pub(super) fn keep_costs(&mut self) {
        let waiting = self.kept.iter_mut().filter_map(|settling| settling.metric.take());
        let mut metrics: Vec<_> = waiting.collect();
        for (unit, meter) in std::mem::take(&mut self.running).into_values() {
            let usage = meter.total();
            if usage != Usage::default() {
                metrics.extend(self.unit_metric(&unit, Some("dropped"), usage, UnitTime::default()));
            }
        }
        for metric in metrics {
            if let Err(obstacle) = self.persist_metric(&mut Some(metric)) {
                tracing::warn!(book = %self.parts.handle.id(), ?obstacle, "a cost could not be stored");
            }
        }
    }

    /// The Metric of a unit whose engine costs money.
    fn unit_metric(
        &self,
        unit: &Unit,
        error: Option<&'static str>,
        usage: Usage,
        time: UnitTime,
    ) -> Option<Box<UnitMetric>> {
        let (name, spec) = self.parts.engines.of(&unit.work)?;
        if !spec.metered {
            return None;
        }
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
            success: error.is_none(),
            error_type: error.map(Into::into),
        }))
    }
}
