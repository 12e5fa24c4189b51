//! This machine's share of a quota that holds for all machines together, in any window of time. Pure.
//!
//! Each machine has a key that it writes again and again: its beats. Every machine hears all of them in the order in
//! which they were written. The law: however machines come, die, stand still or are cut off, what all of them reserve
//! in any window is within the quota, if each reserves no more than its share in any window. It follows from three
//! rules, of which none may be left out:
//!
//! - **A share needs news.** It is 0 when the last beat of this machine that it heard itself was sent too long ago: who
//!   uses a share has heard of every machine that came before that.
//! - **Who comes waits** until every other machine has either heard of it or lost its share, and another window: by then
//!   what was reserved of the larger shares is too old to count. The first one of all has nobody to wait for.
//! - **Who goes stays** as long: its key outlives its last share by a window, so the shares of others grow no sooner.
//!
//! So of any two machines that reserve something in one window each counts the other, and a share gets no larger by
//! counting more machines: shares of machines that count at least each other sum up to the quota at most.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use crate::notes::Beat;

/// How long a request may be on its way until the server that it is sent to counts it.
const WAY: Duration = Duration::from_secs(5);

/// How many beats may be on their way; of older ones it is not known when they were sent.
const ON_THEIR_WAY: usize = 16;

/// The times of shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How long a share is believed, counted from when the last beat that was heard was sent.
    pub(crate) valid: Duration,
    /// How long who comes waits.
    pub(crate) wait: Duration,
    /// How long a machine's key stands after its last beat.
    pub(crate) life: Duration,
}

impl Rules {
    /// For leases of this time and quotas of this window. A tenth of a lease is for the servers' clocks.
    pub(crate) fn of(ttl: Duration, window: Duration) -> Self {
        let stays = ttl + window + WAY;
        Self { valid: ttl - ttl / 10, wait: stays, life: stays }
    }
}

/// Where this machine stands among those that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has heard no beat of its own, or its key has gone since. Only who was never there may be the first of all.
    Absent { was_there: bool },
    /// It counts, and uses its share from then on. `confirmed`: when the last beat that it heard was sent.
    There { from: Instant, confirmed: Instant },
}

/// Of how many machines this one has a share, and when.
#[derive(Debug)]
pub(crate) struct Shares {
    own: String,
    /// This process: one that was started again is another one.
    start: String,
    rules: Rules,
    /// The machines that count, but for this process. An earlier one of this name is among them.
    others: BTreeSet<String>,
    /// Beats that were sent, by number.
    sent: VecDeque<(u64, Instant)>,
    beats: u64,
    standing: Standing,
}

impl Shares {
    /// The share of this process of the machine of this name, which has sent nothing yet.
    pub(crate) fn new(own: impl Into<String>, start: impl Into<String>, rules: Rules) -> Self {
        Self {
            own: own.into(),
            start: start.into(),
            rules,
            others: BTreeSet::new(),
            sent: VecDeque::new(),
            beats: 0,
            standing: Standing::Absent { was_there: false },
        }
    }

    /// A beat, which is sent now. What was there before must have been heard.
    pub(crate) fn beat(&mut self, now: Instant) -> Beat {
        self.beats += 1;
        self.sent.push_back((self.beats, now));
        if self.sent.len() > ON_THEIR_WAY {
            self.sent.pop_front();
        }
        Beat { start: self.start.clone(), beat: self.beats }
    }

    /// A machine has beaten, or its key has gone: heard in the order in which it happened.
    pub(crate) fn heard(&mut self, name: &str, beat: Option<&Beat>, now: Instant) {
        match beat {
            Some(beat) if self.is_own(name, beat) => {
                // What an earlier process left is among the others.
                let is_first = self.others.is_empty();
                self.others.remove(name);
                self.heard_own(beat.beat, is_first, now);
            }
            Some(_) => {
                self.others.insert(name.to_owned());
                if name == self.own {
                    self.absent();
                }
            }
            None => {
                self.others.remove(name);
                if name == self.own {
                    self.absent();
                }
            }
        }
    }

    /// All keys that there are, heard anew. What happened in which order is not known.
    pub(crate) fn heard_all(&mut self, beats: &BTreeMap<String, Beat>, now: Instant) {
        let (own, others): (Vec<_>, Vec<_>) = beats.iter().partition(|(name, beat)| self.is_own(name, beat));
        self.others = others.into_iter().map(|(name, _)| name.clone()).collect();
        match own.first() {
            Some((_, beat)) => self.heard_own(beat.beat, false, now),
            None => self.absent(),
        }
    }

    /// This machine's share of a quota for any window. 0 while it has none: it comes, has heard nothing for long, or
    /// there are more machines than the quota has parts, and this one is not among the first.
    pub(crate) fn share(&self, quota: u32, now: Instant) -> u32 {
        let Standing::There { from, confirmed } = self.standing else { return 0 };
        if now < from || now >= confirmed + self.rules.valid {
            return 0;
        }
        let before = self.others.range(..self.own.clone()).count();
        part(quota, self.others.len() + 1, before)
    }

    fn is_own(&self, name: &str, beat: &Beat) -> bool {
        name == self.own && beat.start == self.start
    }

    fn absent(&mut self) {
        let was_there = match self.standing {
            Standing::Absent { was_there } => was_there,
            Standing::There { .. } => true,
        };
        self.standing = Standing::Absent { was_there };
    }

    fn heard_own(&mut self, beat: u64, is_first: bool, now: Instant) {
        while self.sent.front().is_some_and(|(number, _)| *number < beat) {
            self.sent.pop_front();
        }
        let Some(sent) = self.sent.front().filter(|(number, _)| *number == beat).map(|(_, sent)| *sent)
        else {
            return;
        };
        let from = match self.standing {
            // The key stood all the time.
            Standing::There { from, confirmed } if now < confirmed + self.rules.life => from,
            Standing::Absent { was_there: false } if is_first => now,
            _ => now + self.rules.wait,
        };
        self.standing = Standing::There { from, confirmed: sent };
    }
}

/// The part of the machine before which so many of all come: the parts of all are the quota.
fn part(quota: u32, machines: usize, before: usize) -> u32 {
    let machines = u32::try_from(machines).unwrap_or(u32::MAX).max(1);
    let rest = quota % machines;
    quota / machines + u32::from(u32::try_from(before).is_ok_and(|before| before < rest))
}

#[cfg(test)]
#[path = "quota_model.rs"]
mod model;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    fn shares(own: &str) -> Shares {
        Shares::new(own, "now", Rules::of(TTL, Duration::from_secs(60)))
    }

    fn beat(start: &str) -> Beat {
        Beat { start: start.into(), beat: 1 }
    }

    #[test]
    fn the_first_one_begins_at_once_and_who_comes_waits_until_the_others_can_have_heard() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let (mut first, mut second) = (shares("b"), shares("a"));
        assert_eq!(first.share(60, at(0)), 0, "nothing was heard");
        let beat = first.beat(at(0));
        first.heard("b", Some(&beat), at(1));
        second.heard("b", Some(&beat), at(1));
        assert_eq!(first.share(60, at(1)), 60);
        assert_eq!(first.share(60, at(13)), 60);
        assert_eq!(first.share(60, at(14)), 0, "it has heard nothing for long");
        let mut now = 14;
        while second.share(61, at(now)) == 0 {
            now += 1;
            let beats = [first.beat(at(now)), second.beat(at(now))];
            for shares in [&mut first, &mut second] {
                shares.heard("b", Some(&beats[0]), at(now));
                shares.heard("a", Some(&beats[1]), at(now));
            }
            assert_eq!(first.share(61, at(now)), 30, "it shrinks at once");
        }
        assert_eq!((now, second.share(61, at(now))), (15 + 15 + 60 + 5, 31));
        second.heard("b", None, at(now));
        assert_eq!(second.share(61, at(now)), 61, "its key stood for as long as it counted");
    }

    #[test]
    fn who_comes_back_waits_although_nobody_else_is_there() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut again = shares("a");
        again.heard("a", Some(&beat("before")), begun);
        let first = again.beat(begun);
        again.heard("a", Some(&first), begun);
        assert_eq!(again.share(60, begun), 0);
        again.heard("a", None, at(1));
        let second = again.beat(at(1));
        again.heard("a", Some(&second), at(1));
        assert_eq!(again.share(60, at(1)), 0, "somebody deleted its key");
        let mut without = shares("a");
        without.heard("a", Some(&beat("before")), begun);
        without.heard("a", None, begun);
        let first = without.beat(begun);
        without.heard("a", Some(&first), begun);
        assert_eq!(without.share(60, begun), 60, "what it did before counts no more");
        without.heard("a", Some(&beat("another")), at(1));
        assert_eq!(without.share(60, at(1)), 0, "two machines of one name");
    }

    proptest! {
        #[test]
        fn the_parts_of_all_are_the_quota_and_none_is_larger_among_more(count in 1_usize..40, quota in 0_u32..200) {
            prop_assert_eq!((0..count).map(|before| part(quota, count, before)).sum::<u32>(), quota);
            for before in 0..count {
                let part_of = part(quota, count, before);
                prop_assert!(part(quota, count + 1, before) <= part_of);
                prop_assert!(part(quota, count + 1, before + 1) <= part_of);
            }
        }
    }
}
