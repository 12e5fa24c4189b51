//! How long persist calls take: a histogram without locks.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::Library;

/// The upper bounds of the buckets, in nanoseconds; what is longer is in one more.
const BOUNDS: [u64; 12] = [
    1_000,
    2_000,
    4_000,
    8_000,
    15_000,
    30_000,
    60_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// Durations of the persist calls of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTimes {
    /// For each upper bound, how many calls took at most that long. The last bound is that of all calls.
    pub at_most: Vec<(Duration, u64)>,
    /// How long they took together.
    pub total: Duration,
}

impl CallTimes {
    /// How many calls there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.at_most.last().map_or(0, |(_, count)| *count)
    }
}

#[derive(Debug, Default)]
pub(super) struct CallHistogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl CallHistogram {
    pub(super) fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < nanos);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn times(&self) -> CallTimes {
        let bounds = BOUNDS.iter().copied().map(Duration::from_nanos).chain([Duration::MAX]);
        let mut count = 0;
        let at_most = bounds.zip(&self.buckets).map(|(bound, bucket)| {
            count += bucket.load(Ordering::Relaxed);
            (bound, count)
        });
        let at_most = at_most.collect();
        CallTimes { at_most, total: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)) }
    }
}

impl Library {
    /// How long the persist calls of this process took.
    #[must_use]
    pub fn call_times(&self) -> CallTimes {
        self.0.calls.times()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_in_every_bucket_that_is_not_below_it() {
        let calls = CallHistogram::default();
        for nanos in [0, 1_000, 1_001, 5_000_000_000] {
            calls.observe(Duration::from_nanos(nanos));
        }
        let times = calls.times();
        assert_eq!(times.count(), 4);
        assert_eq!(times.total, Duration::from_nanos(5_000_002_001));
        let at_most =
            |micros| times.at_most.iter().find(|(bound, _)| *bound == Duration::from_micros(micros));
        assert_eq!((at_most(1).unwrap().1, at_most(2).unwrap().1, at_most(1_000_000).unwrap().1), (2, 3, 3));
        assert_eq!(*times.at_most.last().unwrap(), (Duration::MAX, 4));
    }
}
