//! Leases against a model of the bucket: messages are late, lost, doubled and overtaken, reads are old, machines stand
//! still, and the bucket may be made anew.

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Action, Counter, End, Event, Found, Rules, State};

const TTL: u64 = 3_000;
const MACHINES: usize = 3;

fn rules() -> Rules {
    Rules::of(Duration::from_millis(TTL))
}

/// The bucket's two keys of one book, as at some moment.
#[derive(Debug, Clone, Copy, Default)]
struct Keys {
    last: u64,
    /// Revision, machine and epoch, and when the bucket stored it.
    key: Option<(u64, usize, u32, u64)>,
    /// The marker of a key that went.
    marker: u64,
    counter: Counter,
}

impl Keys {
    fn key_revision(&self) -> u64 {
        self.key.map_or(self.marker, |key| key.0)
    }

    fn expire(&mut self, now: u64, ttl: u64) {
        if self.key.is_some_and(|(.., stored)| now >= stored + ttl) {
            self.last += 1;
            (self.key, self.marker) = (None, self.last);
        }
    }

    /// Does what an action asks for. `Ok`: the revision; `Err`: refused.
    fn take(&mut self, machine: usize, action: Action, now: u64) -> Result<u64, ()> {
        match action {
            Action::Create { epoch, key, counter, .. } => {
                if (key, counter) != (self.key_revision(), self.counter.revision) {
                    return Err(());
                }
                self.counter = Counter { epoch, revision: self.last + 1 };
                self.last += 2;
                self.key = Some((self.last, machine, epoch, now));
            }
            Action::Renew { epoch, revision, .. } => {
                if revision != self.key_revision() {
                    return Err(());
                }
                self.last += 1;
                self.key = Some((self.last, machine, epoch, now));
            }
            Action::Delete { revision, .. } => {
                if revision != self.key_revision() {
                    return Err(());
                }
                self.last += 1;
                (self.key, self.marker) = (None, self.last);
            }
            _ => unreachable!("{action:?} is no write"),
        }
        Ok(self.last)
    }
}

/// A target: it takes chunks of who came with a higher epoch than all before, and of nobody else.
#[derive(Debug, Default)]
struct Target {
    owner: Option<(u32, usize)>,
    /// Who wrote, in order.
    log: Vec<(u32, usize)>,
}

impl Target {
    /// Takes a machine as the owner, by a compare-and-set.
    fn claim(&mut self, epoch: u32, machine: usize) {
        if self.owner.is_none_or(|(owner, _)| epoch > owner) {
            self.owner = Some((epoch, machine));
        }
    }

    fn write(&mut self, epoch: u32, machine: usize) {
        if self.owner == Some((epoch, machine)) {
            self.log.push((epoch, machine));
        }
    }
}

struct World {
    base: Instant,
    now: u64,
    keys: Keys,
    /// What it was, for reads that are old.
    was: Vec<Keys>,
    /// The bucket's clock may run ahead by so much, which is less than the margin.
    skew: u64,
    machines: [State; MACHINES],
    stands: [bool; MACHINES],
    asked: Vec<(usize, Action)>,
    answers: Vec<(usize, Event)>,
    target: Target,
    held: Vec<u32>,
    ends: [u32; 3],
    adopted: u32,
}

impl World {
    fn new(skew: u64) -> Self {
        Self {
            base: Instant::now(),
            now: 0,
            keys: Keys::default(),
            was: vec![Keys::default()],
            skew,
            machines: [State::Absent; MACHINES],
            stands: [false; MACHINES],
            asked: Vec::new(),
            answers: Vec::new(),
            target: Target::default(),
            held: Vec::new(),
            ends: [0; 3],
            adopted: 0,
        }
    }

    fn time(&self) -> Instant {
        self.base + Duration::from_millis(self.now)
    }

    fn holds(&self, machine: usize) -> bool {
        self.machines[machine].holds(self.time(), &rules())
    }

    fn event(&mut self, machine: usize, event: Event) {
        let was = self.machines[machine];
        let (next, action) = was.on(event, self.time(), &rules());
        self.machines[machine] = next;
        match action {
            Action::Look { .. } | Action::Create { .. } | Action::Renew { .. } | Action::Delete { .. } => {
                self.asked.push((machine, action));
            }
            Action::Holds { .. } => {
                if let (State::Creating { .. }, State::Held(held)) = (was, next) {
                    self.held.push(held.epoch);
                }
            }
            Action::Ended(end) => self.ends[end as usize] += 1,
            Action::Nothing | Action::Again | Action::Theirs | Action::Exhausted => {}
        }
        if let (Event::Looked { found: Found::Ours { revision, .. }, .. }, State::Held(held)) = (event, was) {
            self.adopted += u32::from(revision > held.revision);
        }
    }

    /// The bucket gets a request, and answers it.
    fn deliver(&mut self, machine: usize, action: Action, old: Option<usize>) {
        let (sent, expected) = match action {
            Action::Look { .. } => {
                let keys = old.map_or(self.keys, |back| self.was[self.was.len() - 1 - back % self.was.len()]);
                let found = match keys.key {
                    None => Found::Free(keys.marker),
                    Some((revision, of, epoch, _)) if of == machine => Found::Ours { revision, epoch },
                    Some(_) => Found::Theirs,
                };
                let looked = Event::Looked { found, counter: keys.counter };
                self.answers.push((machine, looked));
                return;
            }
            Action::Create { sent, key, .. } => (sent, key),
            Action::Renew { sent, revision, .. } | Action::Delete { sent, revision } => (sent, revision),
            _ => return,
        };
        let answer = match self.keys.take(machine, action, self.now) {
            Ok(revision) => Event::Written { sent, revision },
            Err(()) => Event::Refused { sent, expected },
        };
        self.was.push(self.keys);
        self.answers.push((machine, answer));
    }

    fn step(&mut self, what: u8, argument: u16, wipes: bool) {
        let (at, machine) = (argument as usize, argument as usize % MACHINES);
        match what % 32 {
            0..=4 => self.now += u64::from(argument) % (TTL / 12),
            6 if argument.is_multiple_of(16) => self.now += u64::from(argument) % (2 * TTL),
            7..=9 if !self.stands[machine] => {
                if matches!(self.machines[machine], State::Absent | State::Ended(_)) {
                    self.machines[machine] = State::Absent;
                    let floor = self.target.owner.map_or(0, |owner| owner.0);
                    self.event(machine, Event::Claim { floor });
                }
            }
            10..=12 if !self.stands[machine] => self.event(machine, Event::Tick),
            13..=19 if !self.asked.is_empty() => {
                let (machine, action) = self.asked.remove(at % self.asked.len());
                self.deliver(machine, action, (what % 32 == 13).then_some(at >> 3));
            }
            // Delivered twice.
            20 if !self.asked.is_empty() => {
                let (machine, action) = self.asked[at % self.asked.len()];
                self.deliver(machine, action, None);
            }
            21 if !self.asked.is_empty() => drop(self.asked.remove(at % self.asked.len())),
            22..=26 if !self.answers.is_empty() => {
                let at = at % self.answers.len();
                if !self.stands[self.answers[at].0] {
                    let (machine, answer) = self.answers.remove(at);
                    self.event(machine, answer);
                }
            }
            27 if !self.answers.is_empty() => drop(self.answers.remove(at % self.answers.len())),
            // No answer in time; what was asked may still get there, and its answer too.
            28 if !self.stands[machine] => {
                let of = |lease: &State| match lease {
                    State::Looking { .. } => Some(self.base),
                    State::Creating { sent, .. } => Some(*sent),
                    State::Held(held) | State::Releasing(held) => Some(held.tried),
                    State::Absent | State::Ended(_) => None,
                };
                if let Some(sent) = of(&self.machines[machine]) {
                    self.event(machine, Event::Unknown { sent });
                }
            }
            29 => self.stands[machine] = argument.is_multiple_of(5),
            // All is well for a moment.
            5 | 6 => {
                for (machine, action) in std::mem::take(&mut self.asked) {
                    self.deliver(machine, action, None);
                }
                for (machine, answer) in std::mem::take(&mut self.answers) {
                    if !self.stands[machine] {
                        self.event(machine, answer);
                    }
                }
            }
            30 if !self.stands[machine] && argument.is_multiple_of(8) => self.event(machine, Event::Release),
            30 if argument % 4 == 1 => self.event(machine, Event::Nudge),
            // The marker of a key that went goes itself.
            31 if !wipes || !argument.is_multiple_of(6) => self.keys.marker = 0,
            31 => {
                self.keys = Keys::default();
                self.was.push(self.keys);
            }
            _ => {}
        }
        self.keys.expire(self.now, TTL - self.skew);
        for machine in 0..MACHINES {
            if let State::Held(held) = self.machines[machine]
                && self.holds(machine)
                && !self.stands[machine]
                && argument.is_multiple_of(3)
            {
                self.target.claim(held.epoch, machine);
                self.target.write(held.epoch, machine);
            }
        }
    }
}

fn stories() -> impl Strategy<Value = (u64, Vec<(u8, u16)>)> {
    (0..TTL / 10, prop::collection::vec((any::<u8>(), any::<u16>()), 50..1500))
}

/// What holds at every moment of a story without wipes.
fn exclusive(skew: u64, steps: &[(u8, u16)]) -> Result<World, TestCaseError> {
    let mut world = World::new(skew);
    for (what, argument) in steps {
        world.step(*what, *argument, false);
        let holders: Vec<usize> = (0..MACHINES).filter(|machine| world.holds(*machine)).collect();
        prop_assert!(holders.len() < 2, "{holders:?} hold at {}", world.now);
        prop_assert!(world.held.is_sorted_by(|a, b| a < b), "epochs {:?}", world.held);
    }
    Ok(world)
}

/// What holds even when the bucket is lost: a target's log is a run of owners with ascending epochs.
fn fenced(skew: u64, steps: &[(u8, u16)]) -> Result<World, TestCaseError> {
    let mut world = World::new(skew);
    for (what, argument) in steps {
        world.step(*what, *argument, true);
    }
    for pair in world.target.log.windows(2) {
        prop_assert!(pair[0] == pair[1] || pair[0].0 < pair[1].0, "{:?}", world.target.log);
    }
    Ok(world)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_no_time_do_two_machines_hold_a_book_and_epochs_ascend((skew, steps) in stories()) {
        exclusive(skew, &steps)?;
    }

    #[test]
    fn of_a_bucket_that_is_made_anew_a_target_still_takes_one_owner_at_a_time((skew, steps) in stories()) {
        fenced(skew, &steps)?;
    }
}

/// The stories have in them what they are told for.
#[test]
fn the_stories_have_take_overs_losses_and_adopted_answers() {
    let config = Config { cases: 600, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let counts = Cell::new([0; 5]);
    runner
        .run(&stories(), |(skew, steps)| {
            let world = exclusive(skew, &steps)?;
            let [released, refused, expired] = world.ends;
            let more = [world.held.len() as u32, released, refused, expired, world.adopted];
            counts.set(std::array::from_fn(|at| counts.get()[at] + more[at]));
            Ok(())
        })
        .unwrap();
    println!("held, released, refused, expired, adopted: {:?}", counts.get());
    assert!(counts.get().iter().all(|count| *count > 20), "{:?}", counts.get());
}

/// Two machines that hold at once, since the bucket was made anew between their claims: the promise ends here, and the
/// target's begins.
#[test]
fn a_bucket_that_is_made_anew_lets_two_hold_and_the_target_takes_one() {
    let mut world = World::new(0);
    for machine in [0, 1] {
        world.event(machine, Event::Claim { floor: 0 });
        for _ in 0..2 {
            let (of, action) = world.asked.remove(0);
            world.deliver(of, action, None);
            let (of, answer) = world.answers.remove(0);
            world.event(of, answer);
        }
        world.keys = Keys::default();
    }
    assert!(world.holds(0) && world.holds(1));
    assert_eq!(world.held, [1, 1], "nothing is left that knew of the first");
    for machine in [0, 1] {
        world.target.claim(1, machine);
        world.target.write(1, machine);
    }
    assert_eq!(world.target.log, [(1, 0)]);
    // The first one's next renewal is refused, and it ends.
    world.now += TTL / 2;
    world.event(0, Event::Tick);
    let (of, action) = world.asked.remove(0);
    world.deliver(of, action, None);
    let (of, answer) = world.answers.remove(0);
    world.event(of, answer);
    assert_eq!(world.machines[0], State::Ended(End::Refused));
}

#[test]
fn an_epoch_is_above_what_the_targets_know_and_there_is_a_highest() {
    let rules = rules();
    let now = Instant::now();
    let create = |floor, stored| {
        let (lease, _) = State::Absent.on(Event::Claim { floor }, now, &rules);
        let counter = Counter { epoch: stored, revision: 1 };
        lease.on(Event::Looked { found: Found::Free(0), counter }, now, &rules).1
    };
    assert!(matches!(create(7, 3), Action::Create { epoch: 8, .. }));
    assert!(matches!(create(3, 7), Action::Create { epoch: 8, .. }));
    assert!(matches!(create(0, super::HIGHEST - 1), Action::Create { epoch: super::HIGHEST, .. }));
    assert_eq!(create(0, super::HIGHEST), Action::Exhausted);
    assert_eq!(create(u32::MAX, 0), Action::Exhausted);
}
