//! The sink: one task per target, and what can be asked of them all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bookstate_domain::{AnyKey, BookId};
use bookstate_store::{Library, SqliteTarget, Target, TargetName, WriterId};
use parking_lot::Mutex;
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    backoff::Backoff,
    command::{Command, CommandError, Reached, Verification},
    config::{Pace, RemoteTarget, SinkConfig},
    cursor::{Link, Role},
    local::Local,
    status::{BookLag, Counters, TargetStatus},
    worker::Worker,
};

/// Commands waiting for a target's task; more than this waits at the sender.
const COMMAND_QUEUE: usize = 16;

#[derive(Debug)]
struct Task {
    commands: mpsc::Sender<Command>,
    status: Arc<Mutex<TargetStatus>>,
    task: JoinHandle<()>,
}

/// Write-behind to the local store and any number of remote targets. Dropping it aborts its tasks, which
/// loses nothing: the next start asks each target what it has.
#[derive(Debug)]
pub struct Sink {
    library: Library,
    tasks: BTreeMap<TargetName, Task>,
    stop: watch::Sender<bool>,
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
    /// Starts a task for the local store and one per remote target. Call it within a tokio runtime.
    #[must_use]
    pub fn start(library: &Library, remotes: Vec<RemoteTarget>, config: &SinkConfig) -> Self {
        let (stop, stopped) = watch::channel(false);
        library.set_targets(remotes.iter().map(|r| (r.name.clone(), r.target.clone())).collect());
        let local = Local(library.local_store().clone());
        let mut sink = Self { library: library.clone(), tasks: BTreeMap::new(), stop };
        let name = TargetName::local();
        let target = Arc::new(SqliteTarget::local(library.local_store().clone()));
        sink.spawn(name, target, Role::Local, &config.local, config.seed, &local, &stopped);
        for (n, remote) in (1u64..).zip(remotes) {
            let seed = config.seed.wrapping_add(n);
            sink.spawn(remote.name, remote.target, Role::Remote, &remote.pace, seed, &local, &stopped);
        }
        sink
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a link, put together in one place")]
    fn spawn(
        &mut self,
        name: TargetName,
        target: Arc<dyn Target>,
        role: Role,
        pace: &Pace,
        seed: u64,
        local: &Local,
        stop: &watch::Receiver<bool>,
    ) {
        let status = Arc::new(Mutex::new(TargetStatus::new(name.clone())));
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        let link = Link {
            library: self.library.clone(),
            name: name.clone(),
            chunk_documents: target.limits().documents,
            target,
            role,
            local: local.clone(),
            timeout: pace.timeout,
            random: SmallRng::seed_from_u64(seed),
            counters: Counters::default(),
            successes: 0,
        };
        let backoff = Backoff::new(pace.first_pause, pace.longest_pause, seed);
        let worker = Worker::new(link, pace.linger, backoff, received, stop.clone(), status.clone());
        let task = tokio::spawn(worker.run());
        self.tasks.insert(name, Task { commands, status, task });
    }

    /// The targets, the local store among them.
    pub fn targets(&self) -> impl Iterator<Item = &TargetName> {
        self.tasks.keys()
    }

    /// What every target's task is doing. The lag of live books is as of now, also while a task pauses.
    #[must_use]
    pub fn status(&self) -> Vec<TargetStatus> {
        self.tasks.values().map(|task| self.with_present_lag(task.status.lock().clone())).collect()
    }

    fn with_present_lag(&self, mut status: TargetStatus) -> TargetStatus {
        let library = &self.library;
        for book_id in library.live_books() {
            let seq = library.live_seq(&book_id);
            let watermark = library.watermark(&book_id, &status.name);
            let foreign = status.foreign.iter().any(|book| book.book_id == book_id);
            status.behind.retain(|book| book.book_id != book_id);
            if seq > watermark && !foreign {
                let dirty = library.dirty_count(&book_id, watermark);
                status.behind.push(BookLag { book_id, seq, watermark, dirty });
            }
        }
        status.behind.sort_by(|a, b| a.book_id.cmp(&b.book_id));
        status
    }

    /// Waits until everything accepted before this call is in every healthy target, or parked. Not for a hot
    /// path. Cancel safe.
    pub async fn barrier(&self) -> Vec<(TargetName, Reached)> {
        let mut waiting = Vec::new();
        for (name, task) in &self.tasks {
            let (answer, answered) = oneshot::channel();
            let sent = task.commands.send(Command::Barrier(answer)).await;
            waiting.push((name, sent.is_ok().then_some(answered)));
        }
        let mut reached = Vec::new();
        for (name, answered) in waiting {
            let stopped = || Reached::Unhealthy { error: CommandError::Stopped.to_string() };
            let outcome = match answered {
                Some(answered) => answered.await.unwrap_or_else(|_| stopped()),
                None => stopped(),
            };
            reached.push((name.clone(), outcome));
        }
        reached
    }

    /// A [`barrier`](Self::barrier) that gives up after `deadline`, then the end of every task. What is left
    /// is in the journal and the local store, and continues at the next start.
    pub async fn drain(mut self, deadline: Duration) -> DrainReport {
        let names: Vec<_> = self.tasks.keys().cloned().collect();
        let targets = tokio::time::timeout(deadline, self.barrier()).await.unwrap_or_else(|_| {
            let late = || Reached::Unhealthy { error: "not drained in time".to_owned() };
            names.into_iter().map(|name| (name, late())).collect()
        });
        self.stop.send_replace(true);
        for task in self.tasks.values_mut() {
            if tokio::time::timeout(deadline, &mut task.task).await.is_err() {
                task.task.abort();
            }
        }
        DrainReport { targets, status: self.status() }
    }

    async fn ask<T>(
        &self,
        target: &TargetName,
        command: impl FnOnce(oneshot::Sender<Result<T, CommandError>>) -> Command,
    ) -> Result<T, CommandError> {
        let task = self.tasks.get(target).ok_or_else(|| CommandError::NoSuchTarget(target.to_string()))?;
        let (answer, answered) = oneshot::channel();
        task.commands.send(command(answer)).await.map_err(|_| CommandError::Stopped)?;
        answered.await.map_err(|_| CommandError::Stopped)?
    }

    /// Compares a book with its copy in a target; changes nothing but what is dirty anyway.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn verify(&self, target: &TargetName, book: &BookId) -> Result<Verification, CommandError> {
        self.ask(target, |answer| Command::Verify(book.clone(), answer)).await
    }

    /// Compares a book with its copy in a target and sends what differs.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn resync(&self, target: &TargetName, book: &BookId) -> Result<(), CommandError> {
        self.ask(target, |answer| Command::Resync(book.clone(), answer)).await
    }

    /// Takes a book over from the data directory that wrote it into a target, importing it first when it is
    /// unknown here. Returns whose it was.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn take_over(
        &self,
        target: &TargetName,
        book: &BookId,
    ) -> Result<Option<WriterId>, CommandError> {
        self.ask(target, |answer| Command::TakeOver(book.clone(), answer)).await
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

impl Drop for Sink {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.task.abort();
        }
    }
}
