//! This machine's share of what a provider allows to all of them. Pure.
//!
//! Invariant: a share shrinks at once when a machine appears, and grows only when one has been gone for as long as it
//! could still believe to be there.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The machines among which a quota is divided.
#[derive(Debug, Clone)]
pub struct Shares {
    own: String,
    ttl: Duration,
    /// Each that counts, and since when it is not seen any more.
    machines: BTreeMap<String, Option<Instant>>,
}

impl Shares {
    /// The shares as the machine of this name sees them. One that is seen no more counts for `ttl` more.
    #[must_use]
    pub fn new(own: impl Into<String>, ttl: Duration) -> Self {
        let own = own.into();
        Self { machines: BTreeMap::from([(own.clone(), None)]), own, ttl }
    }

    /// Takes note of the machines that live now.
    pub fn seen<'a>(&mut self, live: impl IntoIterator<Item = &'a str>, now: Instant) {
        let mut gone = std::mem::take(&mut self.machines);
        let mut there = |name: &str| {
            gone.remove(name);
            self.machines.insert(name.to_owned(), None);
        };
        live.into_iter().for_each(&mut there);
        there(&self.own);
        for (name, since) in gone {
            let since = since.unwrap_or(now);
            if now < since + self.ttl {
                self.machines.insert(name, Some(since));
            }
        }
    }

    /// How many machines count, this one among them.
    #[must_use]
    pub fn machines(&self, now: Instant) -> usize {
        self.counted(now).count()
    }

    /// This machine's share of a quota. Shares of machines that see the same are the quota together; 0 when there are
    /// more machines than the quota has parts, and this one is not among the first.
    #[must_use]
    pub fn share(&self, quota: u32, now: Instant) -> u32 {
        let machines = u32::try_from(self.machines(now)).unwrap_or(u32::MAX).max(1);
        let before = self.counted(now).take_while(|name| **name != self.own).count();
        let rest = quota % machines;
        quota / machines + u32::from(u32::try_from(before).is_ok_and(|before| before < rest))
    }

    fn counted(&self, now: Instant) -> impl Iterator<Item = &String> {
        let counts = move |since: &Option<Instant>| since.is_none_or(|since| now < since + self.ttl);
        self.machines.iter().filter(move |(_, since)| counts(since)).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    #[test]
    fn a_share_shrinks_at_once_and_grows_one_ttl_after_a_machine_went() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut shares = Shares::new("a", TTL);
        assert_eq!(shares.share(60, begun), 60);
        shares.seen(["a", "b"], begun);
        assert_eq!(shares.share(60, begun), 30, "at once");
        shares.seen(["a"], at(10));
        shares.seen(["a"], at(20));
        assert_eq!(shares.share(60, at(24)), 30, "it was seen 14 s ago");
        assert_eq!(shares.share(60, at(25)), 60);
        shares.seen(["a", "b"], at(26));
        shares.seen(["a"], at(27));
        shares.seen(["a", "b"], at(28));
        shares.seen(["a"], at(40));
        assert_eq!(shares.share(60, at(54)), 30, "it came back, and went later");
    }

    proptest! {
        #[test]
        fn machines_that_see_the_same_share_the_whole_quota(count in 1_usize..40, quota in 0_u32..200) {
            let names: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
            let now = Instant::now();
            let share = |own: &String| {
                let mut shares = Shares::new(own, TTL);
                shares.seen(names.iter().map(String::as_str), now);
                shares.share(quota, now)
            };
            prop_assert_eq!(names.iter().map(share).sum::<u32>(), quota);
        }
    }
}
