//! What readers see: at every moment the fold of the accepted commits, and nothing of a refused one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bookstate_domain::{Misuse, Op, PageKey, WriteOp, value::MAX_TEXT_BYTES};
use bookstate_store::{PersistError, Snapshot};

use crate::{
    fold::{at, changes, commit, commit_up_to, fold, folds, ops, pages_of, seq},
    shelf::{SOON, Shelf, book, live_pages, persist, stored_pages, write},
};

const COMMITS: u32 = 400;

#[test]
fn every_snapshot_is_the_fold_up_to_its_seq_and_stays_that() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let ids = ["moby", "walden", "ulysses"].map(book);
    let folds = folds(COMMITS);
    let is_fold = |snapshot: &Snapshot| pages_of(&snapshot.state) == folds[snapshot.seq.get() as usize];
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let persister = threads.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                ids.iter().for_each(|id| persist(&library, id));
            }
        });
        let readers: Vec<_> = (0..2)
            .map(|_| {
                threads.spawn(|| {
                    let mut kept: BTreeMap<_, Arc<Snapshot>> = BTreeMap::new();
                    let mut last = [0; 3];
                    while last != [COMMITS; 3] {
                        for (last, id) in last.iter_mut().zip(&ids) {
                            let Some(snapshot) = library.active(id) else { continue };
                            assert!(snapshot.seq.get() >= *last, "from {last} back to {}", snapshot.seq);
                            *last = snapshot.seq.get();
                            assert!(is_fold(&snapshot), "{id} at {last}: {snapshot:?}");
                            kept.insert((id.clone(), *last), snapshot);
                        }
                    }
                    assert!(kept.values().all(|snapshot| is_fold(snapshot)), "a snapshot changed afterwards");
                    kept.len()
                })
            })
            .collect();
        let writers: Vec<_> = ids
            .iter()
            .map(|id| {
                let (library, folds) = (&library, &folds);
                threads.spawn(move || {
                    let handle = library.create_book(id, "test").unwrap();
                    for number in 1..=COMMITS {
                        let receipt = handle.commit(|state, at| {
                            assert_eq!(at.seq, seq(number));
                            assert_eq!(
                                pages_of(state),
                                folds[number as usize - 1],
                                "what the method is given"
                            );
                            Ok(ops(id, at, &changes(number)))
                        });
                        assert_eq!(receipt.unwrap().seq, seq(number));
                        assert_eq!(handle.snapshot().seq, seq(number), "accepted is visible");
                    }
                    handle
                })
            })
            .collect();
        // The handles keep the books in memory until the readers have seen their ends.
        let handles: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        if handles.iter().all(Result::is_ok) {
            for reader in readers {
                assert!(reader.join().unwrap() >= 3);
            }
        }
        is_over.store(true, Ordering::SeqCst);
        persister.join().unwrap();
        assert!(handles.iter().all(Result::is_ok), "a writer failed");
    });
    for id in &ids {
        persist(&library, id);
        assert_eq!((live_pages(&library, id), stored_pages(&library, id)), (None, Some(fold(COMMITS))));
    }
}

#[test]
fn a_snapshot_is_shared_until_the_next_commit() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    commit_up_to(&handle, 3);
    let old = handle.snapshot();
    assert!(Arc::ptr_eq(&old, &library.active(handle.id()).unwrap()));
    commit_up_to(&handle, 6);
    persist(&library, handle.id());
    assert_eq!((old.seq, pages_of(&old.state)), (seq(3), fold(3)));
    assert_eq!(pages_of(&handle.snapshot().state), fold(6));
}

#[test]
fn a_refused_call_changes_nothing() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let (id, other) = (book("moby"), book("walden"));
    let handle = write(&library, &id);
    commit_up_to(&handle, 3);
    wait_for_quiet(&library);
    let (before, files) = (handle.snapshot(), shelf.journal_files());
    let records = library.journal_health().records;
    let good = || ops(&id, &at(4), &changes(4));
    let with = |bad: WriteOp| {
        let mut ops = good();
        ops.push(bad);
        ops
    };
    let mut long = PageKey { book_id: id.clone(), page_num: 1 }.document(&at(4));
    long.ocr_markdown = Some("x".repeat(MAX_TEXT_BYTES + 1).into());
    let stray = changes(4)[0].op(&other, &at(4));
    let refused: Vec<(&str, Result<Vec<WriteOp>, Misuse>)> = vec![
        ("a misuse", before.state.persist_page_extract(&at(4), 900)),
        ("a document of another book", Ok(vec![stray.clone()])),
        ("one behind good ones", Ok(with(stray))),
        ("a text that is too long, behind good ones", Ok(with(Op::Upsert(Arc::new(long)).into()))),
    ];
    for (what, ops) in refused {
        let is_misuse = ops.is_err();
        let error = handle.commit(|_, _| ops).unwrap_err();
        assert!(matches!(error, PersistError::Misuse(_)), "{what}: {error}");
        assert_eq!(is_misuse, matches!(error, PersistError::Misuse(Misuse::NoBook)), "{what}: {error}");
        assert!(Arc::ptr_eq(&before, &handle.snapshot()), "{what} changed memory");
        assert_eq!(pages_of(&handle.snapshot().state), fold(3), "{what}");
        assert_eq!(library.journal_health().records, records, "{what} was journaled");
        assert!(shelf.journal_files() == files, "{what} left bytes in the journal");
    }
    // No op is no commit.
    assert_eq!(handle.commit(|_, _| Ok(Vec::new())).unwrap().seq, seq(3));
    assert!(Arc::ptr_eq(&before, &handle.snapshot()));
    assert!(shelf.journal_files() == files);
    assert!(library.active(&other).is_none());
    assert_eq!(handle.commit(|_, _| Ok(good())).unwrap().seq, seq(4), "no seq was used up");
    assert_eq!(pages_of(&handle.snapshot().state), fold(4));
}

/// Waits until the sync thread has nothing more to do: its marks are bytes of the journal too.
fn wait_for_quiet(library: &bookstate_store::Library) {
    while library.journal_health().synced < library.journal_health().appended {
        std::thread::yield_now();
    }
}

#[test]
fn a_commit_that_is_too_large_is_a_misuse_and_changes_nothing() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    commit_up_to(&handle, 3);
    wait_for_quiet(&library);
    let (before, files) = (handle.snapshot(), shelf.journal_files());
    let text: bookstate_domain::Text = "x".repeat(MAX_TEXT_BYTES).into();
    let put = |page_num| {
        let mut page = PageKey { book_id: handle.id().clone(), page_num }.document(&at(4));
        page.ocr_markdown = Some(text.clone());
        WriteOp::from(Op::Upsert(Arc::new(page)))
    };
    let error = handle.commit(|_, _| Ok((1..=9).map(put).collect())).unwrap_err();
    assert!(
        matches!(error, PersistError::Misuse(Misuse::TooLarge { bytes }) if bytes > 9 * MAX_TEXT_BYTES),
        "{error}"
    );
    assert!(Arc::ptr_eq(&before, &handle.snapshot()) && shelf.journal_files() == files);
    // As many as the limit names go through.
    assert_eq!(handle.commit(|_, _| Ok((1..=8).map(put).collect())).unwrap().seq, seq(4));
}

/// Debug builds say it; a release build would wait for itself for ever.
#[test]
fn a_closure_that_asks_its_own_book_panics_in_debug_builds() {
    if !cfg!(debug_assertions) {
        return;
    }
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    commit_up_to(&handle, 1);
    let uses: [&dyn Fn(); 3] = [&|| drop(handle.snapshot()), &|| drop(library.active(handle.id())), &|| {
        drop(commit(&handle, &changes(2)))
    }];
    for asks in uses {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            handle.commit(|_, _| {
                asks();
                Ok(Vec::new())
            })
        }));
        let text = caught.unwrap_err().downcast::<&str>().unwrap();
        assert!(text.contains("its own book"), "{text}");
        // Nothing stays behind of it.
        assert_eq!(handle.snapshot().seq, seq(1));
    }
    commit_up_to(&handle, 2);
}
