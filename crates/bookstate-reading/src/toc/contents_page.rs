//! The entries on the pages of a contents, line by line, with wrapped titles joined.
//!
//! Not here: which pages are contents (`find`), and which of several lists on them is the contents (`lists`).

use super::entry_line::{EntryLine, Lead, is_leader, is_title, parse, parse_run_in};
use super::numbers::PageNumber;
use super::page_text::{BookText, Line};
use super::side_by_side::reading_order;
use super::title::{level_of_word, normalise, split_title};
use std::collections::HashSet;

/// An entry as it stands on a contents page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Printed {
    /// Number and title as printed.
    pub(super) title: String,
    /// `None` for a title without a page number, such as a part's.
    pub(super) page: Option<PageNumber>,
    /// The page number as printed.
    pub(super) printed: Option<String>,
    /// White space before the title, in characters.
    pub(super) indent: usize,
    /// The contents page it stands on.
    pub(super) on_page: u32,
}

/// What speaks for a page being contents.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    /// Entry lines.
    pub(super) entries: usize,
    /// Their share of the page's lines.
    pub(super) share: f64,
    /// Share of them whose page numbers do not fall.
    pub(super) ordered: f64,
    /// Share of them whose page numbers the book can have.
    pub(super) plausible: f64,
    /// Share of different titles.
    pub(super) distinct: f64,
}

/// A lenient reading needs this share of strict entries on the page.
const LENIENT_FROM: f64 = 0.4;
/// Lines of a title before the one with the page number.
const WRAPPED_LINES: usize = 4;

pub(super) fn evidence(book: &BookText, page: u32) -> Evidence {
    let lines = lines(book, page);
    let read = read_lines(&lines, |_| Lead::Strict);
    let found: Vec<&EntryLine> = read.iter().flatten().flat_map(|r| &r.entries).collect();
    if found.is_empty() {
        return Evidence::default();
    }
    let total = found.len() as f64;
    let numbers: Vec<PageNumber> = found.iter().map(|e| e.page).collect();
    let largest = book.page_count() + book.page_count() / 10 + 20;
    let titles: HashSet<String> = found.iter().map(|e| normalise(&e.title)).collect();
    Evidence {
        entries: found.len(),
        share: lines_read(&read) as f64 / lines.len().max(1) as f64,
        ordered: longest_rise(&numbers).len() as f64 / total,
        plausible: numbers.iter().filter(|n| n.value <= largest).count() as f64 / total,
        distinct: titles.len() as f64 / total,
    }
}

/// All entries printed on the contents pages `first..=last`, in reading order.
pub(super) fn entries(book: &BookText, first: u32, last: u32) -> Vec<Printed> {
    let mut all: Vec<Line> = Vec::new();
    let mut pages: Vec<u32> = Vec::new();
    let mut leads: Vec<Lead> = Vec::new();
    for page in first..=last {
        let mut lines = lines(book, page);
        let read = lines_read(&read_lines(&lines, |_| Lead::Strict));
        let known = read as f64 >= LENIENT_FROM * lines.len() as f64;
        leads.extend(lines.iter().map(|_| if known { Lead::Lenient } else { Lead::Strict }));
        pages.extend(lines.iter().map(|_| page));
        // Titles and run-in paragraphs go on over the page's end: the lines are numbered through.
        let offset = all.last().map_or(0, |l: &Line| l.number + 1);
        let start = lines.iter().map(|l| l.number).min().unwrap_or(0);
        lines.iter_mut().for_each(|l| l.number = l.number - start + offset);
        all.append(&mut lines);
    }
    let read = read_lines(&all, |i| leads.get(i).copied().unwrap_or(Lead::Strict));
    let mut reader = Reader { book, page: first, out: Vec::new(), pending: Vec::new() };
    let mut skip = 0;
    for ((line, page), read) in all.iter().zip(pages).zip(read) {
        reader.page = page;
        match read {
            _ if skip > 0 => skip -= 1,
            Some(Read { entries, lines: 1 }) if entries.len() == 1 => {
                entries.into_iter().for_each(|e| reader.entry(line, e));
            }
            Some(read) => {
                skip = read.lines.saturating_sub(1);
                reader.run_in(line, read.entries);
            }
            None => reader.other(line),
        }
    }
    reader.flush();
    reader.out
}

/// The page's lines in reading order, without a running head that was not seen to recur ("Contents   v"): at
/// the page's edge, and its number is this page's own.
fn lines(book: &BookText, page: u32) -> Vec<Line> {
    let Some(text) = book.page(page) else { return Vec::new() };
    let own_number = |line: &Line| {
        let entry = parse(&line.text, Lead::Strict).filter(|e| !e.has_leader);
        entry.is_some_and(|e| book.offsets().give(page, e.page))
    };
    let last = text.lines.len().saturating_sub(1);
    let kept = text.lines.iter().enumerate().filter(|(i, l)| !((*i == 0 || *i == last) && own_number(l)));
    reading_order(&kept.map(|(_, l)| l.clone()).collect::<Vec<_>>())
}

fn lines_read(read: &[Option<Read>]) -> usize {
    read.iter().flatten().map(|r| r.lines).sum()
}

/// What was read from a line and, for run-in entries, from those after it.
#[derive(Debug, Clone)]
struct Read {
    entries: Vec<EntryLine>,
    lines: usize,
}

/// For each line what starts there, when it may be read as `lead` says.
fn read_lines(lines: &[Line], lead: impl Fn(usize) -> Lead) -> Vec<Option<Read>> {
    let mut out: Vec<Option<Read>> = Vec::with_capacity(lines.len());
    while let Some(line) = lines.get(out.len()) {
        let rest = lines.get(out.len()..).unwrap_or_default();
        let lead = lead(out.len());
        let one = |entry| Read { entries: vec![entry], lines: 1 };
        let read = parse(&line.text, Lead::Strict)
            .map(one)
            .or_else(|| run_in_paragraph(rest, lead))
            .or_else(|| parse(&line.text, lead).map(one));
        let used = read.as_ref().map_or(1, |r| r.lines);
        out.push(read);
        out.extend(std::iter::repeat_n(None, used - 1));
    }
    out
}

/// The longest run of lines that reads as run-in entries.
fn run_in_paragraph(lines: &[Line], lead: Lead) -> Option<Read> {
    let first = lines.first()?;
    // Cheap refusals first: every line of a book comes here.
    if !first.text.contains([',', ';', '—', '–', '•', '·']) && lead == Lead::Strict {
        return None;
    }
    let is_number = |word: &str| {
        let word = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        PageNumber::parse(word).is_some() && !word.starts_with(char::is_uppercase)
    };
    // The first of run-in entries ends on the first lines.
    if !lines.iter().take(3).any(|l| l.text.split_whitespace().any(is_number)) {
        return None;
    }
    let mut joined = String::new();
    let mut found = None;
    for (i, line) in lines.iter().enumerate().take(30) {
        let above = i.checked_sub(1).and_then(|k| lines.get(k));
        if above.is_some_and(|a| line.number > a.number + 1 || parse(&line.text, Lead::Strict).is_some()) {
            break;
        }
        if joined.ends_with('-') {
            joined.pop();
        } else if i > 0 {
            joined.push(' ');
        }
        joined.push_str(&line.text);
        if let Some(entries) = parse_run_in(&joined, lead) {
            found = Some(Read { entries, lines: i + 1 });
        }
    }
    found
}

/// Puts lines together to entries.
struct Reader<'a> {
    book: &'a BookText,
    page: u32,
    out: Vec<Printed>,
    /// Lines without a page number that may be the beginning of the next entry's title.
    pending: Vec<Line>,
}

impl Reader<'_> {
    fn entry(&mut self, line: &Line, entry: EntryLine) {
        let mut printed = Printed {
            title: entry.title,
            page: Some(entry.page),
            printed: Some(entry.printed),
            indent: line.indent,
            on_page: self.page,
        };
        if let Some((title, indent)) = self.wrapped(line, &printed.title) {
            (printed.title, printed.indent) = (title, indent);
            self.pending.clear();
        }
        self.flush();
        self.out.push(printed);
    }

    /// Run-in entries stand below what they are run in after.
    fn run_in(&mut self, line: &Line, entries: Vec<EntryLine>) {
        self.flush();
        let above =
            self.out.iter().rev().find(|p| p.page.is_some() && split_title(&p.title).depth() < Some(2));
        let indent = line.indent.max(above.map_or(0, |p| p.indent + 3));
        self.out.extend(entries.into_iter().map(|e| Printed {
            title: e.title,
            page: Some(e.page),
            printed: Some(e.printed),
            indent,
            on_page: self.page,
        }));
    }

    fn other(&mut self, line: &Line) {
        let title = line.text.trim_end_matches(|c: char| c.is_whitespace() || is_leader(c));
        // The first line of a wrapped title may end with a comma; a whole title does not.
        if !is_title(title.trim_end_matches(',')) || title.chars().count() > 160 {
            self.flush();
            return;
        }
        let starts_new = split_title(title).number.is_some()
            || self.pending.last().is_some_and(|p| line.number > p.number + 2 || line.indent < p.indent)
            || self.pending.len() >= WRAPPED_LINES;
        if starts_new {
            self.flush();
        }
        self.pending.push(line.clone());
    }

    /// The pending lines and `last` as one title, when they are one.
    fn wrapped(&self, line: &Line, last: &str) -> Option<(String, usize)> {
        for skip in 0..self.pending.len() {
            let lines = self.pending.get(skip..)?;
            let (first, before) = (lines.first()?, lines.last()?);
            if line.number > before.number + 2 || split_title(last).number.is_some() {
                continue;
            }
            let mut title = String::new();
            for part in lines.iter().map(|l| l.text.as_str()).chain([last]) {
                if title.ends_with('-') {
                    title.pop();
                } else if !title.is_empty() {
                    title.push(' ');
                }
                title.push_str(part);
            }
            let numbered = split_title(&first.text).number.is_some();
            let unfinished = first.text.ends_with('-') || first.text.chars().count() > 45;
            let close = line.number <= before.number + 1;
            let hangs = line.indent >= first.indent;
            let looks_wrapped = hangs && close && (numbered || unfinished);
            let known = self.is_heading(&title);
            // A chapter's line without page number, and the first section below it, look the same as a
            // wrapped title; the body tells them apart.
            let apart = self.is_heading(&first.text) && self.is_heading(last);
            if known || (looks_wrapped && !apart) {
                return Some((title, first.indent));
            }
        }
        None
    }

    /// Keeps of the pending lines those that are titles without page numbers: a part's, or a numbered
    /// chapter's that is a heading in the book.
    fn flush(&mut self) {
        for line in std::mem::take(&mut self.pending) {
            if !is_title(&line.text) {
                continue;
            }
            let parts = split_title(&line.text);
            let named = parts.word.is_some_and(|w| level_of_word(w).is_some());
            if parts.number.is_some() && (named || self.is_heading(&line.text)) {
                self.out.push(Printed {
                    title: line.text,
                    page: None,
                    printed: None,
                    indent: line.indent,
                    on_page: self.page,
                });
            }
        }
    }

    fn is_heading(&self, title: &str) -> bool {
        self.book.has_heading(&normalise(title), self.page)
            || self.book.has_heading(&normalise(split_title(title).rest), self.page)
    }
}

/// Positions of a longest subsequence that never falls.
pub(super) fn longest_rise<T: Ord>(values: &[T]) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let at = ends.partition_point(|e| values.get(*e).is_some_and(|v| v <= value));
        before.push(at.checked_sub(1).and_then(|k| ends.get(k).copied()));
        match ends.get_mut(at) {
            Some(end) => *end = i,
            None => ends.push(i),
        }
    }
    let mut chain = Vec::new();
    let mut at = ends.last().copied();
    while let Some(i) = at {
        chain.push(i);
        at = before.get(i).copied().flatten();
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn book(pages: &[&str]) -> BookText {
        BookText::new(pages.iter().map(|p| Arc::from(*p)).collect())
    }

    fn titles(book: &BookText) -> Vec<String> {
        entries(book, 1, 1).into_iter().map(|p| p.title).collect()
    }

    #[test]
    fn wrapped_titles_are_joined() {
        let page = "1 A title that is long enough to need\n  two lines ....... 3\n2 Short ..... 5\n";
        let found = titles(&book(&[&format!("{page}3 Hyphen-\n  ated .... 6\n")]));
        assert_eq!(found, ["1 A title that is long enough to need two lines", "2 Short", "3 Hyphenated"]);
    }

    #[test]
    fn a_part_without_page_number_is_kept() {
        let page = "Part I Beginnings\n1 One ..... 3\n2 Two ..... 5\nPart II Ends\n3 Three .... 7\n";
        let found = titles(&book(&[page]));
        assert_eq!(found, ["Part I Beginnings", "1 One", "2 Two", "Part II Ends", "3 Three"]);
    }

    #[test]
    fn run_in_entries_are_taken_apart() {
        let page =
            "3 Text ........ 49\n   3.1 Paragraphs 49, 3.2 Double spa-\n   cing 50, 3.3 Footnotes 51\n";
        let found = titles(&book(&[&format!("{page}4 Next ..... 60\n")]));
        assert_eq!(found, ["3 Text", "3.1 Paragraphs", "3.2 Double spacing", "3.3 Footnotes", "4 Next"]);
    }

    #[test]
    fn a_paragraph_of_entries_goes_on_over_the_page() {
        let book = book(&["1 One ..... 1\n  1.1 Here 2, 1.2 Over\n", "  there 3, 1.3 On 4\n2 Two .... 7\n"]);
        let found: Vec<String> = entries(&book, 1, 2).into_iter().map(|p| p.title).collect();
        assert_eq!(found, ["1 One", "1.1 Here", "1.2 Over there", "1.3 On", "2 Two"]);
    }

    proptest! {
        #[test]
        fn longest_rise_is_a_rise(values in prop::collection::vec(0u8..20, 0..60)) {
            let chain = longest_rise(&values);
            prop_assert!(chain.windows(2).all(|w| w[0] < w[1] && values[w[0]] <= values[w[1]]));
            prop_assert_eq!(chain.is_empty(), values.is_empty());
        }
    }
}
