//! What holds for find, extract and link together: on made books, and on any text at all.

use super::{BookText, ContentsEntry, ContentsRange, LinkReason, Linker, NumberStyle, extract, find};
use proptest::prelude::*;
use std::sync::Arc;

fn book(pages: &[String]) -> BookText {
    BookText::new(pages.iter().map(|p| Arc::from(p.as_str())).collect())
}

/// Words that are different on every page and line.
fn prose(page: usize) -> String {
    (0..12)
        .map(|line| format!("The {page} rivers of {line} towns carry {} boats\n", page * 31 + line))
        .collect()
}

const TITLES: [&str; 8] = [
    "Morning in the Harbour",
    "A Letter from Ulm",
    "The Broken Lantern",
    "Silver and Salt",
    "What the Miller Saw",
    "Evening Bells",
    "The Long Winter",
    "Home Again",
];

/// A book whose chapter `i` (from 0) starts on page `4 + 3 i`; `toc` is its second page.
fn with_contents(toc: &str) -> Vec<String> {
    let mut pages = vec!["A BOOK OF TOWNS\n\nby nobody\n".to_owned(), toc.to_owned(), prose(900)];
    for (i, title) in TITLES.iter().enumerate() {
        pages.push(format!("{}  {title}\n\n{}\n\n{}\n", i + 1, prose(3 * i), 3 * i + 1));
        pages.extend((1..3).map(|k| format!("{}\n\n{}\n", prose(3 * i + k), 3 * i + k + 1)));
    }
    pages
}

fn numbered_toc() -> String {
    let line = |(i, title): (usize, &&str)| format!("{}  {title} . . . . . . . {}\n", i + 1, 3 * i + 1);
    format!("Contents\n\n{}", TITLES.iter().enumerate().map(line).collect::<String>())
}

fn links(book: &BookText, range: &ContentsRange, entries: &[ContentsEntry]) -> Vec<Option<u32>> {
    let linker = Linker::new(book, entries, range);
    (0..entries.len()).map(|i| linker.link(i).page).collect()
}

fn chapter_pages() -> Vec<Option<u32>> {
    (0..TITLES.len() as u32).map(|i| Some(4 + 3 * i)).collect()
}

#[test]
fn a_plain_contents_is_found_read_and_linked() {
    let book = book(&with_contents(&numbered_toc()));
    let range = find(&book).unwrap();
    assert_eq!((range.start_page, range.end_page), (2, 2));
    assert!(range.summary.page_numbers && range.summary.numbered);
    assert_eq!(range.summary.styles, [NumberStyle::Arabic]);
    let entries = extract(&book, &range);
    assert_eq!(entries.len(), range.summary.count as usize);
    let titles: Vec<&str> = entries.iter().map(|e| e.title.as_str()).collect();
    assert_eq!(titles, TITLES);
    assert_eq!(links(&book, &range, &entries), chapter_pages());
}

#[test]
fn a_contents_without_page_numbers_is_linked_by_headings() {
    let book = book(&with_contents(&format!("Contents\n\n{}\n", TITLES.join("\n"))));
    let range = find(&book).unwrap();
    assert!(!range.summary.page_numbers);
    let entries = extract(&book, &range);
    assert_eq!(entries.len(), TITLES.len());
    assert_eq!(links(&book, &range, &entries), chapter_pages());
}

#[test]
fn a_heading_beside_the_printed_page_corrects_the_link() {
    let toc = numbered_toc().replace(". 13\n", ". 14\n");
    let book = book(&with_contents(&toc));
    let range = find(&book).unwrap();
    let entries = extract(&book, &range);
    assert_eq!(links(&book, &range, &entries), chapter_pages());
    assert_eq!(Linker::new(&book, &entries, &range).link(4).reason, LinkReason::HeadingNearby);
    assert_eq!(Linker::new(&book, &entries, &range).link(99).reason, LinkReason::NoPage);
}

#[test]
fn a_section_whose_page_number_is_not_there_is_on_the_page_of_its_neighbours() {
    let sections = "\n  1.1 The Quay . . . . . . . 1\n  1.1.1 Qx\n  1.2 The Crane . . . . . . . 1\n2  ";
    let book = book(&with_contents(&numbered_toc().replace("\n2  ", sections)));
    let range = find(&book).unwrap();
    let entries = extract(&book, &range);
    let linker = Linker::new(&book, &entries, &range);
    let place = entries.iter().position(|entry| entry.title == "Qx").unwrap();
    assert_eq!(linker.link(place).reason, LinkReason::BetweenNeighbours);
    assert_eq!(linker.link(place).page, Some(4));
}

#[test]
fn what_is_no_contents_is_not_found() {
    let index: String = (0..30)
        .map(|i| format!("{} boats  {}\n", char::from(b'a' + i % 26), (i as u32 * 37) % 25 + 1))
        .collect();
    let figures: String =
        (0..8).map(|i| format!("{} A view of Ulm {i} . . . . . . {}\n", i + 1, 3 * i + 1)).collect();
    for page in [String::new(), prose(1), index, figures] {
        let mut pages = with_contents(&page);
        for (i, text) in pages.iter_mut().enumerate().skip(3) {
            text.push_str(&format!("\nFigure {}: A view of Ulm {}\n", i, (i - 3) / 3));
        }
        assert_eq!(find(&book(&pages)), None, "{page}");
    }
}

#[test]
fn steps_need_only_what_is_stored() {
    let pages = with_contents(&numbered_toc());
    let first = book(&pages);
    let range = find(&first).unwrap();
    let stored: ContentsRange = serde_json::from_str(&serde_json::to_string(&range).unwrap()).unwrap();
    let entries = extract(&first, &range);
    let again = book(&pages);
    assert_eq!(extract(&again, &stored), entries);
    assert_eq!(links(&again, &stored, &entries), links(&first, &range, &entries));
}

/// Lines as contents pages have them, and lines that are nearly that.
fn line() -> impl Strategy<Value = String> {
    let words = "[A-Za-zäЖ0-9.,:;()\u{fffd}-]{0,9}( [A-Za-zäЖ0-9.,-]{1,9}){0,5}";
    let number = "[0-9]{0,5}|[ivxlc]{1,6}";
    (words, "[ ]{0,4}", "[. ·…_]{0,12}", number).prop_map(|(w, s, l, n)| format!("{s}{w}{l}{n}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_taken_without_panic(
        pages in prop::collection::vec(prop::collection::vec(line(), 0..16), 0..10),
        start in 0u32..12,
        end in 0u32..12,
        page_numbers: bool,
    ) {
        let pages: Vec<String> = pages.iter().map(|lines| lines.join("\n")).collect();
        let book = book(&pages);
        if let Some(range) = find(&book) {
            let entries = extract(&book, &range);
            prop_assert_eq!(entries.len(), range.summary.count as usize, "extract reads what find saw");
            prop_assert!(range.start_page >= 1 && range.start_page <= range.end_page);
            prop_assert!(range.end_page <= book.page_count());
            for page in links(&book, &range, &entries).into_iter().flatten() {
                prop_assert!((1..=book.page_count()).contains(&page));
            }
            prop_assert!(entries.iter().all(|e| e.level >= 1 && !e.title.is_empty()));
            // A range from elsewhere, such as an older run's, is no reason to panic.
            let mut other = range;
            (other.start_page, other.end_page, other.summary.page_numbers) = (start, end, page_numbers);
            let entries = extract(&book, &other);
            links(&book, &other, &entries);
        }
    }

    #[test]
    fn any_characters_are_taken_without_panic(pages in prop::collection::vec("(?s).{0,200}", 0..6)) {
        let book = book(&pages);
        if let Some(range) = find(&book) {
            prop_assert_eq!(extract(&book, &range).len(), range.summary.count as usize);
        }
    }
}
