//! What can happen in a story, and the story of a seed.

use std::time::Duration;

use bookstate_sink::sim::{Fault, Reads};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::support::Change;

pub(super) const BOOKS: usize = 3;
pub(super) const TARGETS: usize = 2;
pub(super) const PAGES: i32 = 24;

#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A commit of a book, by a directory; it is opened if it is not open.
    Commit {
        dir: usize,
        book: usize,
        changes: Vec<Change>,
    },
    /// Nobody writes the book any more, so that it leaves memory.
    Close {
        dir: usize,
        book: usize,
    },
    Wait(u64),
    Settle,
    Target(usize, Trouble),
    /// A directory's sink gets the target, or loses it.
    Attach {
        dir: usize,
        target: usize,
        attached: bool,
    },
    Kill {
        dir: usize,
    },
    /// What was not synced is gone, or a part of it.
    PowerLoss {
        dir: usize,
        image: Option<u64>,
    },
    /// The directory is set aside as a copy.
    Copy {
        dir: usize,
    },
    /// The copy is put in its place.
    Restore {
        dir: usize,
    },
    /// The copy is used beside it.
    Clone,
    /// An empty directory takes back what a target has.
    Lose {
        dir: usize,
        target: usize,
    },
    TakeOver {
        dir: usize,
        target: usize,
        book: usize,
        killed_after: Option<u64>,
    },
    RetryParked {
        dir: usize,
        target: usize,
    },
    Resync {
        dir: usize,
        target: usize,
        book: usize,
    },
    Verify {
        dir: usize,
        target: usize,
        book: usize,
    },
}

/// What happens to a target.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    Down(bool),
    /// From now on chunks fail like this, by a generator of this seed.
    Faults(u64),
    NoFaults,
    /// So many percent of the chunks meet another writer's.
    Conflicts(u32),
    /// Every chunk is refused with a text that nobody knows.
    Sick(bool),
    /// These pages are refused; answered with 500; never answered.
    Refuse(Vec<i32>),
    Choke(Vec<i32>),
    Silence(Vec<i32>),
    Reads(Reads),
    ReadTime(u64),
    Copy,
    RollBack,
    LateRequests,
}

fn change(random: &mut SmallRng) -> Change {
    let page = random.random_range(1..=PAGES);
    let text: String = (0..random.random_range(0..4)).map(|_| random.random_range('a'..='c')).collect();
    match random.random_range(0..14) {
        0..=3 => Change::PutPage { page, text, footer: random.random() },
        4..=7 => {
            let text = random.random::<bool>().then_some(text);
            Change::PatchPage { page, text, complete: random.random() }
        }
        8..=10 => Change::DeletePage { page },
        11 => Change::PutToc { found: random.random() },
        12 => Change::PatchToc { start: random.random_range(1..9), complete: random.random() },
        _ => Change::DeleteToc,
    }
}

fn pages(random: &mut SmallRng) -> Vec<i32> {
    (0..random.random_range(0..3)).map(|_| random.random_range(1..=PAGES)).collect()
}

fn trouble(random: &mut SmallRng) -> Trouble {
    match random.random_range(0..17) {
        0 | 1 => Trouble::Down(random.random()),
        2 | 3 => Trouble::Faults(random.random()),
        4 => Trouble::NoFaults,
        5 => Trouble::Conflicts(if random.random() { 40 } else { 0 }),
        6 => Trouble::Sick(random.random_bool(0.4)),
        7 => Trouble::Refuse(pages(random)),
        8 => Trouble::Choke(pages(random)),
        9 => Trouble::Silence(pages(random)),
        10 | 11 => {
            let reads = [Reads::Answered, Reads::LoadsFail, Reads::Silent, Reads::Stale];
            Trouble::Reads(reads[random.random_range(0..reads.len())])
        }
        12 => Trouble::ReadTime(random.random_range(0..60)),
        13 => Trouble::Copy,
        14 | 15 => Trouble::RollBack,
        _ => Trouble::LateRequests,
    }
}

fn event(random: &mut SmallRng, weights: &Weights) -> Event {
    let dir = random.random_range(0..2);
    let (book, target) = (random.random_range(0..BOOKS), random.random_range(0..TARGETS));
    let roll = random.random_range(0..weights.all());
    let mut left = roll;
    let mut is = |weight: u32| {
        let hit = left < weight;
        left = left.saturating_sub(weight);
        if hit {
            left = u32::MAX;
        }
        hit
    };
    if is(20) {
        let changes = (0..random.random_range(1..12)).map(|_| change(random)).collect();
        return Event::Commit { dir, book, changes };
    }
    if is(9) {
        return Event::Wait(random.random_range(1..400));
    }
    if is(3) {
        return Event::Settle;
    }
    if is(3) {
        return Event::Close { dir, book };
    }
    if is(weights.trouble) {
        return Event::Target(target, trouble(random));
    }
    if is(weights.attach) {
        return Event::Attach { dir, target, attached: random.random() };
    }
    if is(weights.kill) {
        return Event::Kill { dir };
    }
    if is(weights.power) {
        return Event::PowerLoss { dir, image: random.random::<bool>().then(|| random.random()) };
    }
    if is(weights.copies) {
        return match random.random_range(0..4) {
            0 | 1 => Event::Copy { dir },
            2 => Event::Restore { dir },
            _ => Event::Clone,
        };
    }
    if is(weights.lose) {
        return Event::Lose { dir, target };
    }
    if is(weights.commands) {
        return match random.random_range(0..4) {
            0 => Event::TakeOver {
                dir,
                target,
                book,
                killed_after: random.random::<bool>().then(|| random.random_range(0..80)),
            },
            1 => Event::RetryParked { dir, target },
            2 => Event::Resync { dir, target, book },
            _ => Event::Verify { dir, target, book },
        };
    }
    Event::Wait(1)
}

/// How often what happens, in one story: most have a theme.
struct Weights {
    trouble: u32,
    attach: u32,
    kill: u32,
    power: u32,
    copies: u32,
    lose: u32,
    commands: u32,
}

impl Weights {
    fn all(&self) -> u32 {
        35 + self.trouble + self.attach + self.kill + self.power + self.copies + self.lose + self.commands
    }
}

/// The story of a seed.
pub(super) fn story(seed: u64) -> Vec<Event> {
    let mut random = SmallRng::seed_from_u64(seed);
    let weights = Weights {
        trouble: [0, 10, 25][random.random_range(0..3)],
        attach: [0, 0, 4][random.random_range(0..3)],
        kill: [0, 2, 6][random.random_range(0..3)],
        power: [0, 0, 4][random.random_range(0..3)],
        copies: [0, 0, 10][random.random_range(0..3)],
        lose: [0, 0, 0, 2][random.random_range(0..4)],
        commands: [0, 3, 8][random.random_range(0..3)],
    };
    let length = random.random_range(4..70);
    (0..length).map(|_| event(&mut random, &weights)).collect()
}

/// What happens to each chunk.
pub(super) fn faults(seed: u64) -> impl FnMut(usize) -> Fault + Send + 'static {
    let mut random = SmallRng::seed_from_u64(seed);
    move |_| match random.random_range(0..10) {
        0 => Fault::Unavailable,
        1 => Fault::LoseAnswer,
        2 => Fault::LoseRequest,
        3 => Fault::Stall(random.random_range(0..6)),
        4 => Fault::Slow(Duration::from_millis(random.random_range(1..8000))),
        _ => Fault::None,
    }
}
