//! The planner: what can run now follows from the book's state alone.
//!
//! [`plan`] is a pure function. Resuming after a crash is planning again, since nothing of a job lives
//! outside the state: a unit whose persist call returned is settled in the state and never planned again,
//! and one that was in flight is planned as if it had never run. No rule here depends on the order in which
//! results arrived, so that every run of a book takes the same decisions. An agent is no exception: what it has said
//! is in the state, and its next turn is a unit like any other.
//!
//! A plan is either steps (changes of the state that need no worker: an operation starts, its last unit is
//! in) or units. Whoever executes it applies the steps and plans again until there are none. A plan with
//! neither, nothing in flight and not settled is a bug of this module: [`Plan::is_stuck`].

mod pages;
mod settled;
mod structure;
mod toc;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bookstate_domain::{AgentType, BookState, Operation, OperationState, Provider, Stage, Text, Variant};

use crate::{
    part::Part,
    unit::{Doer, PoolName, Unit, Work},
};
pub use pages::needed;
pub use settled::settled_units;

/// How many pages metadata is made from.
pub const METADATA_PAGES: i32 = 20;

/// In how many pages the table of contents is looked for, unless the engine says otherwise.
pub const FINDER_PAGES: i32 = 30;

/// What of a job the planner needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// Which stages it runs.
    pub variant: Variant,
    /// The OCR providers in order of preference, each with its pool.
    pub providers: Vec<(Provider, PoolName)>,
    /// Those of the providers that read only what the ones before them did not read well.
    pub fallbacks: BTreeSet<Provider>,
    /// The pool of what this machine computes itself: page extraction, Markdown.
    pub local_pool: PoolName,
    /// The pool of the analysis engine.
    pub analysis_pool: PoolName,
    /// The pools of the parts that another engine does.
    pub part_pools: BTreeMap<Part, PoolName>,
    /// Whether entries that the printed table lacks are looked for at once, not seeing what the others find.
    pub discovers_at_once: bool,
    /// In how many of the first pages the table of contents is looked for; `None`: in all.
    pub finder_pages: Option<i32>,
}

impl JobPlan {
    /// The OCR providers in order of preference.
    #[must_use]
    pub fn provider_names(&self) -> Vec<Provider> {
        self.providers.iter().map(|(provider, _)| provider.clone()).collect()
    }

    fn has(&self, stage: Stage) -> bool {
        self.variant.stages().contains(&stage)
    }

    fn pool_of(&self, work: &Work) -> PoolName {
        match work.doer() {
            Doer::Machine => self.local_pool.clone(),
            Doer::Provider(provider) => self
                .providers
                .iter()
                .find(|(name, _)| name == provider)
                .map_or_else(|| self.local_pool.clone(), |(_, pool)| pool.clone()),
            Doer::Analysis => {
                let own = work.part().and_then(|part| self.part_pools.get(&part));
                own.unwrap_or(&self.analysis_pool).clone()
            }
        }
    }
}

/// What is being worked on, and how much more each pool takes.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    units: HashMap<Work, PoolName>,
    per_pool: HashMap<PoolName, usize>,
    room: Option<HashMap<PoolName, usize>>,
    read_to: i32,
}

impl InFlight {
    /// Nothing in flight, no limit to what may be.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Nothing in flight, and at most so many units of each pool at once; pools that are not named get none.
    #[must_use]
    pub fn limited(room: HashMap<PoolName, usize>) -> Self {
        Self { room: Some(room), ..Self::default() }
    }

    /// A unit was dispatched.
    pub fn begin(&mut self, unit: &Unit) {
        if self.units.insert(unit.work.clone(), unit.pool.clone()).is_none() {
            *self.per_pool.entry(unit.pool.clone()).or_default() += 1;
        }
    }

    /// A unit's result was persisted, or the unit was given up.
    pub fn end(&mut self, work: &Work) {
        if let Some(pool) = self.units.remove(work)
            && let Some(count) = self.per_pool.get_mut(&pool)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Remembers what a plan learned, so that the next one need not look again at pages that are done.
    pub fn learn(&mut self, plan: &Plan) {
        self.read_to = self.read_to.max(plan.read_to);
    }

    /// Whether a unit is in flight.
    #[must_use]
    pub fn contains(&self, work: &Work) -> bool {
        self.units.contains_key(work)
    }

    /// How many units are in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    const fn is_limited(&self) -> bool {
        self.room.is_some()
    }

    fn room(&self, pool: &PoolName) -> usize {
        let used = self.per_pool.get(pool).copied().unwrap_or(0);
        let limit = self.room.as_ref().map_or(usize::MAX, |room| room.get(pool).copied().unwrap_or(0));
        limit.saturating_sub(used)
    }
}

/// A change of the state that needs no worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The operation's units may run: it is in progress from now on.
    Start(Operation),
    /// The operation's last unit is in.
    Complete(Operation),
    /// Every configured provider has read this page, but it does not say so: the providers of an earlier job
    /// were others.
    MarkRead {
        /// The page, 1-based.
        page: i32,
    },
    /// The last gap is settled: the entries are put in order, which completes finalize.
    OrderEntries,
}

/// What can be done now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be applied to the state before anything else is planned; `units` is empty when there are any.
    pub steps: Vec<Step>,
    /// To be dispatched, most urgent first; none of them is in flight, and every pool has room for its share.
    pub units: Vec<Unit>,
    /// Nothing is left to do: every stage is complete, failed for good or skipped.
    pub settled: bool,
    /// Nothing to do, nothing in flight, and yet not settled: the stages that will never end. A bug.
    pub stuck: Option<String>,
    /// Every page up to this one is read to the end. See [`InFlight::learn`].
    read_to: i32,
}

impl Plan {
    /// The operations that must be moved to in progress before their units run.
    pub fn start(&self) -> impl Iterator<Item = Operation> {
        self.steps.iter().filter_map(|step| match step {
            Step::Start(operation) => Some(*operation),
            _ => None,
        })
    }

    /// Whether nothing will ever happen again although the job is not done.
    #[must_use]
    pub const fn is_stuck(&self) -> bool {
        self.stuck.is_some()
    }
}

/// The operations that a crash, a pause or a cancelled job left in progress. A job that takes the book up
/// interrupts them ([`bookstate_domain::OperationEvent::Interrupt`]), which is no failure.
#[must_use]
pub fn interrupted(state: &BookState) -> Vec<Operation> {
    let in_progress = |o: &Operation| state.operation(*o).state == OperationState::InProgress;
    Operation::ALL.iter().copied().filter(in_progress).collect()
}

/// What can be done now. See the module's documentation.
#[must_use]
pub fn plan(state: &BookState, job: &JobPlan, in_flight: &InFlight) -> Plan {
    let mut planning = Planning::new(state, job, in_flight);
    if state.book().is_some() {
        pages::plan(&mut planning);
        toc::plan_metadata(&mut planning);
        if job.has(Stage::TocFinder) {
            toc::plan(&mut planning);
            structure::plan(&mut planning);
        }
    }
    planning.finish()
}

/// A plan in the making.
struct Planning<'a> {
    state: &'a BookState,
    job: &'a JobPlan,
    in_flight: &'a InFlight,
    page_count: i32,
    planned: HashSet<Work>,
    used: HashMap<PoolName, usize>,
    plan: Plan,
}

impl<'a> Planning<'a> {
    fn new(state: &'a BookState, job: &'a JobPlan, in_flight: &'a InFlight) -> Self {
        let page_count = state.book().map_or(0, |book| book.page_count);
        let plan = Plan { read_to: in_flight.read_to, ..Plan::default() };
        let (planned, used) = (HashSet::new(), HashMap::new());
        Self { state, job, in_flight, page_count, planned, used, plan }
    }

    /// Adds a unit, unless it is in flight; false when its pool has no room.
    fn unit(&mut self, work: Work) -> bool {
        let pool = self.job.pool_of(&work);
        let used = self.used.entry(pool.clone()).or_default();
        if self.in_flight.room(&pool) <= *used {
            return false;
        }
        if !self.in_flight.contains(&work) && self.planned.insert(work.clone()) {
            *used += 1;
            self.plan.units.push(Unit { work, pool });
        }
        true
    }

    /// Whether any of these pools takes more.
    fn has_room<'p>(&self, mut pools: impl Iterator<Item = &'p PoolName>) -> bool {
        pools.any(|pool| self.in_flight.room(pool) > self.used.get(pool).copied().unwrap_or(0))
    }

    fn step(&mut self, step: Step) {
        self.plan.steps.push(step);
    }

    /// Whether the units of an operation, whose input is there, may run. Starts it if it has to be.
    fn may_run(&mut self, operation: Operation) -> bool {
        match self.state.operation(operation).state {
            OperationState::InProgress => true,
            OperationState::NotStarted => {
                self.step(Step::Start(operation));
                false
            }
            _ => false,
        }
    }

    /// Every page is read to the end, well or not.
    const fn all_pages_read(&self) -> bool {
        self.plan.read_to >= self.page_count
    }

    /// How many turns an agent has had: its next one is planned.
    fn turns(&self, agent_type: AgentType, subject: &Text) -> u32 {
        self.state.agent(agent_type, subject).map_or(0, |agent| u32::try_from(agent.iteration).unwrap_or(0))
    }

    fn is_complete(&self, operation: Operation) -> bool {
        self.state.operation(operation).state == OperationState::Complete
    }

    fn finish(mut self) -> Plan {
        if !self.plan.steps.is_empty() {
            self.plan.units.clear();
            return self.plan;
        }
        if self.plan.units.is_empty() && self.in_flight.is_empty() {
            let completeness = self.state.completeness(self.job.variant);
            self.plan.settled = completeness.settled;
            if !completeness.settled {
                self.plan.stuck = Some(format!("nothing can run and the job is not done: {completeness}"));
            }
        }
        self.plan
    }
}
