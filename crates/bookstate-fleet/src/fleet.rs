//! This machine among the others: its leases, what it knows of theirs, and the task that keeps both.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bookstate_domain::BookId;
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    bucket::{Bucket, settled},
    claim,
    error::{ClaimError, FleetError},
    keys::Kind,
    lease::{Rules, State},
    notes::{self, JobNote, Machine, Owner, Pause},
    options::FleetOptions,
    quota::{self, Shares},
    renewal,
    shared::{Holder, Inner, Lease},
    view::{Changed, View},
    wanted::Wanted,
    watch::{Told, watch as watch_bucket},
};

/// How many claims of this machine are under way at once: the servers take some dozens of two keys at once.
const CLAIMS: usize = 8;

/// This machine among the others.
///
/// Must be made within a tokio runtime. When it is dropped, renewals end at once and the leases go by themselves.
#[derive(Debug)]
pub struct Fleet {
    inner: Arc<Inner>,
    tasks: Vec<JoinHandle<()>>,
}

impl Fleet {
    /// Joins. The servers need not be there: until they are, nothing can be claimed.
    ///
    /// # Errors
    /// [`FleetError::Unusable`]: the options cannot work.
    pub fn start(options: FleetOptions, on: Arc<dyn Holder>) -> Result<Self, FleetError> {
        options.check()?;
        let rules = Rules::of(options.ttl);
        // Some attempts fit between a renewal's time and the lease's end.
        let patience = (options.ttl / 6).max(Duration::from_millis(500));
        let start = format!("{:016x}", rand::random::<u64>());
        let quotas = quota::Rules::of(options.ttl, options.window);
        let inner = Arc::new(Inner {
            rules,
            shares: Mutex::new(Shares::new(options.machine.clone(), start.clone(), quotas)),
            beats_last: quotas.life,
            start,
            bucket: Bucket::new(&options.nats, &options.bucket, patience),
            holder: on,
            leases: Mutex::default(),
            jobs: Mutex::default(),
            view: Mutex::default(),
            changes: watch::Sender::new(0),
            again: Notify::new(),
            claims: Semaphore::new(CLAIMS),
            leaving: AtomicBool::new(false),
            options,
        });
        let tasks = vec![
            tokio::spawn(renewal::renew(Arc::clone(&inner))),
            tokio::spawn(renewal::stay(Arc::clone(&inner))),
            tokio::spawn(renewal::beat(Arc::clone(&inner))),
            tokio::spawn(hear(Arc::clone(&inner))),
        ];
        Ok(Self { inner, tasks })
    }

    /// Claims a book. `floor` is the highest epoch that any target knows of it. At most one machine holds a book at any
    /// time, as long as the servers keep their data and their clocks agree to a tenth of the leases' time; what happens
    /// when they do not is in the epochs' hands.
    ///
    /// A dropped future may have claimed it: nobody has the book then until the lease has gone by itself.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn claim(&self, book: &BookId, floor: u32) -> Result<Lease, ClaimError> {
        claim::claim(&self.inner, book, floor).await
    }

    /// Gives a book back: others are told at once. Who writes it must have stopped. Nothing happens when it is not held.
    /// When the servers do not answer the lease goes by itself; a dropped future leaves it to that, too.
    pub async fn release(&self, book: &BookId) {
        self.inner.jobs.lock().remove(book);
        claim::release(&self.inner, book).await;
    }

    /// Takes nothing new from now on and gives everything back, also this machine's place among the others. Who writes
    /// the books must have stopped.
    pub async fn release_all(&self) {
        self.inner.leaving.store(true, Ordering::Release);
        self.inner.changes.send_modify(|count| *count += 1);
        let books: Vec<BookId> = self.inner.leases.lock().keys().cloned().collect();
        join_all(books.iter().map(|book| self.release(book))).await;
        let key = Kind::Machine.named(&self.inner.options.machine);
        if let Err(error) = settled(self.inner.bucket.delete(&key, None).await) {
            tracing::debug!(%error, "this machine's key goes by itself");
        }
    }

    /// The lease of a book that this machine holds now.
    #[must_use]
    pub fn lease_of(&self, book: &BookId) -> Option<Lease> {
        let now = Instant::now();
        match self.inner.leases.lock().get(book)? {
            state @ State::Held(held) if state.holds(now, &self.inner.rules) => {
                let until = state.until(&self.inner.rules)?;
                Some(Lease { book: book.clone(), epoch: held.epoch, until })
            }
            _ => None,
        }
    }

    /// Who has a book, as far as was heard: some milliseconds behind, more when the servers are away.
    #[must_use]
    pub fn owner_of(&self, book: &BookId) -> Option<Owner> {
        self.inner.view.lock().owners.get(book).cloned()
    }

    /// The books that are owned, as far as was heard.
    #[must_use]
    pub fn owners(&self) -> Vec<(BookId, Owner)> {
        self.inner.view.lock().owners.iter().map(|(book, owner)| (book.clone(), owner.clone())).collect()
    }

    /// The machines that live, as far as was heard, by name.
    #[must_use]
    pub fn machines(&self) -> Vec<Machine> {
        self.inner.view.lock().machines.values().cloned().collect()
    }

    /// The jobs that are active on any machine or on none, as far as was heard.
    #[must_use]
    pub fn jobs(&self) -> Vec<(BookId, JobNote)> {
        self.inner.view.lock().jobs.iter().map(|(book, note)| (book.clone(), note.clone())).collect()
    }

    /// Whether a book has a job that is active on any machine or on none, as far as was heard.
    #[must_use]
    pub fn has_job(&self, book: &BookId) -> bool {
        self.inner.view.lock().jobs.contains_key(book)
    }

    /// Books with an active job that nobody has: each to be claimed by any machine that has room.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted::new(Arc::clone(&self.inner))
    }

    /// Waits until what the bucket holds was heard once. For ever, when the servers do not come.
    pub async fn heard(&self) {
        let mut changes = self.inner.changes.subscribe();
        // The sender is in `self`.
        drop(changes.wait_for(|count| *count > 0).await);
    }

    /// Tells of changes of owners, jobs, machines and pauses: a count of them, so that of many the last is told.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Says that a book has an active job, before or after it is claimed. While this machine holds the book, and for one
    /// lease's time after it lost it, the note is written again when the bucket lacks it. Safe to drop: it may have been
    /// written.
    ///
    /// # Errors
    /// [`FleetError::Unavailable`]; while this machine holds the book it is tried again by itself.
    pub async fn announce_job(&self, book: &BookId, note: JobNote) -> Result<(), FleetError> {
        let value = notes::write(&note);
        if self.inner.leases.lock().contains_key(book) {
            self.inner.jobs.lock().insert(book.clone(), note.into());
        }
        self.inner.bucket.put(&Kind::Job.of(book), value, None).await
    }

    /// Says that a book's job is over: nobody is wanted for it. Safe to drop, and to repeat.
    ///
    /// # Errors
    /// [`FleetError::Unavailable`]: until it is repeated another machine may look at the job once more.
    pub async fn finish_job(&self, book: &BookId) -> Result<(), FleetError> {
        self.inner.jobs.lock().remove(book);
        settled(self.inner.bucket.delete(&Kind::Job.of(book), None).await)
    }

    /// This machine's share now of a quota that holds for all together in any [window](FleetOptions::window). All of
    /// them keep it, if each of them reserves no more than its share in any window, and asks for it each time.
    ///
    /// 0 for a machine that comes to others or is started again, until they have heard of it and another window has
    /// passed; for one that has heard nothing for nearly a lease's time; and when there are more machines than the quota
    /// has parts and this one is not among the first.
    #[must_use]
    pub fn share(&self, quota: u32) -> u32 {
        self.inner.shares.lock().share(quota, Instant::now())
    }

    /// Tells all machines to leave a provider alone for so long: it has asked for it.
    ///
    /// # Errors
    /// [`FleetError::Unavailable`]: each finds out by itself.
    pub async fn pause(&self, provider: &str, pause: Duration) -> Result<(), FleetError> {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let note = Pause { pause_ms, id: rand::random() };
        let ttl = Duration::from_secs(pause.as_secs().saturating_add(1));
        self.inner.bucket.put(&Kind::Pause.named(provider), notes::write(&note), Some(ttl)).await
    }

    /// Until when a provider is to be left alone. A machine that came later than the pause believes it a little longer.
    #[must_use]
    pub fn paused_until(&self, provider: &str) -> Option<Instant> {
        let (_, until) = *self.inner.view.lock().pauses.get(provider)?;
        (Instant::now() < until).then_some(until)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Hears what the bucket holds, for ever.
async fn hear(inner: Arc<Inner>) {
    let mut fresh = None;
    watch_bucket(&inner.bucket, 2 * inner.rules.ttl, &inner.again, |told| match told {
        Told::Begin => fresh = Some(View::default()),
        Told::Key(key, value) => {
            let now = Instant::now();
            if let Some(fresh) = &mut fresh {
                fresh.apply(key, value, now);
                return;
            }
            let changed = inner.view.lock().apply(key, value, now);
            match &changed {
                Changed::Nothing => return,
                Changed::Owner(book) => inner.doubt(book),
                Changed::Beat(name) => {
                    let beat = inner.view.lock().beats.get(name).cloned();
                    inner.shares.lock().heard(name, beat.as_ref(), now);
                    return;
                }
                Changed::Other => {}
            }
            inner.changed();
        }
        Told::Complete => {
            if let Some(fresh) = fresh.take() {
                inner.shares.lock().heard_all(&fresh.beats, Instant::now());
                let mut view = inner.view.lock();
                *view = fresh.after(&view);
                drop(view);
                let books: Vec<BookId> = inner.leases.lock().keys().cloned().collect();
                books.iter().for_each(|book| inner.doubt(book));
                inner.changed();
            }
        }
    })
    .await;
}
