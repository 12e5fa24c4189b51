//! A unit's task: the pool's attempts, and what to make of a task that did not return.

use std::sync::Arc;

use bookstate_domain::JobId;
use tokio::{sync::RwLock, task::JoinError};

use super::holds::{Hold, Holds};
use crate::{
    engine::{BookContext, EngineError, Usage},
    engines::EngineSet,
    marks::{CRASHES, MarkFile},
    pool::{Pools, UnitTime},
    unit::Unit,
    unit_log::{UnitEvent, UnitLog},
    worker::{self, WorkResult},
};

/// A unit's end, as its task returns it.
pub(super) struct Done {
    pub(super) unit: Unit,
    pub(super) result: WorkResult,
    pub(super) time: UnitTime,
    /// What it cost, in all attempts, however it ended.
    pub(super) usage: Usage,
}

/// What a unit's task needs of its job.
pub(super) struct Task {
    pub(super) engines: EngineSet,
    pub(super) pools: Pools,
    pub(super) log: Option<Arc<UnitLog>>,
    pub(super) job_id: JobId,
    pub(super) marks: Arc<MarkFile>,
    pub(super) alone: Arc<RwLock<()>>,
    pub(super) holds: Arc<Holds>,
}

/// Runs a unit in its pool.
pub(super) async fn run_unit(task: Task, book: BookContext, unit: Unit) -> Done {
    let Some(pool) = task.pools.of(&unit) else {
        let error = EngineError::permanent(format!("there is no worker pool {}", unit.pool));
        return Done { unit, result: Err(error), time: UnitTime::default(), usage: Usage::default() };
    };
    let key = unit.key();
    let (result, time) = pool
        .run(|_| async {
            let crashes = task.marks.crashes(&key);
            if crashes >= CRASHES {
                let reason =
                    format!("given up: the program died {crashes} times while it was at work on this");
                return Err(EngineError::permanent(reason));
            }
            // A suspect runs while nothing else does, in any job: if the process dies again, it was this.
            let (_alone, _beside) = match crashes {
                0 => (None, Some(task.alone.read().await)),
                _ => (Some(task.alone.write().await), None),
            };
            let _mark = task.marks.begin(key.to_string());
            // A unit that asks again whether its provider can be used has been written down already.
            if let Some(log) = task.log.as_ref().filter(|_| !task.holds.has(&key)) {
                // Work that cannot be accounted for is not begun.
                log.append(UnitEvent::Run, book.state.book_id(), &task.job_id, &unit.work, None)
                    .map_err(|error| EngineError::transient(format!("the unit log: {error}")))?;
            }
            let result = worker::run(&task.engines, book.clone(), &unit.work).await;
            match &result {
                Err(error @ EngineError::Held { pause, .. }) => {
                    let hold = Hold { reason: error.to_string(), goes_on: pause.is_some() };
                    task.holds.begin(&key, hold);
                }
                _ => task.holds.end(&key),
            }
            result
        })
        .await;
    let answered = result.as_ref().map(|(_, usage)| usage.clone()).unwrap_or_default();
    let usage = book.meter.total().and(answered);
    Done { unit, result, time, usage }
}

/// Whether the runtime takes no tasks any more.
pub(super) async fn is_runtime_gone() -> bool {
    tokio::spawn(async {}).await.is_err()
}

/// The text of the panic that ended a task.
pub(super) fn panic_of(error: JoinError) -> EngineError {
    let message = match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a text".to_owned()),
        Err(error) => error.to_string(),
    };
    EngineError::Panicked { message }
}
