//! The sink: one task per target, and what can be asked of them all.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bookstate_domain::{AnyKey, BookId};
use bookstate_store::{BatchOps, Differing, Library, SqliteTarget, StoreError, Target, TargetName};
use parking_lot::{Mutex, RwLock};
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    backoff::Pauses,
    command::{Command, CommandError, Reached, TakenOver, Verification},
    config::{Pace, RemoteTarget, SinkConfig},
    cursor::{Claim, Role},
    split,
    status::{BookLag, Published, TargetStatus},
    transport::{Link, blocking, new_start},
    worker::Worker,
};

/// Commands waiting for a target's task; more than this waits at the sender.
const COMMAND_QUEUE: usize = 16;

#[derive(Debug)]
struct Task {
    commands: mpsc::Sender<Command>,
    status: Arc<Mutex<Published>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// How long a target that is removed may take for the chunk that is under way.
const REMOVAL_GRACE: Duration = Duration::from_secs(2);

/// Write-behind to the local store and any number of remote targets. Dropping it aborts its tasks, which
/// loses nothing: the next start asks each target what it has.
#[derive(Debug)]
pub struct Sink {
    pub(crate) library: Library,
    tasks: RwLock<BTreeMap<TargetName, Task>>,
    seeds: AtomicU64,
}

/// What is left when a drain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainReport {
    /// Per target, whether it has everything.
    pub targets: Vec<(TargetName, Reached)>,
    /// The targets' last status.
    pub status: Vec<TargetStatus>,
}

impl DrainReport {
    /// Whether every target has everything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.targets.iter().all(|(_, reached)| *reached == Reached::All)
    }
}

impl Sink {
    /// Starts a task for the local store and one per remote target. Of targets of one name only the first is taken,
    /// which is logged. Call it within a tokio runtime.
    #[must_use]
    pub fn start(library: &Library, remotes: Vec<RemoteTarget>, config: &SinkConfig) -> Self {
        let (tasks, seeds) = (RwLock::default(), AtomicU64::new(config.seed));
        let sink = Self { library: library.clone(), tasks, seeds };
        let target = Arc::new(SqliteTarget::local(library.local_store().clone()));
        let local = sink.spawn(TargetName::local(), target, Role::Local, &config.local);
        sink.tasks.write().insert(TargetName::local(), local);
        for remote in remotes {
            if let Err(error) = sink.add(remote) {
                tracing::error!(%error, "a target is left out");
            }
        }
        sink
    }

    /// Adds a remote target while everything runs. It gets every book of the data directory. Call it within a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`CommandError::TargetExists`]: there is a target of this name.
    pub fn add(&self, remote: RemoteTarget) -> Result<(), CommandError> {
        let mut tasks = self.tasks.write();
        if tasks.contains_key(&remote.name) {
            return Err(CommandError::TargetExists(remote.name));
        }
        // Before its task looks for the books that it lacks, so that none is missed in between.
        self.library.add_target(remote.name.clone(), remote.target.clone());
        let task = self.spawn(remote.name.clone(), remote.target, Role::Remote, &remote.pace);
        tasks.insert(remote.name, task);
        Ok(())
    }

    /// Removes a remote target while everything runs, and forgets how far it was and what it refused. What it
    /// holds stays there.
    ///
    /// # Errors
    /// There is no such target, or the local store cannot be written; the target is gone from the sink then too.
    pub async fn remove(&self, name: &TargetName) -> Result<(), CommandError> {
        let no_such = || CommandError::NoSuchTarget(name.to_string());
        if *name == TargetName::local() {
            return Err(no_such());
        }
        let mut task = self.tasks.write().remove(name).ok_or_else(no_such)?;
        task.stop.send_replace(true);
        if tokio::time::timeout(REMOVAL_GRACE, &mut task.task).await.is_err() {
            task.task.abort();
        }
        self.library.remove_target(name);
        let (library, name) = (self.library.clone(), name.clone());
        Ok(blocking(move || library.local_store().forget_target(name.as_str())).await?)
    }

    fn spawn(&self, name: TargetName, target: Arc<dyn Target>, role: Role, pace: &Pace) -> Task {
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        let (stop, stopped) = watch::channel(false);
        let status = Arc::new(Mutex::new(Published::new(name.clone())));
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        let link = Link {
            library: self.library.clone(),
            feed: self.library.feed(&name),
            name,
            chunk_documents: target.limits().documents,
            target,
            role,
            timeout: pace.timeout,
            start: new_start(),
            random: SmallRng::seed_from_u64(seed),
        };
        let pauses = Pauses { first: pace.first_pause, longest: pace.longest_pause, seed };
        let worker = Worker::new(link, pace.linger, pauses, received, stopped, status.clone());
        let task = tokio::spawn(worker.run());
        Task { commands, status, stop, task }
    }

    /// The targets, the local store among them.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetName> {
        self.tasks.read().keys().cloned().collect()
    }

    /// What every target's task is doing. The lag of live books is as of now, also while a task pauses.
    #[must_use]
    pub fn status(&self) -> Vec<TargetStatus> {
        let tasks = self.tasks.read();
        tasks.values().map(|task| self.with_present_lag(task.status.lock().status())).collect()
    }

    fn with_present_lag(&self, mut status: TargetStatus) -> TargetStatus {
        let library = &self.library;
        for book_id in library.live_books() {
            let seq = library.live_seq(&book_id);
            let watermark = library.watermark(&book_id, &status.name);
            let foreign = status.foreign.iter().any(|book| book.book_id == book_id);
            status.behind.retain(|book| book.book_id != book_id);
            if seq > watermark && !foreign {
                let dirty = library.feed(&status.name).dirty_count(&book_id, watermark);
                status.behind.push(BookLag { book_id, seq, watermark, dirty });
            }
        }
        // Books that left memory while the task was paused: it has not taken note of them yet.
        for (book_id, (seq, watermark)) in library.feed(&status.name).evicted() {
            match status.behind.iter_mut().find(|book| book.book_id == book_id) {
                Some(book) => book.seq = book.seq.max(seq),
                None => status.behind.push(BookLag { book_id, seq, watermark, dirty: 0 }),
            }
        }
        status.behind.sort_by(|a, b| a.book_id.cmp(&b.book_id));
        status
    }

    /// Bytes of text, roughly, that each target lacks of the live books. Computes what would be sent, so it is for
    /// a look now and then, and blocks for some milliseconds.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub fn pending_bytes(&self) -> Result<BTreeMap<TargetName, u64>, StoreError> {
        let mut pending: BTreeMap<TargetName, u64> = BTreeMap::new();
        let live: HashSet<BookId> = self.library.live_books().into_iter().collect();
        for status in self.status() {
            let mut bytes = 0;
            // The others would be read from the disk, at every look.
            for book in status.behind.iter().filter(|book| live.contains(&book.book_id)) {
                let feed = self.library.feed(&status.name);
                let batch = feed.batch(&book.book_id, book.watermark, &Differing::default())?;
                bytes += batch.map_or(0, |batch| match batch.ops {
                    BatchOps::Ops(ops) => split::bytes(&ops),
                    BatchOps::Compare(state) => split::bytes(&state.documents().collect::<Vec<_>>()),
                });
            }
            pending.insert(status.name, bytes);
        }
        Ok(pending)
    }

    /// Waits until everything accepted before this call is in every healthy target, or parked. A target that has
    /// failed for a while is tried once more, at once. Not for a hot path. Cancel safe.
    pub async fn barrier(&self) -> Vec<(TargetName, Reached)> {
        self.reach(None).await
    }

    /// A barrier for one target.
    pub(crate) async fn reached(&self, target: &TargetName) -> Result<Reached, CommandError> {
        let commands = self.tasks.read().get(target).map(|task| task.commands.clone());
        let commands = commands.ok_or_else(|| CommandError::NoSuchTarget(target.to_string()))?;
        let (answer, answered) = oneshot::channel();
        commands.send(Command::Barrier(answer)).await.map_err(|_| CommandError::Stopped)?;
        answered.await.map_err(|_| CommandError::Stopped)
    }

    /// A barrier; who has not answered by then is late, and nobody else for that.
    async fn reach(&self, until: Option<Instant>) -> Vec<(TargetName, Reached)> {
        let mut waiting = Vec::new();
        for (name, commands) in self.commands() {
            let (answer, answered) = oneshot::channel();
            // A task in the middle of a chunk may have a full queue.
            let sent = before(until, commands.send(Command::Barrier(answer))).await;
            waiting.push((name, sent, answered));
        }
        let mut reached = Vec::new();
        for (name, sent, answered) in waiting {
            let outcome = match sent {
                Some(Ok(())) => before(until, answered).await.map(Result::ok),
                Some(Err(_)) => Some(None),
                None => None,
            };
            let unhealthy = |error: String| Reached::Unhealthy { error };
            reached.push((
                name,
                match outcome {
                    Some(Some(reached)) => reached,
                    Some(None) => unhealthy(CommandError::Stopped.to_string()),
                    None => unhealthy("not drained in time".to_owned()),
                },
            ));
        }
        reached
    }

    /// A [`barrier`](Self::barrier) that gives up after `deadline`, then the end of every task. A target that is
    /// late is reported as late, and no other. What is left is in the journal and the local store, and continues
    /// at the next start.
    pub async fn drain(self, deadline: Duration) -> DrainReport {
        // A deadline beyond all time is none.
        let until = Instant::now().checked_add(deadline);
        let targets = self.reach(until).await;
        let mut tasks: Vec<_> = std::mem::take(&mut *self.tasks.write()).into_iter().collect();
        for (_, task) in &tasks {
            task.stop.send_replace(true);
        }
        // A task in the middle of a chunk ends it, if it is not late already: the outcome would be unknown.
        for (name, task) in &mut tasks {
            let late = targets.iter().any(|(target, reached)| target == name && *reached != Reached::All);
            if late || before(until, &mut task.task).await.is_none() {
                task.task.abort();
                // It has the library until it is gone, which is when it next waits for something.
                drop((&mut task.task).await);
            }
        }
        let status =
            tasks.iter().map(|(_, task)| self.with_present_lag(task.status.lock().status())).collect();
        DrainReport { targets, status }
    }

    /// Where each target's task takes commands.
    fn commands(&self) -> Vec<(TargetName, mpsc::Sender<Command>)> {
        let tasks = self.tasks.read();
        tasks.iter().map(|(name, task)| (name.clone(), task.commands.clone())).collect()
    }

    pub(crate) async fn ask<T>(
        &self,
        target: &TargetName,
        command: impl FnOnce(oneshot::Sender<Result<T, CommandError>>) -> Command,
    ) -> Result<T, CommandError> {
        let commands = self.tasks.read().get(target).map(|task| task.commands.clone());
        let commands = commands.ok_or_else(|| CommandError::NoSuchTarget(target.to_string()))?;
        let (answer, answered) = oneshot::channel();
        commands.send(command(answer)).await.map_err(|_| CommandError::Stopped)?;
        answered.await.map_err(|_| CommandError::Stopped)?
    }

    /// Compares a book with its copy in a target, and changes nothing. What the copy lacks because it is behind is
    /// [said](Verification::lag), not counted.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn verify(&self, target: &TargetName, book: &BookId) -> Result<Verification, CommandError> {
        self.ask(target, |answer| Command::Verify(book.clone(), answer)).await
    }

    /// Compares a book with its copy in a target and sends what differs. Ends when the target has the book as it was
    /// when this was asked.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn resync(&self, target: &TargetName, book: &BookId) -> Result<(), CommandError> {
        self.ask(target, |answer| Command::Resync(book.clone(), answer)).await
    }

    /// Takes a book over from the data directory that wrote it into a target, or from another copy of this one,
    /// importing it first when it is unknown here. What the target has and this data directory lacks is overwritten
    /// then.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn take_over(&self, target: &TargetName, book: &BookId) -> Result<TakenOver, CommandError> {
        self.ask(target, |answer| Command::TakeOver(book.clone(), Claim::Person, answer)).await
    }

    /// Tries parked documents again with their present state: one, or all that were not dropped. Returns how
    /// many were tried.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn retry_parked(
        &self,
        target: &TargetName,
        document: Option<AnyKey>,
    ) -> Result<usize, CommandError> {
        self.ask(target, |answer| Command::Retry(document, answer)).await
    }

    /// Accepts on purpose that a parked document's copy differs.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn drop_parked(&self, target: &TargetName, document: AnyKey) -> Result<(), CommandError> {
        self.ask(target, |answer| Command::Drop(document, answer)).await
    }
}

/// What a future gives, unless it takes until then.
async fn before<T>(until: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => tokio::time::timeout_at(until, future).await.ok(),
        None => Some(future.await),
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().values() {
            task.task.abort();
        }
    }
}
