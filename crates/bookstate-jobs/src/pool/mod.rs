//! Worker pools: how many units of a provider run at once, how often, and how often one is tried again.
//!
//! A pool has no queue and no channel: whoever wants a unit done holds it and waits for a permit, so nothing
//! can fill up or deadlock, and dropping the future takes the unit back. Permits are given in the order in
//! which they were asked for, across all books. A unit that waits before its next attempt holds no permit.

mod pace;
mod retry;

use std::{
    collections::HashMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::{
    engine::EngineError,
    unit::{PoolName, Unit},
};
use pace::Pace;
pub use retry::RetryPolicy;

/// The pool of what this machine computes itself.
pub const LOCAL_POOL: &str = "local";

/// How long a unit waits at least, and at most, before it asks a provider again that cannot be used. Asking costs
/// a page's image at most, and what a person had to do may be done.
const SHORTEST_HOLD: Duration = Duration::from_millis(100);
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How a pool works.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolConfig {
    /// Its name.
    pub name: PoolName,
    /// How many units run at once, at least 1.
    pub concurrency: usize,
    /// How many attempts may begin in a minute; `None`: no limit.
    pub per_minute: Option<u32>,
    /// When a unit is tried again.
    pub retry: RetryPolicy,
}

impl PoolConfig {
    /// As many units at once as this machine has processors, no rate limit, the default retries.
    #[must_use]
    pub fn new(name: impl Into<PoolName>) -> Self {
        let concurrency = std::thread::available_parallelism().map_or(1, usize::from);
        Self { name: name.into(), concurrency, per_minute: None, retry: RetryPolicy::default() }
    }
}

/// Where a unit's time went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UnitTime {
    /// Waiting for a permit, for the rate limit, for the next attempt.
    pub queued: Duration,
    /// Being worked on, in all attempts.
    pub worked: Duration,
}

/// A pool of workers.
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    permits: Semaphore,
    pace: Pace,
}

impl Pool {
    /// A pool that works like this.
    #[must_use]
    pub fn new(config: PoolConfig) -> Self {
        let permits = Semaphore::new(config.concurrency.max(1));
        let pace = Pace::per_minute(config.per_minute);
        Self { config, permits, pace }
    }

    /// How many units a job should have dispatched to it at most: enough that a worker never waits for the
    /// job's actor to plan.
    #[must_use]
    pub fn room(&self) -> usize {
        self.config.concurrency.max(1).saturating_mul(2)
    }

    /// Runs an attempt, and further ones while they fail in a way that may go away. `attempt` is called with
    /// the attempt's number, from 1; again with the same one after [`EngineError::Held`].
    ///
    /// Cancel safe: what was not begun is not begun.
    ///
    /// # Errors
    /// The last attempt's error.
    pub async fn run<T, F>(&self, mut attempt: impl FnMut(u32) -> F) -> (Result<T, EngineError>, UnitTime)
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut time = UnitTime::default();
        let mut number = 1;
        loop {
            let asked = Instant::now();
            // The semaphore is never closed; were it, the unit would merely run without a permit.
            let permit = self.permits.acquire().await.ok();
            self.pace.slot().await;
            time.queued += asked.elapsed();
            let began = Instant::now();
            let result = attempt(number).await;
            time.worked += began.elapsed();
            drop(permit);
            let waiting = Instant::now();
            match result {
                // Not the unit's failure: it waits as long as it has to, and its attempts are kept.
                Err(EngineError::Held { pause, .. }) => {
                    tokio::time::sleep(pause.unwrap_or(ASK_AGAIN).clamp(SHORTEST_HOLD, ASK_AGAIN)).await;
                    time.queued += waiting.elapsed();
                    continue;
                }
                Err(error) if error.is_permanent() || number >= self.config.retry.attempts => {
                    return (Err(error), time);
                }
                Err(EngineError::RateLimited { retry_after, .. }) => self.pace.pause(retry_after),
                Err(_) => tokio::time::sleep(self.config.retry.delay(number)).await,
                Ok(value) => return (Ok(value), time),
            }
            time.queued += waiting.elapsed();
            number += 1;
        }
    }
}

/// How busy a pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLoad {
    /// The pool.
    pub name: PoolName,
    /// How many units it runs at once.
    pub concurrency: usize,
    /// How many it runs now.
    pub busy: usize,
}

/// All pools of a scheduler, shared by its jobs.
#[derive(Debug, Clone)]
pub struct Pools(Arc<HashMap<PoolName, Arc<Pool>>>);

impl Pools {
    /// The configured pools, and one with the defaults for each further name.
    #[must_use]
    pub fn new(
        configs: impl IntoIterator<Item = PoolConfig>,
        names: impl IntoIterator<Item = PoolName>,
    ) -> Self {
        let mut pools: HashMap<PoolName, Arc<Pool>> = HashMap::new();
        for config in configs {
            pools.insert(config.name.clone(), Arc::new(Pool::new(config)));
        }
        for name in names {
            pools.entry(name.clone()).or_insert_with(|| Arc::new(Pool::new(PoolConfig::new(name))));
        }
        Self(Arc::new(pools))
    }

    /// The room of every pool: see [`Pool::room`].
    #[must_use]
    pub fn rooms(&self) -> HashMap<PoolName, usize> {
        self.0.iter().map(|(name, pool)| (name.clone(), pool.room())).collect()
    }

    /// How busy every pool is, by name.
    #[must_use]
    pub fn loads(&self) -> Vec<PoolLoad> {
        let load = |(name, pool): (&PoolName, &Arc<Pool>)| {
            let concurrency = pool.config.concurrency.max(1);
            let busy = concurrency.saturating_sub(pool.permits.available_permits());
            PoolLoad { name: name.clone(), concurrency, busy }
        };
        let mut loads: Vec<_> = self.0.iter().map(load).collect();
        loads.sort_by(|a, b| a.name.cmp(&b.name));
        loads
    }

    /// The pool that a unit needs.
    #[must_use]
    pub fn of(&self, unit: &Unit) -> Option<Arc<Pool>> {
        self.0.get(&unit.pool).cloned()
    }
}
