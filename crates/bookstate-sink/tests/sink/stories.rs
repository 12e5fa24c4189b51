//! The stories that a remote target must survive, one by one, with the simulated target. Each ends with the
//! same law: the target is the book, nothing doubled, nothing resurrected.

use std::{sync::Arc, time::Duration};

use crate::support::{Change, World, any_page, pace, put};
use bookstate_domain::{BookId, BookStatus, Seq, persist::NewBook};
use bookstate_sink::{
    CommandError, Health, Pace, Reached, RemoteTarget, Sink, SinkConfig,
    sim::{Fault, SimTarget},
};
use bookstate_store::{Intent, Library, LibraryConfig, StartId, TargetName};

fn pages(from: i32, to: i32, text: &str) -> Vec<Change> {
    (from..=to).map(|page| put(page, text)).collect()
}

#[tokio::test(start_paused = true)]
async fn each_document_is_written_once_however_often_it_changed() {
    let mut world = World::new(1);
    for round in 0..5 {
        for page in 1..=30 {
            world.commit(&[put(page, &format!("text {round}"))]);
        }
    }
    world.check_the_end().await;
    let documents = world.target.counters().documents;
    println!("{} ops in {} commits became {documents} documents", world.ops, world.commits);
    // No await lies between the commits, so one batch carries them all.
    assert_eq!(documents, 30);
    // The counters against independent counts: the target's own, and the journal's.
    assert_eq!(world.status().counters.documents, 30);
    assert_eq!(world.status().counters.chunks, world.target.counters().applied as u64);
    assert_eq!(world.library().journal_health().records, world.commits as u64);
}

#[tokio::test(start_paused = true)]
async fn down_from_the_start_and_killed_meanwhile() {
    let mut world = World::new(2);
    world.target.set_down(true);
    for page in 1..=40 {
        world.commit(&[put(page, "a")]);
    }
    while !matches!(world.status().health, Health::Failing { .. }) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.status().lag(), 40, "the lag is shown");
    world.kill_and_restart().await;
    for page in 20..=60 {
        world.commit(&[put(page, "b")]);
    }
    world.kill_and_restart().await;
    let before = world.target.counters().attempts;
    assert_eq!(before, 0, "nothing reached the target");
    for round in 0..20 {
        for page in 1..=60 {
            world.commit(&[put(page, &format!("round {round}"))]);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while world.sink().status().iter().any(|s| s.name.as_str() == "local" && !s.behind.is_empty()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Neither journal nor memory grow with the outage: the local store has everything, and what the target
    // lacks is counted in documents, not in commits.
    while world.library().journal_health().segments > 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(world.library().journal_health().deleted_segments > 0);
    let behind = world.status().behind;
    assert_eq!(behind.len(), 1);
    assert!(behind[0].dirty <= 60, "{behind:?}");
    assert_eq!(behind[0].seq, world.seq());
    world.target.set_down(false);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_document_is_parked_and_healed_by_its_next_change() {
    let mut world = World::new(3);
    let key = any_page(&world.book, 7);
    world.target.set_refused([key.clone()]);
    world.commit(&pages(1, 25, "first"));
    world.settle().await;
    let book = world.target.book(&world.book).unwrap();
    assert_eq!(book.sync.parked, vec![key.clone()]);
    assert_eq!(book.state.pages().size(), 24, "everything else arrived");
    assert_eq!(world.status().parked, 1);
    let parked = world.library().local_store().parked(Some("sim"), None).unwrap();
    assert_eq!(parked.len(), 1);
    assert!(parked[0].parked.reason.contains("not wanted"), "{parked:?}");

    // Another page's change does not touch it; its own does, with its present state.
    world.commit(&[put(8, "second")]);
    world.settle().await;
    assert_eq!(world.status().parked, 1);
    world.target.set_refused([]);
    world.commit(&[Change::PatchPage { page: 7, text: Some("second".into()), complete: true }]);
    world.check_the_end().await;
    assert_eq!(world.status().parked, 0);
    assert_eq!(world.library().local_store().parked(None, None).unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_parked_document_is_healed_on_command_and_by_a_restart() {
    let mut world = World::new(4);
    let key = any_page(&world.book, 3);
    world.target.set_refused([key.clone()]);
    world.commit(&pages(1, 5, "x"));
    world.settle().await;
    // Still refused: tried, and parked again.
    assert_eq!(world.sink().retry_parked(&world.name, None).await, Ok(1));
    assert_eq!(world.status().parked, 1);
    world.target.set_refused([]);
    assert_eq!(world.sink().retry_parked(&world.name, Some(key.clone())).await, Ok(1));
    world.check_the_end().await;

    world.target.set_refused([key]);
    world.commit(&[put(3, "y")]);
    world.settle().await;
    assert_eq!(world.status().parked, 1);
    world.kill_and_restart().await;
    world.target.set_refused([]);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_document_that_is_deleted_is_gone_from_the_target_too() {
    let mut world = World::new(5);
    world.commit(&pages(1, 3, "old"));
    world.settle().await;
    let key = any_page(&world.book, 2);
    world.target.set_refused([key.clone()]);
    world.commit(&[put(2, "new")]);
    world.settle().await;
    assert_eq!(world.status().parked, 1);
    world.target.set_refused([]);
    world.commit(&[Change::DeletePage { page: 2 }]);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_document_no_longer_counts_and_is_not_tried_again() {
    let mut world = World::new(6);
    let key = any_page(&world.book, 2);
    world.target.set_refused([key.clone()]);
    world.commit(&pages(1, 3, "x"));
    world.settle().await;
    world.sink().drop_parked(&world.name, key.clone()).await.unwrap();
    world.settle().await;
    assert_eq!(world.status().parked, 0);
    // It is refused again: that was accepted.
    world.commit(&[put(2, "still refused")]);
    world.settle().await;
    assert_eq!((world.status().parked, world.status().counters.parked), (0, 2));
    world.target.set_refused([]);
    world.kill_and_restart().await;
    world.settle().await;
    assert!(!world.target.book(&world.book).unwrap().state.has(&key), "the difference was accepted");
    // Its next change is a new matter.
    world.commit(&[put(2, "y")]);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn applied_and_then_an_error_at_every_chunk() {
    let mut world = World::new(7);
    world.target.set_faults(|attempt| if attempt % 2 == 0 { Fault::LoseAnswer } else { Fault::None });
    for round in 0..4 {
        world.commit(&pages(1, 35, &format!("round {round}")));
        world.settle().await;
    }
    world.commit(&[Change::DeletePage { page: 1 }]);
    world.commit(&[put(1, "again")]);
    world.check_the_end().await;
    assert!(world.status().counters.ambiguous > 0);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_chunk_arrives_after_two_newer_batches() {
    let mut world = World::new(8);
    world.commit(&pages(1, 5, "old"));
    world.settle().await;
    world.target.set_faults(|attempt| if attempt == 1 { Fault::Stall(usize::MAX / 2) } else { Fault::None });
    world.commit(&[put(1, "stalled")]);
    world.settle().await;
    world.commit(&[put(1, "newer")]);
    world.settle().await;
    world.commit(&[Change::DeletePage { page: 2 }]);
    world.settle().await;
    let mismatches = world.target.counters().mismatches;
    world.target.deliver_stalled();
    assert_eq!(world.target.counters().mismatches, mismatches + 1, "the late chunk changed nothing");
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_chunk_of_a_killed_process_arrives_late() {
    let mut world = World::new(9);
    world.commit(&pages(1, 5, "old"));
    world.settle().await;
    // Every further chunk is stalled, so the killed process leaves one on its way.
    world.target.set_faults(|_| Fault::Stall(usize::MAX / 2));
    world.commit(&pages(1, 25, "of the killed process"));
    while world.target.counters().attempts < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.kill_and_restart().await;
    // It arrives when the new process has had its first look and is about to send under the same number.
    world.target.clear_faults();
    world.target.deliver_stalled();
    world.commit(&pages(3, 12, "of the new process"));
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn killed_between_two_chunks() {
    let mut world = World::new(10);
    world.commit(&pages(1, 30, "old"));
    world.settle().await;
    let attempts = world.target.counters().attempts;
    world
        .target
        .set_faults(move |attempt| if attempt > attempts + 1 { Fault::Unavailable } else { Fault::None });
    let changes: Vec<_> = (1..=30)
        .map(|page| if page % 3 == 0 { Change::DeletePage { page } } else { put(page, "new") })
        .collect();
    world.commit(&changes);
    while world.target.counters().attempts < attempts + 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let book = world.target.book(&world.book).unwrap();
    assert!(book.sync.persisting_seq > book.sync.persisted_seq, "the book is seen to be in flux");
    world.kill();
    world.wait_for_the_lock().await;
    world.target.clear_faults();
    world.start();
    world.commit(&[put(3, "re-created")]);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn the_target_is_rolled_back_to_an_older_copy() {
    for restart in [false, true] {
        let mut world = World::new(11);
        world.commit(&pages(1, 20, "old"));
        world.settle().await;
        let copy = world.target.copy();
        world.commit(&[Change::DeletePage { page: 1 }, put(2, "new"), put(21, "new")]);
        world.settle().await;
        world.target.restore(copy);
        if restart {
            world.kill_and_restart().await;
        }
        world.commit(&[put(3, "newest")]);
        world.check_the_end().await;
        assert!(world.status().counters.compares > 0);
    }
}

/// After a roll-back the target counts the same write numbers again: a request from before must not find its own.
#[tokio::test(start_paused = true)]
async fn a_chunk_stalled_across_a_roll_back_changes_nothing() {
    let mut world = World::new(18);
    world.commit(&pages(1, 5, "old"));
    world.settle().await;
    let copy = world.target.copy();
    world.commit(&[put(2, "second")]);
    world.settle().await;
    let next = world.target.counters().attempts;
    world.target.set_faults(move |n| if n == next { Fault::Stall(usize::MAX / 2) } else { Fault::None });
    world.commit(&[put(1, "stalled")]);
    world.settle().await;
    world.target.restore(copy);
    world.commit(&[put(1, "newest")]);
    world.settle().await;
    let mismatches = world.target.counters().mismatches;
    world.target.deliver_stalled();
    assert_eq!(world.target.counters().mismatches, mismatches + 1, "the late chunk changed nothing");
    world.check_the_end().await;
}

/// The late request does follow the state that the target was rolled back to, and arrives while that is being
/// healed: what it brings is not covered by what was found to differ.
#[tokio::test(start_paused = true)]
async fn a_chunk_stalled_across_a_roll_back_arrives_during_the_healing() {
    let patch = |page, text: &str| Change::PatchPage { page, text: Some(text.to_owned()), complete: false };
    let mut world = World::new(19);
    world.commit(&pages(1, 5, "old"));
    world.settle().await;
    let copy = world.target.copy();
    let next = world.target.counters().attempts;
    world.target.set_faults(move |n| if n == next { Fault::Stall(usize::MAX / 2) } else { Fault::None });
    world.commit(&[patch(1, "stalled")]);
    world.settle().await;
    world.commit(&[patch(1, "old")]);
    world.settle().await;
    world.target.restore(copy);
    // The first chunk after the roll-back finds a mismatch, the second is of the comparison.
    let next = world.target.counters().attempts;
    world.target.set_faults(move |n| if n == next { Fault::None } else { Fault::Unavailable });
    world.commit(&[put(3, "newest")]);
    while world.target.counters().attempts < next + 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.target.deliver_stalled();
    world.target.clear_faults();
    world.check_the_end().await;
}

/// By the real clock: a paused one would run ahead of the disk, up to the deadline.
#[tokio::test]
async fn a_silent_target_is_late_and_no_other() {
    let mut world = World::new(20);
    world.commit(&pages(1, 5, "text"));
    world.settle().await;
    world.target.hang_above(0);
    world.commit(&[put(1, "never answered")]);
    let report = world.drain(Duration::from_secs(3)).await;
    for (name, reached) in &report.targets {
        let is_silent = *name == world.name;
        assert_eq!(*reached != Reached::All, is_silent, "{name}: {reached:?}");
    }
    assert_eq!(report.targets.len(), 2);
}

#[tokio::test]
async fn one_lost_answer_is_no_outage_for_those_who_wait() {
    let mut world = World::new(21);
    world.commit(&pages(1, 30, "text"));
    world.target.set_faults(|n| if n % 2 == 0 { Fault::LoseAnswer } else { Fault::LoseRequest });
    let report = world.drain(Duration::from_secs(3600)).await;
    assert!(report.is_complete(), "{report:?}");
    let mut world = World::new(22);
    world.commit(&pages(1, 5, "text"));
    world.target.set_down(true);
    let report = world.drain(Duration::MAX).await;
    assert!(!report.is_complete(), "an outage is told before the deadline");
}

#[tokio::test]
async fn a_target_comes_and_goes_while_everything_runs() {
    let mut world = World::new(23);
    world.commit(&pages(1, 20, "text"));
    world.settle().await;
    let (name, target) = ("second".parse::<TargetName>().unwrap(), Arc::new(SimTarget::new()));
    let second = || RemoteTarget { name: name.clone(), target: target.clone(), pace: pace() };
    for round in 0..2 {
        world.sink().add(second()).unwrap();
        assert_eq!(world.sink().add(second()), Err(CommandError::TargetExists(name.clone())));
        world.commit(&[put(round + 1, "while it catches up")]);
        world.settle().await;
        assert_eq!(target.book(&world.book).unwrap().state, world.state());
        assert!(world.library().local_store().targets().unwrap().contains(&name.to_string()));

        world.sink().remove(&name).await.unwrap();
        assert!(matches!(world.sink().remove(&name).await, Err(CommandError::NoSuchTarget(_))));
        assert!(!world.library().local_store().targets().unwrap().contains(&name.to_string()));
        assert!(world.sink().status().iter().all(|status| status.name != name));
        // It comes back with an old copy, which nothing is remembered of.
        world.commit(&[Change::DeletePage { page: 10 + round }]);
        world.settle().await;
        assert_ne!(target.book(&world.book).unwrap().state, world.state());
    }
    let local = TargetName::local();
    assert!(matches!(world.sink().remove(&local).await, Err(CommandError::NoSuchTarget(_))));
    assert_eq!(target.violations(), Vec::<String>::new());
    world.check_the_end().await;
}

/// A target that is away has lag, whoever starts, and whatever leaves memory meanwhile.
#[tokio::test]
async fn the_lag_of_a_target_that_is_away_is_known() {
    let mut world = World::new(24);
    for text in ["one", "two", "three"] {
        world.commit(&[put(1, text)]);
    }
    world.settle().await;
    world.target.set_down(true);
    let lag_is = async |world: &World, lag: u64, note: &str| {
        for _ in 0..1000 {
            if world.library().live_books().is_empty() && world.status().lag() == lag {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{note}: {lag} expected, {:?}", world.status());
    };
    world.commit(&[put(2, "not there")]);
    while !matches!(world.status().health, Health::Failing { .. }) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.commit(&[put(3, "not there either")]);
    world.close_the_book();
    lag_is(&world, 2, "a book that left memory").await;
    world.kill();
    world.wait_for_the_lock().await;
    world.start_without_the_book();
    lag_is(&world, 2, "a book that nobody has opened").await;
    world.target.set_down(false);
    world.open_the_book();
    world.check_the_end().await;
}

/// A target that is faster than the job does not follow it commit by commit.
#[tokio::test]
async fn what_a_job_writes_in_a_row_goes_as_one() {
    let mut world = World::new(26);
    let (name, target) = ("second".parse::<TargetName>().unwrap(), Arc::new(SimTarget::new()));
    let linger = Duration::from_millis(100);
    let second = RemoteTarget { name, target: target.clone(), pace: Pace { linger, ..pace() } };
    world.sink().add(second).unwrap();
    let begun = std::time::Instant::now();
    for n in 0..60 {
        world.commit(&[put(1, &n.to_string())]);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (written, lingers) = (target.counters().documents, begun.elapsed().as_millis() / linger.as_millis());
    assert!(written as u128 <= lingers + 2, "{written} documents within {lingers} lingers");
    world.settle().await;
    assert_eq!(target.book(&world.book).unwrap().state, world.state());
    world.check_the_end().await;
}

/// The target has a batch, and the process ended before it had recorded that.
#[tokio::test(start_paused = true)]
async fn what_was_not_recorded_is_learnt_from_the_target() {
    let mut world = World::new(25);
    world.commit(&pages(1, 20, "text"));
    world.settle().await;
    let progress = |world: &World| {
        world.library().local_store().progress(world.name.as_str(), &world.book).unwrap().unwrap()
    };
    let before = progress(&world);
    world.commit(&[put(1, "not recorded")]);
    world.settle().await;
    let after = progress(&world);
    assert_ne!(before, after);
    let (name, book) = (world.name.clone(), world.book.clone());
    let store = world.library().local_store();
    store.record(name.as_str(), &book, Some(&before), &[], &[]).unwrap();
    let intent = Intent { batch: after.token, seq: after.persisted_seq, commit_seq: after.commit_seq };
    store.intend(name.as_str(), &book, StartId(7), intent, None).unwrap();
    world.kill_and_restart().await;
    world.settle().await;
    assert_eq!(progress(&world), after, "although nothing was left to be sent");
    assert_eq!(world.status().counters.chunks, 0);
}

#[tokio::test(start_paused = true)]
async fn the_target_forgets_everything() {
    let mut world = World::new(12);
    world.commit(&pages(1, 20, "old"));
    world.settle().await;
    world.target.restore(bookstate_sink::sim::SimCopy::default());
    world.commit(&[Change::PatchPage { page: 4, text: None, complete: true }]);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn the_data_directory_is_lost_and_the_book_comes_back_from_the_target() {
    let mut world = World::new(13);
    world.commit(&pages(1, 20, "old"));
    world.commit(&[Change::DeletePage { page: 5 }]);
    world.settle().await;
    let (before, seq) = (world.state(), world.seq());
    world.lose_the_directory().await;

    // Without an explicit take-over the target refuses the new directory.
    world.open_the_book();
    world.commit(&[put(9, "of a stranger")]);
    world.settle().await;
    assert_eq!(world.status().foreign.len(), 1);
    assert_eq!(world.target.book(&world.book).unwrap().state, before);
    let refused = world.sink().verify(&world.name, &world.book).await;
    assert!(matches!(refused, Err(CommandError::Foreign { .. })), "{refused:?}");

    // As it should be done: nothing of the book here, then the take-over.
    world.lose_the_directory().await;
    let from = world.sink().take_over(&world.name, &world.book).await.unwrap();
    assert!(from.from.is_some());
    world.open_the_book();
    assert_eq!(world.state(), before);
    world.commit(&[put(5, "deleted once, created again")]);
    assert!(world.seq() > seq, "no seq is used twice");
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn verify_finds_what_resync_heals() {
    let mut world = World::new(14);
    world.commit(&pages(1, 12, "x"));
    world.settle().await;
    let copy = world.target.copy();
    world.commit(&[put(1, "y"), Change::DeletePage { page: 2 }, put(13, "y")]);
    world.settle().await;
    let verified = world.sink().verify(&world.name, &world.book).await.unwrap();
    assert!(verified.is_equal());
    assert_eq!(verified.equal, 12);
    world.target.restore_documents_only(copy);
    let verified = world.sink().verify(&world.name, &world.book).await.unwrap();
    assert_eq!(verified.missing, vec![any_page(&world.book, 13)]);
    assert_eq!(verified.differing, vec![any_page(&world.book, 1)]);
    assert_eq!(verified.extra, vec![any_page(&world.book, 2)]);
    world.sink().resync(&world.name, &world.book).await.unwrap();
    assert!(world.sink().verify(&world.name, &world.book).await.unwrap().is_equal());
    world.remember(Seq::ZERO);
    world.check_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_is_never_answered_is_made_smaller() {
    let mut world = World::new(15);
    world.target.hang_above(3);
    world.commit(&pages(1, 20, "x"));
    world.check_the_end().await;
    assert!(world.target.counters().applied >= 7);
}

#[tokio::test(start_paused = true)]
async fn one_book_that_the_target_chokes_on_holds_up_no_other() {
    let mut world = World::new(16);
    let key = any_page(&world.book, 4);
    world.target.set_choked([key.clone()]);
    world.commit(&pages(1, 6, "x"));
    // Another book goes through all the while, which shows that the target is well.
    let other = world.library().create_book(&BookId::new("a").unwrap(), "test").unwrap();
    other.persist_book_record(NewBook { page_count: 1 }).unwrap();
    while world.status().parked == 0 {
        let receipt = other.persist_book_status(BookStatus::Processing, None).unwrap();
        while world.target.book(other.id()).is_none_or(|book| book.sync.persisted_seq < receipt.seq) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    world.settle().await;
    let book = world.target.book(&world.book).unwrap();
    assert_eq!(book.sync.parked, vec![key], "found by bisection, parked alone");
    world.target.set_choked([]);
    world.sink().retry_parked(&world.name, None).await.unwrap();
    world.check_the_end().await;
}

/// Whoever drains closes the library behind it, and the journal is empty then: no task that was given up has it still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_drain_the_library_can_be_closed() {
    for round in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let (library, _) = Library::open(LibraryConfig::new(dir.path())).unwrap();
        let target = Arc::new(SimTarget::new());
        target.set_down(true);
        let away = RemoteTarget { name: "away".parse().unwrap(), target, pace: Pace::REMOTE };
        let sink = Sink::start(&library, vec![away], &SinkConfig::new());
        let book = library.create_book(&BookId::new("b").unwrap(), "a test").unwrap();
        book.persist_book_record(NewBook { page_count: 1 }).unwrap();
        drop(book);
        sink.drain(Duration::from_secs(60)).await;
        library.close().unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
}
