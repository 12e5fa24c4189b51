//! A full disk, a failing write, a failing fsync under the journal.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex, mpsc},
};

use bookstate_store::{
    BookHandle, Differing, Library, PersistError,
    fs::fault::{Call, CrashImage, Fault, FaultFs},
    journal::{JournalState, SyncPolicy},
};

use crate::{
    fold::{changes, commit, commit_up_to, fold, pages_of, seq},
    shelf::{Shelf, book, live_pages, persist, store_unsynced, stored_pages, take, tell, wait, write},
};

#[test]
fn a_full_disk_refuses_the_call_which_succeeds_later() {
    for segment_bytes in [64 << 20, 700] {
        // How many bytes the commits take is found out on a disk that has room.
        let mut spaces = 0;
        let mut refusals = 0;
        loop {
            let mut shelf = Shelf::new(SyncPolicy::Os);
            shelf.segment_bytes = segment_bytes;
            let id = book("moby");
            let (library, _) = shelf.open();
            let handle = write(&library, &id);
            commit_up_to(&handle, 2);
            shelf.fs.set_space(Some(spaces));
            let accepted = fill(&library, &handle, 5);
            shelf.fs.set_space(None);
            commit_up_to(&handle, 5);
            assert_eq!(library.journal_health().state, JournalState::Ok);
            assert_eq!(live_pages(&library, &id), Some(fold(5)));
            drop((handle, library));
            shelf.crash(CrashImage::Killed);
            let (library, report) = shelf.open();
            assert_eq!(report.set_aside, []);
            assert_eq!(live_pages(&library, &id), Some(fold(5)), "{spaces} bytes of space");
            if accepted {
                break;
            }
            refusals += 1;
            spaces += 19;
        }
        assert!(refusals > 20, "{refusals}");
    }
}

/// Commits up to `last` or until the disk is full; returns whether it got there.
fn fill(library: &Library, handle: &BookHandle, last: u32) -> bool {
    for number in 3..=last {
        let before = handle.snapshot();
        let Err(error) = commit(handle, &changes(number)) else { continue };
        assert!(matches!(error, PersistError::JournalFull), "{error}");
        assert!(Arc::ptr_eq(&before, &handle.snapshot()), "memory changed");
        assert_eq!((before.seq, pages_of(&before.state)), (seq(number - 1), fold(number - 1)));
        assert_eq!(library.journal_health().state, JournalState::Full);
        // What was accepted before is not held up, and the call fails again as long as there is no space.
        assert!(matches!(commit(handle, &changes(number)), Err(PersistError::JournalFull)));
        wait(handle.durable()).unwrap();
        persist(library, handle.id());
        assert_eq!(stored_pages(library, handle.id()), Some(fold(number - 1)));
        return false;
    }
    true
}

/// The number of the last operation of a kind that `act` brings about on a fresh shelf.
fn number_of_last(kind: Call, policy: SyncPolicy, act: impl Fn(&BookHandle)) -> u64 {
    let shelf = Shelf::new(policy);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    commit_up_to(&handle, 2);
    wait(handle.durable()).unwrap();
    let before = shelf.fs.ops().len();
    act(&handle);
    let last = shelf.fs.ops().iter().rposition(|op| *op == kind).unwrap();
    assert!(last >= before, "{kind:?} does not occur");
    last as u64
}

/// A shelf with two synced commits, on which operation `number` will fail.
fn faulty(policy: SyncPolicy, number: u64, fault: Fault) -> (Shelf, Library, BookHandle) {
    let shelf = Shelf::new(policy);
    shelf.fs.inject(number, fault);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    commit_up_to(&handle, 2);
    wait(handle.durable()).unwrap();
    (shelf, library, handle)
}

fn assert_poisoned(library: &Library, handle: &BookHandle) {
    assert!(matches!(library.journal_health().state, JournalState::Poisoned(_)));
    let before = handle.snapshot();
    for _ in 0..2 {
        let error = commit(handle, &changes(before.seq.get() + 1)).unwrap_err();
        assert!(matches!(error, PersistError::Poisoned { .. }), "{error}");
    }
    assert!(Arc::ptr_eq(&before, &handle.snapshot()), "memory holds what was not accepted");
    let other = library.create_book(&book("walden"), "test").unwrap();
    assert!(
        matches!(commit(&other, &changes(1)), Err(PersistError::Poisoned { .. })),
        "every book is concerned"
    );
}

/// The last act: the live book goes whole to the local store, and the next start continues from there.
fn last_act_and_restart(shelf: &Shelf, library: Library, handle: BookHandle, last: u32) {
    let id = handle.id().clone();
    let batch = take(&library, &id).unwrap();
    assert_eq!(batch.seq, seq(last));
    store_unsynced(&library, &batch);
    tell(&library, &batch);
    assert_eq!(stored_pages(&library, &id), Some(fold(last)));
    let whole = library.feed(&bookstate_store::TargetName::local()).whole(&id).unwrap().unwrap();
    assert_eq!(whole.seq, seq(last));
    drop(handle);
    assert!(library.close().is_err(), "closing does not say that all is well");
    for image in [CrashImage::Killed, CrashImage::Synced, CrashImage::Random(3)] {
        let after = shelf.copy(image);
        let (library, report) = after.open();
        assert_eq!(report.set_aside, []);
        let handle = write(&library, &id);
        assert_eq!(pages_of(&handle.snapshot().state), fold(last), "{image:?}");
        commit_up_to(&handle, last + 1);
        assert_eq!(live_pages(&library, &id), Some(fold(last + 1)), "{image:?}");
    }
}

#[test]
fn a_failed_fsync_under_always_is_told_and_the_commit_is_not_denied() {
    let act = |handle: &BookHandle| commit_up_to(handle, 3);
    let number = number_of_last(Call::SyncData, SyncPolicy::Always, act);
    let (shelf, library, handle) = faulty(SyncPolicy::Always, number, Fault::Error(ErrorKind::Other));
    let error = commit(&handle, &changes(3)).unwrap_err();
    assert!(matches!(error, PersistError::NotSynced { seq, .. } if seq == self::seq(3)), "{error}");
    // It may come back after a restart, so memory has it too: nobody is told that nothing happened.
    assert_eq!((handle.snapshot().seq, pages_of(&handle.snapshot().state)), (seq(3), fold(3)));
    assert_poisoned(&library, &handle);
    let batch = library
        .feed(&bookstate_store::TargetName::local())
        .batch(handle.id(), seq(0), &Differing::default())
        .unwrap()
        .unwrap();
    assert!(
        wait(library.feed(&bookstate_store::TargetName::local()).synced(&batch)).is_err(),
        "it must not go to a target as if it were safe"
    );
    let syncs = syncs(&shelf.fs);
    assert!(wait(handle.durable()).is_err());
    // Killed now, the log has it or not; a restart is at 2 or 3, never elsewhere.
    for image in [CrashImage::Killed, CrashImage::Synced, CrashImage::Random(1)] {
        let after = shelf.copy(image);
        let (library, report) = after.open();
        assert_eq!(report.set_aside, []);
        let handle = write(&library, handle.id());
        let last = handle.snapshot().seq.get();
        assert!(last == 2 || (last == 3 && image != CrashImage::Synced), "{image:?}: {last}");
        assert_eq!(pages_of(&handle.snapshot().state), fold(last), "{image:?}");
        commit_up_to(&handle, last + 1);
    }
    last_act_and_restart(&shelf, library, handle, 3);
    assert_eq!(self::syncs(&shelf.fs), syncs, "no fsync is tried again");
}

#[test]
fn under_always_nobody_but_the_caller_waits_for_the_disk() {
    let shelf = Shelf::new(SyncPolicy::Always);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    commit_up_to(&handle, 2);
    let (started, begun) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    shelf.fs.before_sync(move || {
        started.send(()).unwrap();
        assert!(told.lock().unwrap().recv().is_err(), "it is told by being dropped");
    });
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| commit(&handle, &changes(3)).unwrap());
        begun.recv().unwrap();
        // Readers and the sink look at the book while the fsync takes its time.
        assert_eq!(live_pages(&library, handle.id()), Some(fold(3)));
        let batch = library
            .feed(&bookstate_store::TargetName::local())
            .batch(handle.id(), seq(2), &Differing::default())
            .unwrap()
            .unwrap();
        assert_eq!(
            (batch.seq, library.feed(&bookstate_store::TargetName::local()).dirty_count(handle.id(), seq(2))),
            (seq(3), 2)
        );
        assert!(!waiting.is_finished());
        drop(go_on);
        assert_eq!(waiting.join().unwrap().seq, seq(3));
    });
}

fn syncs(fs: &FaultFs) -> usize {
    fs.ops().iter().filter(|op| **op == Call::SyncData).count()
}

#[test]
fn a_failed_fsync_leaves_memory_for_a_last_act() {
    let act = |handle: &BookHandle| {
        commit_up_to(handle, 4);
        wait(handle.durable()).unwrap();
    };
    let number = number_of_last(Call::SyncData, SyncPolicy::Os, act);
    let (shelf, library, handle) = faulty(SyncPolicy::Os, number, Fault::Error(ErrorKind::Other));
    commit_up_to(&handle, 4);
    let batch = take(&library, handle.id()).unwrap();
    assert!(wait(handle.durable()).is_err());
    assert!(
        wait(library.feed(&bookstate_store::TargetName::local()).synced(&batch)).is_err(),
        "it must not go to a target as if it were safe"
    );
    assert_poisoned(&library, &handle);
    assert_eq!(live_pages(&library, handle.id()), Some(fold(4)), "what was accepted is still there");
    last_act_and_restart(&shelf, library, handle, 4);
}

#[test]
fn a_failed_write_is_a_refused_call_and_leaves_no_part_of_it() {
    let number = number_of_last(Call::Write, SyncPolicy::Os, |handle| commit_up_to(handle, 3));
    for fault in [Fault::Error(ErrorKind::Other), Fault::Torn(20, ErrorKind::Other)] {
        let (shelf, library, handle) = faulty(SyncPolicy::Os, number, fault);
        let before = handle.snapshot();
        let error = commit(&handle, &changes(3)).unwrap_err();
        assert!(matches!(error, PersistError::Poisoned { .. }), "{error}");
        assert!(Arc::ptr_eq(&before, &handle.snapshot()), "it was not accepted");
        assert_poisoned(&library, &handle);
        assert_eq!(shelf.journal_seqs(handle.id()), [1, 2]);
        last_act_and_restart(&shelf, library, handle, 2);
    }
}
