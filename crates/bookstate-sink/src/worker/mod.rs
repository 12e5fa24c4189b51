//! The task of one target: which book next, when, and what is said about it.
//!
//! One call at a time, so that a busy book holds up no other; one task per target, so that a dead target holds up no
//! other. A commit goes to a target only after its record is synced. A few books are being sent at a time, whatever
//! waits: live ones first, and of those that are not live the next begins when the last is done. Each book has one
//! time at which it is due (`agenda`), which is put off while it lingers, rests or has failed; the target has one
//! before which it is left alone. The order of work in the loop: commands first (somebody waits), then books, then
//! sleep.

mod commands;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bookstate_domain::{BookId, Seq};
use bookstate_store::{Epoch, SqliteStore, StoreError, TargetError};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    agenda::Agenda,
    backoff::{Backoff, Pauses},
    command::Command,
    cursor::{Cursor, Failure, Outcome, Role, Scope},
    errand::{Errand, Reply, Whose},
    status::{BookLag, ForeignBook, Health, Published},
    transport::{Link, blocking},
    turns::Turns,
};

/// After how many failures in a row nobody who waits is kept waiting. One lost answer is no outage.
const PATIENCE: u32 = 4;

/// How many live books are being sent at a time.
const MOST_LIVE: usize = 4;

/// How many others may be, when those that are cannot go on.
const MOST_OTHERS: usize = 3;

/// Every so many steps a book that is not live goes first.
const TURN_OF_OTHERS: u64 = 4;

/// Cursors of so many books at rest are kept, and as many again as of books that are not.
const MOST_RESTING: usize = 16;

/// Parked documents are tried again after so many of the longest pauses; then half as often, and so on.
const PARKED_RETRY: u32 = 60;

/// At the latest after this.
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 3600);

/// A book on its way to the target.
#[derive(Debug)]
struct Served {
    cursor: Cursor,
    backoff: Backoff,
    /// It is left alone before this.
    not_before: Option<Instant>,
    /// How many chunks the target had taken when it first failed.
    applied_before: u64,
}

#[derive(Debug)]
pub(crate) struct Worker {
    link: Link,
    linger: Duration,
    pauses: Pauses,
    backoff: Backoff,
    commands: mpsc::Receiver<Command>,
    stop: watch::Receiver<bool>,
    published: Arc<Mutex<Published>>,
    served: HashMap<BookId, Served>,
    /// Books that may have something to send, with their last commit as far as it is known.
    pending: BTreeMap<BookId, Seq>,
    /// When they are due: those in memory, and the others.
    live: Agenda,
    others: Agenda,
    errands: Vec<Errand>,
    /// The target is left alone before this.
    not_before: Option<Instant>,
    /// Other writers of the same node.
    turns: Turns,
    /// The book whose write failed last: as long as it is being sent, a read that is answered says little.
    cannot_write: Option<BookId>,
    /// Chunks without documents were refused since something went through.
    sick: bool,
    /// When parked documents are tried again, and how long after that.
    retry_parked: (Instant, Duration),
    /// Chunks that went through, of any book.
    applied: u64,
    steps: u64,
    /// With so many cursors those are forgotten that are not needed.
    evicts_at: usize,
    /// How far books are there that have not been looked at yet, as the local store remembers it.
    remembered: BTreeMap<BookId, Seq>,
    prepared: bool,
}

impl Worker {
    pub(crate) fn new(
        link: Link,
        linger: Duration,
        mut pauses: Pauses,
        commands: mpsc::Receiver<Command>,
        stop: watch::Receiver<bool>,
        published: Arc<Mutex<Published>>,
    ) -> Self {
        let retry = pauses.longest.saturating_mul(PARKED_RETRY).min(LONGEST_RETRY);
        let turns = Turns::new(pauses.seed);
        Self {
            link,
            linger,
            backoff: pauses.backoff(),
            pauses,
            commands,
            stop,
            published,
            served: HashMap::new(),
            pending: BTreeMap::new(),
            live: Agenda::default(),
            others: Agenda::default(),
            errands: Vec::new(),
            not_before: None,
            turns,
            cannot_write: None,
            sick: false,
            retry_parked: (Instant::now() + retry, retry),
            applied: 0,
            steps: 0,
            evicts_at: MOST_RESTING,
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
            self.retry_what_is_parked();

            let now = Instant::now();
            let paused = self.not_before.filter(|until| *until > now);
            if paused.is_none() {
                if !self.prepared {
                    self.prepare().await;
                    continue;
                }
                if let Some(id) = self.choose(now) {
                    self.serve(&id).await;
                    continue;
                }
            }
            let wake = paused.unwrap_or_else(|| self.wakes_at());
            tokio::select! {
                // Commands and stop wake at once; a change only when there is no pause to be kept.
                biased;
                _ = self.stop.changed() => {}
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                () = tokio::time::sleep_until(wake) => {}
                () = committed, if paused.is_none() => {}
            }
        }
    }

    /// When there is something to do, if nothing happens before.
    fn wakes_at(&self) -> Instant {
        let due = [self.live.first(), self.others.first()];
        due.into_iter().flatten().fold(self.retry_parked.0, Instant::min)
    }

    /// Adds the books that have commits which the target lacks.
    fn find_dirty(&mut self) {
        let now = Instant::now();
        for (id, seq) in self.link.feed.take_evicted() {
            self.pending.insert(id.clone(), seq);
            self.schedule(&id, now);
            self.publish(&id);
        }
        for id in self.link.library.live_books() {
            let seq = self.link.library.live_seq(&id);
            // A book of another writer stays that until somebody takes it over: looking again would not end.
            let lacks =
                |served: &Served| served.cursor.foreign().is_none() && seq > served.cursor.watermark();
            if !self.served.get(&id).is_none_or(lacks) {
                continue;
            }
            let known = self.pending.insert(id.clone(), seq);
            let due = self.others.due(&id);
            if known.is_none() {
                // What follows joins the batch, unless it is only about to be looked at.
                let lingers = self.served.contains_key(&id) && !self.is_awaited(&id);
                self.schedule(&id, if lingers { now + self.linger } else { now });
            } else if let Some(due) = due {
                // It is in memory now.
                self.schedule(&id, due);
            }
            if known != Some(seq) || due.is_some() {
                self.publish(&id);
            }
        }
    }

    fn is_awaited(&self, id: &BookId) -> bool {
        self.errands.iter().any(|errand| errand.goals.contains_key(id))
    }

    /// A book is due at this time, or later if it has failed.
    fn schedule(&mut self, id: &BookId, due: Instant) {
        let not_before = self.served.get(id).and_then(|served| served.not_before);
        let due = not_before.map_or(due, |not_before| not_before.max(due));
        let (to, from) = if self.link.library.is_live(id) {
            (&mut self.live, &mut self.others)
        } else {
            (&mut self.others, &mut self.live)
        };
        from.remove(id);
        to.put(id, due);
    }

    /// The book whose turn it is.
    fn choose(&self, now: Instant) -> Option<BookId> {
        let is_sending = |id: &&BookId| self.served.get(*id).is_some_and(|served| served.cursor.is_sending());
        let sending: Vec<&BookId> = self
            .served
            .values()
            .filter(|served| served.cursor.is_sending())
            .map(|s| s.cursor.book_id())
            .collect();
        let is_due = |agenda: &Agenda, id: &BookId| agenda.due(id).is_some_and(|due| due <= now);
        let live = || {
            let count = sending.iter().filter(|id| self.live.due(id).is_some()).count();
            let mut due = self.live.due_by(now);
            due.find(|id| count < MOST_LIVE || is_sending(id))
        };
        let others = || {
            let mut under_way = sending.iter().filter(|id| self.others.due(id).is_some()).copied();
            if let Some(id) = under_way.clone().find(|id| is_due(&self.others, id)) {
                return Some(id);
            }
            let begins = under_way.by_ref().count() < MOST_OTHERS;
            self.others.due_by(now).next().filter(|_| begins)
        };
        let chosen = if self.steps.is_multiple_of(TURN_OF_OTHERS) {
            others().or_else(live)
        } else {
            live().or_else(others)
        };
        chosen.cloned()
    }

    /// Makes the target ready.
    async fn prepare(&mut self) {
        match self.link.prepare().await {
            Ok(()) => {
                self.prepared = true;
                self.recovered();
            }
            Err(error) => self.target_failed(&Failure::new(error, Scope::Target)),
        }
    }

    /// Finds the books that the target is behind in, also when it cannot be reached.
    async fn remember(&mut self) {
        let found = loop {
            let (library, name) = (self.link.library.clone(), self.link.name.clone());
            let reading = blocking(move || books_behind(library.local_store(), name.as_str()));
            let error = match reading.await {
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
        let now = Instant::now();
        for (id, (seq, watermark)) in found {
            self.pending.insert(id.clone(), seq);
            self.remembered.insert(id.clone(), watermark);
            self.schedule(&id, now);
            self.publish(&id);
        }
    }

    /// One step for a book.
    async fn serve(&mut self, id: &BookId) {
        self.steps += 1;
        let served = served_of(&mut self.served, &mut self.pauses, id);
        let began = Instant::now();
        let (outcome, is_read) = self.link.step(&mut served.cursor).await;
        let now = Instant::now();
        self.published.lock().counters.add(&served.cursor.take_counters());
        let cannot_write = self.cannot_write.as_ref().is_some_and(|id| is_writing(&self.served, id));
        if is_read && !cannot_write {
            self.recovered();
        }
        match outcome {
            Outcome::Progress => self.went_on(id, now),
            Outcome::Applied => {
                self.applied += 1;
                self.turns.went_through();
                self.recovered();
                if let Some(served) = self.served.get_mut(id) {
                    served.backoff.succeeded();
                    served.not_before = None;
                }
                self.went_on(id, now);
            }
            Outcome::Done => self.rest(id),
            Outcome::Yield => {
                let pause = self.turns.conflicted(now.duration_since(began));
                self.not_before = Some(now + pause);
                self.schedule(id, now);
            }
            Outcome::Failed(failure) => self.failed(id, &failure, now),
        }
        self.publish(id);
        self.answer(id);
        self.evict();
    }

    /// A step led to another; after a batch the book rests, so that what a job writes in a row goes as one.
    fn went_on(&mut self, id: &BookId, now: Instant) {
        let Some(served) = self.served.get(id) else { return };
        let cursor = &served.cursor;
        if !cursor.is_between_batches() {
            return self.schedule(id, now);
        }
        let seq = self.pending.get(id).copied().unwrap_or(Seq::ZERO).max(self.link.library.live_seq(id));
        if cursor.watermark() >= seq && !cursor.is_pending() {
            return self.rest(id);
        }
        let waits = cursor.has_had_a_batch() && !self.is_awaited(id);
        self.schedule(id, if waits { now + self.linger } else { now });
    }

    /// Nothing is to be done for a book.
    fn rest(&mut self, id: &BookId) {
        self.pending.remove(id);
        self.remembered.remove(id);
        self.live.remove(id);
        self.others.remove(id);
    }

    /// Forgets what can be learnt anew of books that nobody writes, when many have been served since it last did.
    fn evict(&mut self) {
        if self.served.len() < self.evicts_at {
            return;
        }
        let (pending, library) = (&self.pending, &self.link.library);
        self.served
            .retain(|id, served| !served.cursor.is_idle() || pending.contains_key(id) || library.is_live(id));
        self.evicts_at = MOST_RESTING + 2 * self.served.len();
    }

    /// The target is well.
    fn recovered(&mut self) {
        self.backoff.succeeded();
        self.not_before = None;
        self.cannot_write = None;
        if std::mem::take(&mut self.sick) {
            // What was parked of late may have been its fault.
            self.retry_parked.0 = Instant::now();
        }
        let mut published = self.published.lock();
        if published.health != Health::Healthy {
            published.health = Health::Healthy;
        }
    }

    fn failed(&mut self, id: &BookId, failure: &Failure, now: Instant) {
        let Some(served) = self.served.get_mut(id) else { return };
        if served.backoff.failures() == 0 {
            served.applied_before = self.applied;
        }
        let others_get_through = self.applied > served.applied_before;
        let of_target = failure.scope == Scope::Target && !others_get_through;
        let pause = if failure.stop { served.backoff.stopped() } else { served.backoff.failed() };
        let failures = served.backoff.failures();
        if of_target {
            // The next attempt is another book's, if there is one.
            self.schedule(id, now);
            self.sick |= failure.sick;
            self.cannot_write = is_writing(&self.served, id).then(|| id.clone());
            return self.target_failed(failure);
        }
        served.not_before = Some(now + pause);
        let error = &failure.error;
        if failures == 1 {
            tracing::warn!(target = %self.link.name, book = %id, %error, "a book failed; it will be tried again");
        }
        self.schedule(id, now);
        if failure.stop || failures >= PATIENCE {
            self.errands_fail(error, |errand| errand.goals.contains_key(id));
        }
    }

    /// Nobody waits any longer, and what was to be done on command is not done later.
    fn errands_fail(&mut self, error: &TargetError, which: impl Fn(&Errand) -> bool) {
        let (failing, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.errands).into_iter().partition(which);
        self.errands = waiting;
        for errand in failing {
            if let Reply::TakeOver(..) = errand.reply {
                let books = errand.goals.keys();
                books.for_each(|id| {
                    self.served.get_mut(id).into_iter().for_each(|served| served.cursor.leave())
                });
            }
            errand.fails(error);
        }
    }

    fn target_failed(&mut self, failure: &Failure) {
        let error = &failure.error;
        let pause = if failure.stop { self.backoff.stopped() } else { self.backoff.failed() };
        if self.backoff.failures() == 1 {
            tracing::warn!(target = %self.link.name, %error, "the target failed; it will be tried again");
        }
        self.not_before = Some(Instant::now() + pause);
        if failure.stop || self.backoff.failures() >= PATIENCE {
            self.errands_fail(error, |_| true);
        }
        let (error, failures) = (error.to_string(), self.backoff.failures());
        self.published.lock().health = if failure.stop {
            Health::Unusable { reason: error }
        } else {
            Health::Failing { error, failures }
        };
    }

    /// Answers those whose last goal this book was.
    fn answer(&mut self, id: &BookId) {
        if self.errands.is_empty() {
            return;
        }
        let cursor = self.served.get(id).map(|served| &served.cursor);
        let (foreign, is_pending) = (cursor.and_then(Cursor::foreign), self.pending.contains_key(id));
        for mut errand in std::mem::take(&mut self.errands) {
            if let Some(goal) = errand.goals.get(id) {
                if let Some(writer) = foreign {
                    let epoch = cursor.map_or(Epoch::NONE, Cursor::foreign_epoch);
                    let whose = Whose { target: &self.link.name, writer, epoch };
                    let Some(rest) = errand.without(id, whose) else { continue };
                    errand = rest;
                } else if cursor.is_some_and(|cursor| cursor.has_reached(*goal)) || !is_pending {
                    if let (Reply::TakeOver(taken, ..), Some(cursor)) = (&mut errand.reply, cursor) {
                        taken.from = cursor.taken_from();
                    }
                    errand.goals.remove(id);
                }
            }
            if errand.goals.is_empty() {
                errand.done();
            } else {
                self.errands.push(errand);
            }
        }
    }

    fn publish(&self, id: &BookId) {
        let cursor = self.served.get(id).map(|served| &served.cursor);
        let mut published = self.published.lock();
        let parked = cursor.map_or(0, Cursor::parked_count);
        if parked > 0 {
            published.parked.insert(id.clone(), parked);
        } else if cursor.is_some() {
            published.parked.remove(id);
        }
        match cursor.and_then(Cursor::foreign) {
            Some(writer) => {
                let is_copy = writer == self.link.library.writer();
                let foreign = ForeignBook { book_id: id.clone(), writer, is_copy };
                if published.foreign.insert(id.clone(), foreign).is_none() {
                    let whose = if is_copy {
                        "another copy of this data directory"
                    } else {
                        "another data directory"
                    };
                    tracing::warn!(target = %self.link.name, book = %id, "the target has the book from {whose}");
                }
            }
            None => drop(published.foreign.remove(id)),
        }
        let remembered = self.remembered.get(id).copied().unwrap_or(Seq::ZERO);
        let watermark = cursor.map_or(remembered, Cursor::watermark);
        match self.pending.get(id).filter(|seq| **seq > watermark) {
            Some(seq) => {
                let dirty = self.link.feed.dirty_count(id, watermark);
                let lag = BookLag { book_id: id.clone(), seq: *seq, watermark, dirty };
                published.behind.insert(id.clone(), lag);
            }
            None => drop(published.behind.remove(id)),
        }
    }

    /// Tries parked documents again, when it is time.
    fn retry_what_is_parked(&mut self) {
        let now = Instant::now();
        let (due, interval) = self.retry_parked;
        if now < due {
            return;
        }
        let next = interval.saturating_mul(2).min(LONGEST_RETRY);
        self.retry_parked = (now + interval, next);
        let parked = self.served.values_mut().filter(|served| served.cursor.parked_count() > 0);
        let books: Vec<(BookId, Seq)> = parked
            .map(|served| {
                served.cursor.retry(None);
                (served.cursor.book_id().clone(), served.cursor.watermark())
            })
            .collect();
        for (id, watermark) in books {
            self.pending.entry(id.clone()).or_insert(watermark);
            self.schedule(&id, now);
        }
    }
}

fn served_of<'a>(
    served: &'a mut HashMap<BookId, Served>,
    pauses: &mut Pauses,
    id: &BookId,
) -> &'a mut Served {
    served.entry(id.clone()).or_insert_with(|| Served {
        cursor: Cursor::new(id.clone()),
        backoff: pauses.backoff(),
        not_before: None,
        applied_before: 0,
    })
}

fn is_writing(served: &HashMap<BookId, Served>, id: &BookId) -> bool {
    served.get(id).is_some_and(|served| served.cursor.is_writing())
}

/// The books of the local store that a target lacks something of, or has parked documents of: the last commit, and
/// how far the target was. From now on nothing is forgotten that it may lack.
fn books_behind(store: &SqliteStore, target: &str) -> Result<BTreeMap<BookId, (Seq, Seq)>, StoreError> {
    store.register_target(target)?;
    let parked = store.parked(Some(target), None)?;
    let parked: std::collections::BTreeSet<BookId> =
        parked.into_iter().filter(|p| !p.dropped).map(|p| p.parked.book_id).collect();
    let mut behind = BTreeMap::new();
    for (id, sync) in store.list_books()? {
        let remembered = store.remembered(target, &id)?;
        let progress = remembered.progress;
        let lacks = progress.is_none_or(|progress| progress.commit_seq < sync.persisted_seq);
        if lacks || remembered.distrust.is_some() || parked.contains(&id) {
            let watermark = progress.map_or(Seq::ZERO, |progress| progress.persisted_seq);
            behind.insert(id, (sync.persisted_seq, watermark));
        }
    }
    Ok(behind)
}
