//! Plays a story.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use bookstate_sink::CommandError;

use super::{
    event::{BOOKS, Event, PAGES, TARGETS, Trouble, faults},
    world::{World, book, name},
};
use crate::support::{any_page, put};

/// Longer than anything takes that ends at all, in the time of the story.
const LONG: Duration = Duration::from_secs(600);

/// The same, in the time of the machine.
const REALLY_LONG: Duration = Duration::from_secs(4);

/// What was done, over all stories.
#[derive(Debug, Default)]
pub(super) struct Played {
    stories: usize,
    events: usize,
    commits: usize,
    ops: usize,
    documents: usize,
}

impl Played {
    pub(super) fn add(&mut self, other: &Self) {
        self.stories += other.stories;
        self.events += other.events;
        self.commits += other.commits;
        self.ops += other.ops;
        self.documents += other.documents;
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stories, events, commits, ops, documents } = self;
        write!(
            f,
            "{stories} stories of {events} events: {ops} ops in {commits} commits, {documents} documents written"
        )
    }
}

pub(super) async fn play(seed: u64, events: &[Event]) -> Played {
    let mut world = World::new(seed);
    for event in events {
        step(&mut world, event).await;
        world.check();
    }
    end(&mut world).await;
    let documents = world.targets.iter().map(|target| target.counters().documents).sum();
    Played { stories: 1, events: events.len(), commits: world.commits, ops: world.ops, documents }
}

async fn step(world: &mut World, event: &Event) {
    match event {
        Event::Commit { dir, book, changes } => world.commit(world.which(*dir), *book, changes),
        Event::Close { dir, book } => world.close(world.which(*dir), *book),
        Event::Wait(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
        Event::Settle => {
            for dir in 0..world.directories.len() {
                ended(world.sink(dir).barrier()).await;
            }
        }
        Event::Target(target, trouble) => befall(world, *target, trouble),
        Event::Attach { dir, target, attached } => world.attach(world.which(*dir), *target, *attached).await,
        Event::Kill { dir } => world.kill(world.which(*dir)).await,
        Event::PowerLoss { dir, image } => world.power_loss(world.which(*dir), *image).await,
        Event::Copy { dir } => world.copy(world.which(*dir)).await,
        Event::Restore { dir } => world.restore(world.which(*dir)).await,
        Event::Clone => world.clone_directory(),
        Event::Lose { dir, target } => world.lose(world.which(*dir), *target).await,
        Event::TakeOver { dir, target, book, killed_after } => {
            take_over(world, world.which(*dir), *target, *book, *killed_after).await;
        }
        Event::RetryParked { dir, target } => {
            let dir = world.which(*dir);
            if world.is_attached(dir, *target) {
                drop(ended(world.sink(dir).retry_parked(&name(*target), None)).await);
            }
        }
        Event::Resync { dir, target, book: number } => {
            let dir = world.which(*dir);
            if world.is_attached(dir, *target) && world.has(dir, *number) {
                drop(ended(world.sink(dir).resync(&name(*target), &book(*number))).await);
            }
        }
        Event::Verify { dir, target, book: number } => {
            let dir = world.which(*dir);
            if world.is_attached(dir, *target) && world.has(dir, *number) {
                drop(ended(world.sink(dir).verify(&name(*target), &book(*number))).await);
            }
        }
    }
}

/// What was asked is answered in the end, whatever is wrong. The story's clock runs ahead of the disk, so both
/// clocks must say that it takes too long.
async fn ended<T>(answer: impl Future<Output = T>) -> T {
    let mut answer = std::pin::pin!(answer);
    let asked = Instant::now();
    loop {
        if let Ok(answer) = tokio::time::timeout(LONG, &mut answer).await {
            return answer;
        }
        assert!(asked.elapsed() < REALLY_LONG, "who asked was never answered");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Somebody takes a book over that is another's, or that was his all the time; the process may die meanwhile.
async fn take_over(world: &mut World, dir: usize, target: usize, number: usize, killed_after: Option<u64>) {
    if !world.is_attached(dir, target) || !world.has(dir, number) {
        return;
    }
    let (target_name, id) = (name(target), book(number));
    let taken = world.sink(dir).take_over(&target_name, &id);
    match killed_after {
        Some(millis) => {
            drop(tokio::time::timeout(Duration::from_millis(millis), taken).await);
            world.kill(dir).await;
        }
        None => drop(ended(taken).await),
    }
}

fn befall(world: &mut World, number: usize, trouble: &Trouble) {
    let target = &world.targets[number];
    let keys = |pages: &[i32]| {
        let books = (0..BOOKS).map(book);
        books.flat_map(|id| pages.iter().map(move |page| any_page(&id, *page))).collect::<Vec<_>>()
    };
    match trouble {
        Trouble::Down(down) => target.set_down(*down),
        Trouble::Faults(seed) => target.set_faults(faults(*seed)),
        Trouble::NoFaults => target.recover(),
        Trouble::Conflicts(percent) => target.set_conflicts(*percent),
        Trouble::Sick(sick) => target.set_sick(sick.then_some("the frobnicator is out of plasma")),
        Trouble::Refuse(pages) => target.set_refused(keys(pages)),
        Trouble::Choke(pages) => target.set_choked(keys(pages)),
        Trouble::Silence(pages) => target.set_silent(keys(pages)),
        Trouble::Reads(reads) => target.set_reads(*reads),
        Trouble::ReadTime(millis) => target.set_read_time(Duration::from_millis(*millis)),
        Trouble::Copy => world.copies[number] = Some(target.copy()),
        Trouble::RollBack => {
            if let Some(copy) = world.copies[number].clone() {
                target.restore(copy);
            }
        }
        Trouble::LateRequests => target.deliver_stalled(),
    }
}

/// Everything is well again: what holds then.
async fn end(world: &mut World) {
    for target in &world.targets {
        target.recover();
        target.deliver_stalled();
    }
    for dir in 0..world.directories.len() {
        for target in 0..TARGETS {
            world.attach(dir, target, true).await;
        }
        // A roll-back is noticed when there is something to be sent.
        for number in (0..BOOKS).filter(|number| world.has(dir, *number)).collect::<Vec<_>>() {
            world.commit(dir, number, &[put(PAGES + 1, "the end")]);
        }
    }
    for dir in 0..world.directories.len() {
        world.settle(dir).await;
    }
    for target in 0..TARGETS {
        for number in 0..BOOKS {
            owned(world, target, number).await;
        }
        for dir in 0..world.directories.len() {
            ended(world.sink(dir).retry_parked(&name(target), None)).await.unwrap();
        }
    }
    for dir in 0..world.directories.len() {
        world.settle(dir).await;
    }
    // Who was overwritten meanwhile learns of it when there is something to be sent.
    for dir in 0..world.directories.len() {
        for number in (0..BOOKS).filter(|number| world.has(dir, *number)).collect::<Vec<_>>() {
            world.commit(dir, number, &[put(PAGES + 1, "the very end")]);
        }
        world.settle(dir).await;
    }
    for dir in 0..world.directories.len() {
        world.check_the_end(dir);
    }
    world.check();
}

/// Somebody writes the book; when nobody does, the first directory is told to.
async fn owned(world: &World, target: usize, number: usize) {
    let mut having = (0..world.directories.len()).filter(|dir| world.has(*dir, number));
    if having.clone().any(|dir| !world.is_foreign(dir, target, number)) {
        return;
    }
    let Some(dir) = having.next() else { return };
    assert!(world.consent, "target {target}, book {number}: another's, although there is one directory only");
    match ended(world.sink(dir).take_over(&name(target), &book(number))).await {
        Ok(_) => {}
        Err(error @ CommandError::Foreign { .. }) => panic!("taken over, and still another's: {error}"),
        Err(error) => panic!("not taken over: {error}"),
    }
}
