//! A book's pages as lines, with running heads and printed page numbers told from the text.
//!
//! Invariants: pure and deterministic; every word of a page is in `lines`, in a note, or in what was set aside, which
//! header and footer are part of; nothing is dropped. What is a running head is told by
//! [`running`](crate::text::running); a book that has no pages of its own (plain text, Markdown) has none; the pages of a
//! text file may end in their numbers.

use super::edge_numbers::{edge_numbers, numbers_at_ends};
use super::file::FileFacts;
use super::find::{self, Contents};
use super::labels::Labels;
use super::numbers::PageNumber;
use super::outline::{self, OutlineEntry};
use super::said::{SaidLine, said_lines};
use super::same_title::normalise;
use super::title::{level_of_word, split_title};
use super::title_index::TitleIndex;
use crate::page::{Page, SetAsideReason};
use crate::text::line::{LineType, body_size, line_types};
use crate::text::margin::{Numbered, line_numbers};
use crate::text::notes::{PageNote, Reference, page_notes, references};
use crate::text::running;
use std::sync::{Arc, OnceLock};

/// The text of a whole book, page by page. Pages are numbered from 1.
#[derive(Debug)]
pub struct BookText {
    pages: Vec<PageText>,
    titles: Vec<OnceLock<TitleIndex>>,
    labels: Labels,
    outline: Vec<OutlineEntry>,
    links: Vec<Vec<(usize, u32)>>,
    /// It has no pages of its own.
    flows: bool,
    contents: OnceLock<Contents>,
}

/// One page of a [`BookText`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageText {
    /// The non-blank lines between header and footer.
    pub lines: Vec<Line>,
    /// The running head, its lines joined by a space.
    pub header: Option<String>,
    /// The running foot, its lines joined by a space.
    pub footer: Option<String>,
    /// The page numbers printed on this page that agree with those of other pages; mostly none or one.
    pub labels: Vec<PageNumber>,
    /// How each of `lines` is set; empty where that is not known.
    pub types: Vec<LineType>,
    /// What the file says of each of `lines`; empty where it says nothing.
    pub said: Vec<SaidLine>,
    /// Its notes, which are not among `lines`; those that `said` has are.
    pub notes: Vec<NoteText>,
    /// What of it is neither text nor note, and why, in its order.
    pub set_aside: Vec<(SetAsideReason, String)>,
}

/// A note at a page's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteText {
    /// Its mark, as printed; empty for the rest of a note that began on the page before.
    pub mark: String,
    /// Its lines, without the mark.
    pub lines: Vec<String>,
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

impl BookText {
    /// Analyses the raw texts of all pages, in order; a page that could not be read is an empty text.
    #[must_use]
    pub fn new(pages: Vec<Arc<str>>) -> Self {
        Self::with_file(pages, FileFacts::default())
    }

    /// The same with what the book's file says beside its text.
    #[must_use]
    pub fn with_file(pages: Vec<Arc<str>>, file: FileFacts) -> Self {
        Self::with_places(pages, file, |_| None)
    }

    /// As [`BookText::with_file`], where `page` gives the page (by its 1-based number) that a text was made of, with places
    /// and type; a page whose lines are not those of the text does not count.
    #[must_use]
    pub fn with_places(pages: Vec<Arc<str>>, file: FileFacts, page: impl Fn(u32) -> Option<Page>) -> Self {
        let mut sheets: Vec<Sheet> = (1..).zip(&pages).map(|(n, text)| Sheet::new(text, page(n))).collect();
        take_line_numbers(&mut sheets);
        let mut edges: Vec<Vec<running::Edge>> = sheets.iter().map(Sheet::edges).collect();
        let numbers_of = |sheet: &Sheet, edge: &running::Edge| {
            sheet.lines.get(edge.line).map(|l| edge_numbers(&l.text)).unwrap_or_default()
        };
        let numbers: Vec<Vec<PageNumber>> = sheets
            .iter()
            .zip(&edges)
            .map(|(sheet, edges)| edges.iter().flat_map(|e| numbers_of(sheet, e)).collect())
            .collect();
        let labels = Labels::new(&numbers, &file.labels);
        for ((n, sheet), edges) in (1..).zip(&sheets).zip(&mut edges) {
            for edge in edges {
                edge.counts = numbers_of(sheet, edge).iter().any(|number| labels.give(n, *number));
            }
        }
        let lines: Vec<usize> = sheets.iter().map(|s| s.lines.len()).collect();
        let found = running::running(&edges, &lines);
        let mut out: Vec<PageText> = Vec::with_capacity(sheets.len());
        for (((n, sheet), edges), found) in (1..).zip(sheets).zip(&edges).zip(&found) {
            let heads = edges.iter().zip(found).filter(|(_, f)| **f).map(|(e, _)| e);
            out.push(sheet.split(n, heads.collect(), &labels));
        }
        take_notes(&mut out);
        Self::of_pages(out, labels, file, false)
    }

    /// A book that has no pages of its own: nothing is a running head. `page` gives the page that a text was made of,
    /// where its file says what its blocks are.
    #[must_use]
    pub fn flowing(pages: Vec<Arc<str>>, file: FileFacts, page: impl Fn(u32) -> Option<Page>) -> Self {
        let page = |(n, text): (u32, &Arc<str>)| {
            let (lines, page) = (lines(text), page(n));
            let said = page.as_ref().map(|page| said_lines(&lines, page)).unwrap_or_default();
            let own = page.into_iter().flat_map(|page| page.set_aside);
            let set_aside = own.map(|aside| (aside.reason, aside.text)).collect();
            PageText { lines, said, set_aside, ..PageText::default() }
        };
        Self::of_pages((1..).zip(&pages).map(page).collect(), Labels::default(), file, true)
    }

    /// The texts of a text file, which may be pages of a print that end in their numbers.
    #[must_use]
    pub fn of_text(pages: Vec<Arc<str>>, file: FileFacts) -> Self {
        let mut out: Vec<PageText> =
            pages.iter().map(|text| PageText { lines: lines(text), ..PageText::default() }).collect();
        let ends: Vec<Option<&str>> = out
            .iter()
            .map(|page| page.lines.iter().skip(1).next_back().map(|line| line.text.as_str()))
            .collect();
        let (labels, numbers) = numbers_at_ends(&ends);
        for (page, numbers) in out.iter_mut().zip(numbers).filter(|(_, numbers)| !numbers.is_empty()) {
            let line = page.lines.pop().map(|line| (SetAsideReason::PageNumber, line.text));
            page.set_aside.extend(line);
            page.labels = numbers;
        }
        Self::of_pages(out, labels, file, true)
    }

    fn of_pages(pages: Vec<PageText>, labels: Labels, file: FileFacts, flows: bool) -> Self {
        let outline = outline::believed(&file.navigation, u32::try_from(pages.len()).unwrap_or(u32::MAX));
        let titles = pages.iter().map(|_| OnceLock::new()).collect();
        Self { pages, titles, labels, outline, links: file.links, flows, contents: OnceLock::new() }
    }

    /// The book has no pages of its own: it was cut in pieces that mean nothing.
    pub(crate) fn flows(&self) -> bool {
        self.flows
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
        if index.has(normalised) {
            return TitleMatch::Heading;
        }
        if fuzzy && index.has_similar(normalised) {
            return TitleMatch::Heading;
        }
        if normalised.chars().count() >= 5 && index.mentions(normalised) {
            return TitleMatch::Mentioned;
        }
        TitleMatch::Absent
    }

    /// Page `n` has the normalised title as a heading, to the letter. Much cheaper than [`BookText::score`].
    pub(super) fn is_heading(&self, normalised: &str, n: u32) -> bool {
        self.title_index(n).is_some_and(|index| index.has(normalised))
    }

    /// A line of page `n` below its line `raw` is the normalised title and stands by itself.
    pub(super) fn is_heading_below(&self, normalised: &str, n: u32, raw: usize) -> bool {
        let Some(page) = self.page(n) else { return false };
        let number = |i: usize| page.lines.get(i).map(|l| l.number);
        let alone = |i: usize, at: usize| {
            let above = i.checked_sub(1).and_then(number).is_none_or(|above| above + 1 < at);
            above && number(i + 1).is_none_or(|below| at + 1 < below)
        };
        let lines = page.lines.iter().enumerate().filter(|(_, l)| l.number > raw);
        lines.into_iter().any(|(i, l)| alone(i, l.number) && normalise(&l.text) == normalised)
    }

    /// Some page other than `except` has the normalised title as a heading.
    pub(super) fn has_heading(&self, normalised: &str, except: u32) -> bool {
        (1..=self.page_count()).any(|n| n != except && self.is_heading(normalised, n))
    }

    /// The book's file says what its lines are: headings, lists, notes.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.pages.iter().any(|page| !page.said.is_empty())
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
        Some(TitleIndex::new(kept.map(|l| l.text.as_str())))
    }

    fn title_index(&self, n: u32) -> Option<&TitleIndex> {
        let index = n.checked_sub(1)? as usize;
        let (page, cell) = (self.pages.get(index)?, self.titles.get(index)?);
        Some(cell.get_or_init(|| TitleIndex::new(page.lines.iter().map(|l| l.text.as_str()))))
    }
}

/// The non-blank lines of a raw page, tabs as spaces.
pub(super) fn lines(page: &str) -> Vec<Line> {
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

/// A page before its lines are told apart.
struct Sheet {
    lines: Vec<Line>,
    types: Vec<LineType>,
    height: f32,
    set_aside: Vec<(SetAsideReason, String)>,
}

impl Sheet {
    fn new(text: &str, page: Option<Page>) -> Self {
        let lines = lines(text);
        let height = page.as_ref().and_then(|p| p.size).map_or(0.0, |(_, height)| height);
        let set = page.as_ref().map(line_types).unwrap_or_default();
        let same =
            set.len() == lines.len() && set.iter().zip(&lines).all(|((text, _), line)| *text == line.text);
        let types: Vec<LineType> = set.into_iter().filter(|_| same).map(|(_, set)| set).collect();
        let lowest = types.iter().filter_map(|t| t.place).map(|p| p.y1).fold(0.0, f32::max);
        let own = page.map(|p| p.set_aside).unwrap_or_default();
        let set_aside = own.into_iter().map(|s| (s.reason, s.text)).collect();
        Self { lines, types, height: height.max(lowest), set_aside }
    }

    fn edges(&self) -> Vec<running::Edge> {
        let texts: Vec<&str> = self.lines.iter().map(|l| l.text.as_str()).collect();
        let mut edges = running::edges(&texts, &self.types, self.height);
        for edge in &mut edges {
            let Some(text) = texts.get(edge.line) else { continue };
            // A Markdown heading and a contents entry with a leader are never running heads.
            edge.stays |= text.starts_with("# ") || text.starts_with("##") || has_leader(text);
            let parts = split_title(text);
            let named = parts.rest.is_empty() && parts.word.is_some_and(|w| level_of_word(w).is_some());
            edge.exact = named;
        }
        edges
    }

    fn split(self, n: u32, mut heads: Vec<&running::Edge>, labels: &Labels) -> PageText {
        let mut page = PageText { set_aside: self.set_aside, ..PageText::default() };
        let (mut header, mut footer) = (Vec::new(), Vec::new());
        heads.sort_by_key(|edge| edge.line);
        for edge in &heads {
            let Some(line) = self.lines.get(edge.line) else { continue };
            if edge.at_top {
                header.push(line.text.as_str());
            } else {
                footer.push(line.text.as_str());
            }
            page.labels.extend(edge_numbers(&line.text).into_iter().filter(|number| labels.give(n, *number)));
            let letters = edge.shape.contains(char::is_alphabetic);
            let reason = if letters { SetAsideReason::RunningHead } else { SetAsideReason::PageNumber };
            page.set_aside.push((reason, line.text.clone()));
        }
        page.labels.dedup();
        page.header = (!header.is_empty()).then(|| header.join(" "));
        page.footer = (!footer.is_empty()).then(|| footer.join(" "));
        let kept = |i: usize| !heads.iter().any(|edge| edge.line == i);
        let types = self.types.into_iter().enumerate();
        page.types = types.filter(|(i, _)| kept(*i)).map(|(_, t)| t).collect();
        let lines = self.lines.into_iter().enumerate();
        page.lines = lines.filter(|(i, _)| kept(*i)).map(|(_, l)| l).collect();
        page
    }
}

/// Takes printed numbers of lines out of their lines.
fn take_line_numbers(sheets: &mut [Sheet]) {
    let texts: Vec<Vec<&str>> =
        sheets.iter().map(|s| s.lines.iter().map(|l| l.text.as_str()).collect()).collect();
    let found = line_numbers(&texts);
    for (sheet, found) in sheets.iter_mut().zip(found) {
        let mut gone: Vec<usize> = Vec::new();
        for (i, how) in found {
            let Some(line) = sheet.lines.get_mut(i) else { continue };
            let number = match how {
                Numbered::Alone => {
                    gone.push(i);
                    std::mem::take(&mut line.text)
                }
                Numbered::Right(kept) => line.text.split_off(kept).trim().to_owned(),
                Numbered::Left(until) => {
                    let rest = line.text.split_off(until);
                    line.indent += until;
                    std::mem::replace(&mut line.text, rest).trim().to_owned()
                }
            };
            sheet.set_aside.push((SetAsideReason::LineNumber, number));
        }
        let mut i = 0;
        sheet.types.retain(|_| {
            i += 1;
            !gone.contains(&(i - 1))
        });
        sheet.lines.retain(|l| !l.text.is_empty());
    }
}

impl PageText {
    /// Where its lines refer to its notes.
    pub(crate) fn references(&self) -> Vec<Reference> {
        let texts: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
        let marks: Vec<&str> = self.notes.iter().map(|note| note.mark.as_str()).collect();
        references(&texts, &self.types, &marks)
    }
}

/// Takes the notes at the pages' ends out of their lines.
fn take_notes(pages: &mut [PageText]) {
    let lines = pages.iter().flat_map(|p| p.lines.iter().map(|l| l.text.as_str()).zip(&p.types));
    let body = body_size(lines);
    let mut before = false;
    for page in pages {
        let texts: Vec<&str> = page.lines.iter().map(|l| l.text.as_str()).collect();
        let found = page_notes(&texts, &page.types, body, before);
        before = !found.is_empty();
        let note = |note: &PageNote| {
            let mut lines: Vec<String> =
                texts.get(note.first..note.end).unwrap_or_default().iter().map(|t| (*t).to_owned()).collect();
            if let Some(first) = lines.first_mut() {
                *first = first.get(note.skip..).unwrap_or_default().to_owned();
            }
            NoteText { mark: note.mark.clone(), lines }
        };
        page.notes = found.iter().map(note).collect();
        if let Some(first) = found.first() {
            page.lines.truncate(first.first);
            page.types.truncate(first.first);
        }
    }
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
                let in_lines: usize = page.lines.iter().map(|l| words(&l.text)).sum();
                let in_notes: usize =
                    page.notes.iter().map(|n| words(&n.mark) + n.lines.iter().map(|l| words(l)).sum::<usize>()).sum();
                let aside: usize = page.set_aside.iter().map(|(_, text)| words(text)).sum();
                prop_assert_eq!(in_lines + in_notes + aside, words(raw));
            }
        }
    }
}
