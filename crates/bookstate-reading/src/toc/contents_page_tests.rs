//! Pages of contents of every kind that is told apart, and pages that are none.

use super::*;
use proptest::prelude::*;
use std::sync::Arc;

fn book(pages: &[&str]) -> BookText {
    BookText::new(pages.iter().map(|p| Arc::from(*p)).collect())
}

fn read(pages: &[&str]) -> Vec<(String, Option<u32>)> {
    let book = book(pages);
    let mode = evidence(&book, 1, None).map_or(Mode::Last(Lead::Clear), |e| e.mode);
    let pages: Vec<(u32, Mode)> = (1..=book.page_count()).map(|n| (n, mode)).collect();
    entries(&book, &pages).into_iter().map(|p| (p.title, p.page.map(|n| n.value))).collect()
}

fn titles(page: &str) -> Vec<String> {
    read(&[page]).into_iter().map(|p| p.0).collect()
}

#[test]
fn wrapped_titles_are_joined() {
    let page = "1 A title that is long enough to need\n  two lines ....... 3\n2 Short ..... 5\n";
    let found = titles(&format!("{page}3 Hyphen-\n  ated .... 6\n"));
    assert_eq!(found, ["1 A title that is long enough to need two lines", "2 Short", "3 Hyphenated"]);
}

#[test]
fn the_names_of_columns_are_no_entry_nor_a_part_of_one() {
    let scanned = "CONTENTS\n\nCHAPTER                          PAGE\n I. BETWEEN WAR AND PEACE           I\n\n\
                   II. FOUNDING A GOVERNMENT         38\nIII. A NATION IN THE MAKING       116\n   APPENDIX   \
                                       293\n";
    let pages = |text: &str| read(&[text]);
    let found: Vec<_> = pages(scanned).into_iter().map(|(_, page)| page).collect();
    assert_eq!(found, [Some(1), Some(38), Some(116), Some(293)]);
    assert_eq!(pages(scanned)[0].0, "I. BETWEEN WAR AND PEACE");
}

#[test]
fn columns_are_named_by_a_level_and_a_page() {
    for line in ["CHAPTER          PAGE", "Kapitel  Seite", "Chap.   Page"] {
        assert!(names_columns(line), "{line}");
    }
    for line in ["Page", "Chapter 1  Page 3", "Chapter", "The Page", "Section s", "Anhang S.", ""] {
        assert!(!names_columns(line), "{line}");
    }
}

#[test]
fn a_part_without_page_number_is_kept() {
    let page = "Part I Beginnings\n1 One ..... 3\n2 Two ..... 5\nPart II Ends\n3 Three .... 7\n";
    assert_eq!(titles(page), ["Part I Beginnings", "1 One", "2 Two", "Part II Ends", "3 Three"]);
}

#[test]
fn sections_whose_page_number_was_not_read_are_kept_where_the_numbers_count_on() {
    let page = "1. All ...... 5\n  1.1. Names ..... 5\n    1.1.1. TEX\n    1.1.2. DATEX\n  1.2. Ideas\n    1.2.1. Us\n    \
                1.2.2. Layout ..... 6\n2. Input ..... 9\n";
    let expected = [
        "1. All",
        "1.1. Names",
        "1.1.1. TEX",
        "1.1.2. DATEX",
        "1.2. Ideas",
        "1.2.1. Us",
        "1.2.2. Layout",
        "2. Input",
    ];
    assert_eq!(titles(page), expected);
    let beside = "1. All ...... 5\n  1.1. Names ..... 5\n    1.1.3. TEX\n  1.2. Ideas ..... 6\n    2.5. of a part\n3. Rest .... 9\n";
    assert_eq!(titles(beside), ["1. All", "1.1. Names", "1.2. Ideas", "3. Rest"]);
}

#[test]
fn run_in_entries_are_taken_apart() {
    let page = "3 Text ........ 49\n   3.1 Paragraphs 49, 3.2 Double spa-\n   cing 50, 3.3 Footnotes 51\n";
    let found = titles(&format!("{page}4 Next ..... 60\n"));
    assert_eq!(found, ["3 Text", "3.1 Paragraphs", "3.2 Double spacing", "3.3 Footnotes", "4 Next"]);
}

#[test]
fn a_paragraph_of_entries_goes_on_over_the_page() {
    let pages = ["1 One ..... 1\n  1.1 Here 2, 1.2 Over\n", "  there 3, 1.3 On 4\n2 Two .... 7\n"];
    let found: Vec<String> = read(&pages).into_iter().map(|p| p.0).collect();
    assert_eq!(found, ["1 One", "1.1 Here", "1.2 Over there", "1.3 On", "2 Two"]);
}

#[test]
fn entries_of_three_lines() {
    let page = "CONTENTS\n\n CHAPTER I\n THE SEA\n    1\n\n CHAPTER II\n THE LAND\n    10\n\n CHAPTER III\n AIR\n   18\n";
    let expected = [("CHAPTER I THE SEA", 1), ("CHAPTER II THE LAND", 10), ("CHAPTER III AIR", 18)];
    assert_eq!(read(&[page]), expected.map(|(t, n)| (t.to_owned(), Some(n))));
}

#[test]
fn numbers_before_the_titles() {
    let page = "Contents\n\n 1   The Sea\n10   The Land\n18   What the Miller\n     Saw at Night in the Long Winter\n30   Air\n";
    let found = read(&[page]);
    assert_eq!(found[1], ("The Land".to_owned(), Some(10)));
    assert_eq!(found.len(), 4);
}

#[test]
fn summaries_and_authors_are_no_titles() {
    let page = "CONTENTS\n\nI. THE SEA . . . . 1\n   In which a boat is lost — a storm —\n   the end.\n\
                II. THE LAND . . . . 10\n   Of wages — a promise is kept.\nIII. AIR . . . 18\n   Of birds.\n";
    assert_eq!(titles(page), ["I. THE SEA", "II. THE LAND", "III. AIR"]);
    let page = "Contents\n\nOn the Sea . . . . 1\n   A. Miller and B. Smith\nOn the Land . . . . 10\n   C. Baker\nOn Air . . . 18\n   D. Fox\n";
    assert_eq!(titles(page), ["On the Sea", "On the Land", "On Air"]);
}

#[test]
fn weak_leads_are_read_under_a_title_only() {
    for (sep, count) in [(", ", 3), (" / ", 3), (" ", 3)] {
        let page = |title: &str| format!("{title}\n\nThe Sea{sep}1\nThe Land{sep}10\nAir and Rain{sep}18\n");
        assert_eq!(titles(&page("Contents")).len(), count, "{sep:?}");
        let untitled = book(&[&page("Some prose here")]);
        assert!(evidence(&untitled, 1, None).is_none_or(|e| e.entries < 3), "{sep:?}");
    }
}

#[test]
fn chapters_pages_and_ranges() {
    let pages = "Contents\n\n1 Sea .... 1-1\n 1.1 Salt .... 1-2\n 1.2 Ice .... 1-4\n2 Land .... 2-1\nA Tables .... A-1\n";
    assert_eq!(read(&[pages]).last().map(|p| p.1), Some(Some(1)));
    let ranges = "Contents\n\nSea .... 1-9\nLand .... 10-17\nAir .... 18-20\n";
    assert_eq!(read(&[ranges]).iter().map(|p| p.1.unwrap()).collect::<Vec<_>>(), [1, 10, 18]);
}

proptest! {
    #[test]
    fn longest_rise_is_a_rise(values in prop::collection::vec(0u8..20, 0..60)) {
        let chain = longest_rise(&values);
        prop_assert!(chain.windows(2).all(|w| w[0] < w[1] && values[w[0]] <= values[w[1]]));
        prop_assert_eq!(chain.is_empty(), values.is_empty());
    }
}
