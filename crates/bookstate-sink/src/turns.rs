//! How the writers of one node take turns.
//!
//! Two transactions that overlap conflict, and one of them was for nothing. Whoever tries again at once meets the same
//! writer's next chunk. So who is told of a conflict leaves the node to the other for some chunks, by the time that its
//! own took; the more often it is told, the longer, and the less often the less. A writer that is alone never waits.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// The shortest pause.
const LEAST: Duration = Duration::from_millis(5);
/// The longest.
const MOST: Duration = Duration::from_secs(4);
/// The pauses are up to 2 to the power of this many chunks, half as much more or less.
const MOST_LEVEL: u32 = 5;
/// After so many chunks without a conflict pauses are half as long.
const CHUNKS_PER_LEVEL: u32 = 16;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Turns {
    level: u32,
    went_through: u32,
    random: SmallRng,
}

impl Turns {
    pub(crate) fn new(seed: u64) -> Self {
        Self { level: 0, went_through: 0, random: SmallRng::seed_from_u64(seed) }
    }

    /// A chunk went through.
    pub(crate) fn went_through(&mut self) {
        self.went_through += 1;
        if self.went_through >= CHUNKS_PER_LEVEL {
            self.went_through = 0;
            self.level = self.level.saturating_sub(1);
        }
    }

    /// A chunk that took so long met another writer's. How long the node is left to that one.
    pub(crate) fn conflicted(&mut self, took: Duration) -> Duration {
        self.went_through = 0;
        self.level = (self.level + 1).min(MOST_LEVEL);
        let chunks = f64::from(1u32 << self.level) * self.random.random_range(0.5..1.5);
        took.max(LEAST).min(MOST).mul_f64(chunks).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writers that send chunks of one length, each overlapping those that began before it ended: how long they take
    /// for so many chunks together, in chunks, and how many were for nothing.
    fn play(writers: u64, chunks: u32) -> (f64, u32) {
        const CHUNK: Duration = Duration::from_millis(100);
        // Each writer's attempt: when it ends, whether it was overtaken, and what is left.
        let mut ends: Vec<Duration> = (0..writers).map(|n| CHUNK + Duration::from_millis(n)).collect();
        let mut overtaken = vec![false; ends.len()];
        let mut left = vec![chunks; ends.len()];
        let mut turns: Vec<Turns> = (0..writers).map(Turns::new).collect();
        let (mut now, mut conflicts) = (Duration::ZERO, 0);
        while let Some(n) = (0..ends.len()).filter(|n| left[*n] > 0).min_by_key(|n| ends[*n]) {
            now = ends[n];
            let mut pause = Duration::ZERO;
            if std::mem::take(&mut overtaken[n]) {
                conflicts += 1;
                pause = turns[n].conflicted(CHUNK);
            } else {
                left[n] -= 1;
                turns[n].went_through();
                for other in (0..ends.len()).filter(|other| *other != n) {
                    // Under way: it has begun and not ended.
                    overtaken[other] |= ends[other] < now + CHUNK;
                }
            }
            ends[n] = now + pause + CHUNK;
        }
        let all = f64::from(chunks) * f64::from(u32::try_from(writers).unwrap());
        (now.as_secs_f64() / CHUNK.as_secs_f64() / all, conflicts)
    }

    #[test]
    fn who_is_alone_never_waits() {
        assert_eq!(play(1, 100), (1.0, 0));
    }

    #[test]
    fn several_writers_take_little_longer_than_one() {
        for writers in [2, 4, 8] {
            let (times, conflicts) = play(writers, 400);
            let share = f64::from(conflicts) / (400.0 * f64::from(u32::try_from(writers).unwrap()));
            assert!(times < 1.3 && share < 0.25, "{writers} writers: {times} times, {share} for nothing");
        }
    }
}
