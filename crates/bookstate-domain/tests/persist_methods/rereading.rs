//! Reading pages again, and what a person corrected.

use bookstate_domain::{
    BookState, Misuse, Operation, OperationName, OperationState, Provider, persist::NewJob,
};

use crate::{
    pages::{provider, reading},
    session::Session,
};

/// A book whose first two pages were read by two providers.
fn read_book() -> Session {
    let mut s = Session::with(&[Operation::TocFinder]);
    let both = [provider("a"), provider("b")];
    for page in [1, 2] {
        s.writes(|s, at| s.persist_page_extract(at, page));
        s.writes(|s, at| s.persist_ocr_result(at, reading(page, "a", None), &both));
        s.writes(|s, at| s.persist_ocr_result(at, reading(page, "b", None), &both));
        s.writes(|s, at| s.persist_ocr_markdown(at, page, "read by a".into(), Vec::new()));
    }
    s
}

fn text(state: &BookState, page: i32) -> Option<&str> {
    state.page(page)?.ocr_markdown.as_deref()
}

fn confidence(state: &BookState, page: i32, by: &str) -> Option<f64> {
    state.ocr_result(page, &provider(by))?.confidence
}

#[test]
fn rereading_keeps_what_others_read() {
    let mut s = read_book();
    s.writes(|s, at| s.persist_reread(at, vec![2], Some(provider("a"))));
    assert_eq!(confidence(&s.state, 2, "a"), None, "it reads again");
    assert_eq!(confidence(&s.state, 2, "b"), Some(0.0), "kept, and in doubt");
    assert_eq!(s.state.ocr_result(2, &provider("b")).unwrap().text.as_deref(), Some("read by b"));
    assert_eq!((text(&s.state, 1), text(&s.state, 2)), (Some("read by a"), None));
    assert_eq!(confidence(&s.state, 1, "a"), Some(0.9), "the other pages are as they were");
    // Without a name, readings are made up where they are missing, and none goes.
    let mut s = read_book();
    s.writes(|s, at| s.persist_reread(at, vec![1, 2], None));
    assert_eq!(confidence(&s.state, 2, "a"), Some(0.9));
    assert!(!s.state.page(2).unwrap().ocr_complete);
}

#[test]
fn rereading_undoes_what_was_made_of_the_pages() {
    let mut s = read_book();
    assert_eq!(s.state.operation(Operation::TocFinder).state, OperationState::Complete);
    s.writes(|s, at| s.persist_reread(at, vec![1], None));
    assert_eq!(s.state.operation(Operation::TocFinder).state, OperationState::NotStarted);
    let misuse = s.refuses(|s, at| s.persist_reread(at, vec![1, 11], None));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 11, page_count: 10 });
    let job = NewJob { job_id: "job-1".parse().unwrap(), ..new_job() };
    s.writes(|s, at| s.persist_job_record(at, job));
    assert!(matches!(s.refuses(|s, at| s.persist_reread(at, vec![1], None)), Misuse::JobActive(_)));
}

#[test]
fn no_engine_overwrites_a_correction() {
    let mut s = read_book();
    s.writes(|s, at| s.persist_page_correction(at, 1, "as printed".into(), Vec::new()));
    assert_eq!(text(&s.state, 1), Some("as printed"));
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "read by a".into(), Vec::new()));
    assert_eq!(text(&s.state, 1), Some("as printed"));
    s.writes(|s, at| s.persist_reread(at, vec![1], Some(provider("a"))));
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "read by a again".into(), Vec::new()));
    assert_eq!(text(&s.state, 1), Some("as printed"));
    s.writes(|s, at| s.persist_reset(at, OperationName::Ocr));
    assert!(s.state.ocr_result(1, &Provider::person()).is_some(), "a reset takes what engines read");
    let by_name = reading(1, Provider::PERSON, None);
    let refused = s.refuses(|s, at| s.persist_ocr_result(at, by_name, &[provider("a")]));
    assert_eq!(refused, Misuse::Reserved(Provider::person()));
}

fn new_job() -> NewJob {
    NewJob {
        job_id: "job-0".parse().unwrap(),
        variant: bookstate_domain::Variant::Standard,
        engines: bookstate_domain::Engines::default(),
        options: None,
        reset_from: None,
        rules: None,
    }
}
