//! The table of contents: record, finder, entries, links.

use bookstate_domain::{
    EntryIdent, EntrySource, Misuse, Operation, OperationState, TocPatch,
    persist::{LinkOutcome, TocFound},
};

use crate::session::{Session, entries, wrong_state};

const FINDER: &str = "toc_found start_page end_page structure_summary finder_started finder_complete \
                      finder_failed finder_retries";
const LINKED: &str = "actual_page link_page link_failed link_reason";
const PROGRESS: &str = "patch Book/b: toc_link_entries_total toc_link_entries_done";

fn found(start_page: i32, end_page: i32) -> TocFound {
    TocFound { start_page, end_page, ..TocFound::default() }
}

fn first() -> EntryIdent {
    EntryIdent::Ordinal(0)
}

/// A book whose entries are being linked.
fn linking() -> Session {
    let mut s = Session::with(&[Operation::TocFinder, Operation::TocExtract]);
    s.start(Operation::TocLink);
    s
}

#[test]
fn toc_record_is_an_upsert_of_the_one_toc() {
    let mut s = Session::book();
    let patch = |start, end| TocPatch { start_page: start, end_page: end, ..TocPatch::default() };
    let written = s.writes(|s, at| s.persist_toc_record(at, patch(Some(Some(3)), None)));
    assert_eq!(written, ["put ToC/b"]);
    let written = s.writes(|s, at| s.persist_toc_record(at, patch(None, Some(Some(4)))));
    assert_eq!(written, ["patch ToC/b: end_page"]);
    assert_eq!((s.state.tocs().size(), s.state.toc().unwrap().start_page), (1, Some(3)));
    // Each end of the range is checked with the other, whenever that came.
    for (start, end) in [(None, Some(Some(2))), (Some(Some(5)), None), (Some(Some(1)), Some(Some(900)))] {
        let misuse = s.refuses(|s, at| s.persist_toc_record(at, patch(start, end)));
        assert!(matches!(misuse, Misuse::BadRange { page_count: 10, .. }), "{misuse}");
    }
    let misuse = Session::book().refuses(|s, at| s.persist_toc_record(at, patch(Some(Some(11)), None)));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 11, page_count: 10 });
}

#[test]
fn toc_record_changes_no_operation_and_no_creation() {
    let mut s = Session::book();
    let patch = TocPatch { finder_complete: Some(true), ..TocPatch::default() };
    let misuse = s.refuses(|s, at| s.persist_toc_record(at, patch));
    assert_eq!(misuse, Misuse::OperationFields(Operation::TocFinder));
    let patch = TocPatch {
        toc_found: Some(true),
        created_seq: Some(s.at().seq),
        created_at: Some(None),
        ..TocPatch::default()
    };
    s.start(Operation::TocFinder);
    let created = s.state.toc().unwrap().created_seq;
    assert_eq!(s.writes(|s, at| s.persist_toc_record(at, patch)), ["patch ToC/b: toc_found"]);
    assert_eq!(s.state.toc().unwrap().created_seq, created);
}

#[test]
fn toc_finder_result_has_the_range_and_completes() {
    let mut s = Session::book();
    let never = s.refuses(|s, at| s.persist_toc_finder_result(at, found(1, 2)));
    assert!(wrong_state(&never, Operation::TocFinder));
    s.start(Operation::TocFinder);
    for (start, end) in [(2, 1), (0, 1), (1, 900)] {
        let misuse = s.refuses(|s, at| s.persist_toc_finder_result(at, found(start, end)));
        assert_eq!(misuse, Misuse::BadRange { start, end, page_count: 10 });
    }
    let written = s.writes(|s, at| s.persist_toc_finder_result(at, found(3, 4)));
    assert_eq!(written, [format!("patch ToC/b: {FINDER}")]);
    let toc = s.state.toc().unwrap();
    assert!(toc.toc_found && toc.finder_complete && toc.structure_summary.is_some());
    assert_eq!((toc.start_page, toc.end_page), (Some(3), Some(4)));
    let twice = s.refuses(|s, at| s.persist_toc_finder_result(at, found(1, 2)));
    assert!(wrong_state(&twice, Operation::TocFinder));
}

#[test]
fn toc_finder_without_a_result_is_a_result() {
    let mut s = Session::book();
    s.refuses(|s, at| s.persist_toc_finder_no_result(at));
    s.start(Operation::TocFinder);
    let written = s.writes(|s, at| s.persist_toc_finder_no_result(at));
    assert_eq!(written, [format!("patch ToC/b: {FINDER}")]);
    assert!(!s.state.toc().unwrap().toc_found && !s.state.has_usable_toc());
    assert_eq!(s.state.operation(Operation::TocFinder).state, OperationState::Complete);
}

#[test]
fn toc_entries_and_their_completion_are_one_commit() {
    let mut s = Session::with(&[Operation::TocFinder]);
    let never = s.refuses(|s, at| s.persist_toc_entries(at, entries(&["One"])));
    assert!(wrong_state(&never, Operation::TocExtract));
    s.start(Operation::TocExtract);
    let written = s.writes(|s, at| s.persist_toc_entries(at, entries(&["One", "Two"])));
    let done = "patch ToC/b: extract_started extract_complete extract_failed extract_retries";
    assert_eq!(written, ["put TocEntry/b/0000", "put TocEntry/b/0001", done]);
    let entry = s.state.toc_entry(&EntryIdent::Ordinal(1)).unwrap();
    assert_eq!((entry.source, entry.sort_order), (Some(EntrySource::Extracted), 200));
    assert!(s.state.has_usable_toc());
    let twice = s.refuses(|s, at| s.persist_toc_entries(at, vec![]));
    assert!(wrong_state(&twice, Operation::TocExtract));
}

#[test]
fn toc_entry_link_sets_the_page_and_the_progress() {
    let mut s = linking();
    let link = |page| {
        move |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
            s.persist_toc_entry_link(at, &first(), page, Some("printed".into()))
        }
    };
    assert_eq!(s.writes(link(7)), [format!("patch TocEntry/b/0000: {LINKED}"), PROGRESS.to_owned()]);
    let (entry, book) = (s.state.toc_entry(&first()).unwrap(), s.state.book().unwrap());
    assert_eq!((entry.actual_page, entry.link_page), (Some(7), Some(7)));
    assert_eq!((book.toc_link_entries_total, book.toc_link_entries_done), (3, 1));
    assert_eq!(s.refuses(link(11)), Misuse::NoSuchPage { page: 11, page_count: 10 });
    let nobody = EntryIdent::Ordinal(9);
    let misuse = s.refuses(|s, at| s.persist_toc_entry_link(at, &nobody, 1, None));
    assert!(matches!(misuse, Misuse::NoSuchDocument(key) if key.to_string() == "TocEntry/b/0009"));
    // The same link again counts once.
    s.writes(link(8));
    assert_eq!(s.state.book().unwrap().toc_link_entries_done, 1);
    // A result that comes when nothing is being linked is refused.
    let idle = Session::with(&[Operation::TocFinder, Operation::TocExtract]);
    assert!(wrong_state(&idle.refuses(link(1)), Operation::TocLink));
}

#[test]
fn toc_entry_result_settles_an_entry_without_a_page() {
    let mut s = linking();
    let not_found = LinkOutcome::NotFound { reason: "nowhere".into() };
    s.writes(|s, at| s.persist_toc_entry_result(at, &first(), not_found));
    let entry = s.state.toc_entry(&first()).unwrap();
    assert!(entry.link_failed && entry.is_link_settled() && entry.actual_page.is_none());
    assert_eq!(entry.link_reason.as_deref(), Some("nowhere"));

    let second = EntryIdent::Ordinal(1);
    for retries in 1..=Operation::TocLink.max_retries() {
        let failed = LinkOutcome::Failed { reason: "timeout".into() };
        let written = s.writes(|s, at| s.persist_toc_entry_result(at, &second, failed));
        assert_eq!(written, ["patch TocEntry/b/0001: link_retries link_failed link_reason", PROGRESS]);
        let entry = s.state.toc_entry(&second).unwrap();
        assert_eq!((entry.link_retries, entry.link_failed), (retries, retries == 3));
    }
    assert_eq!(s.state.book().unwrap().toc_link_entries_done, 2);
    // A page found in the end outweighs the failures.
    s.writes(|s, at| s.persist_toc_entry_link(at, &second, 5, None));
    assert!(!s.state.toc_entry(&second).unwrap().link_failed);
}

#[test]
fn a_late_failure_does_not_take_a_link_back() {
    let mut s = linking();
    s.writes(|s, at| s.persist_toc_entry_link(at, &first(), 5, None));
    for _ in 0..4 {
        let late = LinkOutcome::Failed { reason: "late".into() };
        s.writes(|s, at| s.persist_toc_entry_result(at, &first(), late));
    }
    let entry = s.state.toc_entry(&first()).unwrap();
    assert!(entry.actual_page == Some(5) && !entry.link_failed);
}

#[test]
fn toc_link_progress_is_counted_not_given() {
    let mut s = linking();
    assert_eq!(s.writes(|s, at| s.persist_toc_link_progress(at)), [PROGRESS]);
    let book = s.state.book().unwrap();
    assert_eq!((book.toc_link_entries_total, book.toc_link_entries_done), (3, 0));
}
