//! The task of one target: which book next, when, and what is said about it.
//!
//! One chunk at a time, books in turn, so that a busy book holds up no other; one task per target, so that a
//! dead target holds up no other. A commit goes to a target only after its record is synced. The order of
//! work in the loop: commands first (somebody waits), then books, then sleep.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use bookstate_domain::{AnyKey, BookId, Seq, WriteOp};
use bookstate_store::{BatchOps, Differing, ImportError, SqliteStore, StoreError, TargetName, WriterId};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use crate::{
    backoff::Backoff,
    command::{Answer, Command, CommandError, Reached, Verification},
    compare::compare,
    cursor::{Cursor, Failure, Link, Role, Step},
    status::{BookLag, ForeignBook, Health, TargetStatus},
};

/// After how many failures in a row nobody who waits is kept waiting. One lost answer is no outage.
const PATIENCE: u32 = 4;

/// A barrier that waits: what every book must reach.
#[derive(Debug)]
struct Barrier {
    goals: BTreeMap<BookId, Seq>,
    answer: oneshot::Sender<Reached>,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) link: Link,
    pub(crate) linger: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) status: Arc<Mutex<TargetStatus>>,
    cursors: HashMap<BookId, Cursor>,
    /// Books that may have something to send, with their last commit as far as it is known.
    pending: BTreeMap<BookId, Seq>,
    /// The book that was served last.
    last: Option<BookId>,
    barriers: Vec<Barrier>,
    /// Nothing is sent before this.
    paused_until: Option<Instant>,
    /// How far books are there that have not been looked at yet, as the local store remembers it.
    remembered: BTreeMap<BookId, Seq>,
    prepared: bool,
}

impl Worker {
    pub(crate) fn new(
        link: Link,
        linger: Duration,
        backoff: Backoff,
        commands: mpsc::Receiver<Command>,
        stop: watch::Receiver<bool>,
        status: Arc<Mutex<TargetStatus>>,
    ) -> Self {
        Self {
            link,
            linger,
            backoff,
            commands,
            stop,
            status,
            cursors: HashMap::new(),
            pending: BTreeMap::new(),
            last: None,
            barriers: Vec::new(),
            paused_until: None,
            remembered: BTreeMap::new(),
            prepared: false,
        }
    }

    /// Works until it is told to stop. Dropping it in the middle is like a lost answer: the next start asks
    /// the target what it has.
    pub(crate) async fn run(mut self) {
        let mut commits = self.link.library.watch_commits();
        if self.link.role == Role::Remote {
            self.remember().await;
        }
        while !*self.stop.borrow() {
            while let Ok(command) = self.commands.try_recv() {
                self.command(command).await;
            }
            // Before the books are looked at, so that no commit is missed.
            let committed = commits.watch();
            self.find_dirty();
            self.answer_barriers();
            self.publish();

            let paused = self.paused_until.filter(|until| *until > Instant::now());
            let idle = self.pending.is_empty() && self.prepared;
            let resting = self.resting();
            if !idle && paused.is_none() && resting.is_none() {
                self.work().await;
                continue;
            }
            tokio::select! {
                // Commands and stop wake at once; a change only when there is no pause to be kept.
                biased;
                _ = self.stop.changed() => {}
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                () = sleep_until(paused), if paused.is_some() => {}
                () = sleep_until(resting), if paused.is_none() && resting.is_some() => {}
                () = committed, if paused.is_none() && resting.is_none() => self.linger().await,
            }
        }
        self.publish();
    }

    /// Waits a little after the first change, so that what follows joins the batch; not when somebody waits.
    async fn linger(&mut self) {
        if self.linger.is_zero() || !self.barriers.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            _ = self.stop.changed() => {}
            command = self.commands.recv() => if let Some(command) = command { self.command(command).await },
            () = tokio::time::sleep(self.linger) => {}
        }
    }

    /// Until when there is nothing to do, since every pending book had a batch a moment ago: what a job writes in
    /// a row then goes as one. Not when somebody waits.
    fn resting(&self) -> Option<Instant> {
        if !self.prepared || !self.barriers.is_empty() || self.pending.is_empty() {
            return None;
        }
        let rests = self.pending.keys().map(|id| self.rest_of(id));
        rests.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// Until when a book rests, if it does.
    fn rest_of(&self, id: &BookId) -> Option<Instant> {
        let cursor = self.cursors.get(id)?;
        cursor.rests_until(self.linger).filter(|until| *until > Instant::now())
    }

    /// Adds the books that have commits which the target lacks.
    fn find_dirty(&mut self) {
        self.pending.extend(self.link.library.take_departed(&self.link.name));
        for id in self.link.library.live_books() {
            let seq = self.link.library.live_seq(&id);
            // A book of another writer stays that until somebody takes it over: looking again would not end.
            let lacks = |cursor: &Cursor| cursor.foreign().is_none() && seq > cursor.watermark();
            if self.cursors.get(&id).is_none_or(lacks) {
                self.pending.insert(id, seq);
            }
        }
    }

    /// One step for the target: get it ready, or serve the next book.
    async fn work(&mut self) {
        let result = if self.prepared { self.serve_next().await } else { self.prepare().await };
        match result {
            Ok(()) => {
                self.backoff.succeeded();
                self.paused_until = None;
                self.status.lock().health = Health::Healthy;
            }
            Err(failure) => self.failed(&failure),
        }
    }

    fn failed(&mut self, failure: &Failure) {
        let error = failure.error.to_string();
        let pause = if failure.stop { self.backoff.stopped() } else { self.backoff.failed() };
        if self.backoff.failures() == 1 {
            tracing::warn!(target = %self.link.name, %error, "the target failed; it will be tried again");
        }
        self.paused_until = Some(Instant::now() + pause);
        if failure.stop || self.backoff.failures() >= PATIENCE {
            for barrier in self.barriers.drain(..) {
                // Nobody may be waiting any more.
                drop(barrier.answer.send(Reached::Unhealthy { error: error.clone() }));
            }
        }
        self.status.lock().health = if failure.stop {
            Health::Unusable { reason: error }
        } else {
            Health::Failing { error, failures: self.backoff.failures() }
        };
    }

    /// Makes the target ready.
    async fn prepare(&mut self) -> Result<(), Failure> {
        self.link.target.prepare().await?;
        self.prepared = true;
        Ok(())
    }

    /// Finds the books that the target is behind in, also when it cannot be reached.
    async fn remember(&mut self) {
        let found = loop {
            let name = self.link.name.clone();
            let error = match self.link.local.run(move |store| books_behind(store, &name)).await {
                Ok(found) => break found,
                Err(error) => error,
            };
            // A local store that cannot be read has stopped everything else too.
            tracing::warn!(target = %self.link.name, %error, "the local store was not read; it is tried again");
            tokio::select! {
                _ = self.stop.changed() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        };
        for (id, (seq, watermark)) in found {
            self.pending.insert(id.clone(), seq);
            self.remembered.insert(id, watermark);
        }
    }

    /// One step for the book whose turn it is.
    async fn serve_next(&mut self) -> Result<(), Failure> {
        let rests = |id: &&BookId| self.barriers.is_empty() && self.rest_of(id).is_some();
        // From the one after the last, once around.
        let after = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.pending.range((after, Bound::Unbounded));
        let next = behind.chain(&self.pending).map(|(id, _)| id).find(|id| !rests(id));
        let Some(id) = next.cloned() else { return Ok(()) };
        self.serve(&id).await
    }

    async fn serve(&mut self, id: &BookId) -> Result<(), Failure> {
        let cursor = self.cursors.entry(id.clone()).or_insert_with(|| Cursor::new(id.clone()));
        // Also after a failure: the next attempt is another book's, if there is one.
        self.last = Some(id.clone());
        if cursor.step(&mut self.link).await? == Step::Done {
            self.pending.remove(id);
        }
        Ok(())
    }

    fn answer_barriers(&mut self) {
        let (cursors, pending) = (&self.cursors, &self.pending);
        let reached = |barrier: &Barrier| {
            barrier.goals.iter().all(|(id, goal)| {
                let cursor = cursors.get(id);
                let passed = cursor.is_some_and(|cursor| cursor.watermark() >= *goal && !cursor.is_pending());
                passed || cursor.is_some_and(|cursor| cursor.foreign().is_some()) || !pending.contains_key(id)
            })
        };
        let (done, waiting): (Vec<_>, Vec<_>) = self.barriers.drain(..).partition(reached);
        self.barriers = waiting;
        for barrier in done {
            // Nobody may be waiting any more.
            drop(barrier.answer.send(Reached::All));
        }
    }

    fn publish(&self) {
        let mut status = self.status.lock();
        status.counters = self.link.counters;
        status.parked = self.cursors.values().map(Cursor::parked_count).sum();
        status.behind = self
            .pending
            .iter()
            .map(|(book_id, seq)| {
                let remembered = self.remembered.get(book_id).copied().unwrap_or(Seq::ZERO);
                let watermark = self.cursors.get(book_id).map_or(remembered, Cursor::watermark);
                let seq = (*seq).max(watermark);
                let dirty = self.link.library.dirty_count(book_id, watermark);
                BookLag { book_id: book_id.clone(), seq, watermark, dirty }
            })
            .filter(|book| book.seq > book.watermark)
            .collect();
        status.foreign = self
            .cursors
            .iter()
            .filter_map(|(id, cursor)| Some(ForeignBook { book_id: id.clone(), writer: cursor.foreign()? }))
            .collect();
        status.foreign.sort_by(|a, b| a.book_id.cmp(&b.book_id));
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Barrier(answer) => {
                self.find_dirty();
                let down = match self.status.lock().health.clone() {
                    Health::Unusable { reason } => Some(reason),
                    Health::Failing { error, failures } => (failures >= PATIENCE).then_some(error),
                    Health::Starting | Health::Healthy => None,
                };
                if let (Some(error), true) = (down, self.paused_until.is_some()) {
                    drop(answer.send(Reached::Unhealthy { error }));
                    return;
                }
                self.barriers.push(Barrier { goals: self.pending.clone(), answer });
            }
            Command::Verify(id, answer) => reply(answer, self.verify(&id).await),
            Command::Resync(id, answer) => reply(answer, self.resync(&id).await),
            Command::TakeOver(id, answer) => reply(answer, self.take_over(&id).await),
            Command::Retry(document, answer) => reply(answer, self.retry(document.as_ref()).await),
            Command::Drop(document, answer) => reply(answer, self.drop_parked(&document).await),
        }
    }

    /// Works on one book until the target has all of it.
    async fn finish(&mut self, id: &BookId) -> Result<(), CommandError> {
        if !self.prepared {
            self.prepare().await.map_err(|failure| failure.error)?;
        }
        let seq = self.link.book_seq(id).await?;
        self.pending.insert(id.clone(), seq);
        while self.pending.contains_key(id) {
            self.serve(id).await.map_err(|failure| CommandError::Target(failure.error))?;
        }
        match self.cursors.get(id).and_then(Cursor::foreign) {
            Some(writer) => Err(CommandError::Foreign { book_id: id.clone(), writer }),
            None => Ok(()),
        }
    }

    /// Compares a book with its copy, as of the watermark: what has changed since is left out.
    async fn verify(&mut self, id: &BookId) -> Result<Verification, CommandError> {
        self.finish(id).await?;
        let theirs = self.link.target.load_book(id).await?;
        let watermark = self.cursors.get(id).map_or(Seq::ZERO, Cursor::watermark);
        let (library, book_id, name) = (self.link.library.clone(), id.clone(), self.link.name.clone());
        let (whole, newer) = self
            .link
            .local
            .run(move |store| {
                let whole = library.whole(&book_id)?;
                let newer = library.batch(&book_id, watermark, &Differing::default())?;
                let parked = store.parked(Some(name.as_str()), Some(&book_id))?;
                Ok((whole, (newer, parked)))
            })
            .await?;
        let (newer, parked) = newer;
        let Some(BatchOps::Compare(ours)) = whole.map(|batch| batch.ops) else {
            return Err(CommandError::NoSuchBook(id.clone()));
        };
        let newer: BTreeSet<AnyKey> = match newer.map(|batch| batch.ops) {
            Some(BatchOps::Ops(ops)) => ops.iter().map(WriteOp::key).collect(),
            _ => BTreeSet::new(),
        };
        let parked: BTreeSet<AnyKey> = parked.into_iter().map(|p| p.parked.document).collect();
        let mut found = Verification::default();
        for op in compare(&ours, theirs.as_ref().map(|theirs| &theirs.state)) {
            let key = op.key();
            let there = theirs.as_ref().is_some_and(|theirs| theirs.state.has(&key));
            if newer.contains(&key) {
                continue;
            }
            match op {
                _ if parked.contains(&key) => found.parked.push(key),
                _ if !ours.has(&key) => found.extra.push(key),
                _ if there => found.differing.push(key),
                _ => found.missing.push(key),
            }
        }
        let unequal = found.missing.len() + found.differing.len() + found.parked.len();
        found.equal = ours.document_count().saturating_sub(unequal + newer.len());
        Ok(found)
    }

    async fn resync(&mut self, id: &BookId) -> Result<(), CommandError> {
        self.finish(id).await?;
        if let Some(cursor) = self.cursors.get_mut(id) {
            cursor.distrust();
            cursor.retry(None);
        }
        self.finish(id).await
    }

    async fn take_over(&mut self, id: &BookId) -> Result<Option<WriterId>, CommandError> {
        let known = self.link.book_seq(id).await? > Seq::ZERO;
        if !known {
            let Some(stored) = self.link.target.load_book(id).await? else {
                return Err(CommandError::NoSuchBook(id.clone()));
            };
            let library = self.link.library.clone();
            let import = move |_: &SqliteStore| match library.import_book(&stored) {
                // Somebody was faster: the book is known here now.
                Ok(()) | Err(ImportError::Exists { .. }) => Ok(()),
                Err(ImportError::Store(error)) => Err(error),
                Err(error) => Err(StoreError::Io { reason: error.to_string() }),
            };
            self.link.local.run(import).await?;
        }
        let cursor = self.cursors.entry(id.clone()).or_insert_with(|| Cursor::new(id.clone()));
        let from = cursor.take_over(&mut self.link).await.map_err(|failure| failure.error)?;
        self.finish(id).await?;
        Ok(from)
    }

    async fn retry(&mut self, document: Option<&AnyKey>) -> Result<usize, CommandError> {
        let name = self.link.name.clone();
        let parked = self.link.local.run(move |store| store.parked(Some(name.as_str()), None)).await?;
        let books: BTreeSet<BookId> = parked.into_iter().map(|p| p.parked.book_id).collect();
        let mut count = 0;
        for id in books.into_iter().filter(|id| document.is_none_or(|d| d.book_id() == id)) {
            self.finish(&id).await?;
            if let Some(cursor) = self.cursors.get_mut(&id) {
                count += cursor.retry(document);
            }
            self.finish(&id).await?;
        }
        Ok(count)
    }

    async fn drop_parked(&mut self, document: &AnyKey) -> Result<(), CommandError> {
        let (name, key) = (self.link.name.clone(), document.clone());
        self.link.local.run(move |store| store.set_dropped(name.as_str(), &key, true)).await?;
        if let Some(cursor) = self.cursors.get_mut(document.book_id()) {
            cursor.drop_parked(document);
        }
        Ok(())
    }
}

fn reply<T>(answer: Answer<T>, result: Result<T, CommandError>) {
    // The one who asked may have gone away; the work is done all the same.
    drop(answer.send(result));
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// The books of the local store that a target lacks something of, or has parked documents of: the last commit, and
/// how far the target was.
fn books_behind(
    store: &SqliteStore,
    target: &TargetName,
) -> Result<BTreeMap<BookId, (Seq, Seq)>, StoreError> {
    let parked = store.parked(Some(target.as_str()), None)?;
    let parked: BTreeSet<BookId> =
        parked.into_iter().filter(|p| !p.dropped).map(|p| p.parked.book_id).collect();
    let mut behind = BTreeMap::new();
    for (id, sync) in store.list_books()? {
        let progress = store.progress(target.as_str(), &id)?;
        let lacks = progress.as_ref().is_none_or(|progress| progress.persisted_seq < sync.persisted_seq);
        if lacks || parked.contains(&id) {
            let watermark = progress.map_or(Seq::ZERO, |progress| progress.persisted_seq);
            behind.insert(id, (sync.persisted_seq, watermark));
        }
    }
    Ok(behind)
}
