//! A book's pages as lines, with running heads and printed page numbers told from the text.
//!
//! Invariants: pure and deterministic; every non-blank line of a page is either in `lines` or part of
//! `header` or `footer`; nothing is dropped. A line is a running head when lines of its shape recur on other
//! pages *and* it either repeats word for word or carries a number that counts the pages; so `CHAPTER 7` on
//! top of a page stays.

use super::file::FileFacts;
use super::find::{self, Contents};
use super::labels::Labels;
use super::numbers::PageNumber;
use super::outline::{self, OutlineEntry};
use super::title::{level_of_word, normalise, similar, split_glued, split_title};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// So many lines at each end of a page can be running heads.
const EDGE_LINES: usize = 2;
/// A shape is a running head's when it is seen on this many pages.
const RECURS: usize = 3;

/// The text of a whole book, page by page. Pages are numbered from 1.
#[derive(Debug)]
pub struct BookText {
    pages: Vec<PageText>,
    titles: Vec<OnceLock<TitleIndex>>,
    labels: Labels,
    outline: Vec<OutlineEntry>,
    links: Vec<Vec<(usize, u32)>>,
    contents: OnceLock<Contents>,
}

/// One page of a [`BookText`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageText {
    /// The non-blank lines between header and footer.
    pub lines: Vec<Line>,
    /// The running head, its lines joined by a space.
    pub header: Option<String>,
    /// The running foot, its lines joined by a space.
    pub footer: Option<String>,
    /// The page numbers printed on this page that agree with those of other pages; mostly none or one.
    pub labels: Vec<PageNumber>,
}

/// One non-blank line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the raw page, from 0, blank lines counted.
    pub number: usize,
    /// White space before it, in characters.
    pub indent: usize,
    /// The line without its indent and trailing white space; gaps inside are kept.
    pub text: String,
}

/// Lines of one page that belong to a printed contents, by their raw numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) page: u32,
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Region {
    pub(super) fn has(&self, page: u32, raw: usize) -> bool {
        self.page == page && (self.first..=self.last).contains(&raw)
    }
}

/// How a title stands on a page; later variants are stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TitleMatch {
    /// Not at all.
    Absent,
    /// Somewhere within the text.
    Mentioned,
    /// As up to three whole lines, as a heading does.
    Heading,
}

/// What a page's lines are as titles.
#[derive(Debug, Default)]
pub(super) struct TitleIndex {
    /// Each line, and each two and three lines in a row, normalised, with and without their numbers.
    pub(super) headings: HashSet<String>,
    /// All of the page, normalised.
    all: String,
}

impl BookText {
    /// Analyses the raw texts of all pages, in order; a page that could not be read is an empty text.
    #[must_use]
    pub fn new(pages: Vec<Arc<str>>) -> Self {
        Self::with_file(pages, FileFacts::default())
    }

    /// The same with what the book's file says beside its text.
    #[must_use]
    pub fn with_file(pages: Vec<Arc<str>>, file: FileFacts) -> Self {
        let raw: Vec<Vec<Line>> = pages.iter().map(|p| lines(p)).collect();
        let edges: Vec<Vec<Edge<'_>>> = raw.iter().map(|lines| edges(lines)).collect();
        let recurring = Recurring::new(&edges);
        let numbers: Vec<Vec<PageNumber>> =
            edges.iter().map(|page| page.iter().flat_map(|e| e.numbers.iter().copied()).collect()).collect();
        let labels = Labels::new(&numbers, &file.labels);
        let outline = outline::believed(&file.navigation, u32::try_from(pages.len()).unwrap_or(u32::MAX));
        let mut out = Vec::with_capacity(raw.len());
        for (index, lines) in raw.iter().enumerate() {
            let edges = edges.get(index).map_or(&[][..], Vec::as_slice);
            out.push(split_page(index, lines, edges, &recurring, &labels));
        }
        let titles = out.iter().map(|_| OnceLock::new()).collect();
        Self { pages: out, titles, labels, outline, links: file.links, contents: OnceLock::new() }
    }

    /// How many pages there are.
    pub fn page_count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// The page with the 1-based number `n`.
    pub fn page(&self, n: u32) -> Option<&PageText> {
        self.pages.get(n.checked_sub(1)? as usize)
    }

    /// How `title` stands on page `n`; a number in it may be there or not. Titles that recur only within
    /// running heads do not count.
    pub fn title_score(&self, title: &str, n: u32) -> TitleMatch {
        self.score(&normalise(title), n, true)
    }

    /// As [`BookText::title_score`] for a normalised title; `fuzzy` allows for a few wrong characters.
    pub(super) fn score(&self, normalised: &str, n: u32, fuzzy: bool) -> TitleMatch {
        let Some(index) = self.title_index(n).filter(|_| !normalised.is_empty()) else {
            return TitleMatch::Absent;
        };
        if index.headings.contains(normalised) {
            return TitleMatch::Heading;
        }
        if fuzzy && index.has_similar(normalised) {
            return TitleMatch::Heading;
        }
        if normalised.chars().count() >= 5 && index.all.contains(normalised) {
            return TitleMatch::Mentioned;
        }
        TitleMatch::Absent
    }

    /// Page `n` has the normalised title as a heading, to the letter. Much cheaper than [`BookText::score`].
    pub(super) fn is_heading(&self, normalised: &str, n: u32) -> bool {
        self.title_index(n).is_some_and(|index| index.headings.contains(normalised))
    }

    /// Some page other than `except` has the normalised title as a heading.
    pub(super) fn has_heading(&self, normalised: &str, except: u32) -> bool {
        (1..=self.page_count()).any(|n| n != except && self.is_heading(normalised, n))
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The file's own table of contents; empty when there is none that goes through the book.
    #[must_use]
    pub fn outline(&self) -> &[OutlineEntry] {
        &self.outline
    }

    /// What the file's own table of contents has beyond the printed one: mostly deeper levels.
    #[must_use]
    pub fn beyond_contents(&self) -> &[OutlineEntry] {
        &self.contents().beyond
    }

    /// The page to which a link on this line leads, by the line's raw number.
    pub(super) fn link(&self, n: u32, raw: usize) -> Option<u32> {
        let links = n.checked_sub(1).and_then(|i| self.links.get(i as usize))?;
        let page = links.iter().find(|(line, _)| *line == raw).map(|(_, page)| *page)?;
        (page != n && (1..=self.page_count()).contains(&page)).then_some(page)
    }

    /// The book's table of contents, found when it is first asked for.
    pub(super) fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| find::contents(self))
    }

    /// The line with this index of page `n` belongs to a printed contents.
    pub(crate) fn is_contents_line(&self, n: u32, line: usize) -> bool {
        let raw = self.page(n).and_then(|page| page.lines.get(line)).map(|l| l.number);
        raw.is_some_and(|raw| self.contents().regions.iter().any(|region| region.has(n, raw)))
    }

    /// What page `n` has as titles, without the lines of `regions`.
    pub(super) fn titles_outside(&self, n: u32, regions: &[Region]) -> Option<TitleIndex> {
        let page = self.page(n)?;
        let kept = page.lines.iter().filter(|l| !regions.iter().any(|r| r.has(n, l.number)));
        Some(TitleIndex::new(&PageText { lines: kept.cloned().collect(), ..PageText::default() }))
    }

    fn title_index(&self, n: u32) -> Option<&TitleIndex> {
        let index = n.checked_sub(1)? as usize;
        let (page, cell) = (self.pages.get(index)?, self.titles.get(index)?);
        Some(cell.get_or_init(|| TitleIndex::new(page)))
    }
}

impl TitleIndex {
    /// A heading is the normalised title but for a few characters.
    pub(super) fn has_similar(&self, normalised: &str) -> bool {
        normalised.len() >= 8 && self.headings.iter().any(|h| similar(h, normalised))
    }

    fn new(page: &PageText) -> Self {
        let mut headings = HashSet::new();
        for i in 0..page.lines.len() {
            let mut joined = String::new();
            for next in page.lines.get(i..).unwrap_or_default().iter().take(3) {
                // A title hyphenated at a line's end is the same title.
                if joined.ends_with('-') {
                    joined.pop();
                } else if !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(&next.text);
                headings.insert(normalise(&joined));
                let parts = split_title(&joined);
                // A caption ("Figure 3: …") is no heading by what follows its number.
                if parts.word.is_none_or(|w| level_of_word(w).is_some()) {
                    headings.insert(normalise(parts.rest));
                }
                if let Some((_, title)) = split_glued(&joined) {
                    headings.insert(normalise(title));
                }
            }
        }
        headings.remove("");
        let all = page.lines.iter().map(|l| normalise(&l.text)).collect();
        Self { headings, all }
    }
}

/// The non-blank lines of a raw page, tabs as spaces.
fn lines(page: &str) -> Vec<Line> {
    let mut out = Vec::new();
    for (number, raw) in page.lines().enumerate() {
        let expanded = if raw.contains('\t') { expand_tabs(raw) } else { raw.to_owned() };
        let text = expanded.trim();
        if !text.is_empty() {
            let indent = expanded.chars().take_while(|c| c.is_whitespace()).count();
            out.push(Line { number, indent, text: text.to_owned() });
        }
    }
    out
}

/// Tab stops every eight columns; at least two spaces, because a tab is never a space between words.
fn expand_tabs(line: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for c in line.chars() {
        if c == '\t' {
            let width = if column % 8 > 6 { 16 - column % 8 } else { 8 - column % 8 };
            out.extend(std::iter::repeat_n(' ', width));
            column += width;
        } else {
            out.push(c);
            column += 1;
        }
    }
    out
}

/// A line at the top or bottom of a page.
struct Edge<'a> {
    line: usize,
    at_top: bool,
    text: &'a str,
    shape: String,
    numbers: Vec<PageNumber>,
}

fn edges(lines: &[Line]) -> Vec<Edge<'_>> {
    let bottom = lines.len().saturating_sub(EDGE_LINES).max(EDGE_LINES.min(lines.len()));
    let edge = |(i, line): (usize, &'_ Line)| i < EDGE_LINES || i >= bottom || line.text.is_empty();
    lines
        .iter()
        .enumerate()
        .filter(|(i, l)| edge((*i, l)))
        .map(|(i, l)| Edge {
            line: i,
            at_top: i < EDGE_LINES,
            text: &l.text,
            shape: shape(&l.text),
            numbers: edge_numbers(&l.text),
        })
        .collect()
}

/// The line in lower case with its numbers as `#` and its gaps as single spaces.
fn shape(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        if core.bytes().all(|b| b.is_ascii_lowercase()) && PageNumber::parse(core).is_some() {
            out.push_str(&word.replace(core, "#"));
            continue;
        }
        let mut in_number = false;
        for c in word.chars().flat_map(char::to_lowercase) {
            match (c.is_numeric(), in_number) {
                (true, true) => {}
                (true, false) => out.push('#'),
                (false, _) => out.push(c),
            }
            in_number = c.is_numeric();
        }
    }
    out
}

/// Numbers at the line's ends, which may be the page's.
fn edge_numbers(text: &str) -> Vec<PageNumber> {
    let clean = |word: &str| PageNumber::parse(word.trim_matches(|c: char| !c.is_alphanumeric()));
    let mut numbers: Vec<PageNumber> = [text.split_whitespace().next(), text.split_whitespace().next_back()]
        .into_iter()
        .flatten()
        .filter_map(clean)
        .collect();
    numbers.dedup();
    numbers
}

/// What recurs at the pages' edges.
struct Recurring {
    shapes: HashMap<String, usize>,
    texts: HashMap<String, usize>,
}

impl Recurring {
    fn new(pages: &[Vec<Edge<'_>>]) -> Self {
        let mut recurring = Self { shapes: HashMap::new(), texts: HashMap::new() };
        for edge in pages.iter().flatten() {
            *recurring.shapes.entry(edge.shape.clone()).or_default() += 1;
            *recurring.texts.entry(edge.text.to_lowercase()).or_default() += 1;
        }
        recurring
    }

    fn is_running(&self, page: u32, edge: &Edge<'_>, labels: &Labels) -> bool {
        let count = |map: &HashMap<String, usize>, key: &str| map.get(key).copied().unwrap_or(0);
        // A Markdown heading and a contents entry with a leader are never running heads.
        if edge.text.starts_with("# ") || edge.text.starts_with("##") || has_leader(edge.text) {
            return false;
        }
        let counts_pages = edge.numbers.iter().any(|n| labels.give(page, *n));
        if edge.shape.chars().all(|c| !c.is_alphanumeric()) && edge.shape.contains('#') {
            return counts_pages;
        }
        let repeats = count(&self.texts, &edge.text.to_lowercase());
        let parts = split_title(edge.text);
        if parts.rest.is_empty() && parts.word.is_some_and(|w| level_of_word(w).is_some()) {
            return repeats >= RECURS;
        }
        count(&self.shapes, &edge.shape) >= RECURS && (repeats >= 2 || counts_pages)
    }
}

/// Four dots or more in a row, spaced or not.
fn has_leader(text: &str) -> bool {
    let mut dots = 0;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        dots = if c == '.' { dots + 1 } else { 0 };
        if dots >= 4 {
            return true;
        }
    }
    false
}

fn split_page(
    index: usize,
    lines: &[Line],
    edges: &[Edge<'_>],
    recurring: &Recurring,
    labels: &Labels,
) -> PageText {
    let mut page = PageText::default();
    let n = u32::try_from(index + 1).unwrap_or(u32::MAX);
    let (mut header, mut footer) = (Vec::new(), Vec::new());
    let mut running: Vec<usize> = Vec::new();
    for edge in edges.iter().filter(|e| recurring.is_running(n, e, labels)) {
        running.push(edge.line);
        if edge.at_top {
            header.push(edge.text)
        } else {
            footer.push(edge.text)
        }
        let counting = edge.numbers.iter().filter(|number| labels.give(n, **number));
        page.labels.extend(counting);
    }
    page.labels.dedup();
    page.header = (!header.is_empty()).then(|| header.join(" "));
    page.footer = (!footer.is_empty()).then(|| footer.join(" "));
    page.lines =
        lines.iter().enumerate().filter(|(i, _)| !running.contains(i)).map(|(_, l)| l.clone()).collect();
    page
}

#[cfg(test)]
mod tests {
    use super::super::NumberStyle;
    use super::*;
    use proptest::prelude::*;

    fn book(pages: impl IntoIterator<Item = String>) -> BookText {
        BookText::new(pages.into_iter().map(Arc::from).collect())
    }

    /// The page's words are its own, so that nothing recurs by accident.
    fn body(n: usize) -> String {
        format!("Text of page {n} starts here w{n}\nand goes on v{n}\nand on u{n}\nand ends t{n}")
    }

    #[test]
    fn running_heads_are_told_from_text() {
        let pages = (1..=6).map(|n| format!("{}    A Title of the Book\n{}\nprinted in Ulm", n + 8, body(n)));
        let book = book(pages);
        let page = book.page(3).unwrap();
        assert_eq!(page.header.as_deref(), Some("11    A Title of the Book"));
        assert_eq!(page.footer.as_deref(), Some("printed in Ulm"));
        assert_eq!(page.labels, [PageNumber { style: NumberStyle::Arabic, section: 0, value: 11 }]);
        assert_eq!(page.lines.len(), 4);
        assert_eq!(page.lines.first().map(|l| l.number), Some(1), "numbers are those of the raw page");
    }

    #[test]
    fn chapter_headings_stay_even_on_every_page() {
        for heading in ["CHAPTER", "Kapitel", "# Part"] {
            let book = book((1..=6).map(|n| format!("{heading} {n}\n{}", body(n))));
            let page = book.page(4).unwrap();
            assert_eq!((page.header.as_deref(), page.lines.len()), (None, 5), "{heading}");
        }
    }

    #[test]
    fn numbers_that_do_not_count_pages_are_text() {
        let book = book([7, 40, 2, 99].iter().map(|n| format!("{n}\n{}", body(*n))));
        assert!(book.page(1).unwrap().labels.is_empty());
        assert_eq!(book.page(1).unwrap().lines.len(), 5);
    }

    #[test]
    fn titles_are_headings_or_mentioned() {
        let book =
            book(["3.1 The long and winding\nroad\nIt goes on. And the silver signal\nis seen".to_owned()]);
        assert_eq!(book.title_score("The Long and Winding Road", 1), TitleMatch::Heading);
        assert_eq!(book.title_score("3.1 The long and windimg road", 1), TitleMatch::Heading);
        assert_eq!(book.title_score("silver signal", 1), TitleMatch::Mentioned);
        assert_eq!(book.title_score("golden signal", 1), TitleMatch::Absent);
        assert_eq!(book.title_score("road", 2), TitleMatch::Absent, "there is no page 2");
        assert_eq!(book.title_score("", 1), TitleMatch::Absent);
    }

    #[test]
    fn a_caption_is_no_heading_by_its_title() {
        let book = book(["Figure 3: The silver signal\nbelow".to_owned()]);
        assert_eq!(book.title_score("The silver signal", 1), TitleMatch::Mentioned);
    }

    proptest! {
        #[test]
        fn every_line_is_kept(pages in prop::collection::vec("([a-c1-3ivx .]{0,8}\n){0,6}", 0..8)) {
            let book = book(pages.clone());
            prop_assert_eq!(book.page_count() as usize, pages.len());
            for (i, raw) in pages.iter().enumerate() {
                let page = book.page(i as u32 + 1).unwrap();
                let words = |text: &str| text.split_whitespace().count();
                let count = |text: &Option<String>| text.as_deref().map_or(0, words);
                let in_lines: usize = page.lines.iter().map(|l| words(&l.text)).sum();
                let kept = in_lines + count(&page.header) + count(&page.footer);
                prop_assert_eq!(kept, words(raw));
            }
        }
    }
}
