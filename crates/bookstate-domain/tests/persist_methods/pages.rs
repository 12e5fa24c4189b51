//! Pages: extraction, OCR results, Markdown, failures.

use bookstate_domain::{Heading, Misuse, PAGE_RETRIES, Provider, persist::PageReading};

use crate::session::Session;

pub(crate) fn provider(name: &str) -> Provider {
    Provider::new(name).unwrap()
}

pub(crate) fn reading(page_num: i32, by: &str, header: Option<&str>) -> PageReading {
    PageReading {
        page_num,
        provider: provider(by),
        text: format!("read by {by}").into(),
        confidence: Some(0.9),
        header: header.map(Into::into),
        footer: None,
    }
}

#[test]
fn page_extract_creates_the_page() {
    let mut s = Session::book();
    assert_eq!(s.writes(|s, at| s.persist_page_extract(at, 3)), ["put Page/b/3"]);
    assert_eq!(s.writes(|s, at| s.persist_page_extract(at, 3)), ["patch Page/b/3: extract_complete"]);
    for page in [0, -1, 11, 900] {
        let misuse = s.refuses(|s, at| s.persist_page_extract(at, page));
        assert_eq!(misuse, Misuse::NoSuchPage { page, page_count: 10 });
    }
}

#[test]
fn ocr_result_completes_the_page_with_the_last_provider() {
    let (mut s, both) = (Session::book(), [provider("one"), provider("two")]);
    let first = s.writes(|s, at| s.persist_ocr_result(at, reading(2, "two", None), &both));
    assert_eq!(first, ["put OcrResult/b/2/two"], "no page is written only to announce it");
    let last = s.writes(|s, at| s.persist_ocr_result(at, reading(2, "one", Some("H")), &both));
    assert_eq!(last, ["put OcrResult/b/2/one", "put Page/b/2"]);
    let page = s.state.page(2).unwrap();
    assert!(page.ocr_complete && !page.is_read(), "its Markdown is missing");
    assert_eq!(page.header.as_deref(), Some("H"));
    let misuse = s.refuses(|s, at| s.persist_ocr_result(at, reading(11, "one", None), &both));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 11, page_count: 10 });
}

/// Presence means done: an empty text is a result.
#[test]
fn an_empty_ocr_result_counts() {
    let mut s = Session::book();
    let empty = PageReading { text: "".into(), ..reading(1, "one", None) };
    s.writes(|s, at| s.persist_ocr_result(at, empty, &[provider("one")]));
    assert!(s.state.page(1).unwrap().ocr_complete);
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "".into(), vec![]));
    assert!(s.state.page(1).unwrap().is_read() && s.state.are_pages_read(1) && !s.state.are_pages_read(2));
}

#[test]
fn the_first_providers_header_wins_whichever_comes_first() {
    let both = [provider("one"), provider("two")];
    for order in [["one", "two"], ["two", "one"]] {
        let mut s = Session::book();
        for by in order {
            s.writes(|s, at| s.persist_ocr_result(at, reading(1, by, Some(by)), &both));
        }
        assert_eq!(s.state.page(1).unwrap().header.as_deref(), Some("one"));
    }
}

#[test]
fn ocr_markdown_has_its_headings() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_page_extract(at, 1));
    let headings = vec![Heading { level: 1, text: "A".into(), line: 0 }];
    let written = s.writes(|s, at| s.persist_ocr_markdown(at, 1, "# A".into(), headings.clone()));
    assert_eq!(written, ["patch Page/b/1: ocr_markdown headings"]);
    assert_eq!(s.state.page(1).unwrap().headings.as_deref(), Some(&headings));
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "B".into(), vec![]));
    assert_eq!(s.state.page(1).unwrap().headings, None, "those of an earlier text are gone");
    s.refuses(|s, at| s.persist_ocr_markdown(at, 0, "".into(), vec![]));
}

#[test]
fn page_failure_gives_up_at_the_limit_or_for_good() {
    let mut s = Session::book();
    for retries in 1..=PAGE_RETRIES {
        s.writes(|s, at| s.persist_page_failure(at, 4, None, "blurred".into(), false));
        let page = s.state.page(4).unwrap();
        assert_eq!((page.ocr_retries, page.ocr_failed), (retries, retries == PAGE_RETRIES));
    }
    s.writes(|s, at| s.persist_page_failure(at, 5, None, "no such image".into(), true));
    let page = s.state.page(5).unwrap();
    assert!(page.ocr_failed && page.is_read());
    assert_eq!(page.failure_reason.as_deref(), Some("no such image"));
    let misuse = s.refuses(|s, at| s.persist_page_failure(at, 11, None, "".into(), true));
    assert_eq!(misuse, Misuse::NoSuchPage { page: 11, page_count: 10 });
}

#[test]
fn each_provider_has_attempts_of_its_own() {
    let [one, two] = [provider("one"), provider("two")];
    let mut s = Session::book();
    for retries in 1..PAGE_RETRIES {
        for by in [Some(&two), None, Some(&one)] {
            s.writes(|s, at| s.persist_page_failure(at, 4, by, "blurred".into(), false));
        }
        assert_eq!([&one, &two].map(|by| s.state.provider_retries(4, by)), [retries; 2]);
        let page = s.state.page(4).unwrap();
        assert_eq!((page.ocr_retries, page.ocr_failed), (3 * retries, false));
    }
    s.writes(|s, at| s.persist_page_failure(at, 4, None, "no Markdown".into(), false));
    assert!(s.state.page(4).unwrap().ocr_failed, "the steps around them have theirs too");
}

#[test]
fn a_late_failure_does_not_give_up_a_page_that_is_read() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_ocr_result(at, reading(1, "one", None), &[provider("one")]));
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "text".into(), vec![]));
    s.writes(|s, at| s.persist_page_failure(at, 1, None, "late".into(), true));
    assert!(!s.state.page(1).unwrap().ocr_failed);
}

#[test]
fn a_late_result_takes_a_page_back_that_was_given_up() {
    let both = [provider("one"), provider("two")];
    let mut s = Session::book();
    s.writes(|s, at| s.persist_page_failure(at, 1, None, "too slow".into(), true));
    s.writes(|s, at| s.persist_ocr_result(at, reading(1, "one", None), &both));
    assert!(s.state.page(1).unwrap().ocr_failed, "one provider of two is no result");
    s.writes(|s, at| s.persist_ocr_result(at, reading(1, "two", None), &both));
    let page = s.state.page(1).unwrap();
    assert!(page.ocr_complete && !page.ocr_failed && !page.is_read(), "its Markdown is to be made");
    // Given up once more, since there was no Markdown; then that comes late.
    s.writes(|s, at| s.persist_page_failure(at, 1, None, "no Markdown".into(), true));
    assert!(s.state.page(1).unwrap().ocr_failed);
    s.writes(|s, at| s.persist_ocr_markdown(at, 1, "text".into(), vec![]));
    let page = s.state.page(1).unwrap();
    assert!(page.is_read() && !page.ocr_failed);
}
