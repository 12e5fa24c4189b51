//! When a failing target is tried again: exponential, capped, with full jitter; for ever.
//!
//! There is one attempt at a time per target, so this is its breaker too: while a pause lasts nothing is
//! sent, and the attempt after it probes whether the target is back.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// How long pauses are.
#[derive(Debug)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    pub(crate) seed: u64,
}

impl Pauses {
    /// Pauses of their own, with other jitter than all before.
    pub(crate) fn backoff(&mut self) -> Backoff {
        self.seed = self.seed.wrapping_add(1);
        Backoff::new(self.first, self.longest, self.seed)
    }
}

/// The pauses between attempts.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    random: SmallRng,
}

impl Backoff {
    fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, failures: 0, random: SmallRng::seed_from_u64(seed) }
    }

    /// How many attempts have failed since the last success.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; the pause before the next attempt.
    pub(crate) fn failed(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1u32.checked_shl(self.failures.min(20)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let cap = doubled.min(self.most);
        // Never nothing: a jitter of zero would be a busy loop against a dead target.
        cap.mul_f64(self.random.random_range(0.1..1.0))
    }

    /// Counts a failure that only a person can end: the longest pause.
    pub(crate) fn stopped(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.most
    }
}
