//! What must not happen: each of these did, in the system that ADR 010 was written for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod simulation;

use bookstate_domain::{
    AgentType, FinalizePhase, Operation, OperationEvent, OperationName, OperationState, PAGE_RETRIES,
    StructurePhase, Variant,
    persist::{AgentRecord, AgentTrace, LinkOutcome},
};
use bookstate_jobs::{
    PersistCall, Unit, Work,
    engine::{EngineError, OcrReading},
    outcome::{Outcome, on_success},
    plan::{InFlight, Step, interrupted, plan},
};
use simulation::{Simulation, World, job, provider};

fn finished(world: World) -> Simulation {
    let mut simulation = Simulation::new(world, 1);
    simulation.run(0);
    simulation
}

fn flying(simulation: &Simulation) -> Vec<String> {
    simulation.flying.iter().map(|unit| unit.key().to_string()).collect()
}

#[test]
fn a_finished_book_has_nothing_to_do_and_is_settled() {
    let simulation = finished(World::default());
    let plan = plan(&simulation.state, &simulation.job, &InFlight::unlimited());
    assert!(plan.settled && plan.units.is_empty() && plan.steps.is_empty());
}

#[test]
fn a_finder_that_a_crash_left_in_progress_runs_again_without_a_retry() {
    let mut simulation = Simulation::new(World::default(), 1);
    simulation.run_to(|work| *work == Work::TocFinder { turn: 0 });
    assert_eq!(simulation.state.operation(Operation::TocFinder).state, OperationState::InProgress);
    assert!(interrupted(&simulation.state).contains(&Operation::TocFinder));
    simulation.restart();
    simulation.run_to(|work| *work == Work::TocFinder { turn: 0 });
    assert_eq!(simulation.state.operation(Operation::TocFinder).retries, 0);
}

#[test]
fn a_second_finder_never_starts_while_the_first_is_in_flight() {
    let mut simulation = Simulation::new(World::default(), 1);
    simulation.run_to(|work| *work == Work::TocFinder { turn: 0 });
    for _ in 0..20 {
        // Other results come in meanwhile.
        let other = simulation.flying.iter().position(|unit| unit.work != Work::TocFinder { turn: 0 });
        let Some(other) = other else { break };
        simulation.succeed(other);
        simulation.advance();
    }
    assert_eq!(simulation.runs["toc_finder"], 1);
}

#[test]
fn a_book_with_fewer_than_twenty_pages_with_text_completes() {
    for (pages, blank) in [(1, 0), (5, 0), (40, 100)] {
        let simulation = finished(World { pages, blank, ..World::default() });
        assert_eq!(simulation.state.operation(Operation::Metadata).state, OperationState::Complete);
    }
}

#[test]
fn when_the_last_link_fails_finalize_starts_all_the_same() {
    let mut simulation = Simulation::new(World { entries: 2, ..World::default() }, 1);
    for _ in 0..2 {
        let place = simulation.run_to(|work| matches!(work, Work::TocLink { .. }));
        simulation.fail(place, &EngineError::permanent("nowhere"));
    }
    simulation.run_to(|work| *work == Work::Pattern);
    assert_eq!(simulation.state.operation(Operation::TocLink).state, OperationState::Complete);
    assert!(simulation.state.toc_entries().values().all(|entry| entry.link_failed));
}

#[test]
fn a_phase_without_units_is_passed() {
    let world = World { entries: 0, missing: 0, gaps: 0, chapters: 0, ..World::default() };
    let simulation = finished(world);
    assert_eq!(simulation.state.toc().unwrap().finalize_phase, Some(FinalizePhase::Done));
    assert_eq!(simulation.state.operation(Operation::Structure).state, OperationState::Complete);
}

#[test]
fn a_book_whose_chapters_are_all_excluded_from_audio_is_finished() {
    // The simulation's classification excludes every chapter.
    let simulation = finished(World::default());
    assert!(simulation.state.chapters().values().all(|chapter| !chapter.audio_include));
    assert_eq!(simulation.state.operation(Operation::Structure).state, OperationState::Complete);
}

#[test]
fn a_start_that_was_not_persisted_is_planned_again() {
    let mut simulation = Simulation::new(World::default(), 1);
    simulation.run_to(|work| *work == Work::Metadata);
    simulation.call(&PersistCall::OpState(Operation::Metadata, OperationEvent::Interrupt)).unwrap();
    simulation.in_flight = InFlight::unlimited();
    for _ in 0..2 {
        let again = plan(&simulation.state, &simulation.job, &simulation.in_flight);
        assert!(again.start().any(|operation| operation == Operation::Metadata), "{again:?}");
    }
}

#[test]
fn a_page_without_an_image_is_given_up_and_the_book_goes_on_degraded() {
    let mut simulation = Simulation::new(World::default(), 1);
    let place = simulation.run_to(|work| *work == Work::Extract { page: 7 });
    simulation.fail(place, &EngineError::permanent("the image is missing"));
    simulation.run(0);
    let reason = simulation.state.completeness(Variant::Standard).reason().unwrap();
    assert!(reason.contains("page 7: the image is missing"), "{reason}");
}

#[test]
fn a_page_that_fails_ten_times_is_given_up() {
    let mut simulation = Simulation::new(World::default(), 1);
    for _ in 0..10 {
        let place = simulation.run_to(|work| matches!(work, Work::Ocr { page: 3, .. }));
        simulation.fail(place, &EngineError::transient("later"));
    }
    simulation.run(0);
    assert!(simulation.state.page(3).unwrap().ocr_failed);
    assert_eq!(simulation.state.page(3).unwrap().ocr_retries, 10);
}

#[test]
fn an_ocr_success_without_text_is_a_result() {
    let simulation = finished(World { blank: 100, pages: 3, ..World::default() });
    assert_eq!(simulation.state.ocr_results().size(), 3);
    assert!(simulation.state.pages().values().all(|page| page.is_read()));
}

#[test]
fn a_page_that_all_its_providers_have_read_is_marked_when_an_earlier_job_had_more_of_them() {
    let mut simulation = Simulation::new(World { pages: 1, providers: 2, ..World::default() }, 1);
    let place = simulation.run_to(|work| matches!(work, Work::Ocr { provider: p, .. } if *p == provider(0)));
    simulation.succeed(place);
    simulation.restart();
    simulation.job = job(&World { pages: 1, providers: 1, ..World::default() });
    let now = plan(&simulation.state, &simulation.job, &simulation.in_flight);
    assert_eq!(now.steps, [Step::MarkRead { page: 1 }]);
    simulation.run_to(|work| *work == Work::Markdown { page: 1 });
    assert_eq!(simulation.runs["ocr:1:provider-0"], 1);
}

#[test]
fn a_provider_that_cannot_read_a_page_leaves_it_to_the_others() {
    let mut simulation = Simulation::new(World { pages: 1, providers: 2, ..World::default() }, 1);
    let place = simulation.run_to(|work| matches!(work, Work::Ocr { provider: p, .. } if *p == provider(0)));
    simulation.fail(place, &EngineError::permanent("no text layer"));
    let place = simulation.flying.iter().position(|unit| matches!(unit.work, Work::Ocr { .. })).unwrap();
    let unit = simulation.flying.remove(place);
    let reading = OcrReading { text: "read".into(), ..OcrReading::default() };
    simulation.settle(&unit, Ok(Outcome::Ocr(reading)));
    assert!(simulation.state.page(1).unwrap().ocr_complete && !simulation.state.page(1).unwrap().ocr_failed);
}

/// The first provider's attempts are used up, and then the second one has as many: its last reads the page.
#[test]
fn each_provider_of_a_page_has_attempts_of_its_own() {
    let mut simulation = Simulation::new(World { pages: 1, providers: 2, ..World::default() }, 1);
    for (number, failures) in [(0, PAGE_RETRIES), (1, PAGE_RETRIES - 1)] {
        let by = provider(number);
        for _ in 0..failures {
            let place = simulation.run_to(|work| matches!(work, Work::Ocr { provider: p, .. } if *p == by));
            simulation.fail(place, &EngineError::transient("later"));
        }
    }
    let reading = OcrReading { text: "read".into(), ..OcrReading::default() };
    let place = simulation.run_to(|work| matches!(work, Work::Ocr { provider: p, .. } if *p == provider(1)));
    let unit = simulation.flying.remove(place);
    simulation.settle(&unit, Ok(Outcome::Ocr(reading)));
    let page = simulation.state.page(1).unwrap();
    assert!(page.ocr_complete && !page.ocr_failed, "{page:?}");
}

#[test]
fn a_page_that_no_provider_can_read_is_given_up_with_the_last_ones_reason() {
    let mut simulation = Simulation::new(World { pages: 1, providers: 2, ..World::default() }, 1);
    for reason in ["first", "second"] {
        let place = simulation.run_to(|work| matches!(work, Work::Ocr { .. }));
        simulation.fail(place, &EngineError::permanent(reason));
    }
    let page = simulation.state.page(1).unwrap();
    assert!(page.ocr_failed);
    assert_eq!(page.failure_reason.as_deref(), Some("second"));
}

#[test]
fn many_restarts_fail_no_stage_that_never_failed() {
    let mut simulation = Simulation::new(World::default(), 1);
    for operation in [Operation::TocFinder, Operation::TocFinalize, Operation::Structure] {
        for _ in 0..5 {
            simulation.run_to(|work| work.operation() == Some(operation));
            simulation.restart();
        }
    }
    simulation.run(0);
    assert_eq!(simulation.state.completeness(Variant::Standard).reason(), None);
}

#[test]
fn an_ocr_only_job_stays_one_when_it_is_resumed() {
    let mut simulation = Simulation::new(World { variant: Variant::OcrOnly, ..World::default() }, 1);
    simulation.run_to(|work| *work == Work::Markdown { page: 20 });
    simulation.restart();
    simulation.run(0);
    assert!(
        simulation
            .runs
            .keys()
            .all(|unit| { ["extract:", "ocr:", "markdown:"].iter().any(|kind| unit.starts_with(kind)) })
    );
}

#[test]
fn finalize_counters_are_not_counted_twice_by_a_resume() {
    let mut simulation = Simulation::new(World { missing: 3, gaps: 3, ..World::default() }, 1);
    for wanted in ["discover:1_1", "gap:1-21"] {
        let place = simulation.run_to(|work| work.to_string() == wanted);
        simulation.succeed(place);
        simulation.restart();
    }
    simulation.run(0);
    let progress = simulation.state.finalize_progress();
    assert_eq!((progress.entries_total, progress.entries_complete), (3, 3));
    assert_eq!((progress.gaps_total, progress.gaps_complete), (3, 3));
    let book = simulation.state.book().unwrap();
    assert_eq!((book.finalize_entries_complete, book.finalize_gaps_complete), (3, 3));
}

/// Looks that run at once do not see each other: what two of them find is there once, whoever was faster, and one that
/// fails takes no other with it.
#[test]
fn looks_at_once_find_nothing_twice_and_fail_alone() {
    for faster in [[2, 0], [0, 2]] {
        let world = World { missing: 4, gaps: 1, at_once: true, ..World::default() };
        let mut simulation = Simulation::new(world, 1);
        simulation.run_to(|work| matches!(work, Work::Discover { .. }));
        assert_eq!(flying(&simulation), ["discover:1_0", "discover:1_1", "discover:1_2", "discover:1_3"]);
        let looks: Vec<Unit> = simulation.flying.drain(..).collect();
        let found = |title: &str| Ok(Outcome::Discover(Some((9, title.into()))));
        for place in faster {
            let title = if place == 0 { "1: The Harbours" } else { "The harbours" };
            simulation.settle(&looks[place], found(title));
        }
        simulation.settle(&looks[3], found("Lanterns"));
        simulation.settle(&looks[1], Err(EngineError::permanent("no answer")));
        simulation.run(0);
        let entries = simulation.state.toc_entries().values();
        let discovered: Vec<_> = entries
            .filter(|entry| entry.actual_page == Some(9))
            .map(|entry| (entry.ident.to_string(), entry.title.as_deref().unwrap_or_default()))
            .collect();
        let expected =
            [("discovered:1_0".to_owned(), "1: The Harbours"), ("discovered:1_3".to_owned(), "Lanterns")];
        assert_eq!(discovered, expected);
        let progress = simulation.state.finalize_progress();
        assert_eq!((progress.entries_complete, progress.entries_found), (4, 2));
        let problems = simulation.state.completeness(Variant::Standard).reason().unwrap();
        assert_eq!(problems, "1 of 5 looks at what the contents lack failed: no answer");
        assert_eq!(simulation.state.operation(Operation::TocFinalize).retries, 0);
    }
}

/// What may work later is tried again, as a unit, up to the limit of its stage; then it alone is given up.
#[test]
fn a_look_that_may_work_later_is_tried_again() {
    let mut simulation = Simulation::new(World { missing: 1, gaps: 1, ..World::default() }, 1);
    for tries in 1..=Operation::TocFinalize.max_retries() {
        let place = simulation.run_to(|work| matches!(work, Work::Gap { .. }));
        simulation.fail(place, &EngineError::transient("busy"));
        let has_failed = simulation.state.agent_states().values().any(|agent| agent.failure().is_some());
        assert_eq!(has_failed, tries == Operation::TocFinalize.max_retries(), "{tries}");
    }
    simulation.run(0);
    assert_eq!(simulation.state.operation(Operation::TocFinalize).state, OperationState::Complete);
}

#[test]
fn a_resumed_structure_does_only_what_is_left() {
    let mut simulation = Simulation::new(World { chapters: 6, ..World::default() }, 1);
    for _ in 0..3 {
        let place = simulation.run_to(|work| matches!(work, Work::Polish { .. }));
        simulation.succeed(place);
        simulation.restart();
    }
    simulation.advance();
    assert_eq!(flying(&simulation).len(), 3, "{:?}", flying(&simulation));
    simulation.run(0);
    assert_eq!(simulation.runs["skeleton"], 1);
    assert_eq!(simulation.runs["classify"], 1);
}

#[test]
fn after_a_reset_of_ocr_every_page_is_read_again() {
    let mut simulation = finished(World::default());
    simulation.commit(|state, at| state.persist_reset(at, OperationName::Ocr)).unwrap();
    assert_eq!(simulation.state.ocr_results().size(), 0);
    simulation.in_flight = InFlight::unlimited();
    simulation.done.clear();
    simulation.advance();
    assert_eq!(flying(&simulation).len(), 40);
    assert!(flying(&simulation).iter().all(|unit| unit.starts_with("ocr:")));
    simulation.run(0);
}

#[test]
fn after_a_reset_of_finalize_the_patterns_are_analysed_again() {
    let mut simulation = finished(World::default());
    simulation.commit(|state, at| state.persist_reset(at, OperationName::TocFinalize)).unwrap();
    simulation.in_flight = InFlight::unlimited();
    simulation.done.clear();
    simulation.advance();
    assert_eq!(flying(&simulation), ["pattern"]);
    simulation.run(0);
}

#[test]
fn stages_that_need_a_failed_one_are_skipped_and_the_rest_goes_on() {
    let mut simulation = Simulation::new(World::default(), 1);
    let place = simulation.run_to(|work| *work == Work::TocExtract);
    simulation.fail(place, &EngineError::permanent("unreadable"));
    simulation.run(0);
    assert!(!simulation.runs.keys().any(|unit| unit.starts_with("toc_link")));
    assert_eq!(simulation.state.operation(Operation::Structure).state, OperationState::Complete);
    let reason = simulation.state.completeness(Variant::Standard).reason().unwrap();
    assert!(reason.contains("toc_extract failed"), "{reason}");
}

#[test]
fn a_book_without_contents_gets_chapters_all_the_same() {
    let simulation = finished(World { has_toc: false, ..World::default() });
    assert_eq!(simulation.state.chapters().size(), 6);
    assert_eq!(simulation.state.completeness(Variant::Standard).reason(), None);
}

#[test]
fn a_classification_that_fails_for_good_is_skipped() {
    let mut simulation = Simulation::new(World::default(), 1);
    let place = simulation.run_to(|work| *work == Work::Classify);
    simulation.fail(place, &EngineError::permanent("no"));
    assert_eq!(simulation.state.book().unwrap().structure_phase, Some(StructurePhase::Polish));
    simulation.run(0);
    assert_eq!(simulation.runs["classify"], 1);
    assert_eq!(simulation.state.operation(Operation::Structure).state, OperationState::Complete);
}

#[test]
fn a_polish_that_fails_keeps_the_mechanical_text() {
    let mut simulation = Simulation::new(World { chapters: 1, ..World::default() }, 1);
    let place = simulation.run_to(|work| matches!(work, Work::Polish { .. }));
    simulation.fail(place, &EngineError::permanent("no"));
    simulation.run(0);
    let chapter = simulation.state.ordered_chapters()[0];
    assert!(chapter.polish_failed && chapter.polished_text.is_none() && chapter.text().is_some());
    assert_eq!(chapter.polish_retries, 3);
}

#[test]
fn a_result_of_an_operation_that_failed_meanwhile_is_dropped() {
    let mut simulation = Simulation::new(World { chapters: 70, ..World::default() }, 1);
    simulation.run_to(|work| matches!(work, Work::ChapterText { .. }));
    assert_eq!(flying(&simulation), ["chapter_text:0", "chapter_text:1", "chapter_text:2"]);
    simulation.fail(0, &EngineError::permanent("no"));
    let before = simulation.state.clone();
    simulation.succeed(0);
    assert_eq!(simulation.state, before);
}

#[test]
fn a_job_that_can_never_end_is_called_stuck() {
    // A pool that takes nothing is what the actor never makes; it stands for any bug of the planner.
    let full = InFlight::limited(std::iter::once(("cpu".into(), 0)).collect());
    let fresh = Simulation::new(World::default(), 1);
    let stuck = plan(&fresh.state, &fresh.job, &full).stuck.unwrap();
    assert!(stuck.contains("extract waiting 0/40"), "{stuck}");
}

#[test]
fn pages_far_beyond_the_first_unread_one_are_not_looked_at() {
    let fresh = Simulation::new(World { pages: 5000, ..World::default() }, 1);
    let pools = fresh.job.providers.iter().map(|(_, pool)| pool).chain([&fresh.job.local_pool]);
    let roomy = InFlight::limited(pools.map(|pool| (pool.clone(), 10_000)).collect());
    let planned = plan(&fresh.state, &fresh.job, &roomy);
    assert_eq!(planned.units.iter().filter_map(|unit| unit.work.page()).max(), Some(1024));
    let all = plan(&fresh.state, &fresh.job, &InFlight::unlimited());
    assert_eq!(all.units.iter().filter_map(|unit| unit.work.page()).max(), Some(5000));
}

#[test]
fn a_late_failure_takes_nothing_back() {
    let mut simulation = Simulation::new(World { entries: 1, ..World::default() }, 1);
    simulation.run_to(|work| matches!(work, Work::TocLink { .. }));
    let entry = simulation::ordinal(0);
    let linked = LinkOutcome::Linked { page: 2, reason: None };
    simulation.call(&PersistCall::TocEntryResult(entry.clone(), linked)).unwrap();
    let late = LinkOutcome::Failed { reason: "late".into() };
    simulation.call(&PersistCall::TocEntryResult(entry.clone(), late)).unwrap();
    assert_eq!(simulation.state.toc_entry(&entry).unwrap().actual_page, Some(2));
}

#[test]
fn an_agent_that_a_crash_interrupted_goes_on_where_it_was() {
    let mut simulation =
        Simulation::new(World { turns: 3, entries: 1, missing: 0, gaps: 0, ..World::default() }, 1);
    for turn in 0..3 {
        let wanted = |work: &Work| matches!(work, Work::TocLink { turn: of, .. } if *of == turn);
        simulation.run_to(wanted);
        // Lost in flight, and again after it is stored.
        simulation.restart();
        let place = simulation.run_to(wanted);
        simulation.succeed(place);
        simulation.restart();
        let left = simulation.state.agent_states().size();
        assert_eq!(left, usize::from(turn < 2), "with its result the agent is gone");
    }
    simulation.run(0);
    let turns = ["toc_link:0000", "toc_link.2:0000", "toc_link.3:0000"];
    assert!(turns.iter().all(|turn| simulation.runs[*turn] == 2), "{:?}", simulation.runs);
}

#[test]
fn a_record_of_another_turn_is_a_failure_and_changes_nothing() {
    let mut simulation = Simulation::new(World { turns: 3, entries: 1, ..World::default() }, 1);
    let place = simulation.run_to(|work| matches!(work, Work::TocLink { .. }));
    let work = simulation.flying[place].work.clone();
    let Outcome::Continue(record) = simulation.outcome(&work) else { panic!("it goes on") };
    for wrong in [
        AgentRecord { iteration: 2, ..*record.clone() },
        AgentRecord { complete: true, ..*record.clone() },
        AgentRecord { subject: "0001".into(), ..*record.clone() },
        AgentRecord { agent_type: AgentType::ChapterFinder, ..*record.clone() },
    ] {
        let outcome = Outcome::Continue(Box::new(wrong));
        let refused = on_success(&simulation.state, &simulation.job, &work, outcome).unwrap_err();
        assert!(refused.contains("not of its turn"), "{refused}");
    }
    let page = Work::Extract { page: 1 };
    assert!(on_success(&simulation.state, &simulation.job, &page, Outcome::Continue(record)).is_err());
}

#[test]
fn an_agent_that_is_given_up_leaves_nothing_behind() {
    let mut simulation =
        Simulation::new(World { turns: 3, entries: 1, missing: 0, gaps: 0, ..World::default() }, 1);
    let place = simulation.run_to(|work| matches!(work, Work::TocLink { turn: 0, .. }));
    simulation.succeed(place);
    for failure in 1..=3 {
        let place = simulation.run_to(|work| matches!(work, Work::TocLink { turn: 1, .. }));
        simulation.fail(place, &EngineError::transient("later"));
        assert_eq!(simulation.state.agent_states().size(), usize::from(failure < 3), "failure {failure}");
    }
    assert!(simulation.state.toc_entries().values().all(|entry| entry.link_failed));
    simulation.run(0);
}

/// It may be in the book: that nobody could look is told, which of an entry that is nowhere is not.
#[test]
fn an_entry_that_nobody_could_look_for_is_a_problem_of_the_book() {
    let world = World { entries: 1, missing: 0, gaps: 0, ..World::default() };
    let reasons = [(EngineError::transient("no answer"), 3), (EngineError::permanent("it died"), 1)];
    for (error, times) in reasons {
        let mut simulation = Simulation::new(world.clone(), 1);
        for _ in 0..times {
            let place = simulation.run_to(|work| matches!(work, Work::TocLink { .. }));
            simulation.fail(place, &error);
        }
        simulation.run(0);
        let reason = simulation.state.completeness(Variant::Standard).reason().unwrap();
        assert!(
            reason.contains(&format!("1 of 1 entries of the contents could not be looked for: {error}")),
            "{reason}"
        );
    }
}

#[test]
fn what_an_agent_said_is_kept_where_that_is_wanted() {
    for kept in [None, Some("[]".into())] {
        let world = World { entries: 1, missing: 1, gaps: 1, ..World::default() };
        let mut simulation = Simulation::new(world, 1);
        for wanted in ["toc_link:0000", "discover:1_0", "gap:0-20"] {
            let place = simulation.run_to(|work| work.to_string() == wanted);
            let unit = simulation.flying.remove(place);
            let result = simulation.outcome(&unit.work);
            let trace = AgentTrace { turns: 1, prompt: "1a2b".into(), messages_json: kept.clone() };
            simulation.settle(&unit, Ok(Outcome::Ended(Box::new(result), trace)));
        }
        let agents: Vec<_> = simulation.state.agent_states().values().cloned().collect();
        assert_eq!(agents.len(), if kept.is_some() { 3 } else { 2 }, "a link is known by its entry");
        for agent in agents {
            assert!(agent.complete && agent.messages_json == kept, "{agent:?}");
            assert!(agent.result_json.as_deref().unwrap().contains("\"prompt\":\"1a2b\""), "{agent:?}");
        }
        simulation.run(0);
        let progress = simulation.state.finalize_progress();
        assert_eq!((progress.entries_complete, progress.gaps_complete), (1, 1));
    }
}

#[test]
fn unit_keys_are_unique_and_readable() {
    let works = [
        Work::Extract { page: 12 },
        Work::Ocr { page: 12, provider: provider(0) },
        Work::Markdown { page: 12 },
        Work::TocLink { entry: simulation::ordinal(7), turn: 0 },
        Work::TocLink { entry: simulation::ordinal(7), turn: 1 },
        Work::Discover { subject: "1_7".into(), turn: 0 },
        Work::Discover { subject: "1_.2:7".into(), turn: 2 },
        Work::Gap { key: "12-40".into(), turn: 0 },
    ];
    let keys: Vec<_> = works.map(|work| Unit { work, pool: "cpu".into() }.key().to_string()).into();
    let expected = [
        "extract:12",
        "ocr:12:provider-0",
        "markdown:12",
        "toc_link:0007",
        "toc_link.2:0007",
        "discover:1_7",
        "discover.3:1_.2:7",
        "gap:12-40",
    ];
    assert_eq!(keys, expected);
}
