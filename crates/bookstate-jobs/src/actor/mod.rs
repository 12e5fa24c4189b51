//! The actor of one job: the only one that changes its book.
//!
//! It plans, dispatches units, and persists their results, one after the other as they arrive. It does no
//! work itself and waits for no storage: a persist call takes microseconds. Units run as tasks that it
//! owns, so that there is no channel that could fill up, and a job that ends takes its units with it. A
//! result that the journal has no room for is kept, nothing new is started, and the call is made again; the
//! number of results that can be waiting is that of the units in flight.

mod ending;
mod holds;
mod settle;
mod stage_metrics;
mod task;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bookstate_domain::{JobId, JobStatus, OperationEvent, Seq, Stage, Text, Variant};
use bookstate_store::{BookHandle, Library, PersistError, Snapshot};
use tokio::{
    sync::{RwLock, watch},
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use crate::{
    engine::{BookContext, Memo, Meter},
    engines::EngineSet,
    ingest::OpenCopy,
    marks::MarkFile,
    outcome::on_step,
    persist_call::PersistCall,
    plan::{InFlight, JobPlan, Plan, Step, interrupted, plan, settled_units},
    pool::{Pools, UnitTime},
    progress::{Activity, JobEnd, JobProgress, JobReport, UnitCounts},
    unit::Unit,
    unit_log::UnitLog,
};
use holds::{Hold, Holds};
use settle::Settling;
use stage_metrics::StageMetrics;
use task::{Done, Task, is_runtime_gone, panic_of, run_unit};

/// What is asked of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Go on.
    Work,
    /// Stop at a safe point and stay active.
    Pause,
    /// Stop for good.
    Cancel,
}

/// What a job's waiting for its turn led to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It has come, and the book's file is open.
    Come(OpenCopy),
    /// The job was cancelled or paused first; it needs no turn for that.
    Unwanted,
    /// It has come, and the book's file cannot be opened any more.
    Unreadable {
        /// Why not.
        reason: String,
    },
}

/// How often progress is published at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What an actor is made of.
#[derive(Debug)]
pub(crate) struct ActorParts {
    pub(crate) library: Library,
    pub(crate) handle: BookHandle,
    pub(crate) job_id: JobId,
    pub(crate) variant: Variant,
    pub(crate) engines: EngineSet,
    pub(crate) options: Option<Text>,
    pub(crate) pools: Pools,
    pub(crate) unit_log: Option<Arc<UnitLog>>,
    /// What is in flight, for the next process.
    pub(crate) marks: Arc<MarkFile>,
    /// Shared by the units of all jobs; a suspect has it to itself.
    pub(crate) alone: Arc<RwLock<()>>,
    pub(crate) settings: ActorSettings,
    pub(crate) control: watch::Receiver<Control>,
    pub(crate) progress: watch::Sender<JobProgress>,
}

/// Times and limits of an actor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActorSettings {
    /// How long a pause waits for what is in flight.
    pub(crate) pause_grace: Duration,
    /// How long to wait before a persist call is made again.
    pub(crate) stall_retry: Duration,
    /// Nothing new is started when the journal's disk has less than this, in bytes.
    pub(crate) min_free_bytes: u64,
}

/// Why the actor cannot go on as it is.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// The journal's disk is full: the same call may work later.
    Full,
    /// Nothing can be persisted any more.
    Poisoned(String),
    /// Another machine may own the book now: nothing of it is ours any more.
    Fenced,
    /// The job cannot go on: a bug.
    Bug(String),
}

/// See the module documentation.
pub(crate) struct Actor {
    parts: ActorParts,
    job: JobPlan,
    memo: Memo,
    in_flight: InFlight,
    tasks: JoinSet<Done>,
    running: HashMap<Id, (Unit, Meter)>,
    /// Units that wait for a provider that cannot be used.
    holds: Arc<Holds>,
    kept: VecDeque<Settling>,
    counts: UnitCounts,
    metrics: StageMetrics,
    /// The last reason for which a unit of a stage failed: for the book's status.
    failures: BTreeMap<Stage, String>,
    stalled: Option<String>,
    /// What is published of the holds.
    held: Option<Hold>,
    retry_at: Option<Instant>,
    disk_checked: Option<Instant>,
    published: Option<Instant>,
    begun: bool,
    /// The runtime is going away, and this actor with it.
    shutting_down: bool,
    first_seq: Seq,
    began: Instant,
}

impl Actor {
    pub(crate) fn new(parts: ActorParts) -> Self {
        let job = parts.engines.job_plan(parts.variant);
        let snapshot = parts.handle.snapshot();
        let in_flight = InFlight::limited(parts.pools.rooms());
        let skipped = settled_units(&snapshot.state, &job);
        let metrics = StageMetrics::resume(&snapshot.state, &parts.job_id);
        Self {
            job,
            memo: Memo::default(),
            in_flight,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            holds: Arc::default(),
            kept: VecDeque::new(),
            counts: UnitCounts { skipped, ..UnitCounts::default() },
            metrics,
            failures: BTreeMap::new(),
            stalled: None,
            held: None,
            retry_at: None,
            disk_checked: None,
            published: None,
            begun: false,
            shutting_down: false,
            first_seq: snapshot.seq,
            began: Instant::now(),
            parts,
        }
    }

    /// Runs the job until it is over, paused or cannot persist any more.
    pub(crate) async fn run(mut self, turn: Turn) -> JobReport {
        let control = *self.parts.control.borrow();
        let end = match turn {
            _ if self.is_fenced() => JobEnd::Fenced,
            Turn::Come(copy) => self.work(&copy).await,
            Turn::Unwanted => match control {
                Control::Cancel => self.cancel(),
                Control::Pause | Control::Work => JobEnd::Paused,
            },
            Turn::Unreadable { reason } => self.fail(&reason),
        };
        // Whatever is still in flight ends here; its results are nobody's.
        self.counts.dropped += self.tasks.len() + self.kept.len();
        self.tasks.shutdown().await;
        if end != JobEnd::Fenced {
            self.keep_costs();
        }
        // A runtime that goes away is no good order; its tasks ended nevertheless.
        self.parts.marks.close(matches!(end, JobEnd::Over { .. }));
        self.publish(Activity::Ended);
        let seq = self.snapshot().seq;
        JobReport {
            book_id: self.parts.handle.id().clone(),
            job_id: self.parts.job_id.clone(),
            end,
            units: self.counts,
            seq,
            commits: seq.get().saturating_sub(self.first_seq.get()),
            seconds: self.began.elapsed().as_secs_f64(),
        }
    }

    async fn work(&mut self, copy: &OpenCopy) -> JobEnd {
        loop {
            if self.is_fenced() {
                return JobEnd::Fenced;
            }
            let control = *self.parts.control.borrow_and_update();
            match control {
                Control::Cancel => return self.cancel(),
                Control::Pause => return self.pause().await,
                Control::Work => {}
            }
            let advanced = self.begin().and_then(|()| self.advance(copy));
            match advanced {
                Ok(Some(end)) => return end,
                Ok(None) => {}
                Err(obstacle) => {
                    if let Some(end) = self.meet(obstacle) {
                        return end;
                    }
                }
            }
            self.publish_now_and_then();
            self.wait().await;
            if self.shutting_down {
                return JobEnd::Paused;
            }
        }
    }

    /// Waits for whatever comes first: a result, a word from outside, the time to try again.
    async fn wait(&mut self) {
        let retry = self.retry_at;
        tokio::select! {
            // A sender that is gone asks for nothing more.
            Ok(()) = self.parts.control.changed() => {}
            Some(done) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                self.take(done).await;
                // Planning once for all that have come in meanwhile.
                while let Some(done) = self.tasks.try_join_next_with_id() {
                    self.take(done).await;
                }
            }
            () = self.holds.changed() => {}
            () = fenced(&self.parts.handle) => {}
            () = at_last(retry) => {}
        }
    }

    /// What a job does first: it is running, and what an earlier run left in progress may start again.
    fn begin(&mut self) -> Result<(), Obstacle> {
        if self.begun {
            return Ok(());
        }
        let snapshot = self.snapshot();
        let job = snapshot.state.jobs().values().find(|job| job.job_id == self.parts.job_id);
        if job.is_none_or(|job| job.status != Some(JobStatus::Running)) {
            self.persist(&PersistCall::JobStatus(self.parts.job_id.clone(), JobStatus::Running, None))?;
        }
        for operation in interrupted(&snapshot.state) {
            self.persist(&PersistCall::OpState(operation, OperationEvent::Interrupt))?;
        }
        self.begun = true;
        Ok(())
    }

    /// Persists what is waiting, plans, takes the steps, dispatches the units.
    fn advance(&mut self, copy: &OpenCopy) -> Result<Option<JobEnd>, Obstacle> {
        self.settle_kept()?;
        if self.is_disk_low() {
            return Err(Obstacle::Full);
        }
        self.stalled = None;
        self.retry_at = None;
        loop {
            let snapshot = self.snapshot();
            let plan = plan(&snapshot.state, &self.job, &self.in_flight);
            self.in_flight.learn(&plan);
            if let Some(reason) = &plan.stuck {
                return Err(Obstacle::Bug(reason.clone()));
            }
            if plan.settled {
                return self.finish(&snapshot).map(Some);
            }
            if plan.steps.is_empty() {
                self.dispatch(&snapshot, plan, copy);
                return Ok(None);
            }
            for step in &plan.steps {
                self.step(step)?;
            }
        }
    }

    fn step(&self, step: &Step) -> Result<(), Obstacle> {
        let calls = on_step(&self.snapshot().state, &self.job, step);
        if calls.is_empty() {
            return Err(Obstacle::Bug(format!("step {step:?} leads to nothing")));
        }
        calls.iter().try_for_each(|call| self.persist(call).map(|_| ()))
    }

    fn dispatch(&mut self, snapshot: &Snapshot, plan: Plan, copy: &OpenCopy) {
        for unit in plan.units {
            let book = BookContext {
                state: snapshot.state.clone(),
                source: copy.source.clone(),
                file: copy.file.clone(),
                options: self.parts.options.clone(),
                memo: self.memo.clone(),
                meter: Meter::default(),
            };
            self.in_flight.begin(&unit);
            let meter = book.meter.clone();
            let task = self.tasks.spawn(run_unit(self.task(), book, unit.clone()));
            self.running.insert(task.id(), (unit, meter));
        }
    }

    fn task(&self) -> Task {
        Task {
            engines: self.parts.engines.clone(),
            pools: self.parts.pools.clone(),
            log: self.parts.unit_log.clone(),
            job_id: self.parts.job_id.clone(),
            marks: self.parts.marks.clone(),
            alone: self.parts.alone.clone(),
            holds: self.holds.clone(),
        }
    }

    /// A task has ended: its result waits to be persisted.
    async fn take(&mut self, done: Result<(Id, Done), JoinError>) {
        let done = match done {
            Ok((id, done)) => {
                self.running.remove(&id);
                done
            }
            Err(error) => {
                let Some((unit, meter)) = self.running.remove(&error.id()) else { return };
                // A runtime that shuts down cancels tasks, and makes those that sleep panic. Neither is a
                // failure of the unit: stored as one it would degrade the book.
                if error.is_cancelled() || is_runtime_gone().await {
                    self.shutting_down = true;
                    return;
                }
                self.holds.end(&unit.key());
                let usage = meter.total();
                Done { unit, result: Err(panic_of(error)), time: UnitTime::default(), usage }
            }
        };
        let settling = self.settling(done);
        self.kept.push_back(settling);
    }

    /// What an obstacle leads to: waiting, or the end.
    fn meet(&mut self, obstacle: Obstacle) -> Option<JobEnd> {
        match obstacle {
            Obstacle::Full => {
                let reason = "the journal's disk is full, or nearly: free some space, the job then goes on";
                self.stalled = Some(reason.to_owned());
                self.retry_at = Some(Instant::now() + self.parts.settings.stall_retry);
                self.publish(Activity::Stalled { reason: reason.to_owned(), goes_on: false });
                None
            }
            Obstacle::Poisoned(reason) => Some(JobEnd::Stopped { reason }),
            Obstacle::Fenced => Some(JobEnd::Fenced),
            Obstacle::Bug(reason) => Some(self.fail(&reason)),
        }
    }

    /// Nothing new is started; what is in flight may end within the grace.
    async fn pause(&mut self) -> JobEnd {
        self.publish(Activity::Pausing);
        let deadline = Instant::now() + self.parts.settings.pause_grace;
        loop {
            match self.settle_kept() {
                Ok(()) => {}
                Err(Obstacle::Full) => return JobEnd::Paused,
                Err(obstacle) => return self.meet(obstacle).unwrap_or(JobEnd::Paused),
            }
            if *self.parts.control.borrow_and_update() == Control::Cancel {
                return self.cancel();
            }
            tokio::select! {
                done = self.tasks.join_next_with_id() => match done {
                    Some(done) => self.take(done).await,
                    None => return JobEnd::Paused,
                },
                Ok(()) = self.parts.control.changed() => {}
                () = fenced(&self.parts.handle) => return JobEnd::Fenced,
                () = sleep_until(deadline) => return JobEnd::Paused,
            }
        }
    }

    fn persist(&self, call: &PersistCall) -> Result<Seq, Obstacle> {
        self.commit(call).map_err(|error| match error {
            PersistError::JournalFull => Obstacle::Full,
            PersistError::Fenced { .. } => Obstacle::Fenced,
            PersistError::Misuse(misuse) => Obstacle::Bug(format!("{misuse} ({call:?})")),
            error => Obstacle::Poisoned(error.to_string()),
        })
    }

    fn commit(&self, call: &PersistCall) -> Result<Seq, PersistError> {
        self.parts.handle.commit(|state, at| call.ops(state, at)).map(|receipt| receipt.seq)
    }

    /// Whether another machine may own the book now.
    fn is_fenced(&self) -> bool {
        let tenure = self.parts.handle.tenure();
        tenure.is_some_and(|tenure| !tenure.holds(std::time::Instant::now()))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.parts.handle.snapshot()
    }

    /// Whether the journal's disk is nearly full. Asked once a second at most.
    fn is_disk_low(&mut self) -> bool {
        let now = Instant::now();
        if self.disk_checked.is_some_and(|last| now - last < Duration::from_secs(1)) && self.stalled.is_none()
        {
            return false;
        }
        self.disk_checked = Some(now);
        self.parts.library.free_bytes().is_some_and(|free| free < self.parts.settings.min_free_bytes)
    }

    fn publish_now_and_then(&mut self) {
        if self.stalled.is_some() {
            return;
        }
        let held = self.holds.all(self.in_flight.len());
        let due = self.published.is_none_or(|last| last.elapsed() >= PROGRESS_EVERY);
        if due || held != self.held {
            if let Some(hold) = held.as_ref().filter(|_| held != self.held) {
                tracing::warn!(book = %self.parts.handle.id(), reason = hold.reason, "the job is stalled");
            }
            self.held = held.clone();
            self.publish(
                held.map_or(Activity::Working, |Hold { reason, goes_on }| Activity::Stalled {
                    reason,
                    goes_on,
                }),
            );
        }
    }

    fn publish(&mut self, activity: Activity) {
        self.published = Some(Instant::now());
        let snapshot = self.snapshot();
        let stages = snapshot.state.completeness(self.parts.variant).stages;
        let (units, in_flight) = (self.counts, self.in_flight.len());
        self.parts.progress.send_modify(|progress| {
            progress.activity = activity;
            progress.stages = stages;
            progress.units = units;
            progress.in_flight = in_flight;
            progress.seq = snapshot.seq;
        });
    }
}

/// Waits until another machine may own the book; for ever where no fleet shares books.
pub(crate) async fn fenced(handle: &BookHandle) {
    match handle.tenure() {
        Some(tenure) => tenure.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits until `at`; for ever when there is no such time.
async fn at_last(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
