//! Pages of a text file: at its form feeds when it has any, else pieces of about [`PAGE_CHARS`] characters.
//!
//! Invariants: deterministic; no character is lost (pages joined again, with form feeds where the file had
//! them, give the file, but for a byte order mark and carriage returns); a page break falls at the end of a
//! paragraph, and never between a heading and its text, unless a single paragraph is longer than two pages.

use super::{SourceError, SourceInfo, encoding, gutenberg};
use crate::page::{Block, BlockKind, Line, Page};
use std::path::Path;

/// The length that pages without form feeds have on average, in characters.
pub(super) const PAGE_CHARS: usize = 3_000;
/// A page that a form feed ends is cut, too, when it is longer.
const LONGEST_PAGE: usize = 10 * PAGE_CHARS;
/// More form feeds than this are no ends of pages.
const MOST_FEEDS: usize = 20_000;
/// The largest file that is read, in bytes.
const MOST_BYTES: usize = 256 << 20;
/// A longer paragraph is cut at a line's end; a longer line at white space.
const LONGEST_PARAGRAPH: usize = 2 * PAGE_CHARS;
/// A heading starts a new page when the page before it has at least this many characters.
const SHORTEST_BEFORE_HEADING: usize = PAGE_CHARS / 3;
/// A longer line is no heading.
const LONGEST_HEADING: usize = 80;

/// A text file: its pages, and what its head says.
#[derive(Debug)]
pub(super) struct TextFile {
    pub(super) pages: Vec<String>,
    pub(super) info: SourceInfo,
}

/// A file's text, whatever its encoding, with the line ends of this system.
pub(super) fn text(path: &Path, bytes: &[u8]) -> Result<String, SourceError> {
    if bytes.len() > MOST_BYTES {
        let reason = format!("{} bytes of text, {MOST_BYTES} are read", bytes.len());
        return Err(SourceError::TooLarge { path: path.into(), reason });
    }
    let text = encoding::text(bytes);
    let text = text.ok_or_else(|| SourceError::Unsupported { path: path.into(), kind: "a binary file" })?;
    // The mark of the end of a file, which an old system left.
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\u{1a}');
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Reads a file's text.
pub(super) fn read(text: &str) -> TextFile {
    if text.trim().is_empty() {
        return TextFile { pages: Vec::new(), info: SourceInfo::default() };
    }
    let feeds = text.bytes().filter(|b| *b == b'\x0c').count();
    let pages = match feeds {
        0 => at_paragraphs(text),
        1..=MOST_FEEDS => at_form_feeds(text),
        // Nobody prints so many pages: they mean nothing.
        _ => at_paragraphs(&text.replace('\u{c}', "\n\n")),
    };
    TextFile {
        info: gutenberg::info(text),
        pages: pages.iter().flat_map(|page| gutenberg::parted(page)).collect(),
    }
}

/// A page's text in the page model: one block of its lines.
pub(super) fn page(text: &str) -> Page {
    let lines = text.lines().map(Line::plain).collect();
    Page { blocks: vec![Block { kind: BlockKind::Paragraph, lines }], ..Page::default() }
}

fn at_form_feeds(text: &str) -> Vec<String> {
    let long = |page: &str| page.chars().nth(LONGEST_PAGE).is_some();
    let of = |page: &str| if long(page) { at_paragraphs(page) } else { vec![page.to_owned()] };
    let mut pages: Vec<String> = text.split('\u{c}').flat_map(of).collect();
    // A form feed ends a page, so the last one starts none.
    if pages.last().is_some_and(|p| p.trim().is_empty()) {
        pages.pop();
    }
    pages
}

fn at_paragraphs(text: &str) -> Vec<String> {
    let mut pages = Vec::new();
    let mut page: Vec<&str> = Vec::new();
    let mut chars = 0;
    for paragraph in paragraphs(text) {
        let size = paragraph.chars().count();
        let full = chars >= PAGE_CHARS || chars + size > PAGE_CHARS + PAGE_CHARS / 5;
        if (full && chars > 0) || (is_heading(paragraph) && chars >= SHORTEST_BEFORE_HEADING) {
            // Headings at the page's end belong to the text that follows.
            let body = page.iter().rposition(|p| !is_heading(p)).map_or(page.len(), |i| i + 1);
            let carried = page.split_off(body);
            pages.push(page.concat());
            chars = carried.iter().map(|p| p.chars().count()).sum();
            page = carried;
        }
        page.push(paragraph);
        chars += size;
    }
    if page.iter().any(|p| !p.trim().is_empty()) || pages.is_empty() {
        pages.push(page.concat());
    } else if let Some(last) = pages.last_mut() {
        last.push_str(&page.concat());
    }
    pages
}

/// The text in pieces that end after a paragraph's blank lines; each character is in exactly one piece.
fn paragraphs(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut at, mut blank) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let line_is_blank = line.trim().is_empty();
        // A Markdown heading needs no blank line around it.
        let alone = line.starts_with('#') || text.get(start..at).is_some_and(|p| p.starts_with('#'));
        let too_long = text.get(start..at).is_some_and(|p| p.len() > LONGEST_PARAGRAPH);
        let starts_paragraph = !line_is_blank && (blank || alone);
        if at > start && (starts_paragraph || too_long) {
            pieces.extend(text.get(start..at));
            start = at;
        }
        blank = line_is_blank;
        at += line.len();
    }
    pieces.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    pieces.into_iter().flat_map(cut_long).collect()
}

/// Cuts a piece without line ends in pages, at white space where there is some.
fn cut_long(piece: &str) -> Vec<&str> {
    if piece.chars().nth(LONGEST_PARAGRAPH).is_some() {
        cut_at_blanks(piece, PAGE_CHARS)
    } else {
        vec![piece]
    }
}

/// Cuts a text into parts of at most `chars` characters, at white space where there is some.
pub(super) fn cut_at_blanks(text: &str, chars: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(chars) {
        let (head, _) = rest.split_at(end);
        let cut =
            head.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(end, |(i, c)| i + c.len_utf8());
        let (part, tail) = rest.split_at(cut);
        parts.push(part);
        rest = tail;
    }
    parts.push(rest);
    parts
}

/// A paragraph that looks like a heading: a Markdown one, or a short line by itself that does not end like a
/// sentence.
fn is_heading(paragraph: &str) -> bool {
    let text = paragraph.trim();
    if text.starts_with('#') {
        return true;
    }
    let one_line = !text.is_empty() && !text.contains('\n');
    let starts = text.chars().next().is_some_and(|c| c.is_uppercase() || c.is_numeric());
    let ends = text.chars().next_back().is_some_and(|c| c.is_alphanumeric() || matches!(c, '!' | '?' | ')'));
    // A paragraph at the very end of the text has no blank line after it and may be the last line of
    // anything.
    one_line && starts && ends && paragraph.ends_with("\n\n") && text.chars().count() <= LONGEST_HEADING
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Vec<String> {
        read(&super::text(Path::new("book.txt"), text.as_bytes()).unwrap()).pages
    }

    #[test]
    fn a_heading_stays_with_its_text() {
        let paragraph = format!("{}.\n\n", "words and more words ".repeat(40).trim());
        let text = format!("{0}{0}{0}CHAPTER 2\n\n{0}{0}{0}", paragraph);
        let pages = of(&text);
        assert!(pages.iter().any(|p| p.starts_with("CHAPTER 2\n\nwords")), "{pages:#?}");
    }

    #[test]
    fn a_heading_at_a_pages_end_moves_to_its_text() {
        let long = format!("{}.\n\n", "words ".repeat(500).trim());
        let late = format!("{}CHAPTER 1\n\n{long}{long}", "Some words here.\n\n".repeat(45));
        assert!(of(&late).iter().any(|p| p.starts_with("CHAPTER 1\n\nwords")));
    }

    #[test]
    fn marks_and_line_ends_of_other_systems_are_gone() {
        assert_eq!(of("\u{feff}one\r\ntwo\rthree"), ["one\ntwo\nthree"]);
    }

    #[test]
    fn a_markdown_heading_without_blank_lines_starts_a_page() {
        let line = "words and more words\n".repeat(100);
        let pages = of(&format!("# One\n{line}# Two\n{line}"));
        assert_eq!(pages.len(), 2);
        assert!(pages[1].starts_with("# Two\n"));
    }

    #[test]
    fn one_endless_line_is_cut_at_white_space() {
        let pages = of(&"word ".repeat(10_000));
        assert!(pages.len() > 10);
        assert!(pages.iter().all(|p| p.ends_with("word ") && p.len() <= 2 * LONGEST_PARAGRAPH));
    }

    proptest! {
        #[test]
        fn no_character_is_lost(parts in prop::collection::vec("[A-Za-zäß#\n .]{0,400}", 0..40)) {
            let text = parts.join("\n\n");
            prop_assume!(!text.trim().is_empty());
            prop_assert_eq!(of(&text).concat(), text);
        }

        #[test]
        fn form_feeds_are_page_ends(parts in prop::collection::vec("[a-z\n]{1,40}", 2..10)) {
            prop_assume!(parts.iter().all(|p| !p.trim().is_empty()));
            prop_assert_eq!(of(&parts.join("\u{c}")), parts);
        }

        #[test]
        fn pages_are_of_a_bounded_length(text in "(?s).{0,30000}") {
            let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
            for page in of(&text) {
                prop_assert!(page.chars().count() <= 2 * LONGEST_PARAGRAPH);
            }
        }
    }
}
