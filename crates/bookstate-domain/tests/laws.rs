//! The laws of documents, ops, commits and [`Changes`], on random ops of every collection.
//!
//! `laws_of_text.rs` has those of what is written and read back: rows, JSON, MessagePack, keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "support/strategies.rs"]
mod strategies;
#[path = "support/target.rs"]
mod target;

use std::collections::{BTreeSet, HashMap};

use bookstate_domain::{
    AnyKey, BookState, Changes, Collection, CollectionVisitor, Effect, Seq, Since, WriteOp,
    document::{Document, Patch},
};
use proptest::{
    prelude::*,
    sample::Index,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use strategies::{document, empty, fields, fold, ops_of, pools, run, seq};
use target::{Incarnations, Target};

/// A book and what is known of its changes, commit by commit.
struct Live {
    states: Vec<BookState>,
    changes: Changes,
    incarnations: Incarnations,
    /// What a store's rows and tombstones know: the seq of each document's last change.
    updated: HashMap<AnyKey, Seq>,
}

impl Live {
    fn new() -> Self {
        Self {
            states: vec![empty()],
            changes: Changes::new(Seq::ZERO),
            incarnations: Incarnations::default(),
            updated: HashMap::new(),
        }
    }
    fn state(&self) -> &BookState {
        self.states.last().unwrap()
    }
    fn seq(&self) -> Seq {
        seq(self.states.len() - 1)
    }
    fn commit(&mut self, ops: &[WriteOp]) {
        let (mut state, at) = (self.state().clone(), seq(self.states.len()));
        for op in ops {
            let effect = state.apply(op);
            self.changes.record(at, op.key(), effect);
            self.incarnations.record(op.key(), effect);
            if !matches!(effect, Effect::NothingThere) {
                self.updated.insert(op.key(), at);
            }
        }
        self.states.push(state);
    }
    /// The process starts again: what is known is what the store has, down to `floor`.
    fn reload(&mut self, floor: Seq) {
        let updated = self.updated.iter().map(|(key, updated)| (key.clone(), *updated));
        self.changes = Changes::reloaded(floor, updated);
    }
    /// What a target at `since` lacks, checked for what is true of every answer.
    fn since(&self, since: Seq) -> Option<Vec<WriteOp>> {
        match self.changes.since(since, self.state()) {
            Since::TooOld => {
                assert!(since < self.changes.floor());
                None
            }
            Since::Ops(ops) => {
                assert!(since >= self.changes.floor());
                let keys: BTreeSet<AnyKey> = ops.iter().map(WriteOp::key).collect();
                assert_eq!(keys.len(), ops.len(), "one op per key");
                assert_eq!(self.changes.dirty_count(since), ops.len());
                // A copy of what is behind the watermark knows as much.
                let Since::Ops(of_copy) = self.changes.behind(since).since(since, self.state()) else {
                    panic!("the copy has forgotten what the original knows");
                };
                assert_eq!(by_key(&of_copy), by_key(&ops));
                Some(ops)
            }
        }
    }
}

fn by_key(ops: &[WriteOp]) -> HashMap<AnyKey, &WriteOp> {
    ops.iter().map(|op| (op.key(), op)).collect()
}

/// A run of commits.
fn commits(length: usize) -> impl Strategy<Value = Vec<Vec<WriteOp>>> {
    (0..2 * Collection::ALL.len())
        .prop_flat_map(move |c| prop::collection::vec(prop::collection::vec(ops_of(c), 0..4), 0..length))
}

/// What happens to a book and its targets.
#[derive(Debug, Clone)]
enum Event {
    Commit(Vec<WriteOp>),
    /// A target takes a batch, or these of its ops before it stops: then its watermark stays.
    Batch {
        target: usize,
        taken: Option<Vec<bool>>,
    },
    /// What every target has passed is forgotten; or, with an index, up to any seq.
    Forget(Option<Index>),
    /// The book is loaded again, with what has changed since a seq that some target may not have passed.
    Reload(Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    commits(20).prop_flat_map(|commits| {
        let others = prop_oneof![
            4 => (0..3usize).prop_map(|target| Event::Batch { target, taken: None }),
            3 => (0..3usize, prop::collection::vec(any::<bool>(), 12))
                .prop_map(|(target, taken)| Event::Batch { target, taken: Some(taken) }),
            2 => Just(Event::Forget(None)),
            1 => any::<Index>().prop_map(|index| Event::Forget(Some(index))),
            1 => any::<Index>().prop_map(Event::Reload),
        ];
        let gaps = prop::collection::vec(prop::collection::vec(others, 0..3), commits.len());
        gaps.prop_map(move |gaps| {
            let mut events = Vec::new();
            for (commit, between) in commits.iter().zip(gaps) {
                events.push(Event::Commit(commit.clone()));
                events.extend(between);
            }
            events
        })
    })
}

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    /// A state is what its own documents, as puts, make of an empty book: load(documents(state)) == state.
    #[test]
    fn loading_the_documents_of_a_state_gives_the_state(ops in run(40)) {
        let state = fold(&empty(), &ops);
        let documents: Vec<_> = state.documents().collect();
        prop_assert_eq!(documents.len(), state.document_count());
        prop_assert_eq!(fold(&empty(), &documents), state);
    }

    /// A state is the fold of its ops, wherever the run is cut.
    #[test]
    fn a_state_is_the_fold_of_its_ops(ops in run(40), cut in any::<Index>()) {
        let (first, second) = ops.split_at(cut.index(ops.len() + 1));
        prop_assert_eq!(fold(&fold(&empty(), first), second), fold(&empty(), &ops));
    }

    /// A copy of a state is not changed by what is done to the state: that is what a reader has.
    #[test]
    fn a_snapshot_stays_as_it_is(first in run(30), second in run(30)) {
        let mut state = fold(&empty(), &first);
        let snapshot = state.clone();
        second.iter().for_each(|op| { state.apply(op); });
        prop_assert_eq!(snapshot, fold(&empty(), &first));
    }

    #[test]
    fn applying_a_commit_twice_is_applying_it_once(before in run(30), commit in run(12)) {
        let once = fold(&fold(&empty(), &before), &commit);
        prop_assert_eq!(fold(&once, &commit), once);
    }

    /// The effect says what happened: to existence, and to which fields.
    #[test]
    fn effects_tell_what_happened(before in run(40), op in run(2)) {
        let before = fold(&empty(), &before);
        let Some(op) = op.first() else { return Ok(()) };
        let mut after = before.clone();
        let effect = after.apply(op);
        let (had, has) = (has(&before, &op.key()), has(&after, &op.key()));
        match effect {
            Effect::Created => prop_assert!(!had && has),
            Effect::Removed => prop_assert!(had && !has),
            Effect::NothingThere => { prop_assert!(!had && !has); prop_assert_eq!(before, after); }
            Effect::Changed(set) => {
                prop_assert!(had && has);
                if set.is_empty() { prop_assert_eq!(before, after); }
            }
        }
    }

    /// For every watermark: the state at it, then what a target there lacks, is the state now.
    #[test]
    fn the_net_effect_of_a_run_is_the_run(commits in commits(16)) {
        let mut live = Live::new();
        commits.iter().for_each(|ops| live.commit(ops));
        for (watermark, then) in live.states.iter().enumerate() {
            let ops = live.since(seq(watermark)).expect("nothing is forgotten");
            prop_assert_eq!(&fold(then, &ops), live.state());
        }
    }

    /// `forget` and a reload keep that true from the floor on; below it the answer is `TooOld`.
    #[test]
    fn the_net_effect_is_right_from_the_floor_on(
        commits in commits(16), later in commits(6), floor in any::<Index>(), reload: bool,
    ) {
        let mut live = Live::new();
        commits.iter().for_each(|ops| live.commit(ops));
        let floor = seq(floor.index(live.states.len()));
        if reload { live.reload(floor) } else { live.changes.forget(floor) }
        prop_assert_eq!(live.changes.floor(), floor);
        later.iter().for_each(|ops| live.commit(ops));
        for (watermark, then) in live.states.iter().enumerate() {
            match live.since(seq(watermark)) {
                None => prop_assert!(seq(watermark) < floor),
                Some(ops) => prop_assert_eq!(&fold(then, &ops), live.state()),
            }
        }
    }

    /// Three targets with watermarks of their own; batches that stop half way; forgetting; reloads. No patch
    /// ever meets a missing document or an earlier incarnation, and each target ends as the book.
    #[test]
    fn every_target_ends_as_the_book(events in events()) {
        let mut live = Live::new();
        let mut targets = vec![Target::default(); 3];
        for event in events {
            match event {
                Event::Commit(ops) => live.commit(&ops),
                Event::Batch { target, taken } => batch(&live, &mut targets[target], taken)?,
                Event::Forget(None) => {
                    live.changes.forget(targets.iter().map(|target| target.watermark).min().unwrap());
                }
                Event::Forget(Some(index)) => live.changes.forget(seq(index.index(live.states.len()))),
                Event::Reload(index) => live.reload(seq(index.index(live.states.len()))),
            }
        }
        for target in &mut targets {
            batch(&live, target, None)?;
        }
    }

    /// A kill between the chunks of a batch leaves some documents ahead; the log replayed on top ends right.
    #[test]
    fn a_replay_over_a_part_of_a_batch_ends_right(
        commits in commits(16), watermark in any::<Index>(), taken in prop::collection::vec(any::<bool>(), 30),
    ) {
        let mut live = Live::new();
        commits.iter().for_each(|ops| live.commit(ops));
        let watermark = watermark.index(live.states.len());
        let ops = live.since(seq(watermark)).unwrap();
        let landed: Vec<_> = ops.into_iter().zip(taken).filter(|(_, yes)| *yes).map(|(op, _)| op).collect();
        let partial = fold(&live.states[watermark], &landed);
        let replayed = fold(&partial, commits[watermark..].iter().flatten());
        prop_assert_eq!(&replayed, live.state());
    }
}

/// A batch for a target, as a whole or in part.
fn batch(live: &Live, target: &mut Target, taken: Option<Vec<bool>>) -> Result<(), TestCaseError> {
    let Some(ops) = live.since(target.watermark) else {
        target.reconcile(live.state(), &live.incarnations);
        target.watermark = live.seq();
        return Ok(());
    };
    let stopped = taken.is_some();
    let taken = taken.unwrap_or_default().into_iter().chain(std::iter::repeat(!stopped));
    let ops: Vec<_> = ops.into_iter().zip(taken).filter(|(_, yes)| *yes).map(|(op, _)| op).collect();
    target.write(&ops, &live.incarnations).map_err(TestCaseError::fail)?;
    if !stopped {
        prop_assert_eq!(target.difference(live.state(), &live.incarnations), BTreeSet::new());
        target.watermark = live.seq();
    }
    Ok(())
}

fn has(state: &BookState, key: &AnyKey) -> bool {
    state.documents().any(|op| op.key() == *key)
}

/// A law of two documents of every collection.
struct EachPair<F>(F);

/// What is checked of two documents with one key, and a set of fields.
trait PairLaw {
    fn check<D: Document>(&self, old: &D, new: &D, set: bookstate_domain::document::FieldSet);
}

impl<F: PairLaw> CollectionVisitor for EachPair<F> {
    fn visit<D: Document>(&mut self) {
        let mut runner = TestRunner::deterministic();
        let strategy = (document::<D>(), document::<D>(), fields::<D>());
        for _ in 0..config().cases {
            let (old, mut new, set) = strategy.new_tree(&mut runner).unwrap().current();
            if old.key() != new.key() {
                let keys = D::COLUMNS.iter().filter(|column| column.key).count();
                let mut row = new.values();
                row.splice(..keys, old.values().into_iter().take(keys));
                new = D::from_values(row).unwrap();
            }
            self.0.check(&old, &new, set);
        }
    }
}

struct DiffIsTheChange;

impl PairLaw for DiffIsTheChange {
    fn check<D: Document>(&self, old: &D, new: &D, set: bookstate_domain::document::FieldSet) {
        let changed = old.changed(new);
        assert_eq!(changed.is_empty(), old == new);
        let patch = new.patch(changed);
        assert_eq!(patch.fields(), changed);
        let mut patched = old.clone();
        patched.apply(&patch);
        assert_eq!(&patched, new);

        // A patch sets its fields and no other, in the order of the field table.
        let keys = D::COLUMNS.iter().filter(|column| column.key).count();
        let mut some = old.clone();
        some.apply(&new.patch(set));
        let (rows, old_row, new_row) = (some.values(), old.values(), new.values());
        for (i, column) in D::COLUMNS.iter().enumerate() {
            let set_here = i >= keys && set.contains(u32::try_from(i - keys).unwrap());
            assert_eq!(&rows[i], if set_here { &new_row[i] } else { &old_row[i] }, "{}", column.name);
        }

        // Two patches in turn are their merge.
        let mut merged = new.patch(set);
        merged.merge(old.patch(changed));
        let (mut in_turn, mut at_once) = (old.clone(), old.clone());
        in_turn.apply(&new.patch(set));
        in_turn.apply(&old.patch(changed));
        at_once.apply(&merged);
        assert_eq!(in_turn, at_once);
    }
}

#[test]
fn a_difference_is_the_change_and_patches_merge() {
    Collection::each(&mut EachPair(DiffIsTheChange));
}

struct Pools;

impl CollectionVisitor for Pools {
    fn visit<D: Document>(&mut self) {
        for (column, pool) in D::COLUMNS.iter().zip(pools::<D>()) {
            let enough = if column.name == "book_id" { 1 } else { 2 };
            let named = format!("{}.{}", D::COLLECTION, column.name);
            assert!(pool.len() >= enough, "no candidates for {named}: add some to support/strategies.rs");
        }
    }
}

/// The laws are only as good as their values: each column takes some that differ from null.
#[test]
fn every_column_has_values_to_test_with() {
    Collection::each(&mut Pools);
}
