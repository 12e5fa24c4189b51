//! A pipeline without workers: it draws one of the persist calls that are legal now, again and again, until
//! nothing is left to do. Each call is kept, with the operation that it belongs to.

use std::sync::Arc;

use bookstate_domain::{
    AgentType, At, BookState, ChapterSubject, Completeness, FinalizePhase, JobId, JobStatus, Operation,
    OperationEvent, OperationName, OperationState, Seq, StructurePhase, Timestamp, Variant,
    persist::{
        AgentRecord, ChapterPolish, LinkOutcome, Misuse, NewBook, NewJob, Ops, PolishOutcome, UnitMetric,
        check,
    },
};

use crate::engine::{Engine, Random};

/// What may go wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing.
    Calm,
    /// Restarts find operations in progress.
    Restarts,
    /// Restarts, and units and operations fail.
    Failures,
}

type Call = Arc<dyn Fn(&BookState, &At) -> Result<Ops, Misuse> + Send + Sync>;

/// A persist call, and the operation that it belongs to; `None` for pages' extraction, jobs and metrics.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) owner: Option<OperationName>,
    pub(crate) at: At,
    call: Call,
}

/// The calls that are legal now, by what they do.
#[derive(Default)]
struct Legal {
    work: Vec<(Option<OperationName>, Call)>,
    failures: Vec<(Option<OperationName>, Call)>,
    interrupts: Vec<(Option<OperationName>, Call)>,
    /// What may be said at any time and changes nothing that matters.
    asides: Vec<(Option<OperationName>, Call)>,
}

macro_rules! call {
    (|$state:ident, $at:ident| $body:expr) => {
        Arc::new(move |$state: &BookState, $at: &At| $body) as Call
    };
}

pub(crate) struct Pipeline {
    pub(crate) state: BookState,
    pub(crate) log: Vec<Step>,
    pub(crate) engine: Engine,
    weather: Weather,
    random: Random,
    jobs: u32,
}

fn name(operation: Operation) -> Option<OperationName> {
    Some(operation.as_str().parse().unwrap())
}

impl Pipeline {
    /// A new book with a queued job.
    pub(crate) fn new(book: u64, schedule: u64, weather: Weather) -> Self {
        let state = BookState::new("b".parse().unwrap());
        let random = Random(schedule);
        let mut pipeline = Self { state, log: vec![], engine: Engine(book), weather, random, jobs: 0 };
        let page_count = pipeline.engine.page_count();
        pipeline.take(None, call!(|s, at| s.persist_book_record(at, NewBook { page_count })));
        pipeline.start_job();
        pipeline
    }

    fn take(&mut self, owner: Option<OperationName>, call: Call) {
        let seq = u32::try_from(self.log.len() + 1).ok().and_then(Seq::new).unwrap();
        let at = At { seq, now: Timestamp::from_nanos(i128::from(seq.get())) };
        let step = Step { owner, at, call };
        self.state = step.applied(&self.state);
        self.log.push(step);
    }

    pub(crate) fn start_job(&mut self) {
        self.jobs += 1;
        let job_id = JobId::new(&format!("job-{}", self.jobs)).unwrap();
        let new = NewJob {
            job_id: job_id.clone(),
            variant: Variant::Standard,
            engines: bookstate_domain::Engines::default(),
            options: None,
            rules: Some(1),
            reset_from: None,
        };
        self.take(None, call!(|s, at| s.persist_job_record(at, new.clone())));
        self.take(None, call!(|s, at| s.persist_job_status(at, &job_id, JobStatus::Running, None)));
    }

    /// Ends the job that is active, if any.
    pub(crate) fn end_job(&mut self, status: JobStatus) {
        if let Some(job) = self.state.active_job() {
            let job_id = job.job_id.clone();
            self.take(None, call!(|s, at| s.persist_job_status(at, &job_id, status, None)));
        }
    }

    pub(crate) fn reset(&mut self, operation: OperationName) -> Ops {
        let before = self.state.clone();
        self.take(Some(operation), call!(|s, at| s.persist_reset(at, operation)));
        self.log.last().map(|step| (step.call)(&before, &step.at).unwrap()).unwrap()
    }

    pub(crate) fn completeness(&self) -> Completeness {
        self.state.completeness(Variant::Standard)
    }

    /// One step; false when nothing is left to do.
    pub(crate) fn step(&mut self) -> bool {
        if self.completeness().settled {
            return false;
        }
        let legal = self.legal();
        let weather = self.weather;
        assert!(!legal.work.is_empty(), "nothing to do, not settled: {}", self.completeness());
        let pool = match self.random.below(16) {
            0..3 if weather == Weather::Failures && !legal.failures.is_empty() => legal.failures,
            3 if weather != Weather::Calm && !legal.interrupts.is_empty() => legal.interrupts,
            4 => legal.asides,
            _ => legal.work,
        };
        let (owner, call) = pool[self.random.below(pool.len())].clone();
        self.take(owner, call);
        true
    }

    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            if !self.step() {
                break;
            }
        }
    }

    /// To the end.
    pub(crate) fn finish(&mut self) {
        self.run(100_000);
        assert!(self.completeness().settled, "no end: {}", self.completeness());
    }

    fn is(&self, operation: Operation, state: OperationState) -> bool {
        self.state.operation(operation).state == state
    }

    fn legal(&self) -> Legal {
        let mut legal = Legal::default();
        let seq = self.log.len();
        legal.asides.push((
            None,
            call!(|s, at| {
                let unit = UnitMetric { unit: format!("unit {seq}").into(), ..UnitMetric::default() };
                s.persist_metric(at, &s.latest_job().unwrap().job_id, unit)
            }),
        ));
        self.page_calls(&mut legal);
        let pages = self.engine.page_count();
        let read = self.state.are_pages_read(pages);
        self.operation_calls(&mut legal, Operation::Metadata, read, Self::metadata_calls);
        self.operation_calls(&mut legal, Operation::TocFinder, read, Self::finder_calls);
        let found = self.state.toc().is_some_and(|toc| toc.toc_found);
        let complete = |operation| self.is(operation, OperationState::Complete);
        let found = found && complete(Operation::TocFinder);
        self.operation_calls(&mut legal, Operation::TocExtract, found, |p, legal| {
            let entries = p.engine.entries();
            let call = call!(|s, at| s.persist_toc_entries(at, entries.clone()));
            legal.work.push((name(Operation::TocExtract), call));
        });
        let extracted = complete(Operation::TocExtract) && read;
        self.operation_calls(&mut legal, Operation::TocLink, extracted, Self::link_calls);
        let linked = complete(Operation::TocLink);
        self.operation_calls(&mut legal, Operation::TocFinalize, linked, Self::finalize_calls);
        let stages = self.completeness().stages;
        let contents_settled = stages
            .iter()
            .filter(|s| {
                s.stage.operation().is_some_and(|o| ![Operation::Metadata, Operation::Structure].contains(&o))
            })
            .all(|s| s.state.is_settled());
        self.operation_calls(
            &mut legal,
            Operation::Structure,
            contents_settled && read,
            Self::structure_calls,
        );
        legal
    }

    /// An operation's start, end and troubles; `work` while it is in progress.
    fn operation_calls(
        &self,
        legal: &mut Legal,
        operation: Operation,
        may_start: bool,
        work: impl Fn(&Self, &mut Legal),
    ) {
        let event = |event| (name(operation), call!(|s, at| s.persist_op_state(at, operation, event)));
        match self.state.operation(operation).state {
            OperationState::NotStarted if may_start => legal.work.push(event(OperationEvent::Start)),
            OperationState::InProgress => {
                legal.failures.push(event(OperationEvent::Fail { max: operation.max_retries() }));
                legal.interrupts.push(event(OperationEvent::Interrupt));
                work(self, legal);
            }
            _ => {}
        }
    }

    fn page_calls(&self, legal: &mut Legal) {
        let ocr = Some(OperationName::Ocr);
        let providers = self.engine.providers();
        for n in 1..=self.engine.page_count() {
            let page = self.state.page(n);
            if page.is_some_and(|page| page.is_read()) {
                continue;
            }
            let for_good = Random(self.random.0).once_in(3);
            let by = providers.first().filter(|_| Random(self.random.0).once_in(2)).cloned();
            legal.failures.push((
                ocr,
                call!(|s, at| s.persist_page_failure(at, n, by.as_ref(), "blurred".into(), for_good)),
            ));
            let Some(page) = page.filter(|page| page.extract_complete) else {
                legal.work.push((None, call!(|s, at| s.persist_page_extract(at, n))));
                continue;
            };
            if page.ocr_complete {
                let headings = self.engine.headings(n);
                let text = providers.iter().filter_map(|p| self.state.ocr_result(n, p)?.text.clone());
                let text = text.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
                let call = call!(|s, at| s.persist_ocr_markdown(at, n, text.clone(), headings.clone()));
                legal.work.push((ocr, call));
            }
            for provider in providers.iter().filter(|p| self.state.ocr_result(n, p).is_none()) {
                let (reading, providers) = (self.engine.reading(n, provider), providers.clone());
                let call = call!(|s, at| s.persist_ocr_result(at, reading.clone(), &providers));
                legal.work.push((ocr, call));
            }
        }
    }

    fn metadata_calls(&self, legal: &mut Legal) {
        let result = self.engine.metadata();
        let call = call!(|s, at| s.persist_metadata_result(at, result.clone()));
        legal.work.push((name(Operation::Metadata), call));
    }

    fn finder_calls(&self, legal: &mut Legal) {
        let owner = name(Operation::TocFinder);
        if !self.state.is_agent_complete(AgentType::TocFinder, &"book".into()) {
            legal.work.push((owner, agent(AgentType::TocFinder, "book")));
            return;
        }
        legal.work.push(match self.engine.contents() {
            Some(found) => (owner, call!(|s, at| s.persist_toc_finder_result(at, found.clone()))),
            None => (owner, call!(|s, at| s.persist_toc_finder_no_result(at))),
        });
    }

    fn link_calls(&self, legal: &mut Legal) {
        let owner = name(Operation::TocLink);
        legal.asides.push((owner, call!(|s, at| s.persist_toc_link_progress(at))));
        let open: Vec<_> = self.state.toc_entries().values().filter(|e| !e.is_link_settled()).collect();
        if open.is_empty() {
            legal.work.push((owner, call!(|s, at| s.persist_op_complete(at, Operation::TocLink))));
        }
        for entry in open {
            let ident = entry.ident.clone();
            if !self.state.is_agent_complete(AgentType::TocEntryFinder, &ident.to_string().into()) {
                legal.work.push((owner, agent(AgentType::TocEntryFinder, &ident.to_string())));
                continue;
            }
            let (outcome, same) = (self.engine.link(&ident), ident.clone());
            legal.work.push((
                owner,
                call!(|s, at| match outcome.clone() {
                    LinkOutcome::Linked { page, reason } =>
                        s.persist_toc_entry_link(at, &ident, page, reason),
                    outcome => s.persist_toc_entry_result(at, &ident, outcome),
                }),
            ));
            legal.failures.push((
                owner,
                call!(|s, at| {
                    s.persist_toc_entry_result(at, &same, LinkOutcome::Failed { reason: "no answer".into() })
                }),
            ));
        }
    }

    fn finalize_calls(&self, legal: &mut Legal) {
        let owner = name(Operation::TocFinalize);
        legal.asides.push((owner, call!(|s, at| s.persist_finalize_progress(at))));
        let analysis = self.state.pattern_analysis().cloned().unwrap_or_default();
        match self.state.toc().and_then(|toc| toc.finalize_phase) {
            None => {
                let call = call!(|s, at| s.persist_finalize_phase(at, FinalizePhase::Pattern));
                legal.work.push((owner, call));
            }
            Some(FinalizePhase::Pattern) => {
                let analysis = self.engine.analysis();
                legal.work.push((owner, call!(|s, at| s.persist_pattern_analysis(at, analysis.clone()))));
            }
            Some(FinalizePhase::Discover) => {
                let open = |m: &&bookstate_domain::MissingEntry| {
                    !self.state.is_agent_complete(AgentType::ChapterFinder, &m.subject())
                };
                let open: Vec<_> = analysis.entries_to_find.iter().filter(open).collect();
                for missing in &open {
                    let discovery = self.engine.discovery(missing);
                    let call = call!(|s, at| s.persist_discovered_entry(at, discovery.clone()));
                    legal.work.push((owner, call));
                    let subject = missing.subject();
                    legal.failures.push((owner, failed_look(AgentType::ChapterFinder, subject)));
                }
                if open.is_empty() {
                    let gaps = self.engine.gaps();
                    legal.work.push((owner, call!(|s, at| s.persist_gaps(at, gaps.clone()))));
                }
            }
            _ => {
                let open = |gap: &&bookstate_domain::Gap| {
                    !self.state.is_agent_complete(AgentType::GapInvestigator, &gap.key)
                };
                let open: Vec<_> = analysis.gaps.iter().filter(open).cloned().collect();
                if open.is_empty() {
                    legal.work.push((owner, call!(|s, at| s.persist_entry_order(at))));
                }
                for gap in open {
                    legal.failures.push((owner, failed_look(AgentType::GapInvestigator, gap.key.clone())));
                    let fix = self.engine.gap_fix(&gap);
                    legal.work.push((owner, call!(|s, at| s.persist_gap_fix(at, &gap, fix.clone()))));
                }
            }
        }
    }

    fn structure_calls(&self, legal: &mut Legal) {
        let owner = name(Operation::Structure);
        let mut work = |call| legal.work.push((owner, call));
        let chapters: Vec<_> = self.state.ordered_chapters().into_iter().cloned().collect();
        match self.state.book().and_then(|book| book.structure_phase) {
            None => work(call!(|s, at| { s.persist_structure_phase(at, StructurePhase::Build) })),
            Some(StructurePhase::Build) => {
                let skeleton = self.engine.skeleton(&self.state);
                work(call!(|s, at| s.persist_chapter_skeleton(at, skeleton.clone())));
            }
            Some(StructurePhase::Extract) if chapters.iter().any(|c| !c.extract_complete) => {
                for chapter in chapters.into_iter().filter(|c| !c.extract_complete) {
                    let extract = self.engine.extract(&chapter);
                    work(call!(|s, at| s.persist_chapter_extracts(at, vec![extract.clone()])));
                }
            }
            Some(StructurePhase::Extract | StructurePhase::Classify) => {
                let classes: Vec<_> = chapters.iter().map(|c| self.engine.classification(c)).collect();
                work(call!(|s, at| s.persist_chapter_classifications(at, classes.clone())));
            }
            _ => {
                let open = |c: &&Arc<bookstate_domain::Chapter>| c.audio_include && !c.is_polish_settled();
                let open: Vec<_> = chapters.iter().filter(open).map(|c| c.subject.clone()).collect();
                if open.is_empty() {
                    work(call!(|s, at| s.persist_structure_result(at, 7)));
                }
                for subject in open {
                    let text = format!("polished {subject}").into();
                    let outcome = PolishOutcome::Polished { text, word_count: 2 };
                    legal.work.push((owner, polish(&subject, outcome)));
                    legal.failures.push((owner, polish(&subject, PolishOutcome::Failed)));
                }
            }
        }
    }
}

fn polish(subject: &ChapterSubject, outcome: PolishOutcome) -> Call {
    let polish = ChapterPolish { subject: subject.clone(), outcome };
    call!(|s, at| s.persist_chapter_polish(at, vec![polish.clone()]))
}

fn agent(agent_type: AgentType, subject: &str) -> Call {
    let record = AgentRecord::finished(agent_type, subject.into(), "{}".into());
    call!(|s, at| s.persist_new_agent_state(at, vec![record.clone()]))
}

/// A look that fails.
fn failed_look(agent_type: AgentType, subject: bookstate_domain::Text) -> Call {
    call!(|s, at| s.persist_look_failed(at, agent_type, subject.clone(), "no answer"))
}

impl Step {
    /// The state after this call.
    pub(crate) fn applied(&self, state: &BookState) -> BookState {
        let ops = (self.call)(state, &self.at).unwrap_or_else(|misuse| panic!("a legal call: {misuse}"));
        check(state.book_id(), &ops).unwrap();
        let mut after = state.clone();
        ops.iter().for_each(|op| {
            after.apply(op);
        });
        after
    }
}
