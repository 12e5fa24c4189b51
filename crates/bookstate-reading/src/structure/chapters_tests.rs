//! Chapters from contents and from headings.

use super::*;
use bookstate_domain::EntryIdent;
use proptest::prelude::*;

fn entry(i: u32, level: i32, page: Option<u32>) -> EntryFacts {
    EntryFacts {
        ident: EntryIdent::Ordinal(i),
        number: None,
        title: Some(format!("Title {i}").into()),
        level,
        level_name: None,
        page,
    }
}

fn shape(chapters: &[NewChapter]) -> Vec<(&str, i32, i32, Option<&str>)> {
    chapters.iter().map(|c| (&*c.entry_id, c.start_page, c.end_page, c.parent_id.as_deref())).collect()
}

#[test]
fn every_linked_entry_becomes_a_chapter() {
    let entries = [
        entry(0, 1, Some(3)),
        entry(1, 2, Some(3)),
        entry(2, 2, None),
        entry(3, 2, Some(7)),
        entry(4, 1, Some(9)),
    ];
    assert_eq!(
        shape(&from_contents(&entries, 20)),
        [
            ("ch_001", 3, 3, None),
            ("ch_002", 3, 6, Some("ch_001")),
            ("ch_003", 7, 8, Some("ch_001")),
            ("ch_004", 9, 20, None)
        ]
    );
    assert_eq!(from_contents(&[entry(0, 1, None)], 20), []);
    assert_eq!(from_contents(&[entry(0, 1, Some(21))], 20), [], "a page the book does not have");
}

/// Pages with prose for `{}`; each page has its own, or its lines would be running heads.
fn book(pages: &[&str]) -> BookText {
    let prose = |n: usize| {
        let name = "ABCDEFGHIJ".get(n..=n).unwrap_or("K");
        format!(
            "It was a bright cold day in {name}, and the clocks were striking as they always did\n\
             when the wind came down {name} Street and nobody was there to hear them at all.\n"
        )
    };
    BookText::new(pages.iter().enumerate().map(|(n, p)| p.replace("{}", &prose(n)).into()).collect())
}

fn titles(book: &BookText) -> Vec<(String, i32, i32)> {
    let chapters = from_headings(book, Some("The Book"));
    chapters.iter().map(|c| (c.title.as_deref().unwrap_or("").to_owned(), c.level, c.start_page)).collect()
}

fn list(expected: &[(&str, i32, i32)]) -> Vec<(String, i32, i32)> {
    expected.iter().map(|(t, l, p)| ((*t).to_owned(), *l, *p)).collect()
}

#[test]
fn a_novel_with_parts() {
    let pages = [
        "THE BOOK\n\n{}",
        "PREFACE\n\n{}",
        "PART ONE\n\nChapter 1\n\n{}",
        "Chapter 2\n\n{}",
        "PART TWO\n\nChapter 1\n\n{}",
        "{}\n\nChapter 2\n\n{}",
        "EPILOGUE\n\n{}",
    ];
    assert_eq!(
        titles(&book(&pages)),
        list(&[
            ("PREFACE", 1, 2),
            ("PART ONE", 1, 3),
            ("Chapter 1", 2, 3),
            ("Chapter 2", 2, 4),
            ("PART TWO", 1, 5),
            ("Chapter 1", 2, 5),
            ("Chapter 2", 2, 6),
            ("EPILOGUE", 1, 7)
        ])
    );
}

#[test]
fn cross_references_and_lists_are_no_chapters() {
    let pages = [
        "1 First things\n\n{}\n\n{}",
        "{}\n\n1. Do this\n\n2. Do that\n\n3. Go on\n\n{}",
        "2 Second things\n\n{}",
        "{}\n\nChapter 9\n\n{}",
        "3 Third things\n\n{}",
    ];
    assert_eq!(
        titles(&book(&pages)),
        list(&[("First things", 1, 1), ("Second things", 1, 3), ("Third things", 1, 5)])
    );
}

#[test]
fn numbers_that_do_not_span_the_book_are_no_chapters() {
    let pages = ["1 First\n\n{}", "2 Second\n\n{}", "{}", "{}", "{}", "{}", "{}"];
    assert_eq!(titles(&book(&pages)), list(&[("The Book", 1, 1)]));
}

#[test]
fn a_markdown_book_without_its_title() {
    let text = "# The Book\n\n{}\n## One\n\n{}\n### Sub\n\n{}\n## Two\n\n{}";
    assert_eq!(titles(&book(&[text])), list(&[("One", 1, 1), ("Two", 1, 1)]));
}

#[test]
fn without_headings_the_whole_book_is_one_chapter() {
    let chapters = from_headings(&book(&["{}", "{}"]), Some("The Book"));
    assert_eq!(shape(&chapters), [("ch_001", 1, 2, None)]);
    assert_eq!(chapters[0].source.as_deref(), Some(WHOLE_BOOK_SOURCE));
    assert_eq!(chapters[0].title.as_deref(), Some("The Book"));
}

proptest! {
    #[test]
    fn any_entries(entries in prop::collection::vec((0i32..5, prop::option::of(0u32..30)), 0..40), pages in 1u32..25) {
        let entries: Vec<EntryFacts> = (0..).zip(&entries).map(|(i, (level, page))| entry(i, *level, *page)).collect();
        let chapters = from_contents(&entries, pages);
        let last = i32::try_from(pages).unwrap();
        prop_assert!(chapters.is_sorted_by_key(|c| (c.start_page, c.sort_order)));
        for (i, c) in chapters.iter().enumerate() {
            prop_assert!(1 <= c.start_page && c.start_page <= c.end_page && c.end_page <= last);
            let next = chapters.get(i + 1).map_or(last + 1, |n| n.start_page);
            prop_assert_eq!(c.end_page, (next - 1).max(c.start_page));
            if let Some(parent) = &c.parent_id {
                let parent = chapters[..i].iter().find(|p| p.entry_id == *parent).unwrap();
                prop_assert!(parent.level < c.level);
            }
        }
    }

    #[test]
    fn any_book_has_a_chapter(pages in prop::collection::vec("(?s)(CHAPTER [IVX]{1,3}\n\n|# [A-Z]\n\n|[A-Z ]{4,9}\n\n|.{0,30}\n){0,6}", 1..8)) {
        let book = BookText::new(pages.iter().map(|p| p.as_str().into()).collect());
        let chapters = from_headings(&book, None);
        prop_assert!(!chapters.is_empty());
        prop_assert!(chapters.is_sorted_by_key(|c| c.start_page));
    }
}
