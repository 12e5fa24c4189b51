//! Moments at which a process is killed: random ones, and each k-th file operation.

use std::time::{Duration, Instant};

use bookstate_tests::shim::{Call, Counts, Shim};
use bookstate_tests::system::{Ended, Place};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Names a seed, to repeat a run.
const SEED: &str = "BOOKSTATE_TEST_SEED";

/// Random numbers for a test, whose seed is printed.
pub(crate) fn random(test: &str) -> SmallRng {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random::<u64>(),
    };
    println!("{test}: {SEED}={seed}");
    SmallRng::seed_from_u64(seed)
}

/// Runs the program and kills it after a random time of at most `longest`, unless it ends before.
pub(crate) fn run_to_random_moment(
    place: &Place,
    line: &str,
    longest: Duration,
    random: &mut SmallRng,
) -> Ended {
    let running = place.start(line);
    std::thread::sleep(longest.mul_f64(random.random_range(0.0..1.0)));
    running.kill()
}

/// How long `run` takes.
pub(crate) fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = run();
    (done, begun.elapsed())
}

/// A kill at a file operation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    Before(Call, u64),
    After(Call, u64),
    /// In the middle of a write, after so many bytes.
    Torn(u64, usize),
}

impl Moment {
    pub(crate) fn of(self, shim: Shim) -> Shim {
        match self {
            Self::Before(call, nth) => shim.kill_before(call, nth),
            Self::After(call, nth) => shim.kill_after(call, nth),
            Self::Torn(nth, bytes) => shim.tear(nth, bytes),
        }
    }

    /// The moments of one kind of call: each when there are not more than `most`, else so many, spread over
    /// the run. Before and after the call by turns, and within it when it is a write.
    pub(crate) fn spread(call: Call, counts: Counts, most: u64) -> Vec<Self> {
        let count = counts.of(call);
        let picked = count.min(most);
        let nth = |n: u64| if picked == count { n + 1 } else { 1 + n * (count - 1) / (picked - 1).max(1) };
        let forms = if call == Call::Write { 3 } else { 2 };
        let moment = |n: u64| match n % forms {
            0 => Self::After(call, nth(n)),
            1 => Self::Before(call, nth(n)),
            // From nothing to more than most writes have.
            _ => Self::Torn(nth(n), [1, 7, 20, 100, 1000, 4000][(n / forms % 6) as usize]),
        };
        (0..picked).map(moment).collect()
    }
}
