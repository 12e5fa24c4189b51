//! Puts the lines of contents pages together to entries: titles over several lines, parts without page numbers,
//! and what stands between entries without being one (summaries, authors, topics).

use super::contents_page::{Mode, Printed};
use super::counted_on::comes_behind;
use super::entry_line::{EntryLine, is_leader, is_title};
use super::page_text::{BookText, Line};
use super::same_title::normalise;
use super::title::{TitleParts, level_of_word, split_title};

/// Lines of a title before the one with the page number.
const WRAPPED_LINES: usize = 4;

/// Reads entries whose number stands on a line with a title.
pub(super) struct Reader<'a> {
    book: &'a BookText,
    mode: Mode,
    pub(super) page: u32,
    /// The raw number of the line that is read.
    pub(super) line: usize,
    pub(super) out: Vec<Printed>,
    /// Lines without a page number that may be the beginning of the next entry's title.
    pending: Vec<Line>,
    /// The last entry's line, when the number came first: its title may go on.
    last: Option<Line>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(book: &'a BookText, mode: Mode) -> Self {
        Self { book, mode, page: 1, line: 0, out: Vec::new(), pending: Vec::new(), last: None }
    }

    pub(super) fn entry(&mut self, line: &Line, entry: EntryLine) {
        let mut printed = Printed {
            page: Some(entry.page),
            printed: Some(entry.shown()),
            title: entry.title,
            indent: line.indent,
            on_page: self.page,
            line: self.line,
        };
        if let Some((title, indent)) = self.wrapped(line, &printed.title) {
            (printed.title, printed.indent) = (title, indent);
            self.pending.clear();
        }
        self.flush(Some(&printed.title));
        self.last = (self.mode == Mode::First).then(|| line.clone());
        self.out.push(printed);
    }

    /// Run-in entries stand below what they are run in after.
    pub(super) fn run_in(&mut self, line: &Line, entries: Vec<EntryLine>) {
        self.flush(entries.first().map(|entry| entry.title.as_str()));
        let above =
            self.out.iter().rev().find(|p| p.page.is_some() && split_title(&p.title).depth() < Some(2));
        let indent = line.indent.max(above.map_or(0, |p| p.indent + 3));
        self.out.extend(entries.into_iter().map(|e| Printed {
            page: Some(e.page),
            printed: Some(e.shown()),
            title: e.title,
            indent,
            on_page: self.page,
            line: self.line,
        }));
    }

    pub(super) fn other(&mut self, line: &Line) {
        if self.goes_on(line) {
            return;
        }
        let title = line.text.trim_end_matches(|c: char| c.is_whitespace() || is_leader(c));
        // The first line of a wrapped title may end with a comma; a whole title does not. A sentence is a summary.
        let sentence = line.text.ends_with('.') && !line.text.ends_with("..") && title.contains(' ');
        if !is_title(title.trim_end_matches(',')) || title.chars().count() > 160 || sentence {
            self.flush(None);
            return;
        }
        let starts_new = is_numbered(&split_title(title))
            || self.pending.last().is_some_and(|p| line.number > p.number + 2 || line.indent < p.indent)
            || self.pending.len() >= WRAPPED_LINES;
        if starts_new {
            self.flush(Some(title));
        }
        self.pending.push(line.clone());
    }

    /// The second line of a title whose number came first.
    fn goes_on(&mut self, line: &Line) -> bool {
        let Some(first) = self.last.take().filter(|l| line.number == l.number + 1) else { return false };
        let column = first.text.find(char::is_whitespace).unwrap_or(0);
        let inside = line.indent >= first.indent + column;
        let Some(last) = self.out.last_mut().filter(|_| inside && !line.text.ends_with('.')) else {
            return false;
        };
        let joined = join([last.title.as_str(), line.text.as_str()]);
        let long = first.text.chars().count() * 5 >= line.text.chars().count() * 4;
        if !(long || self.book.has_heading(&normalise(&joined), self.page)) {
            return false;
        }
        (last.title, last.line) = (joined, self.line);
        true
    }

    /// The pending lines and `last` as one title, when they are one.
    fn wrapped(&self, line: &Line, last: &str) -> Option<(String, usize)> {
        for skip in 0..self.pending.len() {
            let lines = self.pending.get(skip..)?;
            let (first, before) = (lines.first()?, lines.last()?);
            if line.number > before.number + 2 || is_numbered(&split_title(last)) {
                continue;
            }
            // What is in capitals above a title that is not is a name.
            if !is_numbered(&split_title(&first.text)) && is_capitals(&first.text) != is_capitals(last) {
                continue;
            }
            let title = join(lines.iter().map(|l| l.text.as_str()).chain([last]));
            let numbered = is_numbered(&split_title(&first.text));
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

    /// Keeps of the pending lines those that are titles without page numbers: a part's, a numbered
    /// chapter's that is a heading in the book, or a section's whose number the lines around it count past: `next`
    /// is what comes behind them. Of a scanned list the page number may be what was not read.
    pub(super) fn flush(&mut self, next: Option<&str>) {
        let mut pending = std::mem::take(&mut self.pending).into_iter().peekable();
        while let Some(line) = pending.next() {
            if !is_title(&line.text) {
                continue;
            }
            let parts = split_title(&line.text);
            let named = parts.word.is_some_and(|w| level_of_word(w).is_some());
            let next = pending.peek().map_or(next, |line| Some(line.text.as_str()));
            let is_known = || {
                named
                    || (is_numbered(&parts) && (self.is_heading(&line.text) || self.is_counted(&parts, next)))
            };
            if parts.number.is_some() && is_known() {
                self.out.push(Printed {
                    title: line.text,
                    page: None,
                    printed: None,
                    indent: line.indent,
                    on_page: self.page,
                    line: self.line,
                });
            }
        }
    }

    /// Whether a section's number comes right behind that of the last entry, and that of `next` right behind it.
    fn is_counted(&self, parts: &TitleParts<'_>, next: Option<&str>) -> bool {
        let (Some(number), Some(last), Some(next)) = (parts.number, self.out.last(), next) else {
            return false;
        };
        parts.depth() > Some(1)
            && split_title(&last.title).number.is_some_and(|last| comes_behind(number, last))
            && split_title(next).number.is_some_and(|next| comes_behind(next, number))
    }

    fn is_heading(&self, title: &str) -> bool {
        self.book.has_heading(&normalise(title), self.page)
            || self.book.has_heading(&normalise(split_title(title).rest), self.page)
    }
}

/// A number of its own and no initial: `A. Miller` is a name.
fn is_numbered(parts: &TitleParts<'_>) -> bool {
    parts
        .number
        .is_some_and(|n| parts.word.is_some() || n.len() > 1 || n.starts_with(|c: char| c.is_numeric()))
        || parts.number == Some("I")
        || parts.number == Some("V")
}

fn is_capitals(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

/// Lines of one title, a hyphen at a line's end undone.
fn join<'l>(lines: impl IntoIterator<Item = &'l str>) -> String {
    let mut title = String::new();
    for part in lines {
        if title.ends_with('-') {
            title.pop();
        } else if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(part);
    }
    title
}

/// Reads entries whose number stands below the title, on a line of its own.
#[derive(Default)]
pub(super) struct Stacked {
    pub(super) out: Vec<Printed>,
    pending: Vec<Line>,
}

impl Stacked {
    pub(super) fn number(&mut self, entry: EntryLine, page: u32, line: usize) {
        let lines = std::mem::take(&mut self.pending);
        // What stands far above belongs to something else.
        let from = lines.len().saturating_sub(WRAPPED_LINES);
        let lines = lines.get(from..).unwrap_or_default();
        let title = join(lines.iter().map(|l| l.text.as_str()));
        if is_title(&title) {
            let indent = 0;
            let printed = Some(entry.shown());
            self.out.push(Printed { title, page: Some(entry.page), printed, indent, on_page: page, line });
        }
    }

    pub(super) fn other(&mut self, line: &Line) {
        self.pending.push(line.clone());
    }
}
