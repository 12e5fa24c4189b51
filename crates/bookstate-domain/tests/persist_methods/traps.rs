//! The traps of the original system that are matters of the domain, one test each: those of `data-model.md`
//! §1 first, then those of `pipeline.md` §3.

use bookstate_domain::{
    AgentType, AnyKey, BookState, BookStatus, Collection, Effect, Heading, JobStatus, Misuse, Operation,
    OperationEvent, OperationName, OperationState, StageState, TocPatch, Variant,
    document::Document,
    persist::{AgentRecord, MetadataResult, NewBook, PageReading, check},
    value::Kind,
};
use bookstate_domain::{Book, BookId, BookPatch, Op, StructurePhase};

use crate::{
    jobs_and_agents::{id, job},
    pages::{provider, reading},
    session::{Session, entries, wrong_state},
};

/// A state as a reload has it: every document through its row.
fn reloaded(state: &BookState) -> BookState {
    struct Row;
    impl bookstate_domain::OpVisitor for Row {
        type Out = bookstate_domain::WriteOp;
        fn visit<D: Document>(self, op: &Op<D>) -> Self::Out {
            let Op::Upsert(document) = op else { panic!("documents are puts") };
            D::write_op(Op::Upsert(D::from_values(document.values()).unwrap().into()))
        }
    }
    let mut loaded = BookState::new(state.book_id().clone());
    state.documents().for_each(|op| {
        loaded.apply(&op.visit(Row));
    });
    loaded
}

/// Trap: field names that differ between memory and schema.
#[test]
fn a_field_has_one_name_in_memory_rows_and_patches() {
    for collection in Collection::ALL {
        for column in collection.columns() {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
            assert!(column.name.chars().all(plain), "{collection}.{}", column.name);
        }
    }
    let mut s = Session::book();
    let result = MetadataResult { lccn: Some("x".into()), ..MetadataResult::default() };
    s.start(Operation::Metadata);
    s.writes(|s, at| s.persist_metadata_result(at, result));
    let json = serde_json::to_value(s.state.book().unwrap()).unwrap();
    let known = Collection::Book.columns();
    for name in json.as_object().unwrap().keys() {
        assert!(known.iter().any(|column| column.name == name), "{name}");
    }
}

/// Trap: an update whose filter matches nothing counted as success.
#[test]
fn an_update_of_what_is_not_there_says_so() {
    let mut nothing = BookState::new("b".parse().unwrap());
    let key = bookstate_domain::BookKey { book_id: "b".parse().unwrap() };
    let patch = Box::new(BookPatch { page_count: Some(1), ..BookPatch::default() });
    assert_eq!(nothing.apply(&Op::<Book>::Update { key, patch }.into()), Effect::NothingThere);
    assert_eq!(nothing.document_count(), 0);
    let s = Session::book();
    let misuse = s.refuses(|s, at| s.persist_agent_removed(at, AgentType::TocFinder, &"book".into()));
    assert!(matches!(misuse, Misuse::NoSuchDocument(_)), "a persist call that misses is an error");
}

/// Trap: a JSON column read back as an object where a string was expected.
#[test]
fn a_json_column_is_typed_both_ways() {
    let mut s = Session::book();
    let headings = vec![Heading { level: 2, text: "{\"a\":1}".into(), line: 3 }];
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "{\"b\":2}".into(), headings.clone()));
    let loaded = reloaded(&s.state);
    assert_eq!(loaded.page(1).unwrap().headings.as_deref(), Some(&headings));
    assert_eq!(loaded.page(1).unwrap().ocr_markdown.as_deref(), Some("{\"b\":2}"));
    let kinds = Collection::Page.columns().iter().filter(|column| column.kind == Kind::Json);
    assert_eq!(kinds.map(|column| column.name).collect::<Vec<_>>(), ["headings", "provider_retries"]);
}

/// Trap: a ToC that belongs to a book only by convention, so that a second one appears.
#[test]
fn a_book_has_one_toc() {
    let mut s = Session::with(&[Operation::TocFinder, Operation::TocExtract]);
    s.writes(|s, at| s.persist_toc_record(at, TocPatch { toc_found: Some(true), ..TocPatch::default() }));
    s.start(Operation::TocLink);
    assert_eq!(s.state.tocs().size(), 1);
    assert_eq!(Collection::Toc.columns().iter().filter(|column| column.key).count(), 1);
}

/// Trap: agent ids that are not unique across books.
#[test]
fn agent_ids_are_unique_across_books() {
    let agent_id = |book: &str| {
        let mut state = BookState::new(book.parse().unwrap());
        let at = Session::nothing().at();
        for op in state.persist_book_record(&at, NewBook { page_count: 1 }).unwrap() {
            state.apply(&op);
        }
        let record = AgentRecord::finished(AgentType::TocFinder, "book".into(), "{}".into());
        for op in state.persist_new_agent_state(&at, vec![record]).unwrap() {
            state.apply(&op);
        }
        state.agent_states().values().next().unwrap().agent_id.clone()
    };
    assert_ne!(agent_id("one"), agent_id("two"));
}

/// Trap: OCR rows without a key, so that a retry doubles them.
#[test]
fn a_repeated_ocr_result_replaces_the_first() {
    let mut s = Session::book();
    for _ in 0..2 {
        s.writes(|s, at| s.persist_ocr_result(at, reading(1, "one", None), &[provider("one")]));
    }
    assert_eq!(s.state.ocr_results().size(), 1);
}

/// Trap: "would be complete" decided outside the lock: two providers finish together, both write false.
#[test]
fn two_providers_together_complete_the_page() {
    let both = [provider("one"), provider("two")];
    for order in [["one", "two"], ["two", "one"]] {
        let mut s = Session::book();
        for by in order {
            s.writes(|s, at| s.persist_ocr_result(at, reading(1, by, None), &both));
        }
        assert!(s.state.page(1).unwrap().ocr_complete);
    }
}

/// Trap: header and footer overwritten with empty strings.
#[test]
fn an_empty_header_overwrites_nothing() {
    let mut s = Session::book();
    let full = PageReading { footer: Some("7".into()), ..reading(1, "one", Some("Chapter")) };
    s.writes(|s, at| s.persist_ocr_result(at, full, &[provider("one")]));
    for header in [None, Some("")] {
        let empty = PageReading { footer: Some("".into()), ..reading(1, "one", header) };
        s.writes(|s, at| s.persist_ocr_result(at, empty, &[provider("one")]));
    }
    let page = s.state.page(1).unwrap();
    assert_eq!((page.header.as_deref(), page.footer.as_deref()), (Some("Chapter"), Some("7")));
}

/// Traps: metadata fields that are saved but never loaded; link progress restored when it is too late.
#[test]
fn every_field_that_is_saved_is_loaded() {
    let mut s = Session::with(&[Operation::TocFinder, Operation::TocExtract]);
    s.start(Operation::Metadata);
    let text = |name: &str| Some(name.into());
    let result = MetadataResult {
        title: text("title"),
        subtitle: text("subtitle"),
        author: text("author"),
        authors: vec!["author".into()],
        isbn: text("isbn"),
        lccn: text("lccn"),
        publisher: text("publisher"),
        publication_year: Some(1900),
        language: text("en"),
        description: text("description"),
        subjects: vec!["subject".into()],
        cover_page: Some(1),
    };
    s.writes(|s, at| s.persist_metadata_result(at, result));
    s.start(Operation::TocLink);
    s.writes(|s, at| s.persist_toc_entry_link(at, &bookstate_domain::EntryIdent::Ordinal(0), 4, None));
    let loaded = reloaded(&s.state);
    assert_eq!(loaded, s.state);
    let book = loaded.book().unwrap();
    assert_eq!((book.lccn.as_deref(), book.toc_link_entries_done), (Some("lccn"), 1));
}

/// Trap: a finder left in progress by a crash is resumed by nobody; three restarts mark a stage failed that
/// never failed.
#[test]
fn restarts_use_up_no_retries() {
    let mut s = Session::book();
    for _ in 0..5 {
        s.start(Operation::TocFinder);
        s.writes(|s, at| s.persist_op_state(at, Operation::TocFinder, OperationEvent::Interrupt));
    }
    let status = s.state.operation(Operation::TocFinder);
    assert_eq!((status.state, status.retries), (OperationState::NotStarted, 0));
}

/// Trap: a second finder started while the first is in flight.
#[test]
fn an_operation_in_progress_does_not_start_again() {
    let mut s = Session::book();
    s.start(Operation::TocFinder);
    let start = OperationEvent::Start;
    let misuse = s.refuses(|s, at| s.persist_op_state(at, Operation::TocFinder, start));
    assert!(wrong_state(&misuse, Operation::TocFinder));
}

/// Trap: two jobs on one book, each with its own state.
#[test]
fn a_book_has_one_active_job() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_job_record(at, job("j1")));
    s.writes(|s, at| s.persist_job_status(at, &id("j1"), JobStatus::Cancelled, None));
    s.writes(|s, at| s.persist_job_record(at, job("j2")));
    for status in [JobStatus::Running, JobStatus::Completed, JobStatus::Failed] {
        let misuse = s.refuses(|s, at| s.persist_job_status(at, &id("j1"), status, None));
        assert_eq!(misuse, Misuse::JobActive(id("j2")), "an old job says nothing about the book any more");
    }
}

/// Trap: a job record that says completed while the book says processing.
#[test]
fn a_finished_job_finishes_the_book() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_job_record(at, job("j1")));
    let written = s.writes(|s, at| s.persist_job_status(at, &id("j1"), JobStatus::Completed, None));
    assert_eq!(written.len(), 2, "both in one commit");
    assert_eq!(s.state.book().unwrap().status, Some(BookStatus::Complete));
}

/// Trap: the reset of ocr leaves the OCR rows, so that nothing runs again.
#[test]
fn a_reset_of_ocr_takes_the_ocr_results() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_page_extract(at, 1));
    s.writes(|s, at| s.persist_ocr_result(at, reading(1, "one", Some("H")), &[provider("one")]));
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "text".into(), vec![]));
    let before = s.state.clone();
    let written = s.writes(|s, at| s.persist_reset(at, OperationName::Ocr));
    assert_eq!(written, ["patch Page/b/1: ocr_markdown header ocr_complete", "delete OcrResult/b/1/one"]);
    let page = s.state.page(1).unwrap();
    assert!(page.extract_complete && !page.is_read() && before.page(1).unwrap().is_read());
}

/// Trap: the reset of finalize reuses the old pattern analysis.
#[test]
fn a_reset_of_finalize_takes_the_pattern_analysis() {
    let mut s = Session::with(&[Operation::TocFinder, Operation::TocExtract, Operation::TocLink]);
    s.start(Operation::TocFinalize);
    s.writes(|s, at| s.persist_pattern_analysis(at, Default::default()));
    s.writes(|s, at| s.persist_reset(at, OperationName::TocFinalize));
    assert!(s.state.pattern_analysis().is_none() && s.state.toc().unwrap().finalize_phase.is_none());
    assert_eq!(s.state.operation(Operation::TocFinalize).state, OperationState::NotStarted);
}

/// Trap: an OCR success without a result is never marked; a book with few pages never completes.
#[test]
fn an_ocr_only_book_of_empty_pages_is_settled() {
    let mut s = Session::nothing();
    s.writes(|s, at| s.persist_book_record(at, NewBook { page_count: 2 }));
    for page in 1..=2 {
        s.writes(|s, at| s.persist_page_extract(at, page));
        let empty = PageReading { text: "".into(), ..reading(page, "one", None) };
        s.writes(|s, at| s.persist_ocr_result(at, empty, &[provider("one")]));
        s.writes(|s, at| s.persist_ocr_markdown(at, page, "".into(), vec![]));
    }
    let completeness = s.state.completeness(Variant::OcrOnly);
    assert!(completeness.settled && completeness.problems.is_empty(), "{completeness}");
    assert!(!s.state.completeness(Variant::TextOnly).settled, "metadata is missing");
}

/// Trap: a missing page image stalls the page.
#[test]
fn a_page_given_up_is_settled_and_named() {
    let mut s = Session::nothing();
    s.writes(|s, at| s.persist_book_record(at, NewBook { page_count: 1 }));
    s.writes(|s, at| s.persist_page_failure(at, 1, None, "no image".into(), true));
    let completeness = s.state.completeness(Variant::OcrOnly);
    assert!(completeness.settled);
    let reason = completeness.reason().unwrap();
    assert!(reason.contains("1 of 1 pages") && reason.contains("page 1: no image"), "{reason}");
}

/// Trap: all chapters excluded from audio, and the polish stage waits for nothing.
#[test]
fn structure_completes_without_any_chapter_edited() {
    let mut s = Session::book();
    s.start(Operation::Structure);
    s.writes(|s, at| s.persist_chapter_skeleton(at, crate::chapters::skeleton(2)));
    s.writes(|s, at| s.persist_structure_result(at, 0));
    let stages = s.state.completeness(Variant::Standard).stages;
    let structure = stages.last().unwrap();
    assert_eq!((structure.state, structure.done), (StageState::Complete, structure.total));
}

/// Trap: the last link unit fails and the next stage never starts: the failure settles the entry.
#[test]
fn a_failed_link_settles_its_entry() {
    let mut s = Session::with(&[Operation::TocFinder]);
    s.start(Operation::TocExtract);
    s.writes(|s, at| s.persist_toc_entries(at, entries(&["Only"])));
    s.start(Operation::TocLink);
    let only = bookstate_domain::EntryIdent::Ordinal(0);
    for _ in 0..Operation::TocLink.max_retries() {
        let failed = bookstate_domain::persist::LinkOutcome::Failed { reason: "no answer".into() };
        s.writes(|s, at| s.persist_toc_entry_result(at, &only, failed));
    }
    assert!(s.state.toc_entries().values().all(|entry| entry.is_link_settled()));
    let book = s.state.book().unwrap();
    assert_eq!(book.toc_link_entries_done, book.toc_link_entries_total);
}

/// Trap: structure repeated in full, polish paid twice: a phase and what it has survive an interruption.
#[test]
fn an_interrupted_structure_keeps_its_phase_and_texts() {
    let mut s = Session::book();
    s.start(Operation::Structure);
    s.writes(|s, at| s.persist_structure_phase(at, StructurePhase::Build));
    s.writes(|s, at| s.persist_chapter_skeleton(at, crate::chapters::skeleton(2)));
    let before = (s.state.chapters().clone(), s.state.book().unwrap().structure_phase);
    s.writes(|s, at| s.persist_op_state(at, Operation::Structure, OperationEvent::Interrupt));
    s.start(Operation::Structure);
    assert_eq!((s.state.chapters().clone(), s.state.book().unwrap().structure_phase), before);
}

/// An op of another book is refused before it is accepted.
#[test]
fn an_op_of_another_book_is_refused() {
    let s = Session::book();
    let ops = vec![s.state.documents().next().unwrap()];
    assert_eq!(check(s.state.book_id(), &ops), Ok(()));
    let other: BookId = "other".parse().unwrap();
    let book: AnyKey = "Book/b".parse().unwrap();
    assert_eq!(check(&other, &ops), Err(Misuse::OtherBook(book)));
}
