//! Finalize: phases, counters, analysis, discoveries, gaps, order.

use bookstate_domain::{
    AgentType, EntryIdent, EntrySource, FinalizePhase, Gap, MissingEntry, Misuse, Operation, OperationEvent,
    OperationState, PatternAnalysis, Variant,
    persist::{Discovery, FinalizeProgress, GapFix},
};

use crate::session::{Session, wrong_state};

const COUNTERS: &str = "patch Book/b: finalize_entries_total finalize_entries_complete \
                        finalize_entries_found finalize_gaps_total finalize_gaps_complete finalize_gaps_fixes";

/// A book with three entries on pages 2, 5 and 8, being finalized.
fn finalizing() -> Session {
    let mut s = Session::with(&[Operation::TocFinder, Operation::TocExtract]);
    s.start(Operation::TocLink);
    for (n, page) in [(0, 2), (1, 5), (2, 8)] {
        s.writes(|s, at| s.persist_toc_entry_link(at, &EntryIdent::Ordinal(n), page, None));
    }
    s.writes(|s, at| s.persist_op_complete(at, Operation::TocLink));
    s.start(Operation::TocFinalize);
    s
}

fn missing(identifier: &str) -> MissingEntry {
    MissingEntry { identifier: identifier.into(), level: 1, to_page: 10, ..MissingEntry::default() }
}

fn analysis(identifiers: &[&str]) -> PatternAnalysis {
    let entries_to_find = identifiers.iter().map(|identifier| missing(identifier)).collect();
    PatternAnalysis { entries_to_find, ..PatternAnalysis::default() }
}

fn gap(key: &str) -> Gap {
    Gap { key: key.into(), from_page: 2, to_page: 5 }
}

fn found(identifier: &str, page: i32) -> Discovery {
    Discovery { missing: missing(identifier), found: Some((page, "Chapter".into())) }
}

#[test]
fn finalize_phase_is_the_tocs() {
    let mut s = finalizing();
    let call = |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
        s.persist_finalize_phase(at, FinalizePhase::Pattern)
    };
    assert_eq!(s.writes(call), ["patch ToC/b: finalize_phase"]);
    assert!(wrong_state(&Session::book().refuses(call), Operation::TocFinalize));
}

#[test]
fn finalize_progress_is_counted_not_given() {
    let mut s = finalizing();
    assert_eq!(s.writes(|s, at| s.persist_finalize_progress(at)), [COUNTERS]);
    assert_eq!(s.state.finalize_progress(), FinalizeProgress::default());
    let idle = Session::book().refuses(|s, at| s.persist_finalize_progress(at));
    assert!(wrong_state(&idle, Operation::TocFinalize));
}

#[test]
fn pattern_analysis_begins_the_discover_phase() {
    let mut s = finalizing();
    let written = s.writes(|s, at| s.persist_pattern_analysis(at, analysis(&["3", "4"])));
    assert_eq!(written, ["patch Book/b: pattern_analysis_json", "patch ToC/b: finalize_phase", COUNTERS]);
    assert_eq!(s.state.pattern_analysis().unwrap().entries_to_find.len(), 2);
    assert_eq!(s.state.book().unwrap().finalize_entries_total, 2);
    let idle = Session::book().refuses(|s, at| s.persist_pattern_analysis(at, analysis(&[])));
    assert!(wrong_state(&idle, Operation::TocFinalize));
}

#[test]
fn discovered_entry_is_entry_agent_and_counters() {
    let mut s = finalizing();
    s.writes(|s, at| s.persist_pattern_analysis(at, analysis(&["3", "4"])));
    let written = s.writes(|s, at| s.persist_discovered_entry(at, found("3", 6)));
    assert_eq!(written, ["put TocEntry/b/discovered:1_3", "put AgentState/b/chapter_finder/1_3", COUNTERS]);
    let ident = EntryIdent::Discovered { level: 1, identifier: "3".into() };
    let entry = s.state.toc_entry(&ident).unwrap();
    assert_eq!(
        (entry.actual_page, entry.source, entry.sort_order),
        (Some(6), Some(EntrySource::Discovered), 201)
    );
    assert_eq!((entry.entry_number.as_deref(), missing("outline:007").number()), (Some("3"), None));
    let nowhere = Discovery { missing: missing("4"), found: None };
    let written = s.writes(|s, at| s.persist_discovered_entry(at, nowhere));
    assert_eq!(written, ["put AgentState/b/chapter_finder/1_4", COUNTERS], "not found is settled");
    let progress = s.state.finalize_progress();
    assert_eq!((progress.entries_total, progress.entries_complete, progress.entries_found), (2, 2, 1));
    let misuse = s.refuses(|s, at| s.persist_discovered_entry(at, found("3", 11)));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 11, page_count: 10 });
    let idle = Session::book().refuses(|s, at| s.persist_discovered_entry(at, found("3", 1)));
    assert!(wrong_state(&idle, Operation::TocFinalize));
}

#[test]
fn gaps_begin_the_validate_phase_and_keep_the_analysis() {
    let mut s = finalizing();
    s.writes(|s, at| s.persist_pattern_analysis(at, analysis(&["3"])));
    s.writes(|s, at| s.persist_discovered_entry(at, found("3", 6)));
    let written = s.writes(|s, at| s.persist_gaps(at, vec![gap("2-5")]));
    assert_eq!(written, ["patch Book/b: pattern_analysis_json", "patch ToC/b: finalize_phase", COUNTERS]);
    let analysis = s.state.pattern_analysis().unwrap();
    assert_eq!((analysis.entries_to_find.len(), analysis.gaps.len()), (1, 1));
    let progress = s.state.finalize_progress();
    assert_eq!((progress.entries_found, progress.gaps_total, progress.gaps_complete), (1, 1, 0));
    assert!(wrong_state(
        &Session::book().refuses(|s, at| s.persist_gaps(at, vec![])),
        Operation::TocFinalize
    ));
}

#[test]
fn gap_fix_adds_corrects_flags_or_leaves() {
    let mut s = finalizing();
    s.writes(|s, at| s.persist_gaps(at, ["a", "b", "c", "d"].map(gap).to_vec()));
    let agent = |key: &str| format!("put AgentState/b/gap_investigator/{key}");
    let add = GapFix::Add { title: "New".into(), entry_number: None, level: 2, page: 3 };
    let written = s.writes(|s, at| s.persist_gap_fix(at, &gap("a"), add.clone()));
    assert_eq!(written, ["put TocEntry/b/validated:a".to_owned(), agent("a"), COUNTERS.to_owned()]);
    let correct = GapFix::Correct { entry: EntryIdent::Ordinal(1), page: 4 };
    let written = s.writes(|s, at| s.persist_gap_fix(at, &gap("b"), correct));
    assert_eq!(written, ["patch TocEntry/b/0001: actual_page".to_owned(), agent("b"), COUNTERS.to_owned()]);
    let flag = GapFix::Flag { note: "odd \"numbers\"".into() };
    s.writes(|s, at| s.persist_gap_fix(at, &gap("c"), flag));
    let written = s.writes(|s, at| s.persist_gap_fix(at, &gap("d"), GapFix::None));
    assert_eq!(written, [agent("d"), COUNTERS.to_owned()]);
    let progress = s.state.finalize_progress();
    assert_eq!((progress.gaps_total, progress.gaps_complete, progress.gaps_fixes), (4, 4, 2));
    let results = s.state.agent_states().values().filter_map(|agent| agent.result_json.clone());
    for result in results {
        serde_json::from_str::<serde_json::Value>(&result).expect("results are JSON");
    }

    let nowhere = GapFix::Correct { entry: EntryIdent::Ordinal(1), page: 11 };
    let misuse = s.refuses(|s, at| s.persist_gap_fix(at, &gap("a"), nowhere));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 11, page_count: 10 });
    let nobody = GapFix::Correct { entry: EntryIdent::Ordinal(9), page: 1 };
    let misuse = s.refuses(|s, at| s.persist_gap_fix(at, &gap("a"), nobody));
    assert!(matches!(misuse, Misuse::NoSuchDocument(_)));
    let idle = Session::book().refuses(|s, at| s.persist_gap_fix(at, &gap("a"), add));
    assert!(wrong_state(&idle, Operation::TocFinalize));
}

#[test]
fn what_was_found_again_goes_and_is_counted() {
    let mut s = finalizing();
    s.writes(|s, at| s.persist_pattern_analysis(at, analysis(&["3", "4"])));
    s.writes(|s, at| s.persist_discovered_entry(at, found("3", 6)));
    s.writes(|s, at| s.persist_discovered_entry(at, found("4", 6)));
    let ident = |identifier: &str| EntryIdent::Discovered { level: 1, identifier: identifier.into() };
    let written = s.writes(|s, at| s.persist_found_again(at, &[ident("4")]));
    assert_eq!(written, ["delete TocEntry/b/discovered:1_4", COUNTERS]);
    let progress = s.state.finalize_progress();
    assert_eq!((progress.entries_complete, progress.entries_found), (2, 1));
    for wrong in [ident("4"), EntryIdent::Ordinal(0)] {
        let misuse = s.refuses(|s, at| s.persist_found_again(at, &[wrong]));
        assert!(matches!(misuse, Misuse::NoSuchDocument(_)), "{misuse}");
    }
    let idle = Session::book().refuses(|s, at| s.persist_found_again(at, &[]));
    assert!(wrong_state(&idle, Operation::TocFinalize));
}

#[test]
fn a_failed_look_is_counted_and_named() {
    let mut s = finalizing();
    s.writes(|s, at| s.persist_gaps(at, vec![gap("a"), gap("b")]));
    s.writes(|s, at| s.persist_gap_fix(at, &gap("a"), GapFix::None));
    let look = |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
        s.persist_look_failed(at, AgentType::GapInvestigator, "b".into(), "it said \"no\"")
    };
    let written = s.writes(look);
    assert_eq!(written, ["put AgentState/b/gap_investigator/b", COUNTERS]);
    assert_eq!((s.state.finalize_progress().gaps_complete, s.state.finalize_progress().gaps_fixes), (2, 0));
    let failures: Vec<_> = s.state.agent_states().values().filter_map(|agent| agent.failure()).collect();
    assert_eq!(failures, ["it said \"no\""], "only that of the look that failed");
    let problems = s.state.completeness(Variant::Standard).reason().unwrap();
    assert!(problems.contains("1 of 2 looks at what the contents lack failed: it said \"no\""), "{problems}");
    assert!(wrong_state(&Session::book().refuses(look), Operation::TocFinalize));
}

/// The printed entry without a page stays behind the printed entry that it followed; those found go where
/// their pages are, whichever was found first.
#[test]
fn entry_order_is_by_page_and_completes() {
    for order in [["3", "4"], ["4", "3"]] {
        let mut s = finalizing();
        s.writes(|s, at| s.persist_gaps(at, vec![gap("a"), gap("b")]));
        for identifier in order {
            s.writes(|s, at| s.persist_discovered_entry(at, found(identifier, 6)));
        }
        let back = GapFix::Correct { entry: EntryIdent::Ordinal(2), page: 1 };
        s.writes(|s, at| s.persist_gap_fix(at, &gap("a"), back));
        s.writes(|s, at| s.persist_entry_order(at));
        let entries = s.state.ordered_entries();
        let order: Vec<_> = entries.iter().map(|e| (e.ident.to_string(), e.sort_order)).collect();
        let expected = ["0002", "0000", "0001", "discovered:1_3", "discovered:1_4"];
        let expected: Vec<_> = (1..).zip(expected).map(|(n, key)| (key.to_owned(), n * 100)).collect();
        assert_eq!(order, expected);
        assert_eq!(s.state.toc().unwrap().finalize_phase, Some(FinalizePhase::Done));
        assert_eq!(s.state.operation(Operation::TocFinalize).state, OperationState::Complete);
        assert!(wrong_state(&s.refuses(|s, at| s.persist_entry_order(at)), Operation::TocFinalize));
    }
}

/// A second attempt finds what the first has done: nothing counts twice, nothing is forgotten.
#[test]
fn counters_survive_a_second_attempt() {
    let mut s = finalizing();
    s.writes(|s, at| s.persist_pattern_analysis(at, analysis(&["3", "4"])));
    s.writes(|s, at| s.persist_discovered_entry(at, found("3", 6)));
    let fail = OperationEvent::Fail { max: 3 };
    s.writes(|s, at| s.persist_op_state(at, Operation::TocFinalize, fail));
    s.start(Operation::TocFinalize);
    s.writes(|s, at| s.persist_pattern_analysis(at, analysis(&["3", "4"])));
    s.writes(|s, at| s.persist_discovered_entry(at, found("3", 6)));
    let book = s.state.book().unwrap();
    assert_eq!((book.finalize_entries_complete, book.finalize_entries_found), (1, 1));
    assert!(s.state.is_agent_complete(AgentType::ChapterFinder, &"1_3".into()));
}
