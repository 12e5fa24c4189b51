//! A chapter's text from its pages: paragraphs over lines and pages, hyphenation undone.
//!
//! Invariants: each line of the pages is in the text of at most one chapter, and of exactly one from the first
//! chapter's start on; running heads and the printed contents are set aside in one, notes are beside the text; nothing but white space, end-of-line
//! hyphens and the marks of notes changes. Paragraphs are separated by a blank line; the lines of code, verse and
//! tables stay lines.

use super::headings::{gap_before, headings};
use super::locate::{ChapterStart, Position, locate, title_lines};
use super::said::{SaidBlock, said_blocks};
use super::vocabulary::{HYPHENS, Vocabulary};
use crate::text::LineType;
use crate::text::script::unspaced;
use crate::toc::{BookText, Line, PageText};
use bookstate_domain::{
    BLOCK_SEPARATOR, LayoutBlock, LayoutKind, Note, SetAsideReason, SetAsideText, Text,
    persist::ChapterExtract,
};
use std::borrow::Cow;
use std::ops::Range;

/// Bullets that begin an item of a list.
const BULLETS: [&str; 10] = ["•", "◦", "▪", "‣", "·", "–", "—", "*", "-", "+"];

/// Stands where the mark of a note stood until the text is whole; no character of any text.
const MARK: char = '\u{fdd0}';

/// The text of each of `chapters`, which are in their order.
pub fn chapter_texts(book: &BookText, chapters: &[ChapterStart]) -> Vec<ChapterExtract> {
    let positions = locate(book, chapters);
    let end = Position { page: book.page_count().saturating_add(1), line: 0 };
    let ends = positions.iter().skip(1).copied().chain([end]);
    let words = Vocabulary::of(book);
    // What is set aside before the first chapter, and notes there, are in no other one.
    let begin = Position { page: 1, line: 0 };
    let beside = std::iter::once(begin).chain(positions.iter().skip(1).copied());
    let extract = |(((chapter, start), beside), end): (((&ChapterStart, &Position), Position), Position)| {
        let Spanned { text, layout, marked, said } = span_text(book, chapter, *start, end, &words);
        let count = word_count(&text);
        let plain = ChapterExtract::plain(chapter.subject.clone(), text.into(), count);
        let notes = if said.is_empty() { notes(book, beside, end, &marked, &words) } else { said };
        ChapterExtract { layout: Some(layout), notes, set_aside: set_aside(book, beside, end), ..plain }
    };
    chapters.iter().zip(&positions).zip(beside).zip(ends).map(extract).collect()
}

/// The mark of a note in a text: the page, the mark, and where it stood.
struct Marked {
    page: u32,
    mark: String,
    at: u32,
}

/// The notes of a chapter: those that its text refers to, and of pages that end in it those that no text refers to.
fn notes(
    book: &BookText,
    start: Position,
    end: Position,
    marked: &[Marked],
    words: &Vocabulary,
) -> Vec<Note> {
    let mut out: Vec<Note> = Vec::new();
    for n in start.page..=end.page.min(book.page_count()) {
        let Some(page) = book.page(n).filter(|page| !page.notes.is_empty()) else { continue };
        let ends_here = end.page > n || end.line > page.lines.len();
        let references = page.references();
        let line_of = |mark: &str| {
            references.iter().find(|found| found.marks.iter().any(|m| m == mark)).map(|found| found.line)
        };
        let from = if n == start.page { start.line } else { 0 };
        let to = if n == end.page { end.line } else { page.lines.len() };
        for note in &page.notes {
            let here = line_of(&note.mark).map_or(ends_here, |line| (from..to).contains(&line));
            if !here {
                continue;
            }
            let mut body = Paragraphs::new(words);
            note.lines.iter().for_each(|line| body.join(line));
            let page = i32::try_from(n).unwrap_or(i32::MAX);
            let at = marked.iter().find(|m| m.page == n && m.mark == note.mark).map(|m| m.at);
            match out.last_mut().filter(|_| note.mark.is_empty()) {
                // The rest of the last note of the page before.
                Some(last) => {
                    let mut whole = Paragraphs::new(words);
                    whole.join(&last.text);
                    whole.join(&body.open);
                    last.text = whole.open.into();
                }
                None => out.push(Note { mark: note.mark.as_str().into(), text: body.open.into(), page, at }),
            }
        }
    }
    out
}

/// What was set aside of the chapter's pages: the lines of the printed contents, and of each page whose first line is
/// in the chapter its heads; pages without lines are where they stand.
fn set_aside(book: &BookText, start: Position, end: Position) -> Vec<SetAsideText> {
    let mut out: Vec<SetAsideText> = Vec::new();
    let mut add = |n: u32, reason: SetAsideReason, text: &str| {
        let page = i32::try_from(n).unwrap_or(i32::MAX);
        match out.last_mut() {
            Some(last) if last.page == page && last.reason == reason => {
                last.text = format!("{}\n{text}", last.text).into();
            }
            _ => out.push(SetAsideText { page, reason, text: Text::from(text) }),
        }
    };
    for n in start.page..=end.page.min(book.page_count()) {
        let Some(page) = book.page(n) else { continue };
        let from = if n == start.page { start.line } else { 0 };
        let to = if n == end.page { end.line.min(page.lines.len()) } else { page.lines.len() };
        if from == 0 && (n < end.page || end.line > 0) {
            page.set_aside.iter().for_each(|(reason, text)| add(n, *reason, text));
        }
        for (i, line) in page.lines.iter().enumerate().take(to).skip(from) {
            if book.is_contents_line(n, i) {
                add(n, SetAsideReason::Contents, &line.text);
            }
        }
    }
    out
}

/// How many words a text has; of scripts without spaces each sign counts.
pub fn word_count(text: &str) -> i32 {
    i32::try_from(crate::text::count_words(text)).unwrap_or(i32::MAX)
}

/// How many paragraphs a text has.
pub fn paragraph_count(text: &str) -> i32 {
    let paragraphs = text.split("\n\n").filter(|p| !p.trim().is_empty()).count();
    i32::try_from(paragraphs).unwrap_or(i32::MAX)
}

/// The pages between two positions as text.
struct Spanned {
    text: String,
    layout: Vec<LayoutBlock>,
    marked: Vec<Marked>,
    /// The notes, where the file says which they are.
    said: Vec<Note>,
}

fn span_text(
    book: &BookText,
    chapter: &ChapterStart,
    start: Position,
    end: Position,
    words: &Vocabulary,
) -> Spanned {
    let mut out = Paragraphs::new(words);
    let mut marked: Vec<Marked> = Vec::new();
    let mut said = SaidNotes::default();
    for n in start.page..=end.page.min(book.page_count()) {
        let Some(page) = book.page(n) else { continue };
        let from = if n == start.page { start.line } else { 0 };
        let to = if n == end.page { end.line.min(page.lines.len()) } else { page.lines.len() };
        if !page.said.is_empty() {
            let blocks = said_blocks(page, from..to, |i| book.is_contents_line(n, i));
            blocks.into_iter().for_each(|block| said.take(block, n, &mut out, &mut marked));
            continue;
        }
        let lines = without_marks(page, from..to, n, &mut marked);
        let contents: Vec<bool> = (0..page.lines.len()).map(|i| book.is_contents_line(n, i)).collect();
        let title = if n == start.page { title_lines(page, from, chapter) } else { 0 };
        add_page(&mut out, page, &lines, &contents, from..to, title);
    }
    out.close();
    let mut text = String::new();
    let mut layout = Vec::with_capacity(out.done.len());
    let mut left = marked.iter_mut();
    for (kind, block) in out.done {
        if !layout.is_empty() {
            text.push_str(BLOCK_SEPARATOR);
        }
        let begins = text.len();
        for (i, piece) in block.split(MARK).enumerate() {
            if i > 0
                && let Some(marked) = left.next()
            {
                marked.at = u32::try_from(text.len()).unwrap_or(u32::MAX);
            }
            text.push_str(piece);
        }
        layout.push(LayoutBlock { kind, bytes: u32::try_from(text.len() - begins).unwrap_or(u32::MAX) });
    }
    let said = said.placed(&marked);
    Spanned { text, layout, marked, said }
}

/// The notes that a file says, each with the place of its mark among those of the text.
#[derive(Default)]
struct SaidNotes(Vec<(Note, Option<usize>)>);

impl SaidNotes {
    fn take(&mut self, block: SaidBlock, n: u32, out: &mut Paragraphs<'_>, marked: &mut Vec<Marked>) {
        match block {
            SaidBlock::Text { kind, mut text, marks } => {
                marks.iter().rev().for_each(|(at, _)| text.insert(*at, MARK));
                marked.extend(marks.into_iter().map(|(_, mark)| Marked { page: n, mark, at: 0 }));
                out.close();
                out.done.push((kind, text));
            }
            SaidBlock::Note { mark, text } => {
                let taken = |i: &usize| self.0.iter().any(|(_, of)| *of == Some(*i));
                let of = (0..marked.len()).filter(|i| !taken(i));
                let mut of = of.filter(|i| marked.get(*i).is_some_and(|m| m.page == n && m.mark == mark));
                let of = of.next();
                let page = i32::try_from(n).unwrap_or(i32::MAX);
                self.0.push((Note { mark: mark.into(), text: text.into(), page, at: None }, of));
            }
        }
    }

    fn placed(self, marked: &[Marked]) -> Vec<Note> {
        let at = |of: Option<usize>| of.and_then(|of| marked.get(of)).map(|marked| marked.at);
        self.0.into_iter().map(|(note, of)| Note { at: at(of), ..note }).collect()
    }
}

/// The page's lines, in `range` with [`MARK`] where they refer to one of the page's notes.
fn without_marks<'a>(
    page: &'a PageText,
    range: Range<usize>,
    n: u32,
    marked: &mut Vec<Marked>,
) -> Cow<'a, [Line]> {
    if page.notes.is_empty() {
        return Cow::Borrowed(&page.lines);
    }
    let mut lines = page.lines.clone();
    let references = page.references();
    let here = references.iter().filter(|found| range.contains(&found.line));
    marked.extend(here.clone().flat_map(|found| &found.marks).map(|mark| Marked {
        page: n,
        mark: mark.clone(),
        at: 0,
    }));
    // From behind, so that the places before stay.
    for found in here.rev() {
        if let Some(line) = lines.get_mut(found.line) {
            line.text
                .replace_range(found.sign.clone(), &found.marks.iter().map(|_| MARK).collect::<String>());
        }
    }
    Cow::Owned(lines)
}

/// Takes some of the lines of a page, block by block (a block is lines without a blank one between). The first `title` of
/// them are the chapter's own.
fn add_page(
    out: &mut Paragraphs<'_>,
    page: &PageText,
    lines: &[Line],
    contents: &[bool],
    Range { start: from, end: to }: Range<usize>,
    title: usize,
) {
    let layout = Layout::of(lines);
    let heads = headings(page);
    let gaps = paragraph_gaps(&page.types);
    let (code, inset) = code_lines(lines, &page.types);
    let is_contents = |i: usize| contents.get(i) == Some(&true);
    let mut i = from;
    while i < to {
        // The printed contents are set aside: their entries are the chapters.
        if is_contents(i) {
            i += 1;
            continue;
        }
        // A block ends at a blank line and before and behind a heading.
        let of_title = from + title;
        let head = heads.iter().find(|h| h.first <= i && i <= h.last).map(|h| h.last + 1);
        let head = if i < of_title { Some(head.unwrap_or(0).max(of_title)) } else { head };
        let mut stop = i + 1;
        match head {
            // What is set aside is not said a second time.
            Some(end) => {
                let end = end.min(to);
                stop = (i + 1..end).find(|line| is_contents(*line)).unwrap_or(end);
            }
            None => {
                while stop < to
                    && !is_contents(stop)
                    && !ends_block(lines, &code, inset, stop)
                    && !gaps.get(stop).copied().unwrap_or(false)
                    && !heads.iter().any(|h| h.first == stop)
                {
                    stop += 1;
                }
            }
        }
        let block = lines.get(i..stop).unwrap_or_default();
        let code = code.get(i..stop).unwrap_or_default();
        let continues = i == from && head.is_none();
        if head.is_some() {
            out.heading(block);
        } else if is_verbatim(block, code, &layout) {
            out.verbatim(block, code.contains(&true), continues);
        } else {
            out.prose(block, &layout, continues);
        }
        i = stop;
    }
}

/// For each line whether more space is above it than between the page's lines.
fn paragraph_gaps(types: &[LineType]) -> Vec<bool> {
    let step = |pair: &[LineType]| match pair {
        [a, b] => a.place.zip(b.place).map(|(a, b)| b.y1 - a.y1).filter(|step| *step > 0.0),
        _ => None,
    };
    let mut steps: Vec<f32> = types.windows(2).filter_map(step).collect();
    if steps.len() < 6 {
        return Vec::new();
    }
    steps.sort_by(f32::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(f32::MAX);
    let wide = |pair: &[LineType]| step(pair).is_some_and(|step| step > 1.25 * usual + 0.5);
    std::iter::once(false).chain(types.windows(2).map(wide)).collect()
}

/// Which lines are a program's, and by how much its indent sets it off from text. Type of one width tells them where a
/// page has it beside other type; else their signs do.
fn code_lines(lines: &[Line], types: &[LineType]) -> (Vec<bool>, usize) {
    let printed = types.iter().filter(|t| t.monospace).count();
    if types.len() == lines.len() && printed > 0 && printed * 4 <= types.len() * 3 {
        return (types.iter().map(|t| t.monospace).collect(), 1);
    }
    // A word that a line's end cuts is text, whatever signs are beside it.
    let is_cut = |i: usize| {
        let stem = lines.get(i).and_then(|l| l.text.strip_suffix(HYPHENS));
        let next = lines.get(i + 1).is_some_and(|l| l.text.starts_with(char::is_lowercase));
        next && stem.is_some_and(|stem| stem.ends_with(char::is_alphabetic))
    };
    let is_code = |(i, l): (usize, &Line)| is_code_like(&l.text) && !is_cut(i);
    (lines.iter().enumerate().map(is_code).collect(), 3)
}

/// Whether a block ends before line `i`: at a blank line, and where code is set off by its indent alone.
fn ends_block(lines: &[Line], code: &[bool], inset: usize, i: usize) -> bool {
    let above = i.checked_sub(1);
    let (Some(before), Some(line)) = (above.and_then(|p| lines.get(p)), lines.get(i)) else {
        return true;
    };
    let is_code = |i: Option<usize>| i.and_then(|i| code.get(i)).copied().unwrap_or(false);
    let inward = line.indent >= before.indent + inset && is_code(Some(i));
    let outward = before.indent >= line.indent + inset && is_code(above) && !is_code(Some(i));
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
fn is_verbatim(block: &[Line], code: &[bool], layout: &Layout) -> bool {
    if code.iter().filter(|is| **is).count() * 2 >= block.len() {
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
}

impl<'a> Paragraphs<'a> {
    fn new(words: &'a Vocabulary) -> Self {
        let (done, open, open_is) = (Vec::new(), String::new(), LayoutKind::Paragraph);
        Self { done, open, open_is, verbatim: false, words }
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

    fn verbatim(&mut self, lines: &[Line], code: bool, continues: bool) {
        if !(continues && self.verbatim) {
            self.close();
        }
        self.verbatim = true;
        self.open_is = if code { LayoutKind::Code { language: None } } else { LayoutKind::Verse };
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
        } else if !self.open.is_empty() && !self.goes_on_without_space(text) {
            self.open.push(' ');
        }
        let mut words = text.split_whitespace();
        self.open.push_str(words.next().unwrap_or_default());
        for word in words {
            self.open.push(' ');
            self.open.push_str(word);
        }
    }

    /// Two lines of a script that sets no spaces, or a number that a line end cuts behind its hyphen.
    fn goes_on_without_space(&self, text: &str) -> bool {
        let before = self.open.chars().next_back().unwrap_or(' ');
        let after = text.chars().next().unwrap_or(' ');
        let number = after.is_ascii_digit()
            && self
                .open
                .strip_suffix(['-', '–'])
                .is_some_and(|stem| stem.ends_with(|c: char| c.is_ascii_digit()));
        number || (unspaced(before) && unspaced(after))
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
