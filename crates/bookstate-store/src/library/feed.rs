//! What a sink takes from the library: which books are dirty for a target, batches, and what is remembered of it.
//!
//! [`Library::feed`] gives one target's feed. The rest of the library knows nothing of targets but their watermarks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bookstate_domain::{AnyKey, BookId, BookState, Seq, WriteOp};

use super::{Library, TargetName};
use crate::{
    journal::{Poisoned, Position, SyncWatch},
    sqlite::{Distrust, Intent, Parked, Progress, Remembered, StoreError},
    target::{StartId, Target},
};

/// What a target lacks of a book, as of one seq.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The book.
    pub book_id: BookId,
    /// The seq: the net effect of all commits up to it, values as of it.
    pub seq: Seq,
    /// Where the journal has the last of these commits; `None` when the local store, synced, has them all.
    pub position: Option<Position>,
    /// What to do.
    pub ops: BatchOps,
}

/// See [`Batch`].
#[derive(Debug, Clone)]
pub enum BatchOps {
    /// One op per document that differs, in no particular order.
    Ops(Vec<WriteOp>),
    /// What changed since then is not known any more: compare the target's documents with these.
    Compare(Box<BookState>),
}

/// Documents of which a target's copy differs from what its watermark says: parked ones.
#[derive(Debug, Clone, Default)]
pub struct Differing {
    /// Sent whole when they are dirty: a patch would build on what is not there.
    pub parked: BTreeSet<AnyKey>,
    /// Sent whole whether they are dirty or not: they are tried again.
    pub retry: BTreeSet<AnyKey>,
}

impl Differing {
    /// The ops of a batch, with these documents whole.
    pub(super) fn made_whole(&self, mut ops: Vec<WriteOp>, state: &BookState) -> Vec<WriteOp> {
        if self.parked.is_empty() && self.retry.is_empty() {
            return ops;
        }
        let mut retry = self.retry.clone();
        for op in &mut ops {
            let key = op.key();
            if retry.remove(&key) || self.parked.contains(&key) {
                *op = state.whole(&key);
            }
        }
        ops.extend(retry.iter().map(|key| state.whole(key)));
        ops
    }
}

/// A watch on the commits of all books.
///
/// A commit may go to a target only after its record is synced, so it is the journal's sync thread that wakes
/// the watchers, and a persist call pays for no wake-up. Only under [`SyncPolicy::Os`](crate::journal::SyncPolicy::Os), where nothing is synced
/// unless somebody asks for it, does the call itself tell.
#[derive(Debug)]
pub struct Commits {
    library: Library,
    syncs: SyncWatch,
}

impl Commits {
    /// Begins to watch for what comes from now on. Await the result after the books were looked at, so that no
    /// commit is missed.
    pub fn watch(&mut self) -> impl Future<Output = ()> + '_ {
        self.syncs.mark_seen();
        let mut told = Box::pin(self.library.0.changed.notified());
        told.as_mut().enable();
        let syncs = &mut self.syncs;
        async move {
            tokio::select! {
                () = told => {}
                () = syncs.advanced() => {}
            }
        }
    }
}

/// One target's part of the library.
#[derive(Debug, Clone)]
pub struct TargetFeed {
    library: Library,
    target: TargetName,
}

impl Library {
    /// A watch on the commits of all books.
    #[must_use]
    pub fn watch_commits(&self) -> Commits {
        Commits { library: self.clone(), syncs: self.0.journal.watch_syncs() }
    }

    /// Registers a remote target, or another one of its name; reads ask them in the order in which they came.
    pub fn add_target(&self, name: TargetName, target: Arc<dyn Target>) {
        self.0.evicted.lock().entry(name.clone()).or_default();
        let mut targets = self.0.targets.write();
        match targets.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = target,
            None => targets.push((name, target)),
        }
    }

    /// Forgets a remote target. What the local store remembers of it stays.
    pub fn remove_target(&self, name: &TargetName) {
        self.0.targets.write().retain(|(known, _)| known != name);
        self.0.evicted.lock().remove(name);
        for book in self.0.books.read().values() {
            book.forget_target(name);
        }
    }

    /// What a sink needs to serve a target.
    #[must_use]
    pub fn feed(&self, target: &TargetName) -> TargetFeed {
        TargetFeed { library: self.clone(), target: target.clone() }
    }

    /// The last commit of a live book; [`Seq::ZERO`] for one that is not live.
    #[must_use]
    pub fn live_seq(&self, id: &BookId) -> Seq {
        self.live(id).map_or(Seq::ZERO, |book| book.seq())
    }

    pub(super) fn target_names(&self) -> Vec<TargetName> {
        let remote = self.0.targets.read();
        std::iter::once(TargetName::local()).chain(remote.iter().map(|(name, _)| name.clone())).collect()
    }

    /// The last commit of a book: in memory, else in the local store; [`Seq::ZERO`] for an unknown book.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub fn book_seq(&self, id: &BookId) -> Result<Seq, StoreError> {
        match self.live(id) {
            Some(book) => Ok(book.seq()),
            None => Ok(self.0.local.book_sync(id)?.map_or(Seq::ZERO, |sync| sync.persisted_seq)),
        }
    }

    /// Up to which commit a target has a live book; [`Seq::ZERO`] when that is not known.
    #[must_use]
    pub fn watermark(&self, id: &BookId, target: &TargetName) -> Seq {
        self.live(id).map_or(Seq::ZERO, |book| book.watermark(target))
    }
}

impl TargetFeed {
    /// The books that left memory since the last call, with their last commit: a remote target may still lack
    /// something of them.
    #[must_use]
    pub fn take_evicted(&self) -> BTreeMap<BookId, Seq> {
        let evicted =
            self.library.0.evicted.lock().get_mut(&self.target).map(std::mem::take).unwrap_or_default();
        evicted.into_iter().map(|(id, (seq, _))| (id, seq)).collect()
    }

    /// The same books, each with its last commit and how far the target was; they stay.
    #[must_use]
    pub fn evicted(&self) -> BTreeMap<BookId, (Seq, Seq)> {
        self.library.0.evicted.lock().get(&self.target).cloned().unwrap_or_default()
    }

    /// What a target at watermark `since` lacks; `None` when it lacks nothing. A book that is not live is
    /// read from the local store, which blocks.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub fn batch(&self, id: &BookId, since: Seq, differing: &Differing) -> Result<Option<Batch>, StoreError> {
        let batch = match self.library.live(id) {
            Some(book) => Some(book.batch(since, differing)),
            None => self.stored_batch(id, since, differing)?,
        };
        Ok(batch.filter(|batch| batch.seq > since || !differing.retry.is_empty()))
    }

    fn stored_batch(
        &self,
        id: &BookId,
        since: Seq,
        differing: &Differing,
    ) -> Result<Option<Batch>, StoreError> {
        let local = &self.library.0.local;
        // Read first: what is forgotten meanwhile was not needed.
        if since < local.tombstone_floor(id)? {
            return self.whole(id);
        }
        let Some(changed) = local.changed_since(id, since)? else { return Ok(None) };
        let (seq, ops) = (changed.sync.persisted_seq, changed.ops);
        let ops = if differing.retry.is_empty() {
            ops
        } else {
            let Some(stored) = local.load_book(id)? else { return Ok(None) };
            differing.made_whole(ops, &stored.state)
        };
        Ok(Some(Batch { book_id: id.clone(), seq, position: None, ops: BatchOps::Ops(ops) }))
    }

    /// The whole book, to be compared with what a target has; `None` for an unknown book. Blocks when the
    /// book is not live.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub fn whole(&self, id: &BookId) -> Result<Option<Batch>, StoreError> {
        if let Some(book) = self.library.live(id) {
            return Ok(Some(book.whole()));
        }
        Ok(self.library.0.local.load_book(id)?.map(|stored| Batch {
            book_id: id.clone(),
            seq: stored.sync.persisted_seq,
            position: None,
            ops: BatchOps::Compare(Box::new(stored.state)),
        }))
    }

    /// A batch without anything in it, as of the book's last commit; `None` for an unknown book. It moves the target's
    /// mark and nothing else. Blocks when the book is not live.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub fn nothing(&self, id: &BookId) -> Result<Option<Batch>, StoreError> {
        if let Some(book) = self.library.live(id) {
            return Ok(Some(Batch { ops: BatchOps::Ops(Vec::new()), ..book.whole() }));
        }
        Ok(self.library.0.local.book_sync(id)?.map(|sync| Batch {
            book_id: id.clone(),
            seq: sync.persisted_seq,
            position: None,
            ops: BatchOps::Ops(Vec::new()),
        }))
    }

    /// How many documents of a live book the target lacks at watermark `since`.
    #[must_use]
    pub fn dirty_count(&self, id: &BookId, since: Seq) -> usize {
        self.library.live(id).map_or(0, |book| book.dirty_count(since))
    }

    /// Waits until the commits of a batch are synced: only then may they go to a target, the local store
    /// included, so that after a power loss nothing is ahead of the journal.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The journal is poisoned.
    pub async fn synced(&self, batch: &Batch) -> Result<(), Poisoned> {
        match batch.position {
            Some(position) => self.library.0.journal.synced(position).await,
            None => Ok(()),
        }
    }

    /// The target has a book up to `seq`, durably recorded. The local store's progress frees the journal, and lets a
    /// book that nobody writes leave memory. Blocks when it frees some of the journal.
    pub fn acknowledge(&self, id: &BookId, seq: Seq) {
        let local = TargetName::local();
        // Noted first: either the book's loading sees it, or the book is in the map when it is looked for.
        self.library.0.loading.note(id, &self.target, seq);
        if self.target == local {
            let live = self.library.live(id);
            if live.as_ref().is_some_and(|book| book.seq() < seq) {
                tracing::error!(
                    book = %id, %seq,
                    "the local store has more of a live book than memory: its data directory was tampered with"
                );
                return;
            }
            let released = live.map_or(seq, |book| book.released_by(seq));
            self.library.0.journal.release(id.as_str(), released.get());
        }
        if let Some(book) = self.library.live(id) {
            book.pass(&self.target, seq, &self.library.target_names());
            if self.target == local {
                self.library.retire(id);
            }
        }
    }

    /// Seqs of a book up to and including `seq` will not be given out: the target has them.
    pub fn skip_seqs(&self, id: &BookId, seq: Seq) {
        let books = self.library.0.books.read();
        if let Some(book) = books.get(id) {
            book.skip_seqs(seq);
        } else {
            let mut reserved = self.library.0.reserved.lock();
            let highest = reserved.entry(id.clone()).or_default();
            *highest = seq.max(*highest);
        }
    }

    /// All that is remembered of a book in the target. Blocks.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub fn remembered(&self, id: &BookId) -> Result<Remembered, StoreError> {
        self.library.0.local.remembered(self.target.as_str(), id)
    }

    /// Records that a batch is about to be sent; see [`SqliteStore::intend`](crate::SqliteStore::intend). Blocks.
    ///
    /// # Errors
    /// The local store cannot be written.
    pub fn intend(
        &self,
        id: &BookId,
        start: StartId,
        intent: Intent,
        distrust: Option<Distrust>,
    ) -> Result<(), StoreError> {
        self.library.0.local.intend(self.target.as_str(), id, start, intent, distrust)
    }

    /// Records that a book's copy is not to be trusted, and the start of a process that is about to write it. Blocks.
    ///
    /// # Errors
    /// The local store cannot be written.
    pub fn distrust(&self, id: &BookId, start: StartId, distrust: Distrust) -> Result<(), StoreError> {
        self.library.0.local.distrust(self.target.as_str(), id, start, distrust)
    }

    /// Records how far the target has a book and what it takes again, and forgets the tombstones that no target needs
    /// any more. Blocks.
    ///
    /// # Errors
    /// The local store cannot be written.
    pub fn record(&self, id: &BookId, progress: &Progress, unpark: &[AnyKey]) -> Result<(), StoreError> {
        let local = &self.library.0.local;
        local.record(self.target.as_str(), id, Some(progress), &[], unpark)?;
        let mut lowest = local.book_sync(id)?.map_or(Seq::ZERO, |sync| sync.persisted_seq);
        // A target that was added a moment ago has no row yet.
        let mut targets: BTreeSet<String> = local.targets()?.into_iter().collect();
        targets.extend(self.library.0.targets.read().iter().map(|(name, _)| name.to_string()));
        for target in targets {
            let passed = local.progress(&target, id)?.map_or(Seq::ZERO, |progress| progress.persisted_seq);
            lowest = lowest.min(passed);
        }
        local.forget_tombstones(id, lowest).map(|_| ())
    }

    /// Records that the target refuses a document. Blocks.
    ///
    /// # Errors
    /// The local store cannot be written.
    pub fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        let book_id = &parked.book_id;
        self.library.0.local.record(self.target.as_str(), book_id, None, std::slice::from_ref(parked), &[])
    }
}
