//! Machines that own a book in turn: each claims the targets under an epoch of its own, and what an earlier one had that
//! no target took is set aside.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_domain::{BookId, BookState, Commit, Seq};
use bookstate_sink::{CommandError, Owned, RemoteTarget, Sink, SinkConfig, sim::SimTarget};
use bookstate_store::{BookHandle, Epoch, Library, LibraryConfig, PersistError, TargetName, Tenure};
use tempfile::TempDir;

use crate::support::{Change, pace, put};

/// A machine of the fleet.
struct Machine {
    library: Library,
    sink: Sink,
    seed: u64,
    dir: Arc<TempDir>,
}

fn name(text: &str) -> TargetName {
    text.parse().unwrap()
}

fn book() -> BookId {
    BookId::new("b").unwrap()
}

fn tenure(epoch: u32) -> Tenure {
    Tenure::new(Epoch(epoch), Instant::now() + Duration::from_secs(3600))
}

impl Machine {
    fn new(seed: u64, targets: &[(&str, &Arc<SimTarget>)]) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), seed, targets)
    }

    fn on(dir: Arc<TempDir>, seed: u64, targets: &[(&str, &Arc<SimTarget>)]) -> Self {
        let config = LibraryConfig { require_tenures: true, ..LibraryConfig::new(dir.path()) };
        let (library, _) = Library::open(config).unwrap();
        let remotes = targets.iter().map(|(text, target)| RemoteTarget {
            name: name(text),
            target: (*target).clone(),
            pace: pace(),
        });
        let sink = Sink::start(&library, remotes.collect(), &SinkConfig { local: pace(), seed });
        Self { library, sink, seed, dir }
    }

    async fn again(self, targets: &[(&str, &Arc<SimTarget>)]) -> Self {
        let Self { library, sink, seed, dir } = self;
        drop((sink, library));
        while bookstate_store::fs::DataDirLock::acquire(dir.path()).is_err() {
            tokio::task::yield_now().await;
        }
        Self::on(dir, seed + 100, targets)
    }

    async fn own(&self, epoch: u32) -> Result<Owned, CommandError> {
        self.sink.take_over_under(&book(), &tenure(epoch)).await
    }

    fn write(&self) -> BookHandle {
        let opened = self.library.open_book(&book(), "test");
        opened.or_else(|_| self.library.create_book(&book(), "test")).unwrap()
    }

    fn state(&self) -> BookState {
        self.library.local_store().load_book(&book()).unwrap().unwrap().state
    }
}

fn commit(handle: &BookHandle, changes: &[Change]) -> Result<Seq, PersistError> {
    let done = handle.commit(|_, at| Ok(changes.iter().map(|change| change.op(&book(), at)).collect()));
    done.map(|receipt| receipt.seq)
}

fn shown(target: &SimTarget) -> (Epoch, BookState) {
    let copy = target.book(&book()).unwrap();
    (copy.sync.epoch, copy.state)
}

#[tokio::test(start_paused = true)]
async fn a_book_goes_from_machine_to_machine_and_each_is_refused_once_another_has_it() {
    let (one, two) = (Arc::new(SimTarget::new()), Arc::new(SimTarget::new()));
    let targets = [("one", &one), ("two", &two)];
    let a = Machine::new(1, &targets);
    let owned = a.own(1).await.unwrap();
    assert_eq!((owned.made_from, owned.claimed.len(), owned.silent.len()), (None, 0, 0), "nobody has it yet");
    let of_a = a.write();
    commit(&of_a, &[put(1, "a"), put(2, "a")]).unwrap();
    a.sink.barrier().await;
    assert_eq!((shown(&one).0, shown(&two).0), (Epoch(1), Epoch(1)));
    assert_eq!(a.sink.highest_epoch(&book()).await.unwrap().epoch, Epoch(1));

    // A stands still. B is given the book.
    let b = Machine::new(2, &targets);
    let owned = b.own(2).await.unwrap();
    assert_eq!(owned.taken.from, Some(a.library.writer()));
    assert_eq!(owned.claimed.len(), 2);
    let of_b = b.write();
    assert_eq!(of_b.snapshot().state, of_a.snapshot().state);
    // A has not noticed: what it accepts now no target takes.
    let last = commit(&of_a, &[put(1, "late"), Change::DeletePage { page: 2 }, put(9, "late")]).unwrap();
    a.sink.barrier().await;
    commit(&of_b, &[put(3, "b")]).unwrap();
    b.sink.barrier().await;
    let expected = of_b.snapshot().state.clone();
    assert_eq!((shown(&one), shown(&two)), ((Epoch(2), expected.clone()), (Epoch(2), expected.clone())));
    let foreign = a.sink.status().into_iter().filter(|status| !status.foreign.is_empty());
    assert_eq!(foreign.count(), 2, "A is told by both");
    // Its lease has run out; a claim under what it had, or of the same epoch, is refused.
    a.library.revoke(&book());
    assert!(matches!(commit(&of_a, &[put(4, "x")]), Err(PersistError::Fenced { .. })));
    for epoch in [1, 2] {
        let refused = a.own(epoch).await;
        assert!(matches!(refused, Err(CommandError::Superseded { epoch: Epoch(2), .. })), "{refused:?}");
        assert!(a.library.tenure(&book()).is_none());
    }

    // B is gone, and A is given the book again: what it had beyond is set aside, and counted.
    drop((of_b, b));
    let in_use = a.own(3).await;
    assert!(matches!(in_use, Err(CommandError::InUse { .. })), "the old handle lives: {in_use:?}");
    drop(of_a);
    let owned = a.own(3).await.unwrap();
    let aside = owned.set_aside.unwrap();
    assert_eq!((aside.after.get(), aside.commits), (1, 1));
    let text = std::fs::read_to_string(&aside.file).unwrap();
    let kept: Commit = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((kept.seq, kept.prev.get(), kept.ops.len()), (last, 1, 3));
    assert_eq!(a.state(), expected);
    let handle = a.write();
    assert!(handle.snapshot().seq > last, "no seq is used twice");
    commit(&handle, &[put(7, "a again")]).unwrap();
    a.sink.barrier().await;
    let expected = handle.snapshot().state.clone();
    assert_eq!((shown(&one), shown(&two)), ((Epoch(3), expected.clone()), (Epoch(3), expected)));
    // Nothing of the old history is under the new one, and no target is asked for more than it lacked.
    assert_eq!((one.violations(), two.violations()), (vec![], vec![]));

    // A start finds the copy and what followed, never the records of before.
    drop(handle);
    let a = a.again(&targets).await;
    assert_eq!(a.state(), shown(&one).1);
    let owned = a.own(4).await.unwrap();
    assert_eq!((owned.made_from, owned.set_aside), (None, None), "it is ours: kept");
    assert_eq!((shown(&one).0, shown(&two).0), (Epoch(4), Epoch(4)), "claimed, although nothing was lacking");
}

#[tokio::test(start_paused = true)]
async fn what_no_target_took_is_kept_when_nobody_else_had_the_book() {
    let one = Arc::new(SimTarget::new());
    let targets = [("one", &one)];
    let a = Machine::new(3, &targets);
    a.own(1).await.unwrap();
    let handle = a.write();
    commit(&handle, &[put(1, "a")]).unwrap();
    a.sink.barrier().await;
    one.set_down(true);
    commit(&handle, &[put(2, "a")]).unwrap();
    drop(handle);
    let a = a.again(&targets).await;
    one.set_down(false);
    let owned = a.own(5).await.unwrap();
    assert_eq!((owned.made_from, owned.set_aside, owned.claimed.len()), (None, None, 1));
    let handle = a.write();
    assert_eq!(handle.snapshot().state.pages().size(), 2);
    a.sink.barrier().await;
    assert_eq!(shown(&one), (Epoch(5), handle.snapshot().state.clone()));
}

/// The copy with the most commits is that of an owner that was replaced: it counts for nothing.
#[tokio::test(start_paused = true)]
async fn the_last_owners_copy_counts_and_not_the_longest() {
    let (one, two) = (Arc::new(SimTarget::new()), Arc::new(SimTarget::new()));
    let a = Machine::new(4, &[("one", &one), ("two", &two)]);
    a.own(1).await.unwrap();
    let of_a = a.write();
    commit(&of_a, &[put(1, "a")]).unwrap();
    a.sink.barrier().await;
    one.set_down(true);
    for page in 2..9 {
        commit(&of_a, &[put(page, "a")]).unwrap();
    }
    a.sink.barrier().await;
    // B reaches the one that A does not, and the other way round.
    one.set_down(false);
    drop((of_a, a));
    let b = Machine::new(5, &[("one", &one)]);
    b.own(2).await.unwrap();
    let of_b = b.write();
    commit(&of_b, &[put(1, "b")]).unwrap();
    b.sink.barrier().await;
    drop((of_b, b));
    let c = Machine::new(6, &[("one", &one), ("two", &two)]);
    let owned = c.own(3).await.unwrap();
    assert_eq!((owned.made_from, owned.claimed.len()), (Some(name("one")), 2));
    let handle = c.write();
    assert_eq!(handle.snapshot().state.pages().size(), 1);
    c.sink.barrier().await;
    let expected = handle.snapshot().state.clone();
    assert_eq!((shown(&one), shown(&two)), ((Epoch(3), expected.clone()), (Epoch(3), expected)));
}

/// It may have had more. Whoever owns the book says when it is to be overwritten.
#[tokio::test(start_paused = true)]
async fn a_target_that_was_silent_is_named_and_claimed_on_command() {
    let (one, two) = (Arc::new(SimTarget::new()), Arc::new(SimTarget::new()));
    let targets = [("one", &one), ("two", &two)];
    let a = Machine::new(7, &targets);
    a.own(1).await.unwrap();
    let of_a = a.write();
    commit(&of_a, &[put(1, "a")]).unwrap();
    a.sink.barrier().await;
    drop((of_a, a));
    two.set_down(true);
    let b = Machine::new(8, &targets);
    let under = tenure(2);
    let owned = b.sink.take_over_under(&book(), &under).await.unwrap();
    assert_eq!((owned.silent, owned.claimed), (vec![name("two")], vec![name("one")]));
    let handle = b.write();
    commit(&handle, &[put(2, "b")]).unwrap();
    two.set_down(false);
    b.sink.barrier().await;
    assert_eq!(shown(&two).0, Epoch(1), "it is left alone");
    b.sink.claim(&name("two"), &book(), &under).await.unwrap();
    assert_eq!(shown(&two), (Epoch(2), handle.snapshot().state.clone()));
    // Also by the same call again, which leaves what is here as it is.
    let again = b.sink.take_over_under(&book(), &under).await.unwrap();
    assert_eq!((again.claimed.len(), again.made_from, again.set_aside), (2, None, None));
    commit(&handle, &[put(3, "b")]).unwrap();
}

/// A target that is away must not keep a machine from beginning a book; and one that turns out to have it is not
/// overwritten unasked.
#[tokio::test(start_paused = true)]
async fn a_new_book_begins_while_a_target_is_away_and_what_that_had_is_left_alone() {
    for had in [false, true] {
        let (one, two) = (Arc::new(SimTarget::new()), Arc::new(SimTarget::new()));
        if had {
            let earlier = Machine::new(6, &[("two", &two)]);
            earlier.own(1).await.unwrap();
            commit(&earlier.write(), &[put(1, "earlier")]).unwrap();
            earlier.sink.barrier().await;
        }
        let before = had.then(|| shown(&two));
        two.set_down(true);
        let machine = Machine::new(7, &[("one", &one), ("two", &two)]);
        let owned = machine.own(2).await.unwrap();
        assert!(owned.anew && owned.silent == [name("two")], "{owned:?}");
        let handle = machine.write();
        commit(&handle, &[put(2, "new")]).unwrap();
        two.set_down(false);
        machine.sink.barrier().await;
        let expected = (Epoch(2), handle.snapshot().state.clone());
        assert_eq!(shown(&one), expected);
        assert_eq!(shown(&two), before.unwrap_or(expected), "had: {had}");
    }
    // When nobody answers, nobody knows.
    let only = Arc::new(SimTarget::new());
    only.set_down(true);
    let machine = Machine::new(7, &[("only", &only)]);
    assert!(matches!(machine.own(1).await, Err(CommandError::Unanswered { .. })));
}
