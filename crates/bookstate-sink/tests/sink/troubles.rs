//! Targets in trouble: who is at fault, who waits, and what is not touched. One story per kind.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bookstate_domain::{BookId, BookStatus, persist::NewBook};
use bookstate_sink::{
    CommandError, Health, RemoteTarget,
    sim::{Fault, Reads, SimTarget},
};
use bookstate_store::TargetName;
use parking_lot::Mutex;

use crate::support::{Change, World, any_page, pace, put};

fn pages(from: i32, to: i32, text: &str) -> Vec<Change> {
    (from..=to).map(|page| put(page, text)).collect()
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_no_failure() {
    let mut world = World::new(101);
    world.target.set_conflicts(60);
    let mut worst = Health::Healthy;
    for round in 0..10 {
        world.commit(&pages(1, 30, &round.to_string()));
        let seq = world.seq();
        until("it arrives", || {
            if !matches!(world.status().health, Health::Healthy | Health::Starting) {
                worst = world.status().health;
            }
            world.target.book(&world.book).is_some_and(|book| book.sync.persisted_seq >= seq)
        })
        .await;
    }
    let counters = world.status().counters;
    assert!(counters.conflicts > 20, "{counters:?}");
    assert_eq!((counters.unavailable, counters.splits, counters.parked), (0, 0, 0), "{counters:?}");
    assert_eq!(worst, Health::Healthy, "never ill for it");
    world.sink().resync(&world.name, &world.book).await.unwrap();
    world.target.set_conflicts(0);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_everything_is_ill_and_no_document_is_parked() {
    let mut world = World::new(102);
    world.commit(&pages(1, 30, "old"));
    world.settle().await;
    world.target.set_sick(Some("the frobnicator is out of plasma"));
    world.commit(&pages(1, 30, "new"));
    until(
        "it is seen to be ill",
        || matches!(world.status().health, Health::Failing { failures, .. } if failures > 6),
    )
    .await;
    assert_eq!(world.status().counters.parked, 0);
    world.target.set_sick(None);
    world.check_the_end().await;
    assert_eq!(world.status().counters.parked, 0);
}

/// With one live book there is no other whose success would tell.
#[tokio::test(start_paused = true)]
async fn a_document_that_is_answered_with_500_is_found_with_one_book_alone() {
    let mut world = World::new(103);
    let key = any_page(&world.book, 17);
    world.target.set_choked([key.clone()]);
    world.commit(&pages(1, 30, "x"));
    until("it is parked", || world.status().parked == 1).await;
    world.settle().await;
    let book = world.target.book(&world.book).unwrap();
    assert_eq!((book.sync.parked, book.state.pages().size()), (vec![key], 29));
    world.target.set_choked([]);
    world.sink().retry_parked(&world.name, None).await.unwrap();
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_never_answered_is_parked_and_others_go_on() {
    let mut world = World::new(104);
    let key = any_page(&world.book, 3);
    world.target.set_silent([key.clone()]);
    world.commit(&pages(1, 12, "x"));
    let other = world.library().create_book(&BookId::new("a").unwrap(), "test").unwrap();
    let receipt = other.persist_book_record(NewBook { page_count: 1 }).unwrap();
    until("it is parked", || world.status().parked == 1).await;
    let arrived = world.target.book(other.id()).unwrap();
    assert_eq!(arrived.sync.persisted_seq, receipt.seq);
    world.settle().await;
    assert_eq!(world.target.book(&world.book).unwrap().sync.parked, vec![key]);
    let attempts = world.target.counters().attempts;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.target.counters().attempts, attempts, "it is left alone for a while");
    // Then it is tried again by itself.
    world.target.set_silent([]);
    until("it has arrived", || world.status().parked == 0).await;
    world.check_the_end().await;
}

/// The failure of a book is its own.
#[tokio::test(start_paused = true)]
async fn a_book_that_cannot_be_read_holds_up_no_other() {
    let mut world = World::new(105);
    world.commit(&pages(1, 5, "x"));
    world.settle().await;
    world.target.set_reads(Reads::LoadsFail);
    let compared = world.sink().resync(&world.name, &world.book).await;
    assert!(matches!(compared, Err(CommandError::Target(_))), "{compared:?}");
    assert_eq!(world.status().health, Health::Healthy, "the target is well");
    let other = world.library().create_book(&BookId::new("a").unwrap(), "test").unwrap();
    let receipt = other.persist_book_record(NewBook { page_count: 1 }).unwrap();
    other.persisted(receipt.seq, &world.name).await;
    world.target.set_reads(Reads::Answered);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_is_given_up() {
    let mut world = World::new(106);
    world.target.set_reads(Reads::Silent);
    world.commit(&pages(1, 5, "x"));
    until("it is failing", || matches!(world.status().health, Health::Failing { .. })).await;
    world.target.set_reads(Reads::Answered);
    world.check_the_end().await;
}

/// What is asked ends at the seq that was known then, however busy the book is.
#[tokio::test]
async fn a_comparison_of_a_busy_book_ends() {
    let mut world = World::new(107);
    world.commit(&pages(1, 30, "x"));
    world.settle().await;
    let copy = world.target.copy();
    world.commit(&pages(1, 3, "y"));
    world.settle().await;
    world.target.restore_documents_only(copy);
    let (name, book) = (world.name.clone(), world.book.clone());
    world.close_the_book();
    let handle = world.library().open_book(&book, "busy").unwrap();
    handle.persist_book_record(NewBook { page_count: 30 }).unwrap();
    let mut round = 0;
    let compared = {
        let mut asked = std::pin::pin!(world.sink().resync(&name, &book));
        loop {
            round += 1;
            handle.persist_book_status(BookStatus::Processing, Some(round.to_string().into())).unwrap();
            tokio::select! {
                compared = &mut asked => break compared,
                () = tokio::time::sleep(Duration::from_millis(1)) => assert!(round < 20_000, "it never ends"),
            }
        }
    };
    assert_eq!(compared, Ok(()));
    drop(handle);
    world.open_the_book();
    world.check_the_end().await;
}

/// A new target, and books that nobody writes: one after the other, whatever waits.
#[tokio::test]
async fn a_few_books_are_under_way_at_a_time_however_many_wait() {
    let mut world = World::new(108);
    for number in 0..60 {
        let book =
            world.library().create_book(&BookId::new(&format!("cold-{number}")).unwrap(), "test").unwrap();
        let mut receipt = book.persist_book_record(NewBook { page_count: 30 }).unwrap();
        for page in 1..=30 {
            receipt = book.persist_page_extract(page).unwrap();
        }
        book.persisted(receipt.seq, &TargetName::local()).await;
    }
    world.settle().await;
    until("nothing is in memory", || world.library().live_books().len() <= 1).await;
    let (target, in_flux) = (Arc::new(SimTarget::new()), Arc::new(Mutex::new((BTreeSet::new(), 0))));
    let seen = in_flux.clone();
    target.observe(move |_, id, book| {
        let mut seen = seen.lock();
        if book.sync.persisting_seq == book.sync.persisted_seq {
            seen.0.remove(id);
        } else {
            seen.0.insert(id.clone());
        }
        seen.1 = seen.1.max(seen.0.len());
    });
    let second = RemoteTarget { name: "second".parse().unwrap(), target: target.clone(), pace: pace() };
    world.sink().add(second).unwrap();
    world.commit(&[put(1, "live")]);
    world.settle().await;
    assert_eq!(target.copy().books().count(), 61);
    let most = in_flux.lock().1;
    assert!((1..=4).contains(&most), "{most} books were in flux at once");
    world.check_the_end().await;
}

/// Verifying waits for nothing and changes nothing.
#[tokio::test(start_paused = true)]
async fn what_a_copy_lacks_because_it_is_behind_is_its_lag_and_no_difference() {
    let mut world = World::new(109);
    world.commit(&pages(1, 12, "x"));
    world.settle().await;
    world.target.set_faults(|_| Fault::Unavailable);
    world.commit(&[put(1, "y")]);
    world.commit(&[put(13, "y")]);
    let before = world.target.book(&world.book).unwrap();
    let verified = world.sink().verify(&world.name, &world.book).await.unwrap();
    assert!(verified.is_equal(), "{verified:?}");
    assert_eq!((verified.lag, verified.equal), (2, 11));
    assert_eq!(world.target.book(&world.book).unwrap().sync, before.sync);
    world.target.clear_faults();
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_with_parked_documents_says_so_when_it_is_taken_back() {
    let mut world = World::new(110);
    world.target.set_choked([any_page(&world.book, 3)]);
    world.commit(&pages(1, 5, "x"));
    until("it is parked", || world.status().parked == 1).await;
    world.settle().await;
    world.lose_the_directory().await;
    world.target.set_choked([]);
    let taken = world.sink().take_over(&world.name, &world.book).await.unwrap();
    assert_eq!((taken.parked, taken.in_flux), (1, false));
    world.open_the_book();
    assert_eq!(
        world.state().pages().size(),
        4,
        "what was refused is lost with the directory, and that was said"
    );
}
