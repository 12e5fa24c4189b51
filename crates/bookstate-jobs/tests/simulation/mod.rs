//! A job without workers, for the planner's tests: a plain state, a made-up book, results in any order.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bookstate_domain::{
    At, BookId, BookState, Chapter, ChapterSubject, EntryIdent, Gap, MatterType, MissingEntry, Operation,
    OperationEvent, OperationState, PatternAnalysis, Provider, Seq, Stage, Timestamp, Variant,
    persist::{
        AgentRecord, AgentTrace, ChapterClassification, ChapterExtract, GapFix, LinkOutcome, NewBook,
        NewChapter, NewTocEntry, TocFound,
    },
};
use bookstate_jobs::{
    PersistCall, Unit, Work,
    engine::{EngineError, OcrReading},
    outcome::{Outcome, batch_of, is_wanted, on_failure, on_step, on_success},
    plan::{FINDER_PAGES, InFlight, JobPlan, Plan, interrupted, plan},
};

/// What is true of a made-up book.
#[derive(Debug, Clone)]
pub struct World {
    pub pages: i32,
    pub providers: usize,
    pub variant: Variant,
    pub has_toc: bool,
    pub entries: usize,
    pub missing: usize,
    pub gaps: usize,
    pub chapters: usize,
    /// In percent.
    pub failures: u64,
    /// In percent, of the failures.
    pub permanent: u64,
    /// In percent.
    pub blank: u64,
    /// Those that an agent takes at most.
    pub turns: u32,
    /// Whether looks for what the contents lack run at once.
    pub at_once: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            pages: 40,
            providers: 1,
            variant: Variant::Standard,
            has_toc: true,
            entries: 5,
            missing: 2,
            gaps: 2,
            chapters: 6,
            failures: 0,
            permanent: 0,
            blank: 10,
            turns: 1,
            at_once: false,
        }
    }
}

/// A small generator, so that a seed is a whole run.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.roll(100) < chance
    }
}

pub struct Simulation {
    pub world: World,
    pub state: BookState,
    pub job: JobPlan,
    pub in_flight: InFlight,
    pub flying: Vec<Unit>,
    pub dice: Dice,
    /// Units whose success was persisted.
    pub done: HashSet<Work>,
    /// Those of them behind which an agent goes on.
    pub turns: HashSet<Work>,
    /// How often each unit ran.
    pub runs: BTreeMap<String, usize>,
    seq: Seq,
}

pub fn provider(n: usize) -> Provider {
    Provider::new(&format!("provider-{n}")).unwrap()
}

impl Simulation {
    pub fn new(world: World, seed: u64) -> Self {
        let state = BookState::new(BookId::new("book").unwrap());
        let job = job(&world);
        let mut simulation = Self {
            state,
            job,
            in_flight: InFlight::unlimited(),
            flying: Vec::new(),
            dice: Dice(seed),
            done: HashSet::new(),
            turns: HashSet::new(),
            runs: BTreeMap::new(),
            seq: Seq::ZERO,
            world,
        };
        let pages = simulation.world.pages;
        simulation.commit(|state, at| state.persist_book_record(at, NewBook { page_count: pages })).unwrap();
        simulation
    }

    /// One commit on the plain state.
    pub fn commit(
        &mut self,
        build: impl FnOnce(&BookState, &At) -> Result<bookstate_domain::Ops, bookstate_domain::Misuse>,
    ) -> Result<(), bookstate_domain::Misuse> {
        self.seq = self.seq.next().unwrap();
        let at = At { seq: self.seq, now: Timestamp::from_nanos(i128::from(self.seq.get())) };
        for op in build(&self.state, &at)? {
            self.state.apply(&op);
        }
        Ok(())
    }

    pub fn call(&mut self, call: &PersistCall) -> Result<(), bookstate_domain::Misuse> {
        self.commit(|state, at| call.ops(state, at))
    }

    /// Applies steps and dispatches units until there is nothing to do but wait.
    pub fn advance(&mut self) -> Plan {
        for _ in 0..1000 {
            let plan = plan(&self.state, &self.job, &self.in_flight);
            if plan.steps.is_empty() {
                for unit in &plan.units {
                    self.check_unit(unit);
                    self.in_flight.begin(unit);
                    self.flying.push(unit.clone());
                    *self.runs.entry(unit.key().to_string()).or_default() += 1;
                }
                self.in_flight.learn(&plan);
                return plan;
            }
            assert!(plan.units.is_empty(), "units beside steps: {plan:?}");
            for step in &plan.steps {
                for call in on_step(&self.state, &self.job, step) {
                    self.call(&call).unwrap_or_else(|misuse| panic!("{step:?}: {misuse}"));
                }
            }
        }
        panic!("the steps never end");
    }

    /// What must hold of every unit that is planned, said independently of the planner.
    fn check_unit(&self, unit: &Unit) {
        let work = &unit.work;
        assert!(!self.done.contains(work), "{work} is planned again although its persist call returned");
        assert!(!self.in_flight.contains(work), "{work} is planned while it is in flight");
        assert!(is_wanted(&self.state, work), "{work} is planned but its operation is not in progress");
        assert!(self.world.variant.stages().contains(&work.stage()), "{work} is not of this variant");
        let complete = |o| self.state.operation(o).state == OperationState::Complete;
        match work.stage() {
            Stage::Metadata => assert!(self.state.are_pages_read(self.world.pages.min(20)), "{work}"),
            Stage::TocFinder => assert!(self.state.are_pages_read(self.world.pages.min(30)), "{work}"),
            Stage::TocExtract => {
                assert!(complete(Operation::TocFinder) && self.state.toc().unwrap().toc_found, "{work}");
            }
            Stage::TocLink => {
                assert!(complete(Operation::TocExtract) && self.state.are_pages_read(self.world.pages));
            }
            Stage::TocFinalize => {
                assert!(complete(Operation::TocLink), "{work}");
                let others =
                    self.flying.iter().filter(|unit| unit.work.stage() == Stage::TocFinalize).count();
                let is_alone = others == 0 || (self.world.at_once && matches!(work, Work::Discover { .. }));
                assert!(is_alone, "{work} does not see what others find");
            }
            Stage::Structure => assert!(self.state.are_pages_read(self.world.pages), "{work}"),
            _ => {}
        }
        if let Some(page) = work.page() {
            assert!(!self.state.page(page).is_some_and(|p| p.is_read()), "{work}: the page is read");
        }
    }

    /// The unit at `place` ends well.
    pub fn succeed(&mut self, place: usize) {
        let unit = self.flying.remove(place);
        let outcome = self.outcome(&unit.work);
        self.settle(&unit, Ok(outcome));
    }

    /// The unit at `place` ends badly.
    pub fn fail(&mut self, place: usize, error: &EngineError) {
        let unit = self.flying.remove(place);
        self.settle(&unit, Err(error.clone()));
    }

    pub fn settle(&mut self, unit: &Unit, result: Result<Outcome, EngineError>) {
        self.in_flight.end(&unit.work);
        if !is_wanted(&self.state, &unit.work) {
            return;
        }
        let success = result.is_ok();
        if matches!(result, Ok(Outcome::Continue(_))) {
            self.turns.insert(unit.work.clone());
        }
        let calls = match result {
            Ok(outcome) => on_success(&self.state, &self.job, &unit.work, outcome).unwrap(),
            Err(error) => on_failure(&self.state, &self.job, &unit.work, &error),
        };
        for call in &calls {
            self.call(call).unwrap_or_else(|misuse| panic!("{}: {misuse}", unit.work));
        }
        if success {
            self.done.insert(unit.work.clone());
        }
    }

    /// The process dies: what was in flight is gone, and a new job takes up the state.
    pub fn restart(&mut self) {
        self.flying.clear();
        self.in_flight = InFlight::unlimited();
        for operation in interrupted(&self.state) {
            self.call(&PersistCall::OpState(operation, OperationEvent::Interrupt)).unwrap();
        }
    }

    /// Runs to the end with results in random order; restarts with a chance of `restarts` percent per result.
    pub fn run(&mut self, restarts: u64) -> Plan {
        for _ in 0..20_000 {
            let plan = self.advance();
            assert!(!plan.is_stuck(), "{:?}", plan.stuck);
            if plan.settled {
                assert!(self.flying.is_empty());
                return plan;
            }
            assert!(!self.flying.is_empty(), "nothing planned and not settled");
            let place = usize::try_from(self.dice.roll(self.flying.len() as u64)).unwrap();
            if self.dice.percent(self.world.failures) {
                let permanent = self.dice.percent(self.world.permanent);
                let error =
                    if permanent { EngineError::permanent("no") } else { EngineError::transient("later") };
                self.fail(place, &error);
            } else {
                self.succeed(place);
            }
            if self.dice.percent(restarts) {
                self.restart();
            }
        }
        panic!("the job never ends");
    }

    /// Runs until a unit of this work is in flight, and returns its place.
    pub fn run_to(&mut self, wanted: impl Fn(&Work) -> bool) -> usize {
        loop {
            self.advance();
            if let Some(place) = self.flying.iter().position(|unit| wanted(&unit.work)) {
                return place;
            }
            self.succeed(0);
        }
    }

    /// A made-up result. An agent's turns are as many as the world allows, or fewer: by the subject alone.
    pub fn outcome(&mut self, work: &Work) -> Outcome {
        let Some((agent_type, subject, turn)) = work.agent() else { return self.result(work) };
        let length: u32 = subject.bytes().map(u32::from).sum();
        let turns = if length.is_multiple_of(2) { self.world.turns } else { self.world.turns / 2 }.max(1);
        if turn + 1 < turns {
            return Outcome::Continue(Box::new(AgentRecord {
                iteration: i32::try_from(turn).unwrap() + 1,
                complete: false,
                messages_json: Some("[]".into()),
                pending_tool_calls: Some("{}".into()),
                ..AgentRecord::finished(agent_type, subject, "{}".into())
            }));
        }
        let result = self.result(work);
        if turn == 0 {
            return result;
        }
        let trace =
            AgentTrace { turns: i32::try_from(turn).unwrap() + 1, prompt: "v".into(), messages_json: None };
        Outcome::Ended(Box::new(result), trace)
    }

    fn result(&mut self, work: &Work) -> Outcome {
        let world = self.world.clone();
        let page_of = |n: usize| 1 + i32::try_from(n).unwrap() % world.pages;
        match work {
            Work::Extract { .. } => Outcome::Extract,
            Work::Ocr { page, .. } => {
                let blank = self.dice.percent(world.blank);
                let text = if blank { String::new() } else { format!("Text of page {page}.") };
                Outcome::Ocr(OcrReading { text: text.into(), ..OcrReading::default() })
            }
            Work::Markdown { page } => {
                Outcome::Markdown { markdown: format!("Text of page {page}.").into(), headings: Vec::new() }
            }
            Work::Metadata => Outcome::Metadata(Box::default()),
            Work::TocFinder { .. } => Outcome::TocFinder(world.has_toc.then(|| TocFound {
                start_page: 1,
                end_page: world.pages.min(3),
                ..TocFound::default()
            })),
            Work::TocExtract => Outcome::TocExtract(
                (0..world.entries)
                    .map(|n| NewTocEntry {
                        title: format!("Entry {n}").into(),
                        level: 1,
                        ..NewTocEntry::default()
                    })
                    .collect(),
            ),
            Work::TocLink { .. } => Outcome::TocLink(if self.dice.percent(80) {
                LinkOutcome::Linked { page: 1, reason: None }
            } else {
                LinkOutcome::NotFound { reason: "nowhere".into() }
            }),
            Work::Pattern => Outcome::Pattern(PatternAnalysis {
                entries_to_find: (0..world.missing)
                    .map(|n| MissingEntry {
                        identifier: n.to_string().into(),
                        level: 1,
                        ..MissingEntry::default()
                    })
                    .collect(),
                ..PatternAnalysis::default()
            }),
            Work::Discover { .. } => Outcome::Discover(self.dice.percent(50).then(|| (1, "Found".into()))),
            Work::Gaps => Outcome::Gaps(
                (0..world.gaps)
                    .map(|n| Gap {
                        key: format!("{n}-{}", n + 20).into(),
                        from_page: 1,
                        to_page: world.pages,
                    })
                    .collect(),
            ),
            Work::Gap { .. } => Outcome::Gap(match self.dice.roll(3) {
                0 => GapFix::None,
                1 => GapFix::Flag { note: "odd".into() },
                _ => GapFix::Add { title: "New".into(), entry_number: None, level: 1, page: 1 },
            }),
            Work::Skeleton => {
                Outcome::Skeleton((0..world.chapters).map(|n| chapter(n, page_of(n))).collect())
            }
            Work::ChapterText { batch } => {
                let chapters = batch_of(&self.state, *batch);
                let extract = |c: &Chapter| ChapterExtract::plain(c.subject.clone(), "A text.".into(), 2);
                Outcome::ChapterText(chapters.into_iter().map(extract).collect())
            }
            Work::Classify => {
                let classified = |c: &std::sync::Arc<Chapter>| ChapterClassification {
                    subject: c.subject.clone(),
                    matter_type: MatterType::Body,
                    content_type: None,
                    classification_reasoning: None,
                    audio_include: false,
                    audio_include_reasoning: None,
                };
                Outcome::Classify(self.state.chapters().values().map(classified).collect())
            }
            Work::Polish { .. } => Outcome::Polish { text: "A text!".into(), word_count: 2 },
            Work::FinishStructure => Outcome::FinishStructure { paragraphs: 1 },
            other => panic!("no made-up result for {other}"),
        }
    }
}

pub fn job(world: &World) -> JobPlan {
    JobPlan {
        variant: world.variant,
        providers: (0..world.providers).map(|n| (provider(n), format!("pool-{n}").into())).collect(),
        fallbacks: BTreeSet::new(),
        local_pool: "cpu".into(),
        analysis_pool: "analysis".into(),
        part_pools: BTreeMap::new(),
        discovers_at_once: world.at_once,
        finder_pages: Some(FINDER_PAGES),
    }
}

fn chapter(n: usize, page: i32) -> NewChapter {
    let order = i32::try_from(n).unwrap() + 1;
    NewChapter {
        subject: ChapterSubject::Orphan(order),
        entry_id: format!("ch_{order:03}").into(),
        sort_order: order,
        title: Some(format!("Chapter {order}").into()),
        level: 1,
        level_name: None,
        entry_number: None,
        start_page: page,
        end_page: page,
        parent_id: None,
        source: None,
    }
}

pub fn ordinal(n: u32) -> EntryIdent {
    EntryIdent::Ordinal(n)
}
