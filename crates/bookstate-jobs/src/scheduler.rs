//! The scheduler: jobs of several books at once, with worker pools shared by all.
//!
//! A job of a book is one record, one writer and one actor: a second one is refused. Starting a book whose
//! job a crash or a pause left active resumes that job, with the variant, engines and options of its
//! record; starting a book on which nothing is left to do says so and changes nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bookstate_domain::{
    BookId, BookStatus, Engines, JobId, OperationName, Priority, Text, Variant, persist::NewJob,
};
use bookstate_store::{BookHandle, Library, Snapshot};
use parking_lot::Mutex;
use tokio::{
    sync::{RwLock, Semaphore, watch},
    task::JoinHandle,
};

use bookstate_reading::source::Source;

use crate::{
    actor::{Actor, ActorParts, ActorSettings, Control, Turn, fenced},
    engines::EngineCatalog,
    error::StartError,
    ingest::{OpenCopy, open_copy},
    marks::{self, CRASHES, DEATHS, MarkFile},
    pool::{PoolConfig, PoolLoad, Pools},
    progress::{Activity, JobEnd, JobProgress, JobReport, UnitCounts},
    turns::{Held, Turns},
    unit_log::UnitLog,
};

/// So many jobs are started at the same time, since the file of each is opened for it: files may be large.
const OPENINGS: usize = 2;

/// How a scheduler works.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// How many books are worked on at once; further ones wait for their turn.
    pub books_at_once: usize,
    /// Pools that are not to work by [`PoolConfig::new`].
    pub pools: Vec<PoolConfig>,
    /// Where units are logged.
    pub unit_log: Option<Arc<UnitLog>>,
    /// How long a pause waits for units in flight.
    pub pause_grace: Duration,
    /// How long to wait before a persist call is made again when the journal's disk is full.
    pub stall_retry: Duration,
    /// No unit is started when the journal's disk has less room than this, in bytes.
    pub min_free_bytes: u64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            books_at_once: 4,
            pools: Vec::new(),
            unit_log: None,
            pause_grace: Duration::from_secs(2),
            stall_retry: Duration::from_secs(1),
            min_free_bytes: 64 << 20,
        }
    }
}

/// What is asked of a new job. A job that is resumed keeps what it was started with.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    /// Which stages it runs.
    pub variant: Variant,
    /// What it runs them with.
    pub engines: Engines,
    /// Options of the engines, as JSON text.
    pub options: Option<Text>,
    /// The operation to reset first.
    pub reset: Option<OperationName>,
    /// Whether it is before others that wait for their turn.
    pub priority: Priority,
}

/// What starting a job led to.
#[derive(Debug)]
pub enum Started {
    /// The book is done; nothing has changed.
    NothingToDo {
        /// Its latest job.
        job_id: Option<JobId>,
        /// Where it stands.
        status: BookStatus,
        /// The book.
        snapshot: Arc<Snapshot>,
    },
    /// A job runs.
    Running(RunningJob),
}

/// A job that runs. Dropping this does not stop it.
#[derive(Debug)]
pub struct RunningJob {
    /// The book.
    pub book_id: BookId,
    /// The job.
    pub job_id: JobId,
    /// The job was active already: an earlier process, or a pause, had left it.
    pub resumed: bool,
    /// How it is doing.
    pub progress: watch::Receiver<JobProgress>,
    task: JoinHandle<JobReport>,
}

impl RunningJob {
    /// Waits for the end of this run. Dropping the future leaves the job running.
    pub async fn wait(self) -> JobReport {
        match self.task.await {
            Ok(report) => report,
            Err(error) => {
                let progress = self.progress.borrow();
                JobReport {
                    book_id: self.book_id,
                    job_id: self.job_id,
                    end: JobEnd::Stopped { reason: format!("the job's actor ended: {error}") },
                    units: progress.units,
                    seq: progress.seq,
                    commits: 0,
                    seconds: 0.0,
                }
            }
        }
    }
}

/// What runs of jobs did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobTotals {
    /// Runs that have ended, however they did.
    pub runs: usize,
    /// Units of these and of those that go on.
    pub units: UnitCounts,
}

/// A job as the scheduler knows it.
#[derive(Debug)]
struct Entry {
    control: watch::Sender<Control>,
    progress: watch::Receiver<JobProgress>,
}

impl Entry {
    /// A job that is cancelled already stays so.
    fn pause(&self) {
        self.control.send_if_modified(|control| {
            let works = *control == Control::Work;
            if works {
                *control = Control::Pause;
            }
            works
        });
    }
}

#[derive(Debug)]
struct Shared {
    library: Library,
    catalog: EngineCatalog,
    config: SchedulerConfig,
    pools: Pools,
    turns: Turns,
    /// For opening a book's file while its job is started: see [`OPENINGS`].
    openings: Arc<Semaphore>,
    /// See [`ActorParts::alone`].
    alone: Arc<RwLock<()>>,
    jobs: Mutex<HashMap<BookId, Entry>>,
    /// What the runs that have ended did. Taken inside the lock of `jobs`, so that no run counts twice.
    ended: Mutex<JobTotals>,
}

/// See the module documentation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Scheduler(Arc<Shared>);

impl Scheduler {
    /// A scheduler without jobs.
    #[must_use]
    pub fn new(library: Library, catalog: EngineCatalog, config: SchedulerConfig) -> Self {
        let pools = Pools::new(config.pools.iter().cloned(), catalog.pools());
        let turns = Turns::new(config.books_at_once);
        Self(Arc::new(Shared {
            library,
            catalog,
            config,
            pools,
            turns,
            openings: Arc::new(Semaphore::new(OPENINGS)),
            alone: Arc::default(),
            jobs: Mutex::default(),
            ended: Mutex::default(),
        }))
    }

    /// Starts a job of a book, or resumes the one that is active. A call that is dropped starts it all the same.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self, book_id: &BookId, request: JobRequest) -> Result<Started, StartError> {
        let (this, id) = (self.clone(), book_id.clone());
        // Opening a book and its file blocks. A job that is recorded there also runs from there: whoever asked for it
        // may be gone by then, and the job would be queued for ever.
        let opening = self.0.openings.clone().acquire_owned().await;
        let started = tokio::task::spawn_blocking(move || {
            let _opening = opening;
            match this.prepare(&id, &request)? {
                Prepared::Done(started) => Ok(started),
                Prepared::Ready(ready) => Ok(Started::Running(this.spawn(*ready))),
            }
        });
        started.await.map_err(|_| StartError::ShuttingDown)?
    }

    fn prepare(&self, book_id: &BookId, request: &JobRequest) -> Result<Prepared, StartError> {
        let shared = &self.0;
        let handle = shared.library.open_book(book_id, "a job")?;
        let snapshot = handle.snapshot();
        let active = snapshot.state.active_job().cloned();
        if let (Some(job), Some(_)) = (&active, request.reset) {
            let (book_id, job_id) = (book_id.clone(), job.job_id.clone());
            return Err(StartError::ResetWhileActive { book_id, job_id });
        }
        let done = active.is_none() && request.reset.is_none();
        let mut again = Vec::new();
        if let Some(done) = done.then(|| nothing_to_do(&snapshot, request.variant)).flatten() {
            again = shared.catalog.resolve(&request.engines)?.readable_now(&snapshot.state);
            if again.is_empty() {
                return Ok(Prepared::Done(done));
            }
        }
        let (variant, engines) = match &active {
            Some(job) => {
                let engines = job.engines.as_ref().map(|engines| (**engines).clone());
                (job.variant.unwrap_or(request.variant), engines.unwrap_or_else(|| request.engines.clone()))
            }
            None => (request.variant, request.engines.clone()),
        };
        let set = shared.catalog.resolve(&engines)?;
        let resumed = active.is_some();
        let marks = MarkFile::open(shared.library.dir(), book_id, resumed);
        let copy = open_marked(&shared.library, book_id, &marks)?;
        if active.is_none()
            && is_scan(&copy.source)
            && let Some(reason) = set.missing()
        {
            return Err(StartError::EngineMissing { reason });
        }
        if !again.is_empty() {
            // The engine that these pages lacked is there now.
            handle.persist_reread(again, None)?;
        }
        let (job_id, options) = match active {
            Some(job) => (job.job_id.clone(), job.options.clone()),
            None => (new_job(&handle, &snapshot, request)?, request.options.clone()),
        };
        let (control, controlled) = watch::channel(Control::Work);
        let completeness = handle.snapshot().state.completeness(variant);
        let first = JobProgress::new(book_id.clone(), job_id.clone(), variant, completeness);
        let (progress, watched) = watch::channel(first);
        let parts = ActorParts {
            library: shared.library.clone(),
            handle,
            job_id: job_id.clone(),
            variant,
            engines: set,
            options,
            pools: shared.pools.clone(),
            unit_log: shared.config.unit_log.clone(),
            marks,
            alone: shared.alone.clone(),
            settings: ActorSettings {
                pause_grace: shared.config.pause_grace,
                stall_retry: shared.config.stall_retry,
                min_free_bytes: shared.config.min_free_bytes,
            },
            control: controlled,
            progress,
        };
        let priority = request.priority;
        let ready = Ready { parts, copy, control, progress: watched, job_id, resumed, priority };
        Ok(Prepared::Ready(Box::new(ready)))
    }

    fn spawn(&self, ready: Ready) -> RunningJob {
        let Ready { parts, copy, control, progress, job_id, resumed, priority } = ready;
        let book_id = parts.handle.id().clone();
        let entry = Entry { control: control.clone(), progress: progress.clone() };
        self.0.jobs.lock().insert(book_id.clone(), entry);
        let listed = Listed { shared: self.0.clone(), book_id: book_id.clone(), control };
        let at_once = self.0.turns.try_take();
        if at_once.is_none() {
            parts.progress.send_modify(|progress| progress.activity = Activity::Waiting);
        }
        // What waits for its turn holds no file: many may wait, and files are large.
        let at_once = at_once.map(|turn| (turn, copy));
        let task = tokio::spawn(async move {
            let (_turn, turn) = match at_once {
                Some((permit, copy)) => (Some(permit), Turn::Come(copy)),
                None => wait_for_turn(&listed.shared, &parts, priority).await,
            };
            let report = Actor::new(parts).run(turn).await;
            drop(listed);
            report
        });
        RunningJob { book_id, job_id, resumed, progress, task }
    }

    /// The jobs that run, as they are now.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobProgress> {
        self.0.jobs.lock().values().map(|entry| entry.progress.borrow().clone()).collect()
    }

    /// What all runs of jobs did since the scheduler was made, those that run now among them.
    #[must_use]
    pub fn totals(&self) -> JobTotals {
        let jobs = self.0.jobs.lock();
        let mut totals = *self.0.ended.lock();
        for entry in jobs.values() {
            totals.units += entry.progress.borrow().units;
        }
        totals
    }

    /// How often the process died while the job of a book was at work, if that is too often for the job to be
    /// resumed without being asked for. Blocks.
    #[must_use]
    pub fn died_too_often(&self, book_id: &BookId) -> Option<u32> {
        let deaths = marks::deaths(self.0.library.dir(), book_id);
        (deaths >= DEATHS).then_some(deaths)
    }

    /// How busy the worker pools are.
    #[must_use]
    pub fn pool_loads(&self) -> Vec<PoolLoad> {
        self.0.pools.loads()
    }

    /// How the job of a book is doing; `None` when none runs.
    #[must_use]
    pub fn progress(&self, book_id: &BookId) -> Option<watch::Receiver<JobProgress>> {
        self.0.jobs.lock().get(book_id).map(|entry| entry.progress.clone())
    }

    /// Cancels the job of a book: what is in flight is dropped, what is persisted stays. False when none
    /// runs.
    pub fn cancel(&self, book_id: &BookId) -> bool {
        let jobs = self.0.jobs.lock();
        let entry = jobs.get(book_id);
        entry.is_some_and(|entry| entry.control.send(Control::Cancel).is_ok())
    }

    /// Brings the jobs that wait for their turn to their end in this scheduler: they stay active, to be resumed by the
    /// next start, here or wherever the book is by then. One whose turn comes in this moment is brought to a safe point.
    pub fn put_back_waiting(&self) {
        for entry in self.0.jobs.lock().values() {
            if entry.progress.borrow().activity == Activity::Waiting {
                entry.pause();
            }
        }
    }

    /// Brings every job to a safe point: nothing new is started, what is in flight may end within
    /// [`SchedulerConfig::pause_grace`], and the jobs stay active, to be resumed by the next start.
    pub fn pause(&self) {
        for entry in self.0.jobs.lock().values() {
            entry.pause();
        }
    }
}

/// Waits for a job's turn and opens the book's file then. The turn lasts as long as the permit lives.
async fn wait_for_turn(shared: &Shared, parts: &ActorParts, priority: Priority) -> (Option<Held>, Turn) {
    let mut controlled = parts.control.clone();
    let turn = tokio::select! {
        turn = shared.turns.take(priority) => turn,
        _ = controlled.wait_for(|control| *control != Control::Work) => return (None, Turn::Unwanted),
        () = fenced(&parts.handle) => return (None, Turn::Unwanted),
    };
    parts.progress.send_modify(|progress| progress.activity = Activity::Working);
    let (library, id, marks) = (shared.library.clone(), parts.handle.id().clone(), parts.marks.clone());
    let opened = tokio::task::spawn_blocking(move || open_marked(&library, &id, &marks)).await;
    let come = match opened.unwrap_or(Err(StartError::ShuttingDown)) {
        Ok(copy) => Turn::Come(copy),
        // No fault of the book's: its job goes on at the next start.
        Err(StartError::ShuttingDown) => Turn::Unwanted,
        Err(error) => Turn::Unreadable { reason: error.to_string() },
    };
    (Some(turn), come)
}

/// Opens the copy of a book's file, and leaves a mark as long as that takes: it may be the end of the process.
fn open_marked(library: &Library, book_id: &BookId, marks: &Arc<MarkFile>) -> Result<OpenCopy, StartError> {
    let opening = marks.begin_opening();
    let _opening =
        opening.ok_or_else(|| StartError::EndsProcess { book_id: book_id.clone(), times: CRASHES })?;
    open_copy(library, book_id)
}

/// A job is listed as long as this lives, also when its actor panics.
struct Listed {
    shared: Arc<Shared>,
    book_id: BookId,
    control: watch::Sender<Control>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut jobs = self.shared.jobs.lock();
        // The book may have been started again meanwhile.
        if jobs.get(&self.book_id).is_some_and(|entry| entry.control.same_channel(&self.control))
            && let Some(entry) = jobs.remove(&self.book_id)
        {
            let mut ended = self.shared.ended.lock();
            ended.runs += 1;
            ended.units += entry.progress.borrow().units;
        }
    }
}

enum Prepared {
    Done(Started),
    Ready(Box<Ready>),
}

/// A job that can begin.
struct Ready {
    parts: ActorParts,
    copy: OpenCopy,
    control: watch::Sender<Control>,
    progress: watch::Receiver<JobProgress>,
    job_id: JobId,
    resumed: bool,
    priority: Priority,
}

/// Whether most of a few pages are images without text.
fn is_scan(source: &Source) -> bool {
    let pages = source.page_count();
    let sampled: Vec<u32> = [10, 30, 50, 70, 90].map(|share| (pages * share / 100).clamp(1, pages)).into();
    let is_image = |page: &&u32| {
        source.page_text(**page).is_ok_and(|content| content.has_image && content.text.trim().is_empty())
    };
    2 * sampled.iter().filter(is_image).count() > sampled.len()
}

/// A book on which a job of this variant would find nothing to do.
fn nothing_to_do(snapshot: &Arc<Snapshot>, variant: Variant) -> Option<Started> {
    let status = snapshot.state.book().and_then(|book| book.status)?;
    let unreadable = status == BookStatus::Failed && !snapshot.state.has_readable_page();
    let over = matches!(status, BookStatus::Complete | BookStatus::Degraded) || unreadable;
    (over && snapshot.state.completeness(variant).settled).then(|| Started::NothingToDo {
        job_id: snapshot.state.latest_job().map(|job| job.job_id.clone()),
        status,
        snapshot: snapshot.clone(),
    })
}

/// Creates the record of a job, behind the reset that it asks for.
fn new_job(handle: &BookHandle, snapshot: &Snapshot, request: &JobRequest) -> Result<JobId, StartError> {
    let number = snapshot.state.jobs().size() + 1;
    let job_id = JobId::new(&format!("job-{number}"))?;
    if let Some(operation) = request.reset {
        handle.persist_reset(operation)?;
    }
    handle.persist_job_record(NewJob {
        job_id: job_id.clone(),
        variant: request.variant,
        engines: request.engines.clone(),
        options: request.options.clone(),
        rules: Some(bookstate_reading::RULES),
        reset_from: request.reset,
    })?;
    Ok(job_id)
}
