//! One live book: its state, its changes, and the one path on which it changes.
//!
//! Lock order: the book's lock, then the journal's; nothing else is taken inside. A commit is journaled
//! first and applied after, under the book's lock, so that memory never holds what the journal did not
//! accept. Nothing waits for the disk under it: under policy `always` the fsync is waited for behind it. Readers get
//! [`Snapshot`]s and hold no lock while they work with them; a batch is computed from such copies too.

use std::{collections::BTreeMap, sync::Arc, thread::ThreadId, time::Instant};

use bookstate_domain::{At, BookId, BookState, Changes, Misuse, Ops, Seq, Since, WriteOp, persist::check};
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::Notify;

use super::{Batch, BatchOps, Differing, PersistError, Receipt, TargetName, Tenure, follow::CommitLog};
use crate::{
    clock::Clock,
    journal::{Journal, Position, RecordBuf},
};

/// A book as it was at one seq. Cheap to hold: it shares everything with the live state.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The documents.
    pub state: BookState,
    /// The last commit in them.
    pub seq: Seq,
}

#[derive(Debug)]
struct Inner {
    state: BookState,
    changes: Changes,
    seq: Seq,
    /// The next commit's seq is above this; above `seq` when seqs must not be reused.
    highest_used: Seq,
    position: Position,
    record: RecordBuf,
    snapshot: Option<Arc<Snapshot>>,
    writer: Option<String>,
    /// Where commits are noted, when somebody follows the book.
    log: Option<Arc<CommitLog>>,
    /// Up to which seq each target has the book.
    watermarks: BTreeMap<TargetName, Seq>,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct LiveBook {
    id: BookId,
    inner: Mutex<Inner>,
    /// The thread that runs a commit's `build`, noted in debug builds only.
    building: Mutex<Option<ThreadId>>,
    /// Told when a watermark moves.
    pub(super) passed: Notify,
}

/// The payload of a commit's record; reads back as [`bookstate_domain::Commit`].
#[derive(Serialize)]
struct CommitRef<'a> {
    book: &'a BookId,
    seq: Seq,
    prev: Seq,
    ops: &'a [WriteOp],
}

/// What a book is made from when it becomes live.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) state: BookState,
    pub(super) changes: Changes,
    pub(super) seq: Seq,
    pub(super) highest_used: Seq,
    pub(super) position: Position,
    pub(super) watermarks: BTreeMap<TargetName, Seq>,
}

/// Notes the thread that runs a commit's `build`, until it ends, however it ends.
struct Building<'a>(&'a Mutex<Option<ThreadId>>);

impl<'a> Building<'a> {
    fn of(building: &'a Mutex<Option<ThreadId>>) -> Option<Self> {
        cfg!(debug_assertions).then(|| {
            *building.lock() = Some(std::thread::current().id());
            Self(building)
        })
    }
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl LiveBook {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self {
            id: loaded.state.book_id().clone(),
            inner: Mutex::new(Inner {
                state: loaded.state,
                changes: loaded.changes,
                seq: loaded.seq,
                highest_used: loaded.highest_used,
                position: loaded.position,
                record: RecordBuf::new(),
                snapshot: None,
                writer: None,
                log: None,
                watermarks: loaded.watermarks,
            }),
            building: Mutex::new(None),
            passed: Notify::new(),
        }
    }

    /// The book's lock.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        debug_assert!(
            *self.building.lock() != Some(std::thread::current().id()),
            "a commit's closure used its own book, which would wait for itself for ever: use the state it is given"
        );
        self.inner.lock()
    }

    /// Validates, journals, applies, marks dirty: one commit, and where its record ends; none when there was nothing
    /// to do. Waits for no sync. `build` must be pure; it runs under the lock. `under`: the tenure that has to hold,
    /// now and not when the call was made, which may have waited for the lock or been stopped.
    pub(super) fn commit(
        &self,
        journal: &Journal,
        clock: &dyn Clock,
        under: Option<&Tenure>,
        build: impl FnOnce(&BookState, &At) -> Result<Ops, Misuse>,
    ) -> Result<(Receipt, Option<Position>), PersistError> {
        let mut guard = self.lock();
        if under.is_some_and(|tenure| !tenure.holds(Instant::now())) {
            return Err(PersistError::Fenced { book_id: self.id.clone() });
        }
        let inner = &mut *guard;
        let seq = inner.highest_used.next().ok_or(Misuse::SeqsUsedUp)?;
        let at = At { seq, now: clock.now() };
        let ops = {
            let _building = Building::of(&self.building);
            build(&inner.state, &at)?
        };
        if ops.is_empty() {
            return Ok((Receipt { seq: inner.seq }, None));
        }
        check(&self.id, &ops)?;
        let commit = CommitRef { book: &self.id, seq, prev: inner.seq, ops: &ops };
        inner.record.clear();
        rmp_serde::encode::write_named(&mut inner.record, &commit)
            .map_err(|error| PersistError::Encode { reason: error.to_string() })?;
        let position = journal.append_unsynced(&mut inner.record)?;
        inner.position = position;
        for op in &ops {
            let effect = inner.state.apply(op);
            inner.changes.record(seq, op.key(), effect);
        }
        inner.seq = seq;
        inner.highest_used = seq;
        inner.snapshot = None;
        if let Some(log) = &inner.log {
            log.note(seq, ops.iter().map(WriteOp::key).collect());
        }
        Ok((Receipt { seq }, Some(position)))
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        let mut inner = self.lock();
        if let Some(snapshot) = &inner.snapshot {
            return snapshot.clone();
        }
        let snapshot = Arc::new(Snapshot { state: inner.state.clone(), seq: inner.seq });
        inner.snapshot = Some(snapshot.clone());
        snapshot
    }

    pub(super) fn seq(&self) -> Seq {
        self.lock().seq
    }

    /// The last seq that must not be given out again.
    pub(super) fn highest_used(&self) -> Seq {
        self.lock().highest_used
    }

    /// Up to which seq the journal need not keep the book's commits when the local store has them up to `seq`.
    /// What the journal has beyond the book's last commit was set aside, durably.
    pub(super) fn released_by(&self, seq: Seq) -> Seq {
        let inner = self.lock();
        if seq == inner.seq { inner.highest_used } else { seq }
    }

    /// Where the journal has the book's last commit.
    pub(super) fn position(&self) -> Position {
        self.lock().position
    }

    /// Everything that a target at watermark `since` lacks, as of now, and whole what it must get whole.
    pub(super) fn batch(&self, since: Seq, differing: &Differing) -> Batch {
        let (state, seq, position, changes) = {
            let inner = self.lock();
            (inner.state.clone(), inner.seq, Some(inner.position), inner.changes.behind(since))
        };
        let ops = match changes.since(since, &state) {
            Since::Ops(ops) => BatchOps::Ops(differing.made_whole(ops, &state)),
            Since::TooOld => BatchOps::Compare(Box::new(state)),
        };
        Batch { book_id: self.id.clone(), seq, position, ops }
    }

    /// The whole book as of now, to be compared with what a target has.
    pub(super) fn whole(&self) -> Batch {
        let inner = self.lock();
        let ops = BatchOps::Compare(Box::new(inner.state.clone()));
        Batch { book_id: self.id.clone(), seq: inner.seq, position: Some(inner.position), ops }
    }

    pub(super) fn dirty_count(&self, since: Seq) -> usize {
        let changes = self.lock().changes.behind(since);
        changes.dirty_count(since)
    }

    pub(super) fn take_writer(&self, who: String) -> Result<(), String> {
        let mut inner = self.lock();
        if let Some(holder) = &inner.writer {
            return Err(holder.clone());
        }
        inner.writer = Some(who);
        Ok(())
    }

    pub(super) fn set_log(&self, log: Option<Arc<CommitLog>>) {
        self.lock().log = log;
    }

    pub(super) fn drop_writer(&self) {
        self.lock().writer = None;
    }

    pub(super) fn watermark(&self, target: &TargetName) -> Seq {
        self.lock().watermarks.get(target).copied().unwrap_or(Seq::ZERO)
    }

    pub(super) fn forget_target(&self, target: &TargetName) {
        self.lock().watermarks.remove(target);
    }

    /// A target has the book up to `seq`. What every one of `targets` has passed need not be remembered.
    pub(super) fn pass(&self, target: &TargetName, seq: Seq, targets: &[TargetName]) {
        let mut inner = self.lock();
        inner.watermarks.insert(target.clone(), seq);
        let lowest = targets.iter().map(|t| inner.watermarks.get(t).copied().unwrap_or(Seq::ZERO)).min();
        if let Some(lowest) = lowest {
            inner.changes.forget(lowest);
        }
        drop(inner);
        self.passed.notify_waiters();
    }

    /// Seqs up to and including `seq` will not be given out.
    pub(super) fn skip_seqs(&self, seq: Seq) {
        let mut inner = self.lock();
        inner.highest_used = inner.highest_used.max(seq);
    }

    /// Whether the book may leave memory: nobody writes it and the local store has all of it.
    pub(super) fn is_idle(&self, local: &TargetName) -> bool {
        let inner = self.lock();
        inner.writer.is_none() && inner.watermarks.get(local).copied().unwrap_or(Seq::ZERO) == inner.seq
    }

    pub(super) fn is_unclaimed(&self) -> bool {
        self.lock().writer.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, AtomicU32, Ordering},
        thread,
    };

    use bookstate_domain::{Document as _, Effect, Page, PageKey};

    use super::*;

    const PAGES: i32 = 5000;

    fn large() -> LiveBook {
        let (book_id, seq) = (BookId::new("b").unwrap(), Seq::new(1).unwrap());
        let mut changes = Changes::new(Seq::ZERO);
        for page_num in 1..=PAGES {
            changes.record(
                seq,
                Page::any_key(PageKey { book_id: book_id.clone(), page_num }),
                Effect::Created,
            );
        }
        LiveBook::new(Loaded {
            state: BookState::new(book_id),
            changes,
            seq,
            highest_used: seq,
            position: Position::default(),
            watermarks: BTreeMap::new(),
        })
    }

    /// Of many looks, how many left the lock free for most of their time. It is tried, not waited for: who waits is
    /// woken as soon as it is free, and sees nothing of the time before.
    fn free_looks(book: &LiveBook, looks: u32, look: impl Fn() + Sync) -> u32 {
        // Odd while one lasts.
        let (number, is_over) = (AtomicU32::new(0), AtomicBool::new(false));
        thread::scope(|threads| {
            threads.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    number.fetch_add(1, Ordering::SeqCst);
                    look();
                    number.fetch_add(1, Ordering::SeqCst);
                }
            });
            let (mut seen, mut free) = (0, 0);
            let (mut present, mut tries, mut hits) = (0, 0, 0);
            while seen < looks {
                let before = number.load(Ordering::SeqCst);
                let is_free = book.inner.try_lock().is_some();
                if before % 2 == 0 || number.load(Ordering::SeqCst) != before {
                    continue;
                }
                if before != present {
                    if tries >= 10 {
                        (seen, free) = (seen + 1, free + u32::from(2 * hits > tries));
                    }
                    (present, tries, hits) = (before, 0, 0);
                }
                (tries, hits) = (tries + 1, hits + u32::from(is_free));
            }
            is_over.store(true, Ordering::SeqCst);
            free
        })
    }

    #[test]
    fn the_lock_is_free_while_it_is_found_out_what_a_target_lacks() {
        let book = large();
        let free = free_looks(&book, 30, || {
            let batch = book.batch(Seq::ZERO, &Differing::default());
            assert!(matches!(batch.ops, BatchOps::Ops(ops) if ops.len() == PAGES.unsigned_abs() as usize));
        });
        assert!(free > 15, "free during {free} of 30 batches");
        let free =
            free_looks(&book, 30, || assert_eq!(book.dirty_count(Seq::ZERO), PAGES.unsigned_abs() as usize));
        assert!(free > 15, "free during {free} of 30 counts");
    }
}
