//! Many would-be writers of one book, while the local store's progress makes it leave memory again and again.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use bookstate_store::OpenBookError;
use parking_lot::Mutex;

use crate::{
    fold::{Pages, changes, commit, pages_of},
    shelf::{SOON, Shelf, book, live_pages, persist, stored_pages, stored_seq},
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
