//! Opening after a kill: everything that was accepted is there, wherever the local store stands.

use bookstate_domain::Seq;
use bookstate_store::{
    LibraryConfig, OpenError, RecoveryReport, Source, fs::fault::CrashImage, journal::SyncPolicy,
};

use crate::{
    fold::{commit_up_to, fold, pages_of, seq},
    shelf::{
        NEVER, Shelf, book, live_pages, only_one_segment, persist, store, store_unsynced, stored_pages,
        stored_seq, take, tell, wait, write,
    },
};

fn recovered(report: &RecoveryReport) -> Vec<(String, usize, u32)> {
    report.recovered.iter().map(|r| (r.book_id.to_string(), r.commits, r.seq.get())).collect()
}

#[test]
fn everything_that_was_accepted_comes_back_after_a_kill() {
    for policy in [SyncPolicy::Always, NEVER, SyncPolicy::Os] {
        let mut shelf = Shelf::new(policy);
        shelf.segment_bytes = 2000;
        let ids = ["moby", "walden", "ulysses"].map(book);
        let (library, report) = shelf.open();
        assert_eq!(recovered(&report), []);
        let handles = ids.each_ref().map(|id| write(&library, id));
        for last in 1..=20 {
            handles.iter().for_each(|handle| commit_up_to(handle, last));
            shelf.settle(&library);
        }
        assert!(library.journal_health().segments > 2);
        drop((handles, library));
        // The second time from what the first one left.
        for _ in 0..2 {
            shelf.crash(CrashImage::Killed);
            let (library, report) = shelf.open();
            let all = ["moby", "ulysses", "walden"].map(|id| (id.to_owned(), 20, 20));
            assert_eq!((recovered(&report), &report.set_aside), (all.to_vec(), &vec![]), "{policy:?}");
            for id in &ids {
                assert_eq!(live_pages(&library, id), Some(fold(20)), "{policy:?}");
            }
        }
        let (library, _) = shelf.open();
        commit_up_to(&write(&library, &ids[1]), 21);
        assert_eq!(live_pages(&library, &ids[1]), Some(fold(21)));
        assert_eq!(live_pages(&library, &ids[0]), Some(fold(20)));
    }
}

/// The local store stands anywhere, whether the journal was told or not, and the kill comes any time after.
#[test]
fn the_local_store_may_be_behind_by_any_number_of_commits() {
    const LAST: u32 = 6;
    for (stored, is_told) in (0..=LAST).flat_map(|stored| [(stored, false), (stored, true)]) {
        let what = format!("stored {stored}, told {is_told}");
        let mut shelf = Shelf::new(SyncPolicy::Os);
        shelf.segment_bytes = 600;
        let id = book("moby");
        let (library, _) = shelf.open();
        let handle = write(&library, &id);
        commit_up_to(&handle, stored);
        if let Some(batch) = take(&library, &id) {
            store(&library, &batch);
            if is_told {
                tell(&library, &batch);
            }
        }
        commit_up_to(&handle, LAST);
        drop((handle, library));
        for _ in 0..2 {
            shelf.crash(CrashImage::Killed);
            let (library, report) = shelf.open();
            let missing = (LAST - stored) as usize;
            let expected: Vec<_> =
                (missing > 0).then(|| ("moby".to_owned(), missing, LAST)).into_iter().collect();
            assert_eq!((recovered(&report), &report.set_aside), (expected, &vec![]), "{what}");
            let reading = wait(library.read(&id)).unwrap().unwrap();
            let source = if missing > 0 { Source::Memory } else { Source::Local };
            assert_eq!((reading.source, reading.snapshot.seq), (source, seq(LAST)), "{what}");
            assert_eq!(pages_of(&reading.snapshot.state), fold(LAST), "{what}");
        }
        // What is recovered reaches the local store, and the book goes on from there.
        let (library, _) = shelf.open();
        persist(&library, &id);
        assert_eq!(
            (library.active(&id).is_none(), stored_pages(&library, &id)),
            (true, Some(fold(LAST))),
            "{what}"
        );
        commit_up_to(&write(&library, &id), LAST + 2);
        persist(&library, &id);
        assert_eq!(stored_pages(&library, &id), Some(fold(LAST + 2)), "{what}");
    }
}

/// No journal of ours gets behind the local store; a copy of the directory that was put together by hand may.
#[test]
fn the_local_store_may_be_ahead_of_the_journal() {
    for synced in 0..=3 {
        let mut shelf = Shelf::new(SyncPolicy::Os);
        let id = book("moby");
        let (library, _) = shelf.open();
        let handle = write(&library, &id);
        commit_up_to(&handle, synced);
        wait(handle.durable()).unwrap();
        commit_up_to(&handle, 4);
        store_unsynced(&library, &take(&library, &id).unwrap());
        drop((handle, library));
        shelf.crash(CrashImage::Synced);
        let (library, report) = shelf.open();
        assert_eq!((recovered(&report), stored_seq(&library, &id)), (vec![], seq(4)));
        commit_up_to(&write(&library, &id), 6);
        drop(library);
        shelf.crash(CrashImage::Killed);
        let (library, report) = shelf.open();
        assert_eq!((recovered(&report), report.set_aside), (vec![("moby".to_owned(), 2, 6)], vec![]));
        assert_eq!(live_pages(&library, &id), Some(fold(6)));
    }
}

#[test]
fn segments_go_when_the_local_store_has_everything_and_not_before() {
    let mut shelf = Shelf::new(SyncPolicy::Os);
    shelf.segment_bytes = 1500;
    let (first, second) = (book("moby"), book("walden"));
    let (library, _) = shelf.open();
    let handles = [&first, &second].map(|id| write(&library, id));
    for last in 1..=30 {
        handles.iter().for_each(|handle| commit_up_to(handle, last));
        shelf.settle(&library);
    }
    let segments = library.journal_health().segments;
    assert!(segments > 5);
    persist(&library, &first);
    assert_eq!(library.journal_health().segments, segments, "the other book needs them");
    for id in [&first, &second] {
        library.feed(&"mirror".parse().unwrap()).acknowledge(id, seq(30));
    }
    assert_eq!(library.journal_health().segments, segments, "only the local store frees the journal");
    let batch = take(&library, &second).unwrap();
    store(&library, &batch);
    assert_eq!(library.journal_health().segments, segments, "nobody told the journal yet");
    tell(&library, &batch);
    let left = library.journal_health();
    assert!(left.segments == 1 && left.deleted_segments == segments - 1, "{left:?}");
    // What is new stays.
    for last in 31..=40 {
        handles.iter().for_each(|handle| commit_up_to(handle, last));
        shelf.settle(&library);
    }
    drop((handles, library));
    shelf.crash(CrashImage::Killed);
    let (library, _) = shelf.open();
    assert_eq!(
        (live_pages(&library, &first), live_pages(&library, &second)),
        (Some(fold(40)), Some(fold(40)))
    );
    assert!(library.journal_health().segments > 1);

    // Killed before the journal was told: opening tells it.
    for id in [&first, &second] {
        store(&library, &take(&library, id).unwrap());
    }
    drop(library);
    shelf.crash(CrashImage::Killed);
    let (library, report) = shelf.open();
    assert_eq!(recovered(&report), []);
    only_one_segment(&library);
    assert_eq!(stored_pages(&library, &first), Some(fold(40)));
}

#[test]
fn closing_leaves_an_empty_journal_when_the_local_store_has_everything() {
    let shelf = Shelf::new(SyncPolicy::Os);
    let id = book("moby");
    let (library, _) = shelf.open();
    commit_up_to(&write(&library, &id), 30);
    persist(&library, &id);
    library.close().unwrap();
    assert_eq!(shelf.journal_seqs(&id), [0_u32; 0]);
    let (library, report) = shelf.open();
    assert_eq!((report.journal.records, library.book_seq(&id).unwrap()), (0, seq(30)));
}

#[test]
fn the_writer_id_is_made_once() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let writer = |dir: &tempfile::TempDir| {
        bookstate_store::Library::open(LibraryConfig::new(dir.path())).map(|(library, _)| library.writer())
    };
    let first = writer(&one).unwrap();
    assert_eq!(writer(&one).unwrap(), first);
    assert_ne!(writer(&other).unwrap(), first);
    // One that cannot be read is not replaced: the targets know the directory by it.
    let path = one.path().join("writer");
    let text = std::fs::read(&path).unwrap();
    for damaged in [&b""[..], b"not an id", &text[1..]] {
        std::fs::write(&path, damaged).unwrap();
        let error = writer(&one).unwrap_err();
        assert!(matches!(&error, OpenError::Io { path: of, .. } if *of == path), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }
    std::fs::write(&path, &text).unwrap();
    assert_eq!(writer(&one).unwrap(), first);
}

#[test]
fn recovery_needs_no_writer() {
    let mut shelf = Shelf::new(SyncPolicy::Os);
    let id = book("moby");
    let (library, _) = shelf.open();
    commit_up_to(&write(&library, &id), 4);
    drop(library);
    shelf.crash(CrashImage::Killed);
    let (library, _) = shelf.open();
    assert_eq!(library.live_books(), std::slice::from_ref(&id), "live until the local store has it");
    assert_eq!(library.watermark(&id, &bookstate_store::TargetName::local()), Seq::ZERO);
    persist(&library, &id);
    assert_eq!((library.live_books(), stored_pages(&library, &id)), (vec![], Some(fold(4))));
}
