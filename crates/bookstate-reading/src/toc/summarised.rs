//! Contents that tell what is in each chapter: under `CHAPTER II` and a title a paragraph of topics, with one page
//! number at its end. Usual in books of the nineteenth century.
//!
//! No line of such a paragraph is an entry. What shows them is that chapters open in series, one after the other
//! within a page or two, where the book's own chapters are longer; and that what is below each ends in a number that
//! never falls.

use super::contents_page::{Printed, lines, longest_rise};
use super::entry_line::{is_leader, is_title, parse, parse_number_alone};
use super::numbers::{NumberStyle, PageNumber, decimal, roman};
use super::page_text::{BookText, Line, Region};
use super::same_title::normalise;
use super::title::{level_of_word, split_title};

/// Such contents are looked for on this many pages.
const EARLY_PAGES: u32 = 40;
/// Fewer chapters are no series.
const FEWEST: usize = 3;
/// What is told of a chapter ends on the page after the next, at most.
const LONGEST: u32 = 2;
/// So many chapters in a row a reader by machine may not have seen, less one.
const MOST_UNSEEN: u32 = 3;
/// A title has so many lines.
const TITLE_LINES: usize = 3;
/// What is centred stands so far to the right of a paragraph, in characters.
const CENTRED: usize = 6;

/// How many of the chapters must come back as headings behind the list, of ten.
const COME_BACK: usize = 5;

/// `CHAPTER II`, `CHAPTER II. The Mill`, or `II` alone on a line.
struct Opening<'a> {
    /// Empty where there is only a number.
    word: &'a str,
    number: &'a str,
    /// `None` where a reader by machine made no number of it.
    value: Option<u32>,
    /// What follows on the line.
    rest: &'a str,
}

/// The first such contents of the book.
pub(super) fn find(book: &BookText) -> Option<Vec<Printed>> {
    let early = EARLY_PAGES.min(book.page_count());
    let of_page = |n| lines(book, n).0.into_iter().map(move |line| (n, line));
    let all: Vec<(u32, Line)> = (1..=early).flat_map(of_page).collect();
    let openings: Vec<usize> = (0..all.len())
        .filter(|i| all.get(*i).is_some_and(|(_, line)| opening(&line.text).is_some()))
        .collect();
    (0..openings.len()).find_map(|first| {
        let series = series(&all, openings.get(first..)?);
        let list: Option<Vec<Printed>> =
            (0..series.len()).map(|nth| entry(&all, &series, nth, is_roman(&all, &series))).collect();
        list.filter(|list| is_contents(list) && comes_back(book, list))
    })
}

/// From the first chapter to the last one's page number.
pub(super) fn regions(list: &[Printed]) -> Vec<Region> {
    let (Some(first), Some(last)) = (list.first(), list.last()) else { return Vec::new() };
    let region =
        |page| Region { page, first: 0, last: if page == last.on_page { last.line } else { usize::MAX } };
    (first.on_page..=last.on_page).map(region).collect()
}

fn opening(text: &str) -> Option<Opening<'_>> {
    let bare = |number: &'_ str| -> bool { (1..=7).contains(&number.chars().count()) };
    let trimmed = text.trim().trim_end_matches(['.', ',', ':']);
    if !trimmed.contains(char::is_whitespace) {
        let capitals = trimmed.bytes().all(|b| b.is_ascii_uppercase());
        let value = roman(trimmed).filter(|_| capitals && bare(trimmed))?;
        return Some(Opening { word: "", number: trimmed, value: Some(value), rest: "" });
    }
    let parts = split_title(text);
    if let (Some(word), Some(number)) = (parts.word, parts.number) {
        level_of_word(word).filter(|level| *level != "appendix")?;
        let value = decimal(number).or_else(|| roman(number));
        return value.map(|value| Opening { word, number, value: Some(value), rest: parts.rest });
    }
    // What was a number, in letters as large as the word's.
    let mut words = text.split_whitespace();
    let (word, number, None) = (words.next()?, words.next()?, words.next()) else { return None };
    let number = number.trim_matches(|c: char| !c.is_alphanumeric());
    let word = word.trim_end_matches('.');
    level_of_word(word).filter(|level| *level != "appendix")?;
    let misread = number.chars().all(|c| c.is_uppercase() || c.is_ascii_digit() || "il1".contains(c));
    (bare(number) && misread).then_some(Opening { word, number, value: None, rest: "" })
}

/// A line that opens a chapter, and the chapter's number.
#[derive(Clone, Copy)]
struct Chapter {
    at: usize,
    number: u32,
}

/// The lines that open the first chapter, the second and so on. A number that does not rise was misread, and is the next
/// one; one that leaves some out is kept: their lines were not seen.
fn series(all: &[(u32, Line)], openings: &[usize]) -> Vec<Chapter> {
    let mut series: Vec<Chapter> = Vec::new();
    let (mut last, mut as_read): (Option<(u32, String, u32)>, usize) = (None, 0);
    for at in openings.iter().copied() {
        let Some((page, line)) = all.get(at) else { break };
        let Some(opening) = opening(&line.text) else { break };
        let word = normalise(opening.word);
        let number = match &last {
            None if opening.value == Some(1) => 1,
            Some((before, same, number))
                if *page <= before + LONGEST && word == *same && opening.value != Some(1) =>
            {
                opening
                    .value
                    .filter(|value| (number + 1..=number + MOST_UNSEEN).contains(value))
                    .unwrap_or(number + 1)
            }
            _ => break,
        };
        as_read += usize::from(opening.value == Some(number));
        series.push(Chapter { at, number });
        last = Some((*page, word, number));
    }
    if series.len() < FEWEST || as_read * 4 < series.len() * 3 { Vec::new() } else { series }
}

fn is_roman(all: &[(u32, Line)], series: &[Chapter]) -> bool {
    let numbers = series.iter().filter_map(|chapter| Some(opening(&all.get(chapter.at)?.1.text)?.number));
    let (arabic, all): (Vec<&str>, Vec<&str>) = numbers.partition(|number| decimal(number).is_some());
    arabic.len() < all.len()
}

/// The chapter that is the `nth` of the series, from 0; without a page number where none ends what is below it.
fn entry(all: &[(u32, Line)], series: &[Chapter], nth: usize, is_roman: bool) -> Option<Printed> {
    let Chapter { at, number: counted } = *series.get(nth)?;
    let (on_page, line) = all.get(at)?;
    let opening = opening(&line.text)?;
    let below = all.get(at + 1..series.get(nth + 1).map_or(all.len(), |next| next.at))?;
    // The last one's ends somewhere; behind it are an appendix, a list of plates, the book.
    let mut numbers =
        below.iter().enumerate().filter(|(_, (page, _))| *page <= on_page + LONGEST).filter_map(
            |(i, (page, line))| number_at_end(&line.text).map(|number| (number, *page, line.number, i)),
        );
    let number = if nth + 1 < series.len() { numbers.next_back() } else { numbers.next() };
    let below = number.as_ref().and_then(|(.., i)| below.get(..=*i)).unwrap_or(below);
    let counts = match (opening.value == Some(counted), is_roman) {
        (true, _) => opening.number.to_owned(),
        // Its neighbours say which one it is.
        (false, true) => {
            PageNumber { style: NumberStyle::Roman, section: 0, value: counted }.to_string().to_uppercase()
        }
        (false, false) => counted.to_string(),
    };
    let title = title(line, opening.rest, *on_page, below).unwrap_or_default();
    Some(Printed {
        title: format!("{} {counts} {title}", opening.word).trim().to_owned(),
        page: number.as_ref().map(|((page, _), ..)| *page),
        printed: number.as_ref().map(|((_, printed), ..)| printed.clone()),
        indent: 0,
        on_page: number.as_ref().map_or(*on_page, |(_, page, ..)| *page),
        line: number.map_or(line.number, |(_, _, line, _)| line),
    })
}

/// `… and the reign of bad taste   page 185`, or the number alone.
fn number_at_end(text: &str) -> Option<(PageNumber, String)> {
    let alone = || parse_number_alone(text).map(|(page, printed)| (page, printed.to_owned()));
    let clear = |entry: &super::entry_line::EntryLine| entry.lead == super::entry_line::Lead::Clear;
    parse(text).filter(clear).map(|entry| (entry.page, entry.shown())).or_else(alone)
}

/// The title behind or below an opening: set apart from the paragraph, by a gap, by its place in the line, or as the
/// paragraph's first words.
fn title(opening: &Line, rest: &str, on_page: u32, below: &[(u32, Line)]) -> Option<String> {
    let with_words = |line: &&Line| line.text.chars().filter(|c| c.is_alphabetic()).nth(1).is_some();
    let mut last = opening.number;
    let first_block: Vec<&Line> = below
        .iter()
        .take_while(|(page, _)| *page == on_page)
        .map(|(_, line)| line)
        .filter(with_words)
        .take_while(|line| {
            // The gap below an opening that is alone is none between lines of a title.
            let goes_on = (rest.is_empty() && last == opening.number) || line.number == last + 1;
            last = line.number;
            goes_on
        })
        .collect();
    let left = below.iter().filter(|(page, _)| *page == on_page).map(|(_, line)| line.indent).min()?;
    let apart = first_block.len() <= TITLE_LINES && first_block.len() < below.len();
    let centred = first_block.iter().take_while(|line| line.indent >= left + CENTRED).count();
    let lines = if apart { first_block.len() } else { centred };
    let of_block = first_block.get(..lines)?.iter().map(|line| line.text.as_str());
    let mut joined = std::iter::once(rest).chain(of_block).collect::<Vec<_>>().join(" ").trim().to_owned();
    if !apart && !rest.is_empty() {
        // `EARLY LIFE.—Birth—Parentage`: the topics follow at once.
        let end = [".—", ". ", "—", " - "].into_iter().filter_map(|mark| joined.find(mark)).min();
        joined.truncate(end.unwrap_or(joined.len()));
    }
    if joined.is_empty() || lines > TITLE_LINES {
        return None;
    }
    let title = parse(&joined).map_or(joined, |entry| entry.title);
    let title = title.trim_end_matches(|c: char| c.is_whitespace() || is_leader(c) || c == ',');
    is_title(title).then(|| title.to_owned())
}

fn is_contents(list: &[Printed]) -> bool {
    let numbers: Vec<PageNumber> = list.iter().filter_map(|entry| entry.page).collect();
    let rising = longest_rise(&numbers).len();
    list.len() >= FEWEST && rising * 3 >= list.len() * 2 && rising * 5 >= numbers.len() * 4
}

/// The chapters stand in the book behind the list: by their titles, or by word and number.
fn comes_back(book: &BookText, list: &[Printed]) -> bool {
    let Some(last) = list.last() else { return false };
    let behind = |entry: &&Printed| {
        let parts = split_title(&entry.title);
        let opening =
            parts.word.zip(parts.number).map(|(word, number)| normalise(&format!("{word} {number}")));
        let title = Some(normalise(parts.rest)).filter(|title| title.chars().count() >= 4);
        let forms: Vec<String> = opening.into_iter().chain(title).collect();
        (last.on_page + 1..=book.page_count())
            .any(|page| forms.iter().any(|form| book.is_heading(form, page)))
    };
    list.iter().filter(behind).count() * 10 >= list.len() * COME_BACK
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const FIRST: &str = "\
                      CHAPTER I.

               The Mill and the River

     A miller and his sons. The weir. What the flood left.
Debts, and how they were paid. A journey to the
coast in 1753 and 1760.                           page 1

                      CHAPTER IE
               A Letter from the Coast,
                    and Another.

     The packet. A reader of letters. Snow on the road,
and the mail late. The answer                      page 22
";
    const SECOND: &str = "\
                      CHAPTER III.

     The lamp in the window. Strangers, and a dog. The
miller speaks at last                               page 40

                      CHAPTER IV.

                      The End

     Of all that was lost, and of what was found. The
river goes on                                       page 58

                      APPENDIX.

     A list of mills                                page 70
";

    /// These pages, and the chapters behind them.
    fn book(pages: &[&str]) -> BookText {
        let chapters =
            ["I", "II", "III", "IV"].map(|n| format!("CHAPTER {n}\n\nIt was dark, and it rained.\n"));
        let pages = pages.iter().copied().chain(chapters.iter().map(String::as_str));
        BookText::new(pages.map(Arc::from).collect())
    }

    fn read(list: &[Printed]) -> Vec<(&str, &str)> {
        list.iter().map(|e| (e.title.as_str(), e.printed.as_deref().unwrap_or_default())).collect()
    }

    #[test]
    fn a_paragraph_under_each_chapter() {
        let list = find(&book(&["A title", FIRST, SECOND])).unwrap();
        assert_eq!(
            read(&list),
            [
                ("CHAPTER I The Mill and the River", "1"),
                ("CHAPTER II A Letter from the Coast, and Another", "22"),
                ("CHAPTER III", "40"),
                ("CHAPTER IV The End", "58"),
            ]
        );
        assert_eq!(regions(&list).last().map(|r| (r.page, r.last)), Some((3, list.last().unwrap().line)));
    }

    #[test]
    fn titles_behind_the_number_and_topics_behind_titles() {
        let page = "\
CHAPTER I. EARLY LIFE.—Birth—Parentage—A school by
    the river—Friends, and what became of them—
    The first voyage . . . . . . . . . . . . 1

CHAPTER II. AT SEA.—The packet—Storms off the coast
    —A letter, and no answer—The Indies—Illness
    and return  . . . . . . . . . . . . . . . 19

CHAPTER III. THE MILL.—Debts, and how they were
    paid—A lamp in the window—Strangers—
    The end  . . . . . . . . . . . . . . . . . 40
";
        let list = find(&book(&["A title", page])).unwrap();
        let expected =
            [("CHAPTER I EARLY LIFE", "1"), ("CHAPTER II AT SEA", "19"), ("CHAPTER III THE MILL", "40")];
        assert_eq!(read(&list), expected);
    }

    #[test]
    fn a_chapter_that_was_not_seen_leaves_the_others_their_numbers() {
        let entry = |n: &str, page: u32| {
            format!("CHAPTER {n}\n\n   Of this and of that, at some length\nand no more  {page}\n\n")
        };
        let page = [("I", 1), ("II", 9), ("IV", 30), ("IV", 40), ("VI", 50)]
            .map(|(n, page)| entry(n, page))
            .concat();
        let list = find(&book(&[&page])).unwrap();
        let expected = ["CHAPTER I", "CHAPTER II", "CHAPTER IV", "CHAPTER V", "CHAPTER VI"];
        assert_eq!(list.iter().map(|e| e.title.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn numbers_alone_above_titles() {
        let entry = |n: &str, title: &str, page: &str| {
            format!(
                "          {n}.\n\n       {title}\n\n  Of this, of that, and of much that is lost\nand found again  {page}\n\n"
            )
        };
        let page = [entry("I", "The Mill", "1"), entry("II", "The Weir", "9"), entry("III", "The Sea", "30")]
            .concat();
        let body =
            ["The Mill", "The Weir", "The Sea"].map(|t| format!("{t}\n\nIt was dark, and it rained.\n"));
        let pages: Vec<&str> = [page.as_str()].into_iter().chain(body.iter().map(String::as_str)).collect();
        let list = find(&book(&pages)).unwrap();
        assert_eq!(read(&list), [("I The Mill", "1"), ("II The Weir", "9"), ("III The Sea", "30")]);
        assert!(
            find(&BookText::new(vec![Arc::from(page.as_str())])).is_none(),
            "nothing of it is in the book"
        );
    }

    /// Plates between the pages: no one offset; and titles that are read otherwise than in the contents.
    #[test]
    fn misread_titles_are_linked_by_word_and_number() {
        let mut pages: Vec<String> = [FIRST, SECOND].map(str::to_owned).into();
        for (number, plates) in [("I", 3), ("II", 29), ("III", 31), ("IV", 40)] {
            pages.extend((0..plates).map(|n| format!("He went to the mill for the {n}th time.\n")));
            pages.push(format!("CHAPTER {number}\n\nT4E M1LL AXD ITS W00D\n\nIt was dark.\n"));
        }
        let book = book(&pages.iter().map(String::as_str).collect::<Vec<_>>());
        let range = super::super::find(&book).unwrap();
        let entries = super::super::extract(&book, &range);
        let linker = super::super::Linker::new(&book, &entries, &range);
        let pages: Vec<Option<u32>> = (0..entries.len()).map(|i| linker.link(i).page).collect();
        assert_eq!(pages, [Some(6), Some(36), Some(68), Some(109)]);
    }

    #[test]
    fn short_chapters_of_a_book_are_no_contents() {
        let chapter = |n: &str| format!("CHAPTER {n}\n\nThe Mill\n\nHe went to the mill, and it was dark.\n");
        let pages = [chapter("I"), chapter("II"), chapter("III"), chapter("IV")];
        assert!(find(&book(&pages.each_ref().map(String::as_str))).is_none(), "nothing ends in a number");
        let far: Vec<&str> = [FIRST, "prose", "prose", "prose", SECOND].into();
        assert!(find(&book(&far)).is_none(), "two here, two there");
    }
}
