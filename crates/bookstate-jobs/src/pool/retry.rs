//! When an attempt that failed is made again.

use std::time::Duration;

use rand::RngExt;

/// Exponential backoff with full jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1. When they are used up the unit has failed once.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each further one.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 7, base: Duration::from_millis(500), cap: Duration::from_secs(60) }
    }
}

impl RetryPolicy {
    /// How long to wait after the failure of attempt `number`, from 1: a random part of the backoff, so that
    /// units that failed together do not come back together.
    #[must_use]
    pub fn delay(&self, number: u32) -> Duration {
        let doubled = 2u32.saturating_pow(number.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.cap).mul_f64(rand::rng().random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_cap() {
        let policy = RetryPolicy { attempts: 7, base: Duration::from_secs(1), cap: Duration::from_secs(10) };
        for number in 1..80 {
            let longest = Duration::from_secs(1 << (number - 1).min(4)).min(policy.cap);
            assert!(policy.delay(number) <= longest);
        }
        let longest = (0..200).map(|_| policy.delay(4)).max().unwrap();
        assert!(longest > Duration::from_secs(4), "{longest:?}");
    }
}
