//! Random stories: commits, outages, lost answers, late requests, refusals, kills, rollbacks, in any order.
//! The model in memory is the oracle: at every seq that the target claims, and at the end.

use std::time::Duration;

use crate::support::{Change, World, any_page, put};
use bookstate_sink::sim::{Fault, SimCopy};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

#[derive(Debug, Clone)]
enum Event {
    Commit(Vec<Change>),
    Wait(u64),
    Settle,
    Down(bool),
    /// From now on chunks fail like this, by a generator of this seed.
    Faults(u64),
    NoFaults,
    Refuse(Vec<i32>),
    Kill,
    Copy,
    RollBack,
    LateRequests,
    LoseDirectory,
    RetryParked,
}

fn change() -> impl Strategy<Value = Change> {
    let page = 1..=24i32;
    let text = "[a-c]{0,3}";
    prop_oneof![
        4 => (page.clone(), text, any::<bool>()).prop_map(|(page, text, footer)| Change::PutPage { page, text, footer }),
        4 => (page.clone(), proptest::option::of(text), any::<bool>())
            .prop_map(|(page, text, complete)| Change::PatchPage { page, text, complete }),
        3 => page.prop_map(|page| Change::DeletePage { page }),
        1 => any::<bool>().prop_map(|found| Change::PutToc { found }),
        1 => (1..9i32, any::<bool>()).prop_map(|(start, complete)| Change::PatchToc { start, complete }),
        1 => Just(Change::DeleteToc),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => prop::collection::vec(change(), 1..12).prop_map(Event::Commit),
        6 => (1..400u64).prop_map(Event::Wait),
        2 => Just(Event::Settle),
        2 => any::<bool>().prop_map(Event::Down),
        3 => any::<u64>().prop_map(Event::Faults),
        1 => Just(Event::NoFaults),
        1 => prop::collection::vec(1..=24i32, 0..3).prop_map(Event::Refuse),
        2 => Just(Event::Kill),
        1 => Just(Event::Copy),
        1 => Just(Event::RollBack),
        1 => Just(Event::LateRequests),
        1 => Just(Event::LoseDirectory),
        1 => Just(Event::RetryParked),
    ]
}

fn faults(seed: u64) -> impl FnMut(usize) -> Fault + Send + 'static {
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

async fn play(seed: u64, events: Vec<Event>) -> (usize, usize, usize) {
    let mut world = World::new(seed);
    let mut copy: Option<SimCopy> = None;
    for event in events {
        match event {
            Event::Commit(changes) => world.commit(&changes),
            Event::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Event::Settle => drop(world.sink().barrier().await),
            Event::Down(down) => world.target.set_down(down),
            Event::Faults(seed) => world.target.set_faults(faults(seed)),
            Event::NoFaults => world.target.clear_faults(),
            Event::Refuse(pages) => {
                let keys: Vec<_> = pages.iter().map(|page| any_page(&world.book, *page)).collect();
                world.target.set_refused(keys);
            }
            Event::Kill => world.kill_and_restart().await,
            Event::Copy => copy = Some(world.target.copy()),
            Event::RollBack => {
                if let Some(copy) = copy.clone() {
                    world.target.restore(copy);
                }
            }
            Event::LateRequests => world.target.deliver_stalled(),
            Event::LoseDirectory => lose_directory(&mut world, &mut copy).await,
            Event::RetryParked => drop(world.sink().retry_parked(&world.name, None).await),
        }
    }
    end(&mut world).await;
    world.check_the_end().await;
    (world.commits, world.ops, world.target.counters().documents)
}

/// A lost machine: what the target has is what the book is from now on. Only a healthy target that has
/// something of the book can be taken over; otherwise there is nothing to come back from.
async fn lose_directory(world: &mut World, copy: &mut Option<SimCopy>) {
    world.target.set_down(false);
    world.target.clear_faults();
    if world.target.book(&world.book).is_none() {
        return;
    }
    world.lose_the_directory().await;
    world.sink().take_over(&world.name, &world.book).await.unwrap();
    world.open_the_book();
    // A copy from before belongs to the other directory: rolling back to it would be a foreign book again.
    *copy = None;
}

async fn end(world: &mut World) {
    world.target.clear_faults();
    world.target.set_down(false);
    world.target.set_refused([]);
    world.target.deliver_stalled();
    // A book that never had a commit has nothing to be compared.
    world.commit(&[put(1, "the end")]);
    world.settle().await;
    world.sink().retry_parked(&world.name, None).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_story_ends_with_the_book_in_the_target(seed: u64, events in prop::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (commits, ops, documents) = runtime.block_on(play(seed, events));
        println!("seed {seed}: {ops} ops in {commits} commits, {documents} documents written");
    }
}

/// How many stories; more with `BOOKSTATE_SCHEDULES=10000`.
fn cases() -> u32 {
    std::env::var("BOOKSTATE_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}
