//! Random stories: three books, two targets and the local store, and everything that goes wrong, in any order.
//!
//! The oracle is the fold of what each data directory accepted: whenever a target says that it has a book as of
//! some seq, it must be that fold, parked documents aside, and so it must be at the end. A story that fails is
//! shortened and printed with its seed.
//!
//! `BOOKSTATE_STORIES` says how many, `BOOKSTATE_STORY_SEED` with which seed they begin, and
//! `BOOKSTATE_STORY_MINUTES` when to stop at the latest; `cargo xtask prove --stories` sets them.

mod event;
mod play;
mod shorten;
mod world;

use std::{
    panic,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use event::Event;
use parking_lot::Mutex;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays one story; what went wrong, if anything did.
fn run(seed: u64, events: &[Event]) -> Result<play::Played, String> {
    let played = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play::play(seed, events))
    }));
    played.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
    })
}

#[test]
fn any_story_ends_with_the_books_in_the_targets() {
    let first = number("BOOKSTATE_STORY_SEED").unwrap_or_else(rand::random::<u64>);
    let count = number("BOOKSTATE_STORIES").unwrap_or(60);
    let minutes = number("BOOKSTATE_STORY_MINUTES").unwrap_or(60 * 24);
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    println!("stories with the seeds from {first}");
    let (next, played) = (AtomicU64::new(0), Mutex::new(play::Played::default()));
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let work = || {
        while Instant::now() < until && failed.lock().is_empty() {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return;
            }
            let seed = first.wrapping_add(n);
            match run(seed, &event::story(seed)) {
                Ok(one) => played.lock().add(&one),
                Err(text) => {
                    println!("seed {seed}: {text}");
                    failed.lock().push((seed, text));
                }
            }
        }
    };
    // One that fails is told at the end, and the shorter ones that it is made into need not be.
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let told: Vec<String> =
        failed.lock().iter().take(1).map(|(seed, text)| shorten::tell(*seed, text)).collect();
    panic::set_hook(loud);
    println!("{}", played.lock());
    assert!(told.is_empty(), "{}", told.join("\n"));
}

mod told {
    //! Stories of data directories, told one by one.

    use std::time::Duration;

    use super::world::{World, book, name};
    use crate::support::put;

    fn run(story: impl AsyncFnOnce(&mut World)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut world = World::new(1);
            story(&mut world).await;
            world.settle(0).await;
            world.check();
            world.check_the_end(0);
        });
    }

    /// It has accepted as many commits as it lacks, so that their numbers say nothing.
    #[test]
    fn a_directory_that_was_put_back_overwrites_nothing_unasked() {
        run(async |world| {
            world.commit(0, 0, &[put(1, "a")]);
            world.settle(0).await;
            world.copy(0).await;
            world.commit(0, 0, &[put(2, "b")]);
            world.commit(0, 0, &[put(3, "c")]);
            world.settle(0).await;
            world.restore(0).await;
            world.commit(0, 0, &[put(4, "another")]);
            world.commit(0, 0, &[put(5, "line")]);
            world.settle(0).await;
            for target in 0..2 {
                assert!(world.is_foreign(0, target, 0), "a person decides");
                assert_eq!(world.targets[target].book(&book(0)).unwrap().state.pages().size(), 3);
            }
            world.targets[0].set_read_time(Duration::from_millis(40));
            for target in 0..2 {
                // Commits that are accepted while the copy is loaded have seqs of their own.
                let (name, id) = (name(target), book(0));
                let taken = world.sink(0).take_over(&name, &id);
                assert!(tokio::time::timeout(Duration::from_millis(30), taken).await.is_err() || target > 0);
                world.commit(0, 0, &[put(6 + i32::try_from(target).unwrap(), "meanwhile")]);
                world.settle(0).await;
                assert!(!world.is_foreign(0, target, 0));
            }
        });
    }

    #[test]
    fn of_two_copies_of_a_directory_one_writes_a_book() {
        run(async |world| {
            world.commit(0, 0, &[put(1, "a")]);
            world.settle(0).await;
            world.copy(0).await;
            world.clone_directory();
            world.commit(0, 0, &[put(2, "of the first")]);
            world.settle(0).await;
            world.commit(1, 0, &[put(2, "of the clone")]);
            world.settle(1).await;
            assert!(world.is_foreign(1, 0, 0) && world.is_foreign(1, 1, 0));
            world.sink(1).take_over(&name(0), &book(0)).await.unwrap();
            world.settle(1).await;
            world.check_the_end(1);
            // The first learns of it at its next change, and overwrites nothing.
            world.commit(0, 0, &[put(3, "of the first")]);
            world.settle(0).await;
            assert!(world.is_foreign(0, 0, 0) && !world.is_foreign(0, 1, 0));
            world.check_the_end(1);
        });
    }

    #[test]
    fn a_take_over_that_was_killed_is_begun_anew() {
        run(async |world| {
            world.commit(0, 0, &(1..=24).map(|page| put(page, "a")).collect::<Vec<_>>());
            world.settle(0).await;
            world.copy(0).await;
            world.commit(0, 0, &(1..=24).map(|page| put(page, "b")).collect::<Vec<_>>());
            world.settle(0).await;
            world.restore(0).await;
            world.commit(0, 0, &[put(1, "c")]);
            world.settle(0).await;
            assert!(world.is_foreign(0, 0, 0));
            // The chunk that makes the book ours is in the target, and nothing else.
            let before = world.targets[0].counters().applied;
            let most = before + 2;
            world.targets[0].set_faults(move |_| bookstate_sink::sim::Fault::None);
            {
                let (name, id) = (name(0), book(0));
                let mut taken = std::pin::pin!(world.sink(0).take_over(&name, &id));
                while world.targets[0].counters().applied < most {
                    drop(tokio::time::timeout(Duration::from_millis(1), &mut taken).await);
                }
            }
            world.kill(0).await;
            world.settle(0).await;
            world.sink(0).take_over(&name(1), &book(0)).await.unwrap();
        });
    }
}
