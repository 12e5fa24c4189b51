//! How fast a pool may begin attempts.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// Gives out slots in time, an interval apart. A slot is reserved when it is asked for.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn per_minute(limit: Option<u32>) -> Self {
        let interval = limit.map_or(Duration::ZERO, |limit| Duration::from_secs(60) / limit.max(1));
        Self { interval, next: Mutex::new(None) }
    }

    /// Waits for the next slot. A slot that is given up while waiting for it stays unused.
    pub(super) async fn slot(&self) {
        let slot = {
            let mut next = self.next.lock();
            let now = Instant::now();
            let slot = next.map_or(now, |next| next.max(now));
            *next = Some(slot + self.interval);
            slot
        };
        if slot > Instant::now() {
            sleep_until(slot).await;
        }
    }

    /// No slot begins before `pause` has passed.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut next = self.next.lock();
        *next = Some(next.map_or(until, |next| next.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slots_are_an_interval_apart_and_a_pause_moves_them() {
        let pace = Pace::per_minute(Some(60));
        let start = Instant::now();
        for second in 0..5 {
            pace.slot().await;
            assert_eq!(start.elapsed().as_secs(), second);
        }
        pace.pause(Duration::from_secs(30));
        pace.slot().await;
        assert_eq!(start.elapsed().as_secs(), 34);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let pace = Pace::per_minute(None);
        let start = Instant::now();
        for _ in 0..100 {
            pace.slot().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
