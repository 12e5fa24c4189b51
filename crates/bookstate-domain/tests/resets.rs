//! Whole runs of a pipeline, and what a reset makes of them: the state of a book that never ran the
//! operation and what follows from it; and how completeness goes along a run.
//!
//! A book that never ran an operation is made from the same persist calls, without those of the operation
//! and its cascade: the others do not depend on them. So every moment of every run is comparable, aside
//! from the book's status, jobs and metrics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/pipeline.rs"]
mod pipeline;

use std::collections::{BTreeMap, BTreeSet};

use bookstate_domain::{
    AnyKey, BookState, BookStatus, Chapter, ChapterSubject, Collection, JobStatus, Misuse, Op, OpVisitor,
    Operation, OperationName, OperationState, Stage, StageState, Variant, document::Document, value::Value,
};
use pipeline::{Pipeline, Weather};
use proptest::{prelude::*, test_runner::Config};

/// A book's documents without those of jobs and metrics, and without these fields.
type View = BTreeMap<AnyKey, Vec<(&'static str, Value)>>;

struct Fields<F>(F);

impl<F: Fn(Collection, &str) -> bool> OpVisitor for Fields<F> {
    type Out = Vec<(&'static str, Value)>;
    fn visit<D: Document>(self, op: &Op<D>) -> Self::Out {
        let Op::Upsert(document) = op else { panic!("documents are puts") };
        let row = D::COLUMNS.iter().map(|column| column.name).zip(document.values());
        row.filter(|(name, _)| !(self.0)(D::COLLECTION, name)).collect()
    }
}

fn view(state: &BookState, without: impl Fn(Collection, &str) -> bool + Copy) -> View {
    let documents = state.documents().map(|op| (op.key(), op));
    documents
        .filter(|(key, _)| !matches!(key.collection(), Collection::Job | Collection::Metric))
        .map(|(key, op)| (key, op.visit(Fields(without))))
        .collect()
}

fn is_status(collection: Collection, name: &str) -> bool {
    collection == Collection::Book && name.starts_with("status")
}

/// What is comparable after a reset. A page may be created by a failure to read it, which the reset undoes.
fn after_reset(state: &BookState) -> View {
    view(state, |c, name| is_status(c, name) || (c == Collection::Page && name.starts_with("created_")))
}

/// What is comparable between two runs: all but when.
fn but_for_time(state: &BookState) -> View {
    view(state, |c, name| is_status(c, name) || name.starts_with("created_") || name == "updated_at")
}

/// The operations that a reset of `operation` takes, itself included.
fn cascade(operation: OperationName) -> Vec<OperationName> {
    let follows = operation.cascade().into_iter().map(|o| o.as_str().parse().unwrap());
    follows.chain([operation]).collect()
}

fn never_ran(pipeline: &Pipeline, operation: OperationName) -> BookState {
    let gone = cascade(operation);
    let kept = pipeline.log.iter().filter(|step| step.owner.is_none_or(|owner| !gone.contains(&owner)));
    kept.fold(BookState::new(pipeline.state.book_id().clone()), |state, step| step.applied(&state))
}

fn weathers() -> impl Strategy<Value = Weather> {
    prop_oneof![Just(Weather::Calm), Just(Weather::Restarts), Just(Weather::Failures)]
}

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    /// The law of resets, for each of the seven, at a random moment of a run or at its end.
    #[test]
    fn a_reset_leaves_a_book_that_never_ran_the_operation(
        book: u64, schedule: u64, weather in weathers(), steps in prop_oneof![Just(usize::MAX), 0..120usize],
    ) {
        let mut run = Pipeline::new(book, schedule, weather);
        run.run(steps);
        run.end_job(JobStatus::Cancelled);
        for operation in OperationName::ALL {
            let expected = after_reset(&never_ran(&run, *operation));
            let (state, length) = (run.state.clone(), run.log.len());
            run.reset(*operation);
            prop_assert_eq!(&after_reset(&run.state), &expected, "{}", operation);
            prop_assert_eq!(run.state.book().unwrap().status, Some(BookStatus::Ingested));
            let again = run.reset(*operation);
            prop_assert_eq!(again, vec![], "a second reset changes nothing");
            run.state = state;
            run.log.truncate(length);
        }
    }

    /// A book ends the same whatever the order of its units and however often it is restarted; also when an
    /// operation was reset on the way, or at the end.
    #[test]
    fn a_book_ends_the_same_after_restarts_and_resets(
        book: u64, schedules: [u64; 2], operation in 0..OperationName::ALL.len(), steps in 0..150usize,
    ) {
        let mut undisturbed = Pipeline::new(book, schedules[0], Weather::Calm);
        undisturbed.finish();
        let mut disturbed = Pipeline::new(book, schedules[1], Weather::Restarts);
        for steps in [steps, usize::MAX] {
            disturbed.run(steps);
            disturbed.end_job(JobStatus::Cancelled);
            disturbed.reset(OperationName::ALL[operation]);
            disturbed.start_job();
        }
        disturbed.finish();
        prop_assert_eq!(but_for_time(&disturbed.state), but_for_time(&undisturbed.state));
    }

    /// While a job is active, no operation is reset and no second job begins.
    #[test]
    fn nothing_is_reset_while_a_job_is_active(book: u64, schedule: u64, steps in 0..100usize) {
        let mut run = Pipeline::new(book, schedule, Weather::Failures);
        run.run(steps);
        let at = run.log.last().unwrap().at;
        let active = run.state.active_job().unwrap().job_id.clone();
        for operation in OperationName::ALL {
            prop_assert_eq!(run.state.persist_reset(&at, *operation), Err(Misuse::JobActive(active.clone())));
        }
    }

    /// Completeness is defined for every state and variant; what is settled stays settled; units done never
    /// get fewer; and at the end all is settled, and what failed is named.
    #[test]
    fn completeness_goes_one_way(book: u64, schedule: u64, weather in weathers()) {
        let mut run = Pipeline::new(book, schedule, weather);
        let mut before = run.completeness();
        while run.step() {
            let now = run.completeness();
            for (old, new) in before.stages.iter().zip(&now.stages) {
                prop_assert!(new.done <= new.total, "{}: {}", new.stage, now);
                prop_assert!(new.done >= old.done, "{}: {} then {}", new.stage, before, now);
                prop_assert!(!old.state.is_settled() || new.state == old.state, "{} then {}", before, now);
                if weather == Weather::Calm {
                    prop_assert!(rank(new.state) >= rank(old.state), "{} then {}", before, now);
                }
            }
            prop_assert_eq!(now.settled, now.stages.iter().all(|stage| stage.state.is_settled()));
            for variant in [Variant::TextOnly, Variant::OcrOnly] {
                let part = run.state.completeness(variant);
                prop_assert_eq!(&part.stages[..], &now.stages[..part.stages.len()]);
                prop_assert!(part.settled || !now.settled);
            }
            before = now;
        }
        let end = run.completeness();
        prop_assert!(end.settled);
        problems_are_named(&run, &end)?;
        run.end_job(if end.problems.is_empty() { JobStatus::Completed } else { JobStatus::Degraded });
        let expected = if end.problems.is_empty() { BookStatus::Complete } else { BookStatus::Degraded };
        prop_assert_eq!(run.state.book().unwrap().status, Some(expected));
        prop_assert!(!run.step(), "a finished book has nothing left to do");
    }

    /// The counters that are stored for outside readers are those of the sets that they count, at any time.
    #[test]
    fn stored_counters_are_what_they_count(book: u64, schedule: u64, weather in weathers()) {
        let mut run = Pipeline::new(book, schedule, weather);
        while run.step() {
            let (state, book) = (&run.state, run.state.book().unwrap());
            let p = state.finalize_progress();
            let stored = [book.finalize_entries_total, book.finalize_entries_complete, book.finalize_entries_found,
                book.finalize_gaps_total, book.finalize_gaps_complete, book.finalize_gaps_fixes];
            let counted = [p.entries_total, p.entries_complete, p.entries_found, p.gaps_total, p.gaps_complete,
                p.gaps_fixes];
            prop_assert_eq!(stored, counted);
            prop_assert_eq!(book.structure_chapters_total, chapters(state, |_| true));
            prop_assert_eq!(book.structure_chapters_extracted, chapters(state, |c| c.extract_complete));
            prop_assert_eq!(book.structure_chapters_polished, chapters(state, |c| c.polish_complete));
            prop_assert_eq!(book.structure_polish_failed, chapters(state, |c| c.polish_failed));
            let settled = state.toc_entries().values().filter(|e| e.is_link_settled()).count();
            let linking = state.operation(Operation::TocLink).state == OperationState::InProgress;
            if linking && book.toc_link_entries_total > 0 {
                prop_assert_eq!(usize::try_from(book.toc_link_entries_done).unwrap(), settled);
            }
        }
    }
}

fn chapters(state: &BookState, which: fn(&Chapter) -> bool) -> i32 {
    i32::try_from(state.chapters().values().filter(|chapter| which(chapter)).count()).unwrap()
}

fn rank(state: StageState) -> u8 {
    match state {
        StageState::Waiting => 0,
        StageState::InProgress => 1,
        _ => 2,
    }
}

fn problems_are_named(run: &Pipeline, end: &bookstate_domain::Completeness) -> Result<(), TestCaseError> {
    let problems = end.reason().unwrap_or_default();
    let mut failed = 0;
    for stage in end.stages.iter().filter(|stage| stage.state == StageState::Failed) {
        failed += 1;
        let named = match stage.stage {
            Stage::Ocr => "could not be read".to_owned(),
            stage => format!("{stage} failed"),
        };
        prop_assert!(problems.contains(&named), "{:?} does not name {}", problems, stage.stage);
    }
    let unedited = run.state.chapters().values().any(|chapter| chapter.polish_failed);
    prop_assert_eq!(problems.contains("kept their unedited text"), unedited);
    let unsought = run.state.toc_entries().values().any(|entry| entry.is_link_given_up());
    prop_assert_eq!(problems.contains("could not be looked for"), unsought);
    let is_structured = run.state.operation(Operation::Structure).state == OperationState::Complete;
    let unclassified = is_structured && run.state.chapters().values().any(|c| c.matter_type.is_none());
    prop_assert_eq!(problems.contains("could not be classified"), unclassified);
    let unseen = run.state.agent_states().values().any(|agent| agent.failure().is_some());
    prop_assert_eq!(problems.contains("looks at what the contents lack failed: no answer"), unseen);
    let found = [unedited, unsought, unseen, unclassified].into_iter().filter(|is_so| *is_so).count();
    prop_assert_eq!(end.problems.len(), failed + found);
    Ok(())
}

/// The laws above are only as good as the runs: they reach every end of every operation.
#[test]
fn runs_reach_every_end() {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let weather = if seed % 2 == 0 { Weather::Calm } else { Weather::Failures };
        let mut run = Pipeline::new(seed, seed + 7, weather);
        run.finish();
        let state = &run.state;
        seen.extend(Operation::ALL.iter().map(|o| format!("{o} {}", state.operation(*o).state)));
        seen.extend(run.completeness().stages.iter().map(|s| format!("{} {}", s.stage, s.state)));
        let entries = state.toc_entries().values();
        seen.extend(entries.map(|e| match (&e.actual_page, &e.link_page, e.link_failed) {
            (Some(now), Some(then), _) if now != then => "entry corrected".to_owned(),
            (_, _, true) => "entry without a page".to_owned(),
            _ => format!("entry {}", e.ident.source()),
        }));
        let agents = state.agent_states().values();
        seen.extend(agents.filter_map(|agent| agent.failure()).map(|reason| format!("look: {reason}")));
        seen.extend(state.chapters().values().map(|c| match c.subject {
            ChapterSubject::Orphan(_) => "chapter orphan".to_owned(),
            _ => format!("chapter polished {} failed {}", c.polish_complete, c.polish_failed),
        }));
    }
    let expected = [
        "chapter orphan",
        "chapter polished false failed false",
        "chapter polished false failed true",
        "chapter polished true failed false",
        "entry corrected",
        "entry discovered",
        "entry extracted",
        "entry validated",
        "entry without a page",
        "extract complete",
        "look: no answer",
        "metadata complete",
        "metadata failed",
        "ocr complete",
        "ocr failed",
        "structure complete",
        "structure failed",
        "toc_extract complete",
        "toc_extract failed",
        "toc_extract skipped",
        "toc_finalize complete",
        "toc_finalize failed",
        "toc_finalize skipped",
        "toc_finder complete",
        "toc_finder failed",
        "toc_link complete",
        "toc_link failed",
        "toc_link skipped",
    ];
    for end in expected {
        assert!(seen.contains(end), "no run has {end:?}: {seen:?}");
    }
}

/// The table of `data-model.md` §2.
#[test]
fn the_cascade_is_the_table_of_the_data_model() {
    use bookstate_domain::Operation as O;
    let chain = [O::TocFinder, O::TocExtract, O::TocLink, O::TocFinalize, O::Structure];
    assert_eq!(OperationName::Metadata.cascade(), [O::Metadata]);
    assert_eq!(OperationName::TocFinder.cascade(), chain);
    assert_eq!(OperationName::TocExtract.cascade(), chain[1..]);
    assert_eq!(OperationName::TocLink.cascade(), chain[2..]);
    assert_eq!(OperationName::TocFinalize.cascade(), chain[3..]);
    assert_eq!(OperationName::Structure.cascade(), [O::Structure]);
    assert_eq!(OperationName::Ocr.cascade(), [&[O::Metadata], &chain[..]].concat());
}

#[test]
fn a_book_without_record_cannot_be_reset() {
    let run = Pipeline::new(1, 1, Weather::Calm);
    let nothing = BookState::new(run.state.book_id().clone());
    let at = run.log.last().unwrap().at;
    assert_eq!(nothing.persist_reset(&at, OperationName::Ocr), Err(Misuse::NoBook));
    assert!(!nothing.completeness(Variant::Standard).settled);
}
