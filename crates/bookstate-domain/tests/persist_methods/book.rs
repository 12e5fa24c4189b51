//! Book: record, status, metadata, operations, phases and totals of structure.

use bookstate_domain::{
    BookStatus, Misuse, Operation, OperationEvent, OperationState, StructurePhase,
    persist::{ChapterExtract, MetadataResult, NewBook, NewJob},
};

use crate::{
    chapters::skeleton,
    session::{Session, wrong_state},
};

const METADATA: &str = "title subtitle author authors isbn lccn publisher publication_year language \
                        description subjects cover_page metadata_started metadata_complete metadata_failed \
                        metadata_retries";

/// The fields of a patch, in any order.
fn fields(written: &str) -> Vec<&str> {
    let mut fields: Vec<_> = written.split(": ").nth(1).unwrap_or("").split_whitespace().collect();
    fields.sort_unstable();
    fields
}

#[test]
fn book_record_creates_the_book_once() {
    let mut s = Session::nothing();
    let bad = s.refuses(|s, at| s.persist_book_record(at, NewBook { page_count: 0 }));
    assert!(matches!(bad, Misuse::BadRange { page_count: 0, .. }));
    let written = s.writes(|s, at| s.persist_book_record(at, NewBook { page_count: 3 }));
    assert_eq!(written, ["put Book/b"]);
    let book = s.state.book().unwrap();
    assert_eq!((book.page_count, book.status, book.created_seq.get()), (3, Some(BookStatus::Ingested), 1));
    let again = s.refuses(|s, at| s.persist_book_record(at, NewBook { page_count: 3 }));
    assert_eq!(again, Misuse::BookExists);
}

#[test]
fn a_removed_book_has_nothing_left_and_may_come_again() {
    let mut s = Session::with(&[Operation::TocFinder]);
    s.writes(|s, at| s.persist_page_extract(at, 1));
    let documents = s.state.document_count();
    let written = s.writes(|s, at| s.persist_book_removed(at));
    assert_eq!(written.len(), documents);
    assert_eq!(s.state.document_count(), 0);
    assert_eq!(s.refuses(|s, at| s.persist_book_removed(at)), Misuse::NoBook);
    let seq = s.at().seq;
    s.writes(|s, at| s.persist_book_record(at, NewBook { page_count: 3 }));
    assert_eq!(s.state.book().unwrap().created_seq, seq, "its commits are counted on");
    let job = NewJob {
        job_id: "job-1".parse().unwrap(),
        variant: bookstate_domain::Variant::Standard,
        engines: bookstate_domain::Engines::default(),
        options: None,
        reset_from: None,
        rules: None,
    };
    s.writes(|s, at| s.persist_job_record(at, job));
    assert!(matches!(s.refuses(|s, at| s.persist_book_removed(at)), Misuse::JobActive(_)));
}

#[test]
fn book_status_and_reason_go_together() {
    let mut s = Session::book();
    let written =
        s.writes(|s, at| s.persist_book_status(at, BookStatus::Degraded, Some("page 3 is blurred".into())));
    assert_eq!(written, ["patch Book/b: status status_reason"]);
    s.writes(|s, at| s.persist_book_status(at, BookStatus::Complete, None));
    let book = s.state.book().unwrap();
    assert_eq!((book.status, book.status_reason.as_deref()), (Some(BookStatus::Complete), None));
}

#[test]
fn metadata_result_sets_every_field_and_completes() {
    let mut s = Session::book();
    let early = s.refuses(|s, at| s.persist_metadata_result(at, MetadataResult::default()));
    assert!(wrong_state(&early, Operation::Metadata), "never started");
    s.start(Operation::Metadata);
    let result = MetadataResult {
        title: Some("T".into()),
        authors: vec!["A".into(), "B".into()],
        publication_year: Some(1851),
        cover_page: Some(1),
        ..MetadataResult::default()
    };
    let no_page = MetadataResult { cover_page: Some(900), ..result.clone() };
    let misuse = s.refuses(|s, at| s.persist_metadata_result(at, no_page));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 900, page_count: 10 });
    let written = s.writes(|s, at| s.persist_metadata_result(at, result));
    let mut expected: Vec<_> = METADATA.split_whitespace().collect();
    expected.sort_unstable();
    assert_eq!((written.len(), fields(&written[0])), (1, expected));
    let book = s.state.book().unwrap();
    assert_eq!((book.title.as_deref(), book.authors.len(), book.subjects.len()), (Some("T"), 2, 0));
    assert_eq!(s.state.operation(Operation::Metadata).state, OperationState::Complete);
    let twice = s.refuses(|s, at| s.persist_metadata_result(at, MetadataResult::default()));
    assert!(wrong_state(&twice, Operation::Metadata));
}

#[test]
fn op_state_writes_the_four_fields_of_the_operation() {
    let mut s = Session::book();
    let start = |operation| {
        move |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
            s.persist_op_state(at, operation, OperationEvent::Start)
        }
    };
    let four = "metadata_started metadata_complete metadata_failed metadata_retries";
    assert_eq!(s.writes(start(Operation::Metadata)), [format!("patch Book/b: {four}")]);
    assert!(wrong_state(&s.refuses(start(Operation::Metadata)), Operation::Metadata));
    // The first operation on the table of contents creates its document, the next one patches it.
    assert_eq!(s.writes(start(Operation::TocFinder)), ["put ToC/b"]);
    let four = "link_started link_complete link_failed link_retries";
    assert_eq!(s.writes(start(Operation::TocLink)), [format!("patch ToC/b: {four}")]);
    assert_eq!(Session::nothing().refuses(start(Operation::Structure)), Misuse::NoBook);
}

#[test]
fn op_complete_ends_what_is_in_progress() {
    for operation in Operation::ALL {
        let mut s = Session::book();
        let never = s.refuses(|s, at| s.persist_op_complete(at, *operation));
        assert!(wrong_state(&never, *operation), "{operation} was never started");
        s.start(*operation);
        let written = s.writes(|s, at| s.persist_op_complete(at, *operation));
        assert_eq!((written.len(), fields(&written[0]).len()), (1, 4));
        assert_eq!(s.state.operation(*operation).state, OperationState::Complete);
        s.refuses(|s, at| s.persist_op_complete(at, *operation));
    }
    assert_eq!(
        Session::nothing().refuses(|s, at| s.persist_op_complete(at, Operation::TocLink)),
        Misuse::NoBook
    );
}

#[test]
fn structure_phase_has_its_four_counters() {
    let mut s = Session::book();
    let call = |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
        s.persist_structure_phase(at, StructurePhase::Polish)
    };
    assert!(wrong_state(&s.refuses(call), Operation::Structure));
    s.start(Operation::Structure);
    let fields = "structure_phase structure_chapters_total structure_chapters_extracted \
                  structure_chapters_polished structure_polish_failed";
    assert_eq!(s.writes(call), [format!("patch Book/b: {fields}")]);
    let book = s.state.book().unwrap();
    assert_eq!((book.structure_phase, book.structure_chapters_total), (Some(StructurePhase::Polish), 0));
    // They are counted, whatever anybody believes.
    s.writes(|s, at| s.persist_chapter_skeleton(at, skeleton(2)));
    let first = ChapterExtract::plain(skeleton(1).remove(0).subject, "text".into(), 1);
    s.writes(|s, at| s.persist_chapter_extracts(at, vec![first]));
    s.writes(call);
    let book = s.state.book().unwrap();
    assert_eq!((book.structure_chapters_total, book.structure_chapters_extracted), (2, 1));
}

#[test]
fn structure_result_has_the_totals_of_the_chapters() {
    let mut s = Session::with(&[]);
    assert!(wrong_state(&s.refuses(|s, at| s.persist_structure_result(at, 5)), Operation::Structure));
    s.start(Operation::Structure);
    s.writes(|s, at| s.persist_chapter_skeleton(at, skeleton(2)));
    let extracts =
        skeleton(2).into_iter().map(|c| ChapterExtract::plain(c.subject, "three short words".into(), 3));
    s.writes(|s, at| s.persist_chapter_extracts(at, extracts.collect()));
    let written = s.writes(|s, at| s.persist_structure_result(at, 5));
    assert_eq!((written.len(), fields(&written[0]).len()), (1, 8));
    let book = s.state.book().unwrap();
    assert_eq!((book.total_chapters, book.total_paragraphs, book.total_words), (2, 5, 6));
    assert_eq!(book.structure_phase, Some(StructurePhase::Finalize));
    assert!(book.structure_complete && !book.structure_started);
}

/// Every method but the one that creates the book needs the book.
#[test]
fn nothing_is_written_of_a_book_without_record() {
    let s = Session::nothing();
    let status = s.refuses(|s, at| s.persist_book_status(at, BookStatus::Processing, None));
    assert_eq!(status, Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_metadata_result(at, MetadataResult::default())), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_structure_result(at, 1)), Misuse::NoBook);
    let phase = StructurePhase::Build;
    let phase = s.refuses(|s, at| s.persist_structure_phase(at, phase));
    assert_eq!(phase, Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_page_extract(at, 1)), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_toc_finder_no_result(at)), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_toc_entries(at, vec![])), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_toc_link_progress(at)), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_finalize_progress(at)), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_entry_order(at)), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_chapter_skeleton(at, vec![])), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_new_agent_state(at, vec![])), Misuse::NoBook);
    assert_eq!(s.refuses(|s, at| s.persist_toc_record(at, Default::default())), Misuse::NoBook);
}
