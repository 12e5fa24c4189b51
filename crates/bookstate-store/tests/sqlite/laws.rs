//! Laws over arbitrary documents and runs.

use std::collections::BTreeSet;

use bookstate_domain::{BookState, WriteOp};
use proptest::prelude::*;

use super::documents::{Step, one_of_each, step};
use super::{book_id, chunk, seq, store};

fn fold<'a>(state: &BookState, ops: impl IntoIterator<Item = &'a WriteOp>) -> BookState {
    let mut state = state.clone();
    ops.into_iter().for_each(|op| {
        state.apply(op);
    });
    state
}

/// The steps as ops on a state, at most one per key, as a chunk has them.
fn ops_of(steps: &[Step], state: &BookState) -> Vec<WriteOp> {
    let mut taken = BTreeSet::new();
    let ops = steps.iter().map(|step| step.op(state));
    ops.filter(|op| taken.insert(op.key())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What is put comes back equal, of every collection, also over an older document of the same key.
    #[test]
    fn a_document_comes_back_as_it_was_put(first in one_of_each(), second in one_of_each()) {
        let (_dir, store) = store();
        let mut state = BookState::new(book_id());
        for (n, puts) in (1..).zip([&first, &second]) {
            store.write_chunk(&chunk(n, puts.clone())).unwrap();
            state = fold(&state, puts);
            let loaded = store.load_book(&book_id()).unwrap().unwrap();
            prop_assert_eq!(&loaded.state, &state);
            prop_assert_eq!(loaded.updated.len(), state.document_count());
            let last = loaded.updated.iter().filter(|(_, at)| *at == seq(n)).count();
            prop_assert_eq!(last, puts.len());
        }
    }

    /// The store is the fold of its chunks, and what changed since any watermark leads from the state at that
    /// watermark to the present one, also after a reopening and with tombstones forgotten up to the watermark.
    #[test]
    fn the_store_is_the_fold_of_its_chunks(run in prop::collection::vec(prop::collection::vec(step(), 0..9), 1..7)) {
        let (_dir, store) = store();
        let mut states = vec![BookState::new(book_id())];
        let mut gone = 0;
        for (n, steps) in (1..).zip(&run) {
            let before = states.last().unwrap();
            let ops = ops_of(steps, before);
            gone += ops.len();
            states.push(fold(before, &ops));
            store.write_chunk(&chunk(n, ops)).unwrap();
        }
        let now = states.last().unwrap();
        let last = u32::try_from(run.len()).unwrap();
        prop_assert_eq!(&store.changed_since(&book_id(), seq(last)).unwrap().unwrap().ops, &[]);
        let path = store.path().to_owned();
        drop(store);
        let store = bookstate_store::SqliteStore::open(&path).unwrap();
        let loaded = store.load_book(&book_id()).unwrap().unwrap();
        prop_assert_eq!(&loaded.state, now);
        prop_assert!(loaded.tombstones.len() <= gone);
        for (key, _) in &loaded.tombstones {
            prop_assert!(!now.documents().any(|put| put.key() == *key), "{} is there and buried", key);
        }
        for (since, state) in (0..).zip(&states) {
            let changed = store.changed_since(&book_id(), seq(since)).unwrap().unwrap();
            prop_assert_eq!(changed.sync.persisted_seq, seq(last));
            prop_assert_eq!(&fold(state, &changed.ops), now, "since {}", since);
            store.forget_tombstones(&book_id(), seq(since)).unwrap();
            let later = store.changed_since(&book_id(), seq(since)).unwrap().unwrap();
            prop_assert_eq!(later.ops.len(), changed.ops.len());
        }
        prop_assert!(store.load_book(&book_id()).unwrap().unwrap().tombstones.is_empty());
        store.integrity_check().unwrap();
    }
}
