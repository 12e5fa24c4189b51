//! Many would-be writers of one book, while the local store's progress makes it leave memory again and again.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use bookstate_store::{BookSync, ImportError, OpenBookError, Progress, StoredBook, TargetName, WriterId};
use parking_lot::Mutex;

use crate::{
    fold::{Change, Pages, at, changes, commit, commit_up_to, pages_of, seq},
    shelf::{SOON, Shelf, book, live_pages, only_one_segment, persist, stored_pages, stored_seq, write},
};

const WRITERS: u32 = 4;
const COMMITS_EACH: u32 = 60;

#[test]
fn there_is_one_writer_at_a_time_and_it_has_all_that_was_accepted() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let id = book("moby");
    // What was accepted, by seq: the number that makes the changes.
    let accepted: Mutex<BTreeMap<u32, u32>> = Mutex::default();
    let is_over = AtomicBool::new(false);
    let is_written = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let persister = threads.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                persist(&library, &id);
                std::thread::yield_now();
            }
        });
        let writers = (0..WRITERS).map(|writer| {
            let (library, id, accepted, is_written) = (&library, &id, &accepted, &is_written);
            threads.spawn(move || {
                let mut left = COMMITS_EACH;
                while left > 0 {
                    let opened = match library.open_book(id, "test") {
                        Err(OpenBookError::Unknown { .. }) => library.create_book(id, "test"),
                        opened => opened,
                    };
                    match opened {
                        Ok(handle) => {
                            let number = writer * COMMITS_EACH + left;
                            assert!(!is_written.swap(true, Ordering::SeqCst), "there are two writers");
                            let seq = commit(&handle, &changes(number)).unwrap().seq.get();
                            assert_eq!(
                                accepted.lock().insert(seq, number),
                                None,
                                "seq {seq} was given out twice"
                            );
                            left -= 1;
                            let live = library.active(id).map(|snapshot| snapshot.seq.get());
                            assert_eq!(live, Some(seq), "readers see another book than its writer");
                            is_written.store(false, Ordering::SeqCst);
                            drop(handle);
                            // So that it leaves memory after nearly every commit, while the others try to open it.
                            while stored_seq(library, id).get() < seq {
                                std::thread::yield_now();
                            }
                        }
                        Err(OpenBookError::Held { .. } | OpenBookError::Exists { .. }) => {
                            std::thread::yield_now()
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        });
        let results: Vec<_> = writers.collect::<Vec<_>>().into_iter().map(|writer| writer.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        persister.join().unwrap();
        assert!(results.iter().all(Result::is_ok), "a writer failed");
    });
    let accepted = accepted.into_inner();
    let seqs: Vec<_> = accepted.keys().copied().collect();
    assert_eq!(seqs, (1..=WRITERS * COMMITS_EACH).collect::<Vec<_>>());
    let mut expected = Pages::new();
    for number in accepted.values() {
        changes(*number).iter().for_each(|change| change.fold(&mut expected));
    }
    persist(&library, &id);
    assert_eq!(live_pages(&library, &id), None);
    assert_eq!(stored_pages(&library, &id).as_ref(), Some(&expected));
    let handle = library.open_book(&id, "test").unwrap();
    assert_eq!(pages_of(&handle.snapshot().state), expected);
}

/// A book of the local store that takes a while to load.
fn large_book(library: &bookstate_store::Library, id: &bookstate_domain::BookId) {
    let handle = library.create_book(id, "test").unwrap();
    for part in 0..20 {
        let pages =
            (1..=500).map(|n| Change::Put { page: part * 500 + n, text: "x".repeat(200), footer: true });
        commit(&handle, &pages.collect::<Vec<_>>()).unwrap();
    }
    persist(library, id);
}

/// Counted, not timed: as long as one book is loaded, others are read without end.
#[test]
fn a_book_that_is_loaded_holds_up_no_other() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let (large, other) = (book("ulysses"), book("moby"));
    large_book(&library, &large);
    assert!(library.active(&large).is_none());
    let handle = library.create_book(&other, "test").unwrap();
    commit(&handle, &changes(1)).unwrap();
    let (has_begun, has_ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut reads = 0;
    std::thread::scope(|threads| {
        threads.spawn(|| {
            has_begun.store(true, Ordering::SeqCst);
            drop(library.open_book(&large, "test").unwrap());
            has_ended.store(true, Ordering::SeqCst);
        });
        while !has_begun.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        while !has_ended.load(Ordering::SeqCst) {
            assert!(library.active(&other).is_some());
            // What takes the map's lock for writing.
            drop(library.create_book(&book("walden"), "test").unwrap());
            reads += 1;
        }
    });
    println!("{reads} times while it was loaded");
    assert!(reads > 20, "{reads}");
}

#[test]
fn of_an_import_and_a_creation_at_once_one_is_refused() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    for round in 0..40 {
        let id = book(&format!("book-{round}"));
        let copy = StoredBook {
            state: {
                let mut state = bookstate_domain::BookState::new(id.clone());
                let put = Change::Put { page: 7, text: "theirs".to_owned(), footer: false };
                state.apply(&put.op(&id, &at(30)));
                state
            },
            sync: BookSync {
                start: bookstate_store::StartId::default(),
                epoch: bookstate_store::Epoch::NONE,
                writer: WriterId([9; 16]),
                write_no: 4,
                token: 1,
                persisting_seq: seq(31),
                persisted_seq: seq(30),
                parked: Vec::new(),
            },
        };
        let (imported, created) = std::thread::scope(|threads| {
            let importing = threads.spawn(|| library.import_book(&copy));
            // While the handle lives the book is here, if it has only this one commit.
            let created = library
                .create_book(&id, "test")
                .inspect(|handle| assert_eq!(commit(handle, &changes(1)).unwrap().seq, seq(1)));
            (importing.join().unwrap(), created)
        });
        match (imported, created) {
            (Ok(()), Err(OpenBookError::Exists { .. })) => {
                assert_eq!(stored_seq(&library, &id), seq(31), "seqs go on above what is in flux");
                assert_eq!(stored_pages(&library, &id), Some(pages_of(&copy.state)));
            }
            (Err(ImportError::Exists { .. }), Ok(handle)) => {
                persist(&library, &id);
                assert_eq!(stored_pages(&library, &id), Some(pages_of(&handle.snapshot().state)));
                assert_eq!(stored_seq(&library, &id), seq(1), "its first commit is not lost");
            }
            both => panic!("{both:?}"),
        }
    }
}

/// A target's progress that is recorded while the book is loaded is not forgotten.
#[test]
fn what_a_target_has_is_known_whenever_it_says_so() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let (id, mirror): (_, TargetName) = (book("moby"), "mirror".parse().unwrap());
    library.add_target(mirror.clone(), crate::reading::TestTarget::new());
    let mut last = 0;
    for _ in 0..200 {
        let handle = library.open_book(&id, "test").or_else(|_| library.create_book(&id, "test")).unwrap();
        last = commit(&handle, &changes(last + 1)).unwrap().seq.get();
        persist(&library, &id);
        drop(handle);
        assert!(library.active(&id).is_none());
        let progress = Progress { write_no: last, token: 0, persisted_seq: seq(last), commit_seq: seq(last) };
        let handle = std::thread::scope(|threads| {
            let opening = threads.spawn(|| library.open_book(&id, "test").unwrap());
            library.local_store().record("mirror", &id, Some(&progress), &[], &[]).unwrap();
            library.feed(&mirror).acknowledge(&id, seq(last));
            opening.join().unwrap()
        });
        assert_eq!(library.watermark(&id, &mirror), seq(last));
        drop(handle);
    }
}

/// Somebody put another local store in the place of this one, or an import went beside a creation.
#[test]
fn a_local_store_that_has_more_than_memory_frees_nothing() {
    let mut shelf = Shelf::new(SOON);
    shelf.segment_bytes = 1500;
    let (library, _) = shelf.open();
    let id = book("moby");
    let handle = write(&library, &id);
    for last in 1..=30 {
        commit_up_to(&handle, last);
        shelf.settle(&library);
    }
    let local = library.feed(&TargetName::local());
    local.acknowledge(&id, seq(99));
    let health = library.journal_health();
    assert!(health.segments > 2 && health.deleted_segments == 0, "{health:?}");
    local.acknowledge(&id, seq(30));
    only_one_segment(&library);
}
