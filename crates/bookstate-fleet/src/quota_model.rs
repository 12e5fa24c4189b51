//! Shares against a model of the bucket: beats are late or lost, news is late, machines come, die, stand still and are
//! cut off, and all of them want more than there is. What counts is when requests come to the provider.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

const TTL: u64 = 3_000;
const WINDOW: u64 = 8_000;
const STEP: u64 = 100;
/// News and beats take so long at most, while a machine is not cut off.
const LATE: u64 = 400;
const MACHINES: usize = 4;
const NAMES: [&str; MACHINES] = ["a", "b", "c", "d"];

/// Something happens to a machine, at a time and for so long.
#[derive(Debug, Clone, Copy)]
enum What {
    /// Killed, and started again behind it.
    Dies,
    /// Stands still.
    Stands,
    /// Neither hears nor is heard.
    CutOff,
    /// Its watch is begun anew.
    Anew,
}

type Happens = (u64, usize, What, u64);

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn rules() -> Rules {
    Rules::of(ms(TTL), ms(WINDOW))
}

struct Machine {
    /// A machine that does not run has none.
    shares: Option<Shares>,
    starts: u32,
    begins: u64,
    stands_until: u64,
    cut_until: u64,
    /// What of the bucket's history it has heard; `None`: it hears all of it anew.
    heard: Option<usize>,
    next_beat: u64,
    /// Until when requests count.
    leases: Vec<u64>,
}

/// All of them, the bucket and the provider.
struct World {
    base: Instant,
    now: u64,
    random: StdRng,
    rules: Rules,
    machines: Vec<Machine>,
    /// Until when a key stands.
    keys: BTreeMap<String, (Beat, u64)>,
    /// What happened to keys, and when.
    history: Vec<(u64, String, Option<Beat>)>,
    /// Beats on their way, by machine: when they come.
    beats: Vec<VecDeque<(u64, Beat)>>,
    /// When requests came to the provider.
    came: Vec<u64>,
    /// Nothing is lost any more.
    is_calm: bool,
}

impl World {
    fn new(rules: Rules, seed: u64, begins: &[u64]) -> Self {
        let machine = |begins: &u64| Machine {
            shares: None,
            starts: 0,
            begins: *begins,
            stands_until: 0,
            cut_until: 0,
            heard: None,
            next_beat: 0,
            leases: Vec::new(),
        };
        Self {
            base: Instant::now(),
            now: 0,
            random: StdRng::seed_from_u64(seed),
            rules,
            machines: begins.iter().map(machine).collect(),
            keys: BTreeMap::new(),
            history: Vec::new(),
            beats: vec![VecDeque::new(); begins.len()],
            came: Vec::new(),
            is_calm: false,
        }
    }

    fn at(&self, time: u64) -> Instant {
        self.base + ms(time)
    }

    fn happen(&mut self, happens: &[Happens]) {
        for (at, machine, what, time) in happens {
            let (now, until) = (self.now, self.now + time);
            let Some(machine) = self.machines.get_mut(*machine).filter(|_| *at == now / STEP) else {
                continue;
            };
            match what {
                What::Dies => (machine.shares, machine.begins) = (None, until),
                What::Stands => machine.stands_until = until,
                What::CutOff => machine.cut_until = until,
                What::Anew => machine.heard = None,
            }
        }
    }

    fn bucket(&mut self) {
        let gone: Vec<String> = {
            let over = |(_, (_, until)): &(&String, &(Beat, u64))| *until <= self.now;
            self.keys.iter().filter(over).map(|(name, _)| name.clone()).collect()
        };
        for name in gone {
            self.keys.remove(&name);
            self.history.push((self.now, name, None));
        }
        let life = u64::try_from(self.rules.life.as_millis()).unwrap();
        for (beats, name) in self.beats.iter_mut().zip(NAMES) {
            while let Some((_, beat)) = beats.pop_front_if(|(comes, _)| *comes <= self.now) {
                self.keys.insert(name.to_owned(), (beat.clone(), self.now + life));
                self.history.push((self.now, name.to_owned(), Some(beat)));
            }
        }
    }

    fn run(&mut self, place: usize, quota: u32) {
        let (now, time) = (self.now, self.at(self.now));
        let machine = &mut self.machines[place];
        if now < machine.begins || now < machine.stands_until {
            return;
        }
        if machine.shares.is_none() {
            machine.starts += 1;
            machine.shares = Some(Shares::new(NAMES[place], machine.starts.to_string(), self.rules));
            (machine.heard, machine.next_beat) = (None, now);
            machine.leases.clear();
        }
        let Some(shares) = &mut machine.shares else { return };
        if now < machine.cut_until {
            // Whatever was being watched is watched anew.
            machine.heard = None;
        } else if let Some(heard) = &mut machine.heard {
            let late = self.random.random_range(0..LATE);
            while let Some((_, name, beat)) = self.history.get(*heard).filter(|(at, ..)| at + late <= now) {
                shares.heard(name, beat.as_ref(), time);
                *heard += 1;
            }
        } else {
            let beats = self.keys.iter().map(|(name, (beat, _))| (name.clone(), beat.clone()));
            shares.heard_all(&beats.collect(), time);
            machine.heard = Some(self.history.len());
        }
        if now >= machine.next_beat && machine.heard.is_some() {
            machine.next_beat = now + TTL / 3;
            let beat = shares.beat(time);
            if self.is_calm || self.random.random_bool(0.9) {
                let comes = now + self.random.random_range(0..LATE);
                let comes = self.beats[place].back().map_or(comes, |(last, _)| comes.max(*last));
                self.beats[place].push_back((comes, beat));
            }
        }
        machine.leases.retain(|until| *until >= now);
        while machine.leases.len() < shares.share(quota, time) as usize {
            let comes = now + self.random.random_range(0..u64::try_from(WAY.as_millis()).unwrap());
            machine.leases.push(comes + WINDOW);
            self.came.push(comes);
        }
    }

    fn step(&mut self, quota: u32, happens: &[Happens]) {
        self.happen(happens);
        self.bucket();
        for place in 0..self.machines.len() {
            self.run(place, quota);
        }
        self.now += STEP;
    }

    /// The most that came to the provider in any window.
    fn most(&mut self) -> usize {
        self.came.sort_unstable();
        let came = &self.came;
        let in_window = |(place, from): (usize, &u64)| {
            came[place..].iter().take_while(|at| **at <= from + WINDOW).count()
        };
        came.iter().enumerate().map(in_window).max().unwrap_or(0)
    }
}

/// Runs until all is over, and then for so long that all have their shares again.
fn run(rules: Rules, (seed, quota, begins, happens): &Case) -> World {
    let mut world = World::new(rules, *seed, begins);
    let over = happens.iter().map(|(at, _, _, time)| at * STEP + time).chain(begins.iter().copied());
    let over = over.max().unwrap_or(0);
    let calm = over + 3 * (TTL + WINDOW + u64::try_from(WAY.as_millis()).unwrap());
    while world.now < calm {
        world.is_calm = world.now >= over;
        world.step(*quota, happens);
    }
    world
}

type Case = (u64, u32, Vec<u64>, Vec<Happens>);

fn cases() -> impl Strategy<Value = Case> {
    let what = prop_oneof![Just(What::Dies), Just(What::Stands), Just(What::CutOff), Just(What::Anew)];
    let happens = (0u64..600, 0..MACHINES, what, prop_oneof![0u64..2 * TTL, 0..40_000u64]);
    let begins = proptest::collection::vec(prop_oneof![Just(0u64), 0..40_000u64], 1..=MACHINES);
    (any::<u64>(), 0u32..40, begins, proptest::collection::vec(happens, 0..12))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn whatever_happens_to_machines_no_window_of_the_provider_holds_more_than_the_quota(case in cases()) {
        let mut world = run(rules(), &case);
        let most = world.most();
        prop_assert!(most <= case.1 as usize, "{most} of {}", case.1);
        let now = world.at(world.now);
        let shares = world.machines.iter().map(|machine| machine.shares.as_ref().unwrap().share(case.1, now));
        prop_assert_eq!(shares.sum::<u32>(), case.1, "all of it is used in the end");
    }
}

/// What the law would be worth without one of its rules.
#[test]
fn without_any_of_its_rules_the_law_does_not_hold() {
    let breaks = |rules: Rules| {
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(400) });
        let holds = runner.run(&cases(), |case| {
            let most = run(rules, &case).most();
            prop_assert!(most <= case.1 as usize, "{most} of {}", case.1);
            Ok(())
        });
        holds.is_err()
    };
    let good = rules();
    assert!(breaks(Rules { valid: Duration::from_secs(3_600), ..good }), "a share needs news");
    assert!(breaks(Rules { wait: Duration::ZERO, ..good }), "who comes waits");
    assert!(breaks(Rules { wait: ms(TTL), ..good }), "for a window, too");
    assert!(breaks(Rules { life: ms(TTL), ..good }), "who goes stays");
}
