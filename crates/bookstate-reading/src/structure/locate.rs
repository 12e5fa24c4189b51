//! Where within its page a chapter begins.
//!
//! Invariant: the positions are in the chapters' order and never go back, so that the texts between them neither
//! overlap nor leave lines out. A chapter begins at its heading; when the heading is not found it begins where its
//! page does, or, when an earlier chapter begins on that page, with the next page or the next chapter.

use super::headings::{HeadingKind, PageHeading, gap_before, headings};
use super::made_from::{BACK_MATTER_SOURCE, FRONT_MATTER_SOURCE, PART_SOURCE};
use super::matter::end_of_book;
use super::named::{lone_word, named};
use crate::page::BlockKind;
use crate::toc::{BookText, Numeral, PageText, normalise, similar, split_title};
use bookstate_domain::{Chapter, ChapterSubject, Text, persist::NewChapter};

/// What of a chapter is needed to find its heading.
#[derive(Debug, Clone, PartialEq)]
pub struct ChapterStart {
    /// The chapter.
    pub subject: ChapterSubject,
    /// Its number as printed.
    pub number: Option<Text>,
    /// Its title.
    pub title: Option<Text>,
    /// Its first page, 1-based.
    pub page: u32,
    /// What it was made from.
    pub source: Option<Text>,
}

impl From<&Chapter> for ChapterStart {
    fn from(chapter: &Chapter) -> Self {
        Self {
            subject: chapter.subject.clone(),
            number: chapter.entry_number.clone(),
            title: chapter.title.clone(),
            page: u32::try_from(chapter.start_page).unwrap_or(1),
            source: chapter.source.clone(),
        }
    }
}

impl From<&NewChapter> for ChapterStart {
    fn from(chapter: &NewChapter) -> Self {
        Self {
            subject: chapter.subject.clone(),
            number: chapter.entry_number.clone(),
            title: chapter.title.clone(),
            page: u32::try_from(chapter.start_page).unwrap_or(1),
            source: chapter.source.clone(),
        }
    }
}

/// A place in the book: before a line of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The page, 1-based; one more than there are for the book's end.
    pub page: u32,
    /// Index into the page's lines.
    pub line: usize,
}

/// Where each of `chapters` begins; they are in their order.
pub fn locate(book: &BookText, chapters: &[ChapterStart]) -> Vec<Position> {
    let mut found: Vec<Option<Position>> = Vec::with_capacity(chapters.len());
    let mut at = Position { page: 1, line: 0 };
    let mut candidates: Option<Candidates<'_>> = None;
    for chapter in chapters {
        let from = if at.page == chapter.page { at.line } else { 0 };
        if candidates.as_ref().is_none_or(|c| c.number != chapter.page) {
            candidates = book.page(chapter.page).map(|page| Candidates::new(book, page, chapter.page));
        }
        let possible = candidates.as_ref().filter(|_| chapter.page >= at.page);
        let line = possible.and_then(|c| match chapter.source.as_deref() {
            Some(FRONT_MATTER_SOURCE | PART_SOURCE) => Some(0),
            Some(BACK_MATTER_SOURCE) => end_of_book(c.page),
            _ => c.heading_line(chapter, from),
        });
        let position = line.map(|line| Position { page: chapter.page, line });
        if let Some(position) = position {
            // The next heading on this page is a later line; this heading may take several.
            at = Position { line: position.line + 1, ..position };
        }
        found.push(position);
    }
    settle(book, chapters, &found)
}

/// The line of a page that each of the titles, with their numbers, is the heading of; `None` where none is.
pub(super) fn lines_on_page(book: &BookText, n: u32, chapters: &[ChapterStart]) -> Vec<Option<usize>> {
    let candidates = book.page(n).map(|page| Candidates::new(book, page, n));
    chapters.iter().map(|chapter| candidates.as_ref()?.heading_line(chapter, 0)).collect()
}

/// How many lines from `line` on are the chapter's title, with or without its number; 0 where they say something else.
pub(super) fn title_lines(page: &PageText, line: usize, chapter: &ChapterStart) -> usize {
    let title = normalise(chapter.title.as_deref().unwrap_or_default());
    let whole = format!("{}{title}", normalise(chapter.number.as_deref().unwrap_or_default()));
    if whole.is_empty() {
        return 0;
    }
    runs(page, line).iter().find(|run| run.equals(&title, &whole).is_some()).map_or(0, |run| run.count)
}

/// The line, and two and three lines in a row from it on.
fn runs(page: &PageText, first: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut joined = String::new();
    for (count, line) in (1..).zip(page.lines.get(first..).unwrap_or_default().iter().take(3)) {
        if joined.ends_with('-') {
            joined.pop();
        } else if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(line.text.trim_start_matches('#').trim_start());
        let without_level = named(&joined).map(|n| normalise(n.rest)).unwrap_or_default();
        let without = [normalise(split_title(&joined).rest), without_level];
        runs.push(Run { first, count, text: normalise(&joined), without });
        if joined.len() > 400 {
            break;
        }
    }
    runs
}

/// Gives those without a heading a place between their neighbours.
fn settle(book: &BookText, chapters: &[ChapterStart], found: &[Option<Position>]) -> Vec<Position> {
    let end = Position { page: book.page_count().saturating_add(1), line: 0 };
    let mut limits = vec![end; found.len()];
    let mut limit = end;
    for (slot, position) in limits.iter_mut().zip(found).rev() {
        *slot = limit;
        limit = position.unwrap_or(limit);
    }
    let mut out: Vec<Position> = Vec::with_capacity(found.len());
    for ((chapter, position), limit) in chapters.iter().zip(found).zip(limits) {
        let last = out.last().copied();
        let position = position.unwrap_or_else(|| {
            let top = Position { page: chapter.page.max(1), line: 0 };
            match last {
                Some(last) if last >= top => Position { page: last.page.saturating_add(1), line: 0 },
                _ => top,
            }
        });
        out.push(position.min(limit).max(last.unwrap_or(position.min(limit))));
    }
    out
}

/// How well a line fits; later variants are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// A line that begins with number and title, or a long title.
    RunIn,
    /// The title but for a few characters.
    Similar,
    /// The title without the number that it has.
    Title,
    /// Number and title.
    Whole,
}

/// A page's lines as candidates for headings: each line, and each two and three lines in a row.
struct Candidates<'a> {
    page: &'a PageText,
    number: u32,
    runs: Vec<Run>,
}

/// One to three lines of a page, normalised.
struct Run {
    first: usize,
    count: usize,
    text: String,
    /// Without its number, and without level word and number.
    without: [String; 2],
}

impl<'a> Candidates<'a> {
    fn new(book: &BookText, page: &'a PageText, number: u32) -> Self {
        let lines = (0..page.lines.len()).filter(|i| !book.is_contents_line(number, *i));
        let runs = lines.flat_map(|i| runs(page, i)).collect();
        Self { page, number, runs }
    }

    /// The line is one of those that can be headings.
    fn has(&self, line: usize) -> bool {
        self.runs.iter().any(|run| run.first == line)
    }

    /// The first line of the chapter's heading at or after line `from`: the best fit, of equal ones that of the
    /// fewest lines, of these the first.
    fn heading_line(&self, chapter: &ChapterStart, from: usize) -> Option<usize> {
        let title = normalise(chapter.title.as_deref().unwrap_or_default());
        let number = chapter.number.as_deref().unwrap_or_default();
        let whole = format!("{}{title}", normalise(number));
        if whole.is_empty() {
            return None;
        }
        let best = |fit: &dyn Fn(&Run) -> Option<Fit>| {
            let fitting = self.runs.iter().filter(|run| run.first >= from);
            let rated = fitting.filter_map(|run| {
                // Of equal ones the one that the file says to be a heading.
                let said = self.page.said.get(run.first).map(|line| &*line.kind);
                let unsaid = !matches!(said, Some(BlockKind::Heading { .. }));
                Some((std::cmp::Reverse(fit(run)?), unsaid, run.count, run.first))
            });
            rated.min().map(|(.., first)| first)
        };
        // Comparing letter by letter is slow, and needed only when nothing is equal.
        let line = best(&|run| run.equals(&title, &whole))
            .or_else(|| best(&|run| run.resembles(&title, &whole)))
            .or_else(|| by_number(self.page, number, &title, from).filter(|i| self.has(*i)))
            .or_else(|| begins_with(self.page, chapter.title.as_deref()?, from).filter(|i| self.has(*i)))?;
        Some(with_number_above(self.page, line, from))
    }
}

impl Run {
    fn equals(&self, title: &str, whole: &str) -> Option<Fit> {
        if self.text == whole {
            return Some(Fit::Whole);
        }
        let is_title = self.text == title || self.without.iter().any(|w| w == title);
        (!title.is_empty() && is_title).then_some(Fit::Title)
    }

    fn resembles(&self, title: &str, whole: &str) -> Option<Fit> {
        let numbered = whole.len() > title.len();
        let alike = |text: &str| similar(text, whole) || similar(text, title);
        if title.len() >= 8 && (alike(&self.text) || self.without.iter().any(|w| similar(w, title))) {
            return Some(Fit::Similar);
        }
        let long = if numbered { whole.chars().count() >= 5 } else { title.chars().count() >= 12 };
        let run_in = self.count == 1 && long && self.text.starts_with(if numbered { whole } else { title });
        run_in.then_some(Fit::RunIn)
    }
}

/// The first paragraph whose first words are the title.
fn begins_with(page: &PageText, title: &str, from: usize) -> Option<usize> {
    let title = title.trim();
    let begins = |text: &str| {
        let head = text.get(..title.len()).is_some_and(|h| h.to_lowercase() == title.to_lowercase());
        head && text.get(title.len()..).is_some_and(|rest| rest.starts_with([' ', '.', ':', ',']))
    };
    if title.chars().count() < 3 {
        return None;
    }
    let lines = page.lines.iter().enumerate().skip(from);
    lines.into_iter().find(|(i, line)| gap_before(&page.lines, *i) && begins(&line.text)).map(|(i, _)| i)
}

/// `CHAPTER 7` for an entry with the number 7, whatever its title looks like on the page.
fn by_number(page: &PageText, number: &str, title: &str, from: usize) -> Option<usize> {
    let value = Numeral::parse(number).map(|n| n.value);
    let same = |h: &PageHeading| {
        let printed = h.number.as_deref().unwrap_or_default();
        (!number.is_empty() && printed.eq_ignore_ascii_case(number))
            || (h.kind == HeadingKind::Named && value.is_some() && h.numeral.map(|n| n.value) == value)
            || (!title.is_empty() && normalise(&h.text()) == title)
    };
    headings(page).into_iter().find(|h| h.first >= from && same(h)).map(|h| h.first)
}

/// Goes up to the number that stands above the title: `CHAPTER` / `ONE` / title.
fn with_number_above(page: &PageText, line: usize, from: usize) -> usize {
    let mut first = line;
    for _ in 0..2 {
        let Some(above) = first.checked_sub(1).filter(|i| *i >= from) else { break };
        let Some(text) = page.lines.get(above).map(|l| l.text.as_str()) else { break };
        let small = text.starts_with(char::is_lowercase);
        let number = !small && Numeral::parse(text.trim_end_matches('.')).is_some();
        let word = lone_word(text).is_some() || named(text).is_some_and(|n| n.rest.is_empty());
        if !(number || word) {
            break;
        }
        first = above;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookstate_domain::EntryIdent;
    use proptest::prelude::*;

    pub(in super::super) fn start(i: u32, number: &str, title: &str, page: u32) -> ChapterStart {
        ChapterStart {
            subject: ChapterSubject::Entry(EntryIdent::Ordinal(i)),
            number: (!number.is_empty()).then(|| number.into()),
            title: Some(title.into()),
            page,
            source: None,
        }
    }

    fn lines(pages: &[&str], chapters: &[ChapterStart]) -> Vec<(u32, usize)> {
        let book = BookText::new(pages.iter().map(|p| (*p).into()).collect());
        locate(&book, chapters).into_iter().map(|p| (p.page, p.line)).collect()
    }

    #[test]
    fn several_chapters_on_one_page() {
        let page = "end of the last one\n\n1.1 First\n\ntext about the Second\n\n1.2 Second\n\nmore";
        let chapters = [start(0, "1.1", "First", 1), start(1, "1.2", "Second", 1)];
        assert_eq!(lines(&[page], &chapters), [(1, 1), (1, 3)]);
    }

    #[test]
    fn the_number_above_the_title_belongs_to_it() {
        let page = "tail\n\nCHAPTER\n\nONE\n\nTHE TITLE\n\nbody";
        assert_eq!(lines(&[page], &[start(0, "1", "The Title", 1)]), [(1, 1)]);
        assert_eq!(
            lines(&["Chapter 2. The Filesystem\n\nbody"], &[start(0, "2", "The Filesystem", 1)]),
            [(1, 0)]
        );
    }

    #[test]
    fn titles_may_wrap_run_in_or_differ_a_little() {
        let chapters = [start(0, "3", "A title that is too long for one line", 1)];
        assert_eq!(lines(&["x\n3 A title that is\ntoo long for one line\n\nbody"], &chapters), [(1, 1)]);
        assert_eq!(
            lines(&["x\n2.1 Getting help. To get help, type"], &[start(0, "2.1", "Getting help", 1)]),
            [(1, 1)]
        );
        assert_eq!(
            lines(&["x\nIntroducti0n to all of it"], &[start(0, "", "Introduction to all of it", 1)]),
            [(1, 1)]
        );
    }

    #[test]
    fn without_a_heading_a_chapter_begins_at_a_page() {
        let pages = ["one\ntwo", "First\n\nthree\nfour", "five"];
        let chapters = [start(0, "", "First", 2), start(1, "", "Nowhere", 2), start(2, "", "Gone", 3)];
        assert_eq!(lines(&pages, &chapters), [(2, 0), (3, 0), (4, 0)]);
    }

    proptest! {
        #[test]
        fn positions_never_go_back(
            pages in prop::collection::vec("([A-C ]{1,3}\n){0,6}", 1..6),
            chapters in prop::collection::vec((0u32..8, "[A-C]{1,2}"), 0..10),
        ) {
            let book = BookText::new(pages.iter().map(|p| p.as_str().into()).collect());
            let starts: Vec<_> = (0..).zip(&chapters).map(|(i, (page, title))| start(i, "", title, *page)).collect();
            let positions = locate(&book, &starts);
            prop_assert_eq!(positions.len(), starts.len());
            prop_assert!(positions.is_sorted(), "{:?}", positions);
        }
    }
}
