//! The laws of a `StateStore`, for each implementation, through the trait alone.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bookstate_domain::{BookId, Misuse, Op, PageKey, Seq, WriteOp, value::MAX_TEXT_BYTES};
use bookstate_store::{BookHandle, Library, MemoryStateStore, PersistError, StateStore};
use proptest::prelude::*;

use crate::{
    fold::{Change, Pages, at, changes, fold, ops, pages_of, seq},
    schedules::change,
    shelf::{SOON, Shelf, book, persist, stored_pages, write},
};

/// The laws that hold for a store of an empty book.
async fn conforms(store: &dyn StateStore, id: &BookId) {
    let empty = store.snapshot();
    assert_eq!((empty.seq, pages_of(&empty.state)), (Seq::ZERO, fold(0)));
    assert_eq!(empty.state.book_id(), id);

    // One change, then several in one commit: visible at once, numbered without a gap.
    let numbered = |number: u32| ops(id, &at(number), &changes(number));
    assert_eq!(store.send(numbered(1).remove(0)).unwrap().seq, seq(1));
    assert_eq!(pages_of(&store.snapshot().state), fold(1));
    assert_eq!(store.send_many(numbered(2)).unwrap().seq, seq(2));
    assert_eq!(store.send_many(numbered(3)).unwrap().seq, seq(3));
    assert_eq!((store.snapshot().seq, pages_of(&store.snapshot().state)), (seq(3), fold(3)));
    assert_eq!((empty.seq, pages_of(&empty.state)), (Seq::ZERO, fold(0)), "a snapshot changed");

    // No change is no commit.
    assert_eq!(store.send_many(Vec::new()).unwrap().seq, seq(3));
    assert_eq!(store.snapshot().seq, seq(3));

    // What is refused changes nothing, nor does what stands before or behind it.
    let other = book("another-book");
    let stray = changes(1)[0].op(&other, &at(4));
    let mut long = PageKey { book_id: id.clone(), page_num: 1 }.document(&at(4));
    long.ocr_markdown = Some("x".repeat(MAX_TEXT_BYTES + 1).into());
    let long = WriteOp::from(Op::Upsert(Arc::new(long)));
    for bad in [stray, long] {
        let is_stray = bad.book_id() != id;
        let good = numbered(4).remove(0);
        let refused = [
            store.send(bad.clone()),
            store.send_many(vec![good.clone(), bad.clone(), good]),
            store.upsert_and_wait(bad).await,
        ];
        for error in refused.map(Result::unwrap_err) {
            let expected = match &error {
                PersistError::Misuse(Misuse::OtherBook(_)) => is_stray,
                PersistError::Misuse(Misuse::Value(_)) => !is_stray,
                _ => false,
            };
            assert!(expected, "{error}");
        }
        assert_eq!((store.snapshot().seq, pages_of(&store.snapshot().state)), (seq(3), fold(3)));
    }

    // An update that would do nothing; one of what the same call makes is none.
    let update = |page| Change::Patch { page, text: None, complete: true };
    let missing = [
        store.send(update(77).op(id, &at(4))),
        store.send_many(ops(id, &at(4), &[Change::Delete { page: 3 }, update(3)])),
        store.upsert_and_wait(update(77).op(id, &at(4))).await,
    ];
    for error in missing.map(Result::unwrap_err) {
        assert!(matches!(error, PersistError::Misuse(Misuse::NothingToUpdate(_))), "{error}");
    }
    assert_eq!((store.snapshot().seq, pages_of(&store.snapshot().state)), (seq(3), fold(3)));

    let last = Change::Put { page: 9, text: "waited for".to_owned(), footer: false };
    assert_eq!(store.upsert_and_wait(last.op(id, &at(4))).await.unwrap().seq, seq(4));
    let mut expected = fold(3);
    last.fold(&mut expected);
    assert_eq!((store.snapshot().seq, pages_of(&store.snapshot().state)), (seq(4), expected));
}

#[tokio::test]
async fn the_memory_store_conforms() {
    let id = book("moby");
    conforms(&MemoryStateStore::new(id.clone()), &id).await;
}

/// Runs `test` on a handle while another thread brings into the local store what it lacks.
fn with_persisted_handle(test: impl AsyncFnOnce(&Library, &BookHandle)) {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let handle = write(&library, &book("moby"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                persist(&library, handle.id());
                std::thread::yield_now();
            }
        });
        // Also when the test panics, or the scope would wait for ever.
        let _over = SetWhenDropped(&is_over);
        crate::shelf::wait(test(&library, &handle));
    });
}

struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_book_handle_conforms() {
    with_persisted_handle(async |_, handle| conforms(handle, &handle.id().clone()).await);
}

#[test]
fn what_was_waited_for_is_in_the_local_store() {
    with_persisted_handle(async |library, handle| {
        let store: &dyn StateStore = handle;
        let mut expected = Pages::new();
        for number in 1..=20 {
            let change = changes(number).remove(0);
            let receipt = store.upsert_and_wait(change.op(handle.id(), &at(number))).await.unwrap();
            change.fold(&mut expected);
            assert_eq!(receipt.seq, seq(number));
            assert_eq!(stored_pages(library, handle.id()).as_ref(), Some(&expected), "at {number}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is sent, both say the same and are the same.
    #[test]
    fn both_are_one_store(commits in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), change()), 0..4), 1..12)) {
        let shelf = Shelf::new(SOON);
        let (library, _) = shelf.open();
        let handle = write(&library, &book("moby"));
        let memory = MemoryStateStore::new(handle.id().clone());
        let stores: [&dyn StateStore; 2] = [&handle, &memory];
        for commit in commits {
            // One op in eight is of another book.
            let op = |(index, change): &(prop::sample::Index, Change)| {
                let id = if index.index(8) == 0 { book("another-book") } else { handle.id().clone() };
                change.op(&id, &at(1))
            };
            let ops: Vec<_> = commit.iter().map(op).collect();
            let results = stores.map(|store| store.send_many(ops.clone()).map_err(|error| error.to_string()));
            prop_assert_eq!(&results[0], &results[1]);
            let [real, simple] = stores.map(StateStore::snapshot);
            prop_assert_eq!(real.seq, simple.seq);
            prop_assert_eq!(&real.state, &simple.state);
        }
    }
}
