//! A chapter's text from its pages: paragraphs over lines and pages, hyphenation undone.
//!
//! Invariants: each line of the pages is in the text of exactly one chapter, or set aside in it (the printed contents,
//! running heads); nothing but white space and end-of-line hyphens changes.
//! Paragraphs are separated by a blank line; the lines of code, verse and tables stay lines.

use super::headings::{gap_before, headings};
use super::locate::{ChapterStart, Position, locate};
use super::vocabulary::{HYPHENS, Vocabulary};
use crate::toc::{BookText, Line, PageText};
use bookstate_domain::{
    BLOCK_SEPARATOR, LayoutBlock, LayoutKind, SetAsideReason, SetAsideText, persist::ChapterExtract,
};

/// Bullets that begin an item of a list.
const BULLETS: [&str; 10] = ["•", "◦", "▪", "‣", "·", "–", "—", "*", "-", "+"];

/// The text of each of `chapters`, which are in their order.
pub fn chapter_texts(book: &BookText, chapters: &[ChapterStart]) -> Vec<ChapterExtract> {
    let positions = locate(book, chapters);
    let end = Position { page: book.page_count().saturating_add(1), line: 0 };
    let ends = positions.iter().skip(1).copied().chain([end]);
    let words = Vocabulary::of(book);
    let texts = positions.iter().zip(ends).map(|(start, end)| span_text(book, *start, end, &words));
    let extract = |(chapter, span): (&ChapterStart, Span)| {
        let words = word_count(&span.text);
        let plain = ChapterExtract::plain(chapter.subject.clone(), span.text.into(), words);
        ChapterExtract { layout: Some(span.layout), set_aside: span.set_aside, ..plain }
    };
    chapters.iter().zip(texts).map(extract).collect()
}

/// How many words a text has: pieces between white space with a letter or digit in them.
pub fn word_count(text: &str) -> i32 {
    let words = text.split_whitespace().filter(|w| w.contains(char::is_alphanumeric)).count();
    i32::try_from(words).unwrap_or(i32::MAX)
}

/// How many paragraphs a text has.
pub fn paragraph_count(text: &str) -> i32 {
    let paragraphs = text.split("\n\n").filter(|p| !p.trim().is_empty()).count();
    i32::try_from(paragraphs).unwrap_or(i32::MAX)
}

/// What a stretch of the book gives.
struct Span {
    text: String,
    layout: Vec<LayoutBlock>,
    set_aside: Vec<SetAsideText>,
}

fn span_text(book: &BookText, start: Position, end: Position, words: &Vocabulary) -> Span {
    let mut out = Paragraphs {
        done: Vec::new(),
        open: String::new(),
        open_is: LayoutKind::Paragraph,
        verbatim: false,
        words,
        set_aside: Vec::new(),
    };
    for n in start.page..=end.page.min(book.page_count()) {
        let Some(page) = book.page(n) else { continue };
        let from = if n == start.page { start.line } else { 0 };
        let to = if n == end.page { end.line.min(page.lines.len()) } else { page.lines.len() };
        add_page(&mut out, book, (n, page), from, to);
        // The page's heads belong to the chapter that has its first line.
        if from == 0 && (n < end.page || end.line > 0) {
            for head in page.header.iter().chain(&page.footer) {
                out.set_aside(n, SetAsideReason::RunningHead, head);
            }
        }
    }
    out.close();
    let layout = out.done.iter().map(|(kind, text)| {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        LayoutBlock { kind: kind.clone(), bytes }
    });
    let layout = layout.collect();
    let texts: Vec<&str> = out.done.iter().map(|(_, text)| text.as_str()).collect();
    Span { text: texts.join(BLOCK_SEPARATOR), layout, set_aside: out.set_aside }
}

/// Takes the lines `from..to` of a page, block by block (a block is lines without a blank one between).
fn add_page(out: &mut Paragraphs<'_>, book: &BookText, (n, page): (u32, &PageText), from: usize, to: usize) {
    let lines = page.lines.as_slice();
    let is_contents: Vec<bool> = (0..lines.len()).map(|i| book.is_contents_line(n, i)).collect();
    let is_contents = |i: usize| is_contents.get(i) == Some(&true);
    let layout = Layout::of(lines);
    let heads = headings(page);
    let mut i = from;
    while i < to {
        // The printed contents are set aside: their entries are the chapters.
        if is_contents(i) {
            out.set_aside(n, SetAsideReason::Contents, lines.get(i).map_or("", |l| l.text.as_str()));
            i += 1;
            continue;
        }
        // A block ends at a blank line and before and behind a heading.
        let head = heads.iter().find(|h| h.first <= i && i <= h.last);
        let mut stop = i + 1;
        match head {
            Some(head) => stop = (head.last + 1).min(to),
            None => {
                while stop < to
                    && !is_contents(stop)
                    && !ends_block(lines, stop)
                    && !heads.iter().any(|h| h.first == stop)
                {
                    stop += 1;
                }
            }
        }
        let block = lines.get(i..stop).unwrap_or_default();
        let continues = i == from && head.is_none();
        if head.is_some() {
            out.heading(block);
        } else if is_verbatim(block, &layout) {
            out.verbatim(block, continues);
        } else {
            out.prose(block, &layout, continues);
        }
        i = stop;
    }
}

/// Whether a block ends before line `i`: at a blank line, and where code is set off by its indent alone.
fn ends_block(lines: &[Line], i: usize) -> bool {
    let (Some(before), Some(line)) = (i.checked_sub(1).and_then(|p| lines.get(p)), lines.get(i)) else {
        return true;
    };
    let inward = line.indent >= before.indent + 3 && is_code_like(&line.text);
    let outward = before.indent >= line.indent + 3 && is_code_like(&before.text) && !is_code_like(&line.text);
    gap_before(lines, i) || inward || outward
}

fn is_code_like(text: &str) -> bool {
    let sign =
        text.ends_with([';', '{', '}', '\\']) || text.starts_with(['$', '#', '%', '>', '}', '|', '\\']);
    sign || text.contains("   ") || text.contains(" = ") || text.contains("<-")
}

/// How a page is set.
struct Layout {
    /// The indent of most lines.
    margin: usize,
    /// The column at which full lines end.
    right: usize,
}

impl Layout {
    fn of(lines: &[Line]) -> Self {
        let mut indents: Vec<usize> = lines.iter().map(|l| l.indent).collect();
        indents.sort_unstable();
        let margin = indents
            .chunk_by(|a, b| a == b)
            .max_by_key(|same| (same.len(), std::cmp::Reverse(same.first().copied())))
            .and_then(|same| same.first().copied())
            .unwrap_or(0);
        let mut ends: Vec<usize> = lines.iter().map(|l| l.indent + l.text.chars().count()).collect();
        ends.sort_unstable();
        Self { margin, right: ends.get(ends.len() * 4 / 5).copied().unwrap_or(0) }
    }
}

/// Code, tables, verse: what loses its sense when its lines are joined.
fn is_verbatim(block: &[Line], layout: &Layout) -> bool {
    let code = block.iter().filter(|l| is_code_like(&l.text)).count();
    if code * 2 >= block.len() {
        return true;
    }
    // All lines well inside the margin and none of them full: an example, a verse, an address.
    let short = block.iter().all(|l| l.indent + l.text.chars().count() + 12 < layout.right);
    let inside = block.iter().all(|l| l.indent >= layout.margin + 2);
    block.len() >= 2 && short && inside && !block.iter().any(|l| begins_item(&l.text))
}

/// `• Item`, `1. Item`, `(a) Item`.
fn begins_item(text: &str) -> bool {
    let Some((first, _)) = text.split_once(' ') else { return false };
    if BULLETS.contains(&first) {
        return true;
    }
    let core = first.trim_start_matches(['(', '[']).trim_end_matches(['.', ')', ']']);
    let marked = core.len() < first.len() && first.ends_with(['.', ')', ']']);
    let number = core.len() <= 3 && core.bytes().all(|b| b.is_ascii_digit());
    let letter = core.len() == 1 && core.bytes().all(|b| b.is_ascii_lowercase()) && !first.ends_with('.');
    marked && !core.is_empty() && (number || letter)
}

fn ends_sentence(text: &str) -> bool {
    let end = text.trim_end_matches(['"', '”', '“', '»', '\'', '’', ')', ']', '*']);
    end.ends_with(['.', '!', '?', ':', '…'])
}

/// Paragraphs as they grow.
struct Paragraphs<'a> {
    done: Vec<(LayoutKind, String)>,
    open: String,
    open_is: LayoutKind,
    /// The open paragraph consists of lines that stay.
    verbatim: bool,
    words: &'a Vocabulary,
    set_aside: Vec<SetAsideText>,
}

impl Paragraphs<'_> {
    fn set_aside(&mut self, page: u32, reason: SetAsideReason, text: &str) {
        let page = i32::try_from(page).unwrap_or(i32::MAX);
        match self.set_aside.last_mut() {
            Some(last) if last.page == page && last.reason == reason => {
                last.text = format!("{}\n{text}", last.text).into();
            }
            _ => self.set_aside.push(SetAsideText { page, reason, text: text.into() }),
        }
    }

    fn close(&mut self) {
        let kind = std::mem::replace(&mut self.open_is, LayoutKind::Paragraph);
        if !self.open.is_empty() {
            self.done.push((kind, std::mem::take(&mut self.open)));
        }
        self.verbatim = false;
    }

    fn heading(&mut self, lines: &[Line]) {
        self.close();
        self.open_is = LayoutKind::Heading(0);
        for line in lines {
            self.join(&line.text);
        }
        self.close();
    }

    fn verbatim(&mut self, lines: &[Line], continues: bool) {
        if !(continues && self.verbatim) {
            self.close();
        }
        self.verbatim = true;
        self.open_is = if lines.iter().any(|l| is_code_like(&l.text)) {
            LayoutKind::Code { language: None }
        } else {
            LayoutKind::Verse
        };
        let least = lines.iter().map(|l| l.indent).min().unwrap_or(0);
        for line in lines {
            if !self.open.is_empty() {
                self.open.push('\n');
            }
            self.open.extend(std::iter::repeat_n(' ', line.indent - least));
            self.open.push_str(&line.text);
        }
    }

    /// `at_top`: the block is the first of its page, and may go on with the paragraph of the page before.
    fn prose(&mut self, lines: &[Line], layout: &Layout, at_top: bool) {
        let mut before: Option<&Line> = None;
        let margin = lines.iter().map(|l| l.indent).min().unwrap_or(0);
        for line in lines {
            let goes_on = match before {
                Some(before) => !self.breaks(before, line, layout, margin),
                None => at_top && self.goes_on_with(line),
            };
            if !goes_on {
                self.close();
            }
            self.join(&line.text);
            before = Some(line);
        }
    }

    /// Whether the open paragraph, the last of the page before, goes on with this line.
    fn goes_on_with(&self, line: &Line) -> bool {
        let broken = self.open.ends_with(HYPHENS);
        let small = line.text.starts_with(char::is_lowercase);
        !self.open.is_empty()
            && !self.verbatim
            && (broken || (!ends_sentence(&self.open) && !begins_item(&line.text)) || small)
    }

    /// Whether a paragraph ends between two lines of one block.
    fn breaks(&self, before: &Line, line: &Line, layout: &Layout, margin: usize) -> bool {
        if before.text.ends_with(HYPHENS) && line.text.starts_with(char::is_lowercase) {
            return false;
        }
        if begins_item(&line.text) {
            return true;
        }
        let ended = ends_sentence(&before.text);
        // The first line of a paragraph is indented, or the last line of the one before is short.
        let indented = line.indent > before.indent && line.indent > margin && line.indent <= margin + 8;
        let short = before.indent + before.text.chars().count() + 15 < layout.right;
        let begins = line.text.starts_with(|c: char| !c.is_lowercase());
        begins && ended && (indented || short)
    }

    fn join(&mut self, text: &str) {
        let after = text.split_whitespace().next().unwrap_or_default();
        let small = after.starts_with(char::is_alphabetic);
        let whole = self.open.strip_suffix(HYPHENS).filter(|_| small && !Vocabulary::is_suspended(after));
        let stem = whole.filter(|s| s.ends_with(char::is_alphabetic));
        if let Some(stem) = stem {
            let before = stem.rsplit(char::is_whitespace).next().unwrap_or_default();
            let soft = self.open.ends_with('\u{ad}');
            if soft || !self.words.keeps_hyphen(before, after) {
                self.open.truncate(stem.len());
            }
        } else if !self.open.is_empty() {
            self.open.push(' ');
        }
        let mut words = text.split_whitespace();
        self.open.push_str(words.next().unwrap_or_default());
        for word in words {
            self.open.push(' ');
            self.open.push_str(word);
        }
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
