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

/// A book of pages without text.
fn blank(pages: u32) -> BookText {
    BookText::new((0..pages).map(|_| "".into()).collect())
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
        shape(&from_contents(&blank(20), &entries)),
        [
            ("ch_001", 3, 3, None),
            ("ch_002", 3, 6, Some("ch_001")),
            ("ch_003", 7, 8, Some("ch_001")),
            ("ch_004", 9, 20, None)
        ]
    );
    assert_eq!(from_contents(&blank(20), &[entry(0, 1, None)]), []);
    assert_eq!(from_contents(&blank(20), &[entry(0, 1, Some(21))]), [], "a page the book does not have");
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

/// A store takes no text above a size, and a book with a longer one is not to fail.
#[test]
fn a_chapter_that_is_too_long_is_several() {
    let page = "some words of a page\n".repeat(10);
    let mut pages = vec!["Title 0\n\nshort"];
    pages.extend([page.as_str(); 5]);
    pages.push("Title 1\n\nshort");
    let book = book(&pages);
    let draft = |title: &str, page| Draft {
        subject: None,
        number: None,
        title: Some(title.into()),
        level: 1,
        level_name: None,
        page,
        source: CONTENTS_SOURCE,
    };
    let drafts = || vec![draft("Title 0", 1), draft("Title 1", 7)];
    let text = |chapters: &[NewChapter]| {
        let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
        let texts = crate::structure::chapter_texts(&book, &starts);
        texts
            .iter()
            .flat_map(|extract| extract.text.split_whitespace().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let chapters = numbered(in_parts(&book, drafts(), 500), book.page_count());
    let found: Vec<(&str, i32, i32)> =
        chapters.iter().map(|c| (c.title.as_deref().unwrap(), c.start_page, c.end_page)).collect();
    assert_eq!(found, [("Title 0", 1, 4), ("Title 0 (2)", 5, 6), ("Title 1", 7, 7)]);
    assert_eq!(text(&chapters), text(&numbered(drafts(), book.page_count())));
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
            ("Front matter", 1, 1),
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
    assert_eq!(titles(&book(&[text])), list(&[("Front matter", 1, 1), ("One", 1, 1), ("Two", 1, 1)]));
}

/// A plain text with each heading above some paragraphs, and two blank lines before it.
fn with_headings(headings: &[&str]) -> BookText {
    BookText::new(vec![text_with(headings).into()])
}

fn text_with(headings: &[&str]) -> String {
    let prose = |n: usize| {
        format!(
            "Nobody saw the {n} boats of the old harbour that morning, when\nthe wind came down from the hill number {n}.\n"
        )
    };
    let chapter = |(i, h): (usize, &&str)| {
        let text: String = (0..8).map(|k| format!("{}\n", prose(10 * i + k))).collect();
        format!("{h}\n\n{text}\n")
    };
    let text: String = headings.iter().enumerate().map(chapter).collect();
    format!("THE QUIET HARBOUR\n\nby A. N. Author\n\n\n{text}")
}

#[test]
fn chapters_by_a_series_of_any_word() {
    for headings in [
        ["CANTO I", "CANTO II", "CANTO III", "CANTO IV"],
        ["STAVE ONE\n\nTHE SEA", "STAVE TWO\n\nTHE LAND", "STAVE THREE\n\nTHE AIR", "STAVE FOUR\n\nTHE FIRE"],
        ["Episode 1: The Sea", "Episode 2: The Land", "Episode 3: Air", "Episode 4: Fire"],
        ["Letter 1. To my Brother", "Letter 2. To my Sister", "Letter 3. To Nobody", "Letter 4. Home"],
        ["第一章 大海", "第二章 陆地", "第三章 空气", "第四章 火"],
        ["877화. 바다", "878화. 땅", "879화. 공기", "880화. 불"],
        ["제1장 바다", "제2장 땅", "제3장 공기", "제4장 불"],
        ["1The Sea", "2The Land", "3The Air", "4The Fire"],
        ["I", "II", "III", "IV"],
        ["THE SEA AND I", "A LETTER HOME", "TAR AND ROPE", "NIGHT WORK"],
        ["The Sea and I", "A Letter Home", "Tar and Rope", "Night Work"],
        ["3 May", "5 May", "7 June", "1 August"],
        ["First Evening", "Second Evening", "Third Evening", "Fourth Evening"],
        ["الفصل ١", "الفصل ٢", "الفصل ٣", "الفصل ٤"],
    ] {
        let found = titles(&with_headings(&headings));
        assert_eq!(found.len(), 5, "{headings:?} {found:?}");
        assert_eq!(found[0], ("Front matter".to_owned(), 1, 1), "{headings:?}");
    }
}

#[test]
fn captions_are_no_chapters() {
    let found = titles(&with_headings(&[
        "Figure 1: A Boat",
        "Figure 2: A Mill",
        "Figure 3: A Road",
        "Figure 4: A Gate",
    ]));
    assert!(found.iter().all(|(title, ..)| !title.contains("Mill")), "{found:?}");
}

#[test]
fn a_text_with_a_paragraph_in_each_line() {
    let prose = |n: u32| format!("{}\n", format!("Nobody saw the {n} boats of the harbour. ").repeat(8));
    let chapter = |n: u32| {
        format!("Chapter {n}: Of {n} boats\n{}{}{}", prose(3 * n), prose(3 * n + 1), prose(3 * n + 2))
    };
    let text: String = (1..5).map(chapter).collect();
    let found = titles(&BookText::new(vec![format!("The Harbour\n\n{text}").into()]));
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn header_and_licence_of_a_library_are_matter() {
    let text = text_with(&["CHAPTER I", "CHAPTER II", "CHAPTER III"]);
    let text = format!(
        "The Project Gutenberg eBook of It\n\nTitle: It\n\n*** START OF THE PROJECT GUTENBERG EBOOK IT ***\n\n{text}\n\n\
         *** END OF THE PROJECT GUTENBERG EBOOK IT ***\n\nSECTION 1. TERMS OF USE\n\nYou may copy it.\n"
    );
    let book = BookText::new(vec![text.into()]);
    let found: Vec<String> = titles(&book).into_iter().map(|t| t.0).collect();
    assert_eq!(found, ["Front matter", "CHAPTER I", "CHAPTER II", "CHAPTER III", "Back matter"]);
    let starts: Vec<_> = from_headings(&book, None).iter().map(ChapterStart::from).collect();
    let texts = super::super::chapter_texts(&book, &starts);
    assert!(
        texts[4].text.starts_with("*** END") && texts[4].text.ends_with("You may copy it."),
        "{}",
        texts[4].text
    );
}

#[test]
fn a_chapter_right_behind_the_contents_is_kept() {
    let list: String = (1..5).map(|n| format!(" CHAPTER {n}. The boat number {n}\n")).collect();
    let heading = |n: u32| format!("CHAPTER {n}.\nThe boat number {n}");
    let headings: Vec<String> = (1..5).map(heading).collect();
    let text = text_with(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    let text = text.replace("by A. N. Author", &format!("CONTENTS\n\n{list}"));
    let (head, tail) = text.split_at(text.find("CHAPTER 3.\nThe").unwrap());
    let book = BookText::new(vec![head.into(), tail.into()]);
    let found: Vec<String> = titles(&book).into_iter().map(|t| t.0).collect();
    assert_eq!(found.len(), 5, "{found:?}");
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
        let chapters = from_contents(&blank(pages), &entries);
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

#[test]
fn a_title_with_a_number_in_words_is_one_of_those_set_alike() {
    let prose = "Nobody was there to hear them at all, and the wind came down.\n".repeat(9);
    let titles = ["COPPER AND SALT", "TAR AND ROPE", "THE SECOND SURVEY", "THE LONG WINTER ROAD"];
    let text: String = titles.iter().map(|title| format!("{title}\n\n{prose}\n\n")).collect();
    let book = BookText::new(vec![text.into()]);
    let found = from_headings(&book, None);
    assert_eq!(found.iter().filter_map(|c| c.title.as_deref()).collect::<Vec<_>>(), titles);
}
