//! What a contents page looks like, and the entries on pages that are contents, with titles over several lines
//! joined.
//!
//! Not here: which pages are contents (`find`), and which of several lists on them are the book's (`lists`).

use super::entry_line::{EntryLine, Lead, parse, parse_noisy, parse_number_alone, parse_number_first};
use super::numbers::PageNumber;
use super::page_text::{BookText, Line};
use super::reader::{Reader, Stacked};
use super::run_in::parse_run_in;
use super::side_by_side::{own_margins, reading_order};
use super::title::split_title;
use super::words::{is_contents_title, is_page_word, level_of_word};

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
    /// The raw number of its last line on that page.
    pub(super) line: usize,
}

/// How the entries of a list are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Title, what leads to the number (this or more), number.
    Last(Lead),
    /// Number, title.
    First,
    /// The number on a line of its own below the title.
    Stacked,
}

/// What speaks for a page being contents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// How its entries are printed.
    pub(super) mode: Mode,
    /// The page is headed by a word for "contents".
    pub(super) titled: bool,
    /// Entry lines.
    pub(super) entries: usize,
    /// Those with leader dots.
    pub(super) leaders: usize,
    /// Their share of the page's lines.
    pub(super) share: f64,
    /// Share of them whose page numbers do not fall, or begin again with a chapter.
    pub(super) ordered: f64,
    /// Share of them whose page numbers the book can have.
    pub(super) plausible: f64,
}

/// Run-in entries go on over so many lines without one ending at a line's end.
const RUN_IN_LINES: usize = 6;
/// A lenient reading needs this share of surely read lines on the page.
const LENIENT_FROM: f64 = 0.4;
/// A name for contents stands within so many lines of the page's top, or of the end of the text before it.
const TITLE_LINES: usize = 6;

/// The evidence of page `n`; with `like` as a page that goes on with a list of this mode.
pub(super) fn evidence(book: &BookText, n: u32, like: Option<Mode>) -> Option<Evidence> {
    let (lines, titled) = lines(book, n);
    if let Some(mode) = like {
        return of_mode(book, &lines, mode, titled);
    }
    let sure = of_mode(book, &lines, Mode::Last(Lead::Clear), titled);
    // Weak signs count under a title, and where hardly anything else is on the page.
    let numbered = |l: &&Line| {
        let number =
            |c: Option<char>| c.is_some_and(|c| c.is_numeric() || matches!(c, 'i' | 'v' | 'x' | ')' | ']'));
        number(l.text.chars().next()) || number(l.text.chars().next_back())
    };
    if !titled && lines.iter().filter(numbered).count() * 10 < lines.len() * 3 {
        return sure;
    }
    let others = [Mode::Last(Lead::Mark), Mode::Last(Lead::Space), Mode::First, Mode::Stacked];
    let weak = others.into_iter().filter_map(|mode| of_mode(book, &lines, mode, titled)).filter(|e| {
        let much = if e.mode == Mode::Stacked { 0.3 } else { 0.7 };
        titled || (e.entries >= 6 && e.share >= much && e.ordered >= 0.95)
    });
    let worth = |e: &Evidence| {
        let inside = e.ordered * e.entries as f64;
        2.0 * inside - e.entries as f64 + if e.mode == Mode::Last(Lead::Clear) { 1.5 } else { 0.0 }
    };
    sure.into_iter().chain(weak).reduce(|best, e| if worth(&e) > worth(&best) { e } else { best })
}

fn of_mode(book: &BookText, lines: &[Line], mode: Mode, titled: bool) -> Option<Evidence> {
    let read = read_lines(lines, mode, false);
    let mut found: Vec<EntryLine> = read.iter().flatten().flat_map(|r| r.entries.iter().cloned()).collect();
    resolve_pairs(&mut found);
    if found.is_empty() {
        return None;
    }
    let total = found.len() as f64;
    let values = || found.iter().filter(|e| e.page.section == 0).map(|e| e.page.value);
    let least = values().min().unwrap_or(0);
    let most = 2 * book.page_count() + book.page_count() / 5 + 20;
    let plausible =
        found.iter().filter(|e| e.page.section > 0 || e.page.value - least.min(e.page.value) <= most);
    let counting =
        found.iter().zip(found.iter().skip(1)).filter(|(a, b)| a.page.value + 1 == b.page.value).count();
    if mode == Mode::First && (found.len() < 3 || counting * 10 >= (found.len() - 1) * 7) {
        // One, two, three: the numbers of chapters.
        return None;
    }
    // The lines of a stacked entry belong together.
    let read = if mode == Mode::Stacked { stacked_lines(lines, &read) } else { lines_read(&read) };
    Some(Evidence {
        mode,
        titled,
        entries: found.len(),
        leaders: found.iter().filter(|e| e.has_leader).count(),
        share: read as f64 / lines.len().max(1) as f64,
        ordered: ordered(&found),
        plausible: plausible.count() as f64 / total,
    })
}

/// The share of entries in the longest run whose numbers do not fall; a fall to the first pages of a new chapter
/// is none.
fn ordered(found: &[EntryLine]) -> f64 {
    let mut numbers: Vec<(u32, PageNumber)> = Vec::with_capacity(found.len());
    let mut restarts = 0;
    for entry in found {
        if numbers.last().is_some_and(|(_, last)| restarts_at(&entry.title, entry.page, *last)) {
            restarts += 1;
        }
        numbers.push((restarts, entry.page));
    }
    longest_rise(&numbers).len() as f64 / found.len().max(1) as f64
}

/// Page numbers begin again at this entry: it is a chapter's, and its number is a first one.
pub(super) fn restarts_at(title: &str, page: PageNumber, last: PageNumber) -> bool {
    let parts = split_title(title);
    let chapter = parts.word.is_some_and(|w| level_of_word(w).is_some()) || parts.depth() == Some(1);
    page.section == 0 && page.style == last.style && page < last && page.value <= 3 && chapter
}

/// Whether `3-7` are pages or a chapter's page is told by all of them: pages end where the next ones begin.
pub(super) fn resolve_pairs(entries: &mut [EntryLine]) {
    let pairs: Vec<(u32, u32)> =
        entries.iter().filter_map(|e| e.of_section.map(|s| (e.page.value, s.value))).collect();
    let steps = pairs.len().saturating_sub(1);
    let ranges =
        pairs.iter().zip(pairs.iter().skip(1)).filter(|((a, b), (next, _))| a <= b && next >= b).count();
    if steps > 0 && ranges * 5 >= steps * 4 {
        return;
    }
    for entry in entries.iter_mut() {
        if let Some(section) = entry.of_section.take() {
            entry.page = section;
        }
    }
}

/// The line names the columns of a table of contents: `CHAPTER   PAGE`.
fn names_columns(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_page = |word: &str| word.chars().count() > 1 && !word.ends_with('.') && is_page_word(word);
    let last = words.next_back().is_some_and(|word| word.starts_with(char::is_uppercase) && is_page(word));
    let mut others = words.peekable();
    let level = |word: &str| level_of_word(word.trim_end_matches('.')).is_some();
    last && others.peek().is_some() && others.all(level)
}

/// All entries printed on the given pages, in reading order.
pub(super) fn entries(book: &BookText, pages: &[(u32, Mode)]) -> Vec<Printed> {
    let mode = pages.first().map_or(Mode::Last(Lead::Clear), |(_, mode)| *mode);
    let mut all: Vec<Line> = Vec::new();
    let mut at: Vec<(u32, usize)> = Vec::new();
    let mut known = 0;
    for (page, _) in pages {
        let (mut lines, titled) = lines(book, *page);
        let read = lines_read(&read_lines(&lines, mode, false));
        known += usize::from(titled || read as f64 >= LENIENT_FROM * lines.len() as f64);
        at.extend(lines.iter().map(|l| (*page, l.number)));
        // Titles and run-in paragraphs go on over the page's end: the lines are numbered through.
        let offset = all.last().map_or(0, |l: &Line| l.number + 1);
        let start = lines.iter().map(|l| l.number).min().unwrap_or(0);
        lines.iter_mut().for_each(|l| l.number = l.number - start + offset);
        all.append(&mut lines);
    }
    let read = read_lines(&all, mode, known > 0);
    let found: Vec<EntryLine> = {
        let mut found: Vec<EntryLine> =
            read.iter().flatten().flat_map(|r| r.entries.iter().cloned()).collect();
        resolve_pairs(&mut found);
        found
    };
    let mut found = found.into_iter();
    if mode == Mode::Stacked {
        let mut stacked = Stacked::default();
        for ((line, (page, number)), read) in all.iter().zip(at).zip(read) {
            match read.and_then(|_| found.next()) {
                Some(entry) => stacked.number(entry, page, number),
                None => stacked.other(line),
            }
        }
        return stacked.out;
    }
    let mut reader = Reader::new(book, mode);
    let mut skip = 0;
    for ((line, (page, number)), read) in all.iter().zip(at).zip(read) {
        (reader.page, reader.line) = (page, number);
        match read {
            _ if skip > 0 => skip -= 1,
            Some(Read { entries, lines: 1 }) if entries.len() == 1 => {
                found.next().into_iter().for_each(|e| reader.entry(line, e));
            }
            Some(read) => {
                skip = read.lines.saturating_sub(1);
                reader.run_in(line, found.by_ref().take(read.entries.len()).collect());
            }
            None => reader.other(line),
        }
    }
    reader.flush(None);
    reader.out
}

/// The page's lines in reading order from behind a title for contents on, and whether there is one; without a
/// running head that was not seen to recur ("Contents   v"): at the page's edge, and its number is this page's own.
pub(super) fn lines(book: &BookText, n: u32) -> (Vec<Line>, bool) {
    let Some(page) = book.page(n) else { return (Vec::new(), false) };
    let own_number = |line: &Line| {
        let entry = parse(&line.text).filter(|e| e.lead == Lead::Clear && !e.has_leader);
        entry.is_some_and(|e| book.labels().give(n, e.page))
    };
    let last = page.lines.len().saturating_sub(1);
    let kept = page.lines.iter().enumerate().filter(|(i, l)| !((*i == 0 || *i == last) && own_number(l)));
    let mut kept: Vec<Line> = kept.map(|(_, l)| l.clone()).collect();
    let headed = page.header.as_deref().is_some_and(is_contents_title);
    let title = kept.iter().position(|l| is_contents_title(&l.text)).filter(|i| stands_as_title(&kept, *i));
    if let Some(at) = title {
        kept.drain(..=at);
    }
    kept.retain(|line| !names_columns(&line.text));
    (reading_order(&own_margins(kept, page)), headed || title.is_some())
}

/// Near the page's top, or set off from what is above it.
fn stands_as_title(lines: &[Line], at: usize) -> bool {
    let gap = match (at.checked_sub(1).and_then(|i| lines.get(i)), lines.get(at)) {
        (Some(above), Some(line)) => line.number > above.number + 1,
        _ => true,
    };
    at < TITLE_LINES || gap
}

fn lines_read(read: &[Option<Read>]) -> usize {
    read.iter().flatten().map(|r| r.lines).sum()
}

/// Lines with a number alone, and the one to three lines of the title above each.
fn stacked_lines(lines: &[Line], read: &[Option<Read>]) -> usize {
    let mut titles = 0;
    let mut all = 0;
    for (_, read) in lines.iter().zip(read) {
        match read {
            Some(_) => {
                all += 1 + titles.min(3);
                titles = 0;
            }
            None => titles += 1,
        }
    }
    all
}

/// What was read from a line and, for run-in entries, from those after it.
#[derive(Debug, Clone)]
struct Read {
    entries: Vec<EntryLine>,
    lines: usize,
}

/// For each line what starts there; `known` pages are read leniently.
fn read_lines(lines: &[Line], mode: Mode, known: bool) -> Vec<Option<Read>> {
    let one = |entry| Read { entries: vec![entry], lines: 1 };
    let wanted = match mode {
        Mode::First => {
            let first = |l: &Line| {
                parse_number_first(&l.text).filter(|_| parse(&l.text).is_none_or(|e| e.lead < Lead::Clear))
            };
            return lines.iter().map(|l| first(l).map(one)).collect();
        }
        Mode::Stacked => {
            let above = |i: usize| i.checked_sub(1).and_then(|k| lines.get(k));
            let number = |i: usize| lines.get(i).and_then(|l| parse_number_alone(&l.text));
            let alone = |i: usize| {
                let titled = above(i).is_some_and(|l| l.text.chars().any(char::is_alphabetic))
                    && i.checked_sub(1).is_some_and(|k| number(k).is_none());
                let (page, printed) = number(i).filter(|_| titled)?;
                Some(EntryLine {
                    title: String::new(),
                    page,
                    printed: printed.to_owned(),
                    lead: Lead::Clear,
                    has_leader: false,
                    of_section: None,
                })
            };
            return (0..lines.len()).map(|i| alone(i).map(one)).collect();
        }
        Mode::Last(lead) => lead,
    };
    let lead = wanted;
    let mut out: Vec<Option<Read>> = Vec::with_capacity(lines.len());
    while let Some(line) = lines.get(out.len()) {
        let rest = lines.get(out.len()..).unwrap_or_default();
        let at_least = |lead: Lead| move |e: &EntryLine| e.lead >= lead;
        let read = parse(&line.text)
            .filter(at_least(Lead::Clear))
            .map(one)
            .or_else(|| if known || lead == Lead::Clear { run_in_paragraph(rest, known) } else { None })
            .or_else(|| parse(&line.text).filter(at_least(if known { Lead::Space } else { wanted })).map(one))
            .or_else(|| parse_noisy(&line.text).filter(|e| known && e.lead == Lead::Clear).map(one));
        let used = read.as_ref().map_or(1, |r| r.lines);
        out.push(read);
        out.extend(std::iter::repeat_n(None, used - 1));
    }
    out
}

/// The longest run of lines that reads as run-in entries.
fn run_in_paragraph(lines: &[Line], known: bool) -> Option<Read> {
    let first = lines.first()?;
    // Cheap refusals first: every line of a book comes here.
    if !first.text.contains([',', ';', '—', '–', '•', '·']) && !known {
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
        let clear = || parse(&line.text).is_some_and(|e| e.lead == Lead::Clear);
        if above.is_some_and(|a| line.number > a.number + 1 || clear()) {
            break;
        }
        if joined.ends_with('-') {
            joined.pop();
        } else if i > 0 {
            joined.push(' ');
        }
        joined.push_str(&line.text);
        // Entries end on most lines; where none has for a while this is prose, and reading on is slow.
        let since = found.as_ref().map_or(0, |r: &Read| r.lines);
        if i >= since + RUN_IN_LINES {
            break;
        }
        if let Some(entries) = parse_run_in(&joined, known) {
            found = Some(Read { entries, lines: i + 1 });
        }
    }
    found
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
#[path = "contents_page_tests.rs"]
mod tests;
