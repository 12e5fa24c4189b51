//! Targets in trouble: who is at fault, who waits, and what is not touched. One story per kind.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bookstate_domain::{BookId, BookStatus, persist::NewBook};
use bookstate_sink::{
    CommandError, Health, Pace, Reached, RemoteTarget, SUSPECT_AFTER,
    sim::{Fault, Reads, SimTarget},
};
use bookstate_store::TargetName;
use parking_lot::Mutex;

use crate::support::{Change, World, any_page, pace, put};

fn pages(from: i32, to: i32, text: &str) -> Vec<Change> {
    (from..=to).map(|page| put(page, text)).collect()
}

async fn until(what: &str, is: impl FnMut() -> bool) {
    until_in_steps(Duration::from_millis(5), what, is).await;
}

async fn until_in_steps(step: Duration, what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if is() {
            return;
        }
        tokio::time::sleep(step).await;
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

/// The target says that it is down as often as makes it suspect the chunk, and then takes everything.
#[tokio::test(start_paused = true)]
async fn what_fails_by_chance_is_tried_once_more_before_it_is_parked() {
    let mut world = World::new(118);
    world.commit(&[put(1, "old")]);
    world.settle().await;
    let attempts = world.target.counters().attempts;
    let fails = usize::try_from(SUSPECT_AFTER).unwrap() + 1;
    world.target.set_faults(move |n| if n < attempts + fails { Fault::Unavailable } else { Fault::None });
    world.commit(&[put(1, "new")]);
    let seq = world.seq();
    until("it arrives", || world.target.book(&world.book).is_some_and(|book| book.sync.persisted_seq >= seq))
        .await;
    // Its failures, the chunk without documents, and the document.
    assert_eq!(world.target.counters().attempts, attempts + fails + 2);
    world.check_the_end().await;
    assert_eq!(world.status().counters.parked, 0);
}

/// Much earlier than what is parked is tried again otherwise.
#[tokio::test(start_paused = true)]
async fn what_a_sick_target_has_refused_is_tried_again_when_it_is_well() {
    for answers in [true, false] {
        let mut world = World::new(115);
        let key = any_page(&world.book, 3);
        world.target.set_refused([key]);
        world.commit(&pages(1, 5, "x"));
        until("it is parked", || world.status().parked == 1).await;
        world.settle().await;
        world.target.set_refused([]);
        if answers {
            world.target.set_sick(Some("the frobnicator is out of plasma"));
        } else {
            world.target.set_faults(|_| Fault::LoseRequest);
        }
        world.commit(&[put(1, "y")]);
        let is_ill = |health| matches!(health, Health::Failing { failures, .. } if failures > 8);
        until("it is seen to be ill", || is_ill(world.status().health)).await;
        assert_eq!(world.status().parked, 1);
        world.target.recover();
        let well = tokio::time::Instant::now();
        until("it has arrived", || world.status().parked == 0).await;
        assert!(well.elapsed() < 20 * pace().longest_pause, "{:?}", well.elapsed());
        world.check_the_end().await;
    }
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
    // It is left alone, each time for longer. When a pause ends is not known: the clock also runs while a disk
    // writes.
    let (before, hour) = (world.target.counters().attempts, Duration::from_secs(3600));
    tokio::time::sleep(hour).await;
    let attempts = world.target.counters().attempts - before;
    let without_pauses = usize::try_from(hour.as_secs() / pace().timeout.as_secs()).unwrap();
    assert!(attempts > 0 && attempts < without_pauses / 10, "{attempts} attempts in an hour");
    // Then it is tried again by itself: after as long again, at most.
    world.target.set_silent([]);
    until_in_steps(Duration::from_secs(1), "it has arrived", || world.status().parked == 0).await;
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

/// So is that of a row of the local store.
#[tokio::test]
async fn a_book_whose_row_cannot_be_read_holds_up_no_other() {
    let mut world = World::new(116);
    let broken = world.library().create_book(&BookId::new("a").unwrap(), "test").unwrap();
    broken.persist_book_record(NewBook { page_count: 1 }).unwrap();
    let receipt = broken.persist_page_extract(1).unwrap();
    let id = broken.id().clone();
    broken.persisted(receipt.seq, &TargetName::local()).await;
    drop(broken);
    world.settle().await;
    until("nothing else is in memory", || world.library().live_books().len() <= 1).await;
    let file = rusqlite::Connection::open(world.library().local_store().path()).unwrap();
    file.execute_batch("UPDATE Page SET ocr_retries = 5000000000 WHERE book_id = 'a'").unwrap();
    let (target, name) = (Arc::new(SimTarget::new()), "second".parse::<TargetName>().unwrap());
    world.sink().add(RemoteTarget { name: name.clone(), target: target.clone(), pace: pace() }).unwrap();
    let status =
        |world: &World| world.sink().status().into_iter().find(|status| status.name == name).unwrap();
    let asked = world.sink().resync(&name, &id).await;
    assert!(matches!(asked, Err(CommandError::Target(_))), "{asked:?}");
    assert_eq!(status(&world).health, Health::Healthy, "the target is well");
    let behind = status(&world).behind;
    assert!(behind.len() == 1 && behind[0].book_id == id, "{behind:?}");
    world.commit(&[put(1, "x")]);
    until("the other has arrived", || target.book(&world.book).is_some()).await;
    assert_eq!(status(&world).health, Health::Healthy);
    file.execute_batch("UPDATE Page SET ocr_retries = 0 WHERE book_id = 'a'").unwrap();
    world.check_the_end().await;
    assert_eq!(target.book(&id).unwrap().state.pages().size(), 1);
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

/// The target cannot be read at first, and a moment later it can.
#[tokio::test(start_paused = true)]
async fn what_is_asked_goes_on_over_an_error_that_passes() {
    let mut world = World::new(117);
    world.commit(&pages(1, 5, "x"));
    world.settle().await;
    let mends = async |target: &SimTarget| {
        // Later than the first attempt, and earlier than the last.
        tokio::time::sleep(Duration::from_millis(2)).await;
        target.recover();
    };
    let (target, name, book) = (world.target.clone(), world.name.clone(), world.book.clone());
    target.set_reads(Reads::LoadsFail);
    let (verified, ()) = tokio::join!(world.sink().verify(&name, &book), mends(&target));
    assert!(verified.is_ok_and(|verified| verified.is_equal() && verified.equal == 5));
    target.set_reads(Reads::LoadsFail);
    let (compared, ()) = tokio::join!(world.sink().resync(&name, &book), mends(&target));
    assert_eq!(compared, Ok(()));
    world.lose_the_directory().await;
    target.set_reads(Reads::LoadsFail);
    let (taken, ()) = tokio::join!(world.sink().take_over(&name, &book), mends(&target));
    assert!(taken.is_ok(), "{taken:?}");
    world.open_the_book();
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

#[tokio::test(start_paused = true)]
async fn a_copy_in_flux_says_so_when_it_is_taken_back() {
    let mut world = World::new(111);
    world.commit(&pages(1, 30, "old"));
    world.settle().await;
    let attempts = world.target.counters().attempts;
    world.target.set_faults(move |n| if n > attempts { Fault::Unavailable } else { Fault::None });
    world.commit(&pages(1, 30, "new"));
    until("a part of a batch is there", || world.target.counters().attempts > attempts + 1).await;
    world.lose_the_directory().await;
    world.target.clear_faults();
    let taken = world.sink().take_over(&world.name, &world.book).await.unwrap();
    assert_eq!((taken.parked, taken.in_flux), (0, true));
    world.open_the_book();
    world.check_the_end().await;
    // The second time the copy is whole.
    world.lose_the_directory().await;
    let taken = world.sink().take_over(&world.name, &world.book).await.unwrap();
    assert_eq!((taken.parked, taken.in_flux), (0, false));
}

/// Once everybody waits the clock is that of the waits: what is measured is the deadlines themselves.
#[tokio::test]
async fn a_drain_takes_its_deadline_once() {
    let mut world = World::new(112);
    let other = Arc::new(world.library().create_book(&BookId::new("a").unwrap(), "test").unwrap());
    let (second, name) = (Arc::new(SimTarget::new()), "second".parse::<TargetName>().unwrap());
    // It takes one batch and never answers the next, which there is as soon as it has that one.
    second.set_silent([any_page(other.id(), 1)]);
    let writer = Arc::downgrade(&other);
    second.observe(move |_, _, _| {
        if let Some(handle) = writer.upgrade() {
            handle.persist_page_extract(1).unwrap();
        }
    });
    let (third, silent) = (Arc::new(SimTarget::new()), "third".parse::<TargetName>().unwrap());
    third.set_reads(Reads::Silent);
    let patient = Pace { timeout: Duration::from_secs(3600), ..pace() };
    for (name, target) in [(&name, second.clone()), (&silent, third)] {
        world.sink().add(RemoteTarget { name: name.clone(), target, pace: patient.clone() }).unwrap();
    }
    other.persist_book_record(NewBook { page_count: 1 }).unwrap();
    let (began, deadline) = (tokio::time::Instant::now(), Duration::from_secs(600));
    let report = {
        let mut drain = std::pin::pin!(world.drain(deadline));
        while second.counters().attempts < 2 {
            tokio::select! {
                report = &mut drain => panic!("one is silent: {report:?}"),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        tokio::time::pause();
        drain.await
    };
    let took = began.elapsed();
    // One was late from the beginning, so the drain waited; the other had all that was asked, and is at its next batch.
    let reached = |name: &TargetName| &report.targets.iter().find(|(target, _)| target == name).unwrap().1;
    assert_ne!(*reached(&silent), Reached::All);
    assert_eq!((reached(&name), second.counters().attempts), (&Reached::All, 2));
    assert!(took >= deadline && took < 3 * deadline / 2, "{took:?}");
}

/// Most of a large batch that was broken off is there: it is compared, and what is there is not sent again.
#[tokio::test(start_paused = true)]
async fn a_large_batch_that_was_broken_off_is_not_sent_again() {
    let mut world = World::new(113);
    world.commit(&pages(1, 5, "old"));
    world.settle().await;
    let attempts = world.target.counters().attempts;
    world.target.set_faults(move |n| if n >= attempts + 7 { Fault::Unavailable } else { Fault::None });
    world.commit(&pages(1, 100, "new"));
    until("most of it is there", || world.target.counters().attempts > attempts + 7).await;
    let book = world.target.book(&world.book).unwrap();
    assert!(book.sync.persisting_seq > book.sync.persisted_seq);
    let ours = world.state();
    let there = ours.pages().keys().filter(|key| book.state.pages().get(*key) == ours.pages().get(*key));
    let lacks = 100 - there.count();
    assert!(lacks < 50, "{lacks}");
    world.kill();
    world.wait_for_the_lock().await;
    world.target.clear_faults();
    let before = world.target.counters().documents;
    world.start();
    world.check_the_end().await;
    assert_eq!(world.target.counters().documents - before, lacks);
    assert_eq!(world.status().counters.compares, 1);
}

/// A target that was just added, of which nothing is recorded yet: what is deleted meanwhile is deleted there too.
#[tokio::test(start_paused = true)]
async fn a_target_without_a_record_gets_deletions() {
    let mut world = World::new(114);
    let (second, name) = (Arc::new(SimTarget::new()), "second".parse::<TargetName>().unwrap());
    // Its first batch arrives, and nobody is told of it.
    second.set_faults(|n| if n == 0 { Fault::LoseAnswer } else { Fault::Unavailable });
    let reached = Arc::downgrade(&second);
    second.observe(move |_, _, _| reached.upgrade().into_iter().for_each(|second| second.set_down(true)));
    let remote = || RemoteTarget { name: name.clone(), target: second.clone(), pace: pace() };
    world.sink().add(remote()).unwrap();
    world.commit(&pages(1, 5, "x"));
    until("the first batch is there", || second.book(&world.book).is_some()).await;
    let store = |world: &World| world.library().local_store().clone();
    assert_eq!(store(&world).progress(name.as_str(), &world.book).unwrap(), None, "nothing is recorded");
    world.commit(&[Change::DeletePage { page: 2 }]);
    world.commit(&[put(3, "y")]);
    // Everybody else has it, and the book leaves memory: what is remembered of it is what the local store has.
    let mirror = world.name.clone();
    let seq = world.seq();
    until("the others have it", || {
        let has = |sync: Option<bookstate_store::Progress>| sync.is_some_and(|p| p.commit_seq >= seq);
        let local =
            store(&world).book_sync(&world.book).unwrap().is_some_and(|sync| sync.persisted_seq >= seq);
        local && has(store(&world).progress(mirror.as_str(), &world.book).unwrap())
    })
    .await;
    world.kill_and_restart().await;
    second.observe(|_, _, _| {});
    second.recover();
    world.sink().add(remote()).unwrap();
    world.settle().await;
    assert_eq!(second.book(&world.book).unwrap().state, world.state());
    let status = world.sink().status().into_iter().find(|status| status.name == name).unwrap();
    assert_eq!(status.counters.compares, 0, "it was remembered, not found out by a comparison");
    world.check_the_end().await;
}
