//! The text of a chapter where the file says what each block is: its blocks as they are, its notes beside it.
//!
//! Invariants: each line of a page is in a block or in a note, in order; a mark of a note is taken out of the text
//! where it refers to a note that follows its block, and nowhere else.

use crate::page::BlockKind;
use crate::toc::{PageText, SaidLine};
use bookstate_domain::LayoutKind;
use std::ops::Range;

/// A piece of a chapter.
#[derive(Debug, PartialEq)]
pub(super) enum SaidBlock {
    /// A block of its text.
    Text {
        /// What it is.
        kind: LayoutKind,
        /// Its text without the marks of its notes.
        text: String,
        /// The marks that were in it: their places in its text, in bytes, rising.
        marks: Vec<(usize, String)>,
    },
    /// A note: its mark, and its paragraphs.
    Note {
        /// As printed.
        mark: String,
        /// With an empty line between paragraphs.
        text: String,
    },
}

/// The blocks of the lines in `range` of a page, without those that `is_contents`.
pub(super) fn said_blocks(
    page: &PageText,
    range: Range<usize>,
    is_contents: impl Fn(usize) -> bool,
) -> Vec<SaidBlock> {
    let lines = page.said.iter().enumerate().filter(|(i, _)| range.contains(i) && !is_contents(*i));
    let lines: Vec<&SaidLine> = lines.map(|(_, line)| line).collect();
    let blocks: Vec<&[&SaidLine]> = lines.chunk_by(|a, b| a.block == b.block).collect();
    let mut out: Vec<SaidBlock> = Vec::new();
    // The marks that notes behind the block answer; see `notes_behind`.
    for (n, block) in blocks.iter().enumerate() {
        let Some(first) = block.first() else { continue };
        if let Some(mark) = note_mark(first) {
            let text = joined(block, " ").0;
            match out.last_mut() {
                Some(SaidBlock::Note { mark: last, text: before })
                    if *last == *mark && !notes_twice(&blocks, n, mark) =>
                {
                    before.push_str("\n\n");
                    before.push_str(&text);
                }
                _ => out.push(SaidBlock::Note { mark: mark.to_owned(), text }),
            }
            continue;
        }
        let answered = notes_behind(blocks.get(n + 1..).unwrap_or_default());
        let between = match &*first.kind {
            BlockKind::Preformatted { .. } | BlockKind::Verse | BlockKind::Table => "\n",
            _ => " ",
        };
        let (mut text, raised) = joined(block, between);
        let mut marks = taken(&mut text, &raised, &answered);
        let kind = layout_kind(&first.kind);
        if let LayoutKind::Item { marker, .. } = &kind
            && !marker.is_empty()
        {
            text.insert_str(0, &format!("{marker} "));
            marks.iter_mut().for_each(|(at, _)| *at += marker.len() + 1);
        }
        if !text.trim().is_empty() {
            out.push(SaidBlock::Text { kind, text, marks });
        }
    }
    out
}

/// The mark of the note that the line belongs to. One that nothing refers to is text.
fn note_mark(line: &SaidLine) -> Option<&str> {
    match &*line.kind {
        BlockKind::Footnote { mark } if !mark.is_empty() => Some(mark),
        _ => None,
    }
}

/// The marks of the notes right behind a block, in order; a mark once for the paragraphs of a note.
fn notes_behind<'a>(blocks: &[&'a [&SaidLine]]) -> Vec<&'a str> {
    let mut marks: Vec<&str> = Vec::new();
    for block in blocks {
        let Some(mark) = block.first().and_then(|line| note_mark(line)) else { break };
        marks.push(mark);
    }
    marks
}

/// The block that the notes around block `n` answer refers to this mark more than once: each is a note by itself.
fn notes_twice(blocks: &[&[&SaidLine]], n: usize, mark: &str) -> bool {
    let before = blocks.get(..n).unwrap_or_default().iter().rev();
    let text = before.into_iter().find(|block| block.first().is_some_and(|line| note_mark(line).is_none()));
    let raised = text.into_iter().flat_map(|block| block.iter()).flat_map(|line| &line.raised);
    raised.filter(|(_, sign)| core(sign) == mark).count() > 1
}

/// A sign without its brackets.
fn core(sign: &str) -> &str {
    sign.trim_matches(['[', ']', '(', ')', '{', '}', ' ', '.'])
}

/// The lines of a block as one text, and the raised signs in it.
fn joined(block: &[&SaidLine], between: &str) -> (String, Vec<(usize, String)>) {
    let (mut out, mut raised) = (String::new(), Vec::new());
    let mut begun = false;
    for line in block {
        let Some(text) = &line.text else { continue };
        if begun {
            out.push_str(between);
        }
        if between == "\n" && begun {
            out.extend(std::iter::repeat_n('\n', line.blanks));
        }
        begun = true;
        raised.extend(line.raised.iter().map(|(at, sign)| (out.len() + at, sign.clone())));
        out.push_str(text);
    }
    (out, raised)
}

/// Takes out of a text the marks that notes answer, each once: raised ones, or `[1]`.
fn taken(text: &mut String, raised: &[(usize, String)], answered: &[&str]) -> Vec<(usize, String)> {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    for (n, mark) in answered.iter().enumerate() {
        let free = |range: &Range<usize>| !found.iter().any(|(other, _)| other.start == range.start);
        let sign = raised.iter().filter(|(_, sign)| core(sign) == *mark);
        let sign = sign.map(|(at, sign)| *at..at + sign.len()).find(free);
        let bracketed = || {
            let written = format!("[{mark}]");
            text.match_indices(&written).map(|(at, part)| at..at + part.len()).find(free)
        };
        // Paragraphs of one note have its mark, too.
        let again = n > 0 && answered.get(n - 1) == Some(mark);
        if let Some(range) = sign.or_else(|| if again { None } else { bracketed() }) {
            found.push((range, (*mark).to_owned()));
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    let mut marks = Vec::with_capacity(found.len());
    let mut gone = 0;
    for (range, mark) in found {
        let at = range.start.saturating_sub(gone);
        let end = at + range.len();
        if !text.is_char_boundary(at) || !text.is_char_boundary(end) {
            continue;
        }
        text.replace_range(at..end, "");
        gone += range.len();
        marks.push((at, mark));
    }
    marks
}

fn layout_kind(kind: &BlockKind) -> LayoutKind {
    match kind {
        BlockKind::Heading { level } => LayoutKind::Heading(level.unwrap_or(0)),
        BlockKind::ListItem { depth, marker } => {
            LayoutKind::Item { depth: *depth, marker: marker.as_str().into() }
        }
        BlockKind::Preformatted { language } => {
            LayoutKind::Code { language: language.as_deref().map(Into::into) }
        }
        BlockKind::Verse => LayoutKind::Verse,
        BlockKind::Quote { depth } => LayoutKind::Quote(*depth),
        BlockKind::Table => LayoutKind::Table,
        BlockKind::Caption => LayoutKind::Caption,
        BlockKind::Break => LayoutKind::Break,
        BlockKind::Paragraph
        | BlockKind::Footnote { .. }
        | BlockKind::RunningHead
        | BlockKind::PageNumber => LayoutKind::Paragraph,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::structure::book_text;
    use std::path::Path;

    fn blocks(name: &str, text: &str) -> Vec<SaidBlock> {
        let source = Source::from_bytes(Path::new(name), text.as_bytes().to_vec()).unwrap();
        let book = book_text(&source);
        let page = book.page(1).unwrap();
        said_blocks(page, 0..page.lines.len(), |_| false)
    }

    fn text(kind: LayoutKind, text: &str, marks: &[(usize, &str)]) -> SaidBlock {
        let marks = marks.iter().map(|(at, mark)| (*at, (*mark).to_owned())).collect();
        SaidBlock::Text { kind, text: text.into(), marks }
    }

    fn note(mark: &str, text: &str) -> SaidBlock {
        SaidBlock::Note { mark: mark.into(), text: text.into() }
    }

    #[test]
    fn blocks_are_as_the_file_has_them_and_notes_are_beside_them() {
        let found = blocks(
            "a.md",
            "# One\n\nText[^a] and[^b] more.\n\n```sh\n# x\n\n\n  y\n```\n\n1. i[^c]\n\n[^a]: A.\n\n    Second.\n\n[^b]: B.\n\n[^c]: C.\n",
        );
        let expected = [
            text(LayoutKind::Heading(1), "One", &[]),
            text(LayoutKind::Paragraph, "Text and more.", &[(4, "a"), (8, "b")]),
            note("a", "A.\n\nSecond."),
            note("b", "B."),
            text(LayoutKind::Code { language: Some("sh".into()) }, "# x\n\n\n  y", &[]),
            text(LayoutKind::Item { depth: 0, marker: "1.".into() }, "1. i", &[(4, "c")]),
            note("c", "C."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn two_notes_of_one_mark_are_two() {
        let html = "<p>One<a href='#a' epub:type='noteref'>*</a> two<a href='#b' epub:type='noteref'>*</a> [3]<p>end\
                    <p id=a><a href='#x'>*</a> first<p id=b><a href='#y'>*</a> second";
        let found = blocks("a.html", html);
        let expected = [
            text(LayoutKind::Paragraph, "One two [3]", &[(3, "*"), (7, "*")]),
            note("*", "first"),
            note("*", "second"),
            text(LayoutKind::Paragraph, "end", &[]),
        ];
        assert_eq!(found, expected);
    }
}
