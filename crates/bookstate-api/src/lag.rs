//! How old the oldest commit is that a target lacks. Commits carry no time, so what is seen is noted: the
//! answer is right to within the time between two looks.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bookstate_domain::BookId;
use bookstate_sink::TargetStatus;
use bookstate_store::TargetName;
use parking_lot::Mutex;

/// How long between two looks.
pub(crate) const INTERVAL: Duration = Duration::from_millis(500);
/// How many looks are remembered per book and target; then every other one is forgotten.
const LOOKS: usize = 256;

/// A book's last commits, and when each was first seen as lacking.
type Seen = VecDeque<(u32, Instant)>;

#[derive(Debug, Default)]
pub(crate) struct LagTracker(Mutex<BTreeMap<(TargetName, BookId), Seen>>);

impl LagTracker {
    /// Takes a look.
    pub(crate) fn look(&self, targets: &[TargetStatus], now: Instant) {
        let mut all = self.0.lock();
        let mut behind = BTreeMap::new();
        for target in targets {
            for book in &target.behind {
                let key = (target.name.clone(), book.book_id.clone());
                let mut seen = all.remove(&key).unwrap_or_default();
                while seen.front().is_some_and(|(seq, _)| *seq <= book.watermark.get()) {
                    seen.pop_front();
                }
                if seen.back().is_none_or(|(seq, _)| *seq < book.seq.get()) {
                    seen.push_back((book.seq.get(), now));
                }
                if seen.len() > LOOKS {
                    // The oldest stays: it is what is asked for.
                    let mut keep = false;
                    seen.retain(|_| {
                        keep = !keep;
                        keep
                    });
                }
                behind.insert(key, seen);
            }
        }
        *all = behind;
    }

    /// The age in seconds of the oldest commit that a target lacks; 0 when it lacks none.
    pub(crate) fn seconds(&self, target: &TargetStatus, now: Instant) -> f64 {
        let all = self.0.lock();
        let oldest = target.behind.iter().filter_map(|book| {
            let seen = all.get(&(target.name.clone(), book.book_id.clone()))?;
            let (_, first) = seen.iter().find(|(seq, _)| *seq > book.watermark.get())?;
            Some(now.duration_since(*first).as_secs_f64())
        });
        oldest.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::Seq;
    use bookstate_sink::{BookLag, Counters, Health};

    use super::*;

    fn target(seq: u32, watermark: u32) -> TargetStatus {
        let seqs = (Seq::new(seq).unwrap(), Seq::new(watermark).unwrap());
        let book_id = BookId::new("b-1").unwrap();
        let behind =
            (seq > watermark).then_some(BookLag { book_id, seq: seqs.0, watermark: seqs.1, dirty: 1 });
        TargetStatus {
            name: "n".parse().unwrap(),
            health: Health::Healthy,
            counters: Counters::default(),
            behind: behind.into_iter().collect(),
            parked: 0,
            foreign: Vec::new(),
        }
    }

    #[test]
    fn the_age_is_that_of_the_oldest_commit_that_is_lacking() {
        let tracker = LagTracker::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..1000 {
            tracker.look(&[target(10 + u32::try_from(second).unwrap(), 5)], at(second));
        }
        assert_eq!(tracker.seconds(&target(1009, 5), at(1000)), 1000.0);
        let part = tracker.seconds(&target(1009, 500), at(1000));
        assert!((500.0..=510.0).contains(&part), "{part}");
        tracker.look(&[target(1009, 1009)], at(1001));
        assert_eq!(tracker.seconds(&target(1009, 1009), at(1001)), 0.0);
        tracker.look(&[target(1010, 1009)], at(1002));
        assert_eq!(tracker.seconds(&target(1010, 1009), at(1004)), 2.0);
    }
}
