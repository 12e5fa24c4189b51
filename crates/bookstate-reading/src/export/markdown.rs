//! A book as one Markdown file: its title, then its chapters, headings by level.
//!
//! The chapters' texts are Markdown already, or plain text that is nearly so. Two things are put right: a
//! text that begins with its chapter's own heading does not repeat it, and a line that begins with `#` is a
//! heading only where the page's Markdown has one, and then it stays below its chapter.

use std::collections::HashSet;

use crate::structure::FRONT_MATTER_SOURCE;
use bookstate_domain::{Book, BookState, Chapter};

/// The deepest heading that Markdown has.
const DEEPEST: usize = 6;

/// A book as one Markdown file. A book without chapters (no job of the standard variant has finished) is its
/// pages' texts.
#[must_use]
pub fn markdown(state: &BookState) -> String {
    let mut out = String::new();
    if let Some(book) = state.book() {
        front(&mut out, book);
    }
    let chapters = state.ordered_chapters();
    if chapters.is_empty() {
        for page in state.pages().values() {
            if let Some(text) = page.ocr_markdown.as_deref() {
                block(&mut out, text);
            }
        }
    }
    for chapter in chapters {
        let level = heading_level(chapter.level);
        // What stands before the first chapter has no heading of its own, and begins with what is above already.
        if chapter.source.as_deref() == Some(FRONT_MATTER_SOURCE) {
            let said: HashSet<String> = out.lines().map(letters).collect();
            for paragraph in
                chapter.text().map_or("", |t| &**t).split("\n\n").filter(|p| !said.contains(&letters(p)))
            {
                block(&mut out, &fitted(paragraph, level, &HashSet::new()));
            }
            continue;
        }
        let heading = heading(chapter);
        block(&mut out, &format!("{} {heading}", "#".repeat(level)));
        if let Some(text) = chapter.text() {
            let text = without_heading(text, chapter);
            block(&mut out, &fitted(text, level, &page_headings(state, chapter)));
        }
    }
    out
}

/// Adds a paragraph, or several.
fn block(out: &mut String, text: &str) {
    let text = text.trim_matches('\n');
    if !text.trim().is_empty() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(text);
        out.push('\n');
    }
}

fn front(out: &mut String, book: &Book) {
    block(out, &format!("# {}", book.title.as_deref().unwrap_or("Untitled")));
    if let Some(subtitle) = book.subtitle.as_deref() {
        block(out, &format!("*{subtitle}*"));
    }
    let authors: Vec<&str> = match book.authors.as_slice() {
        [] => book.author.as_deref().into_iter().collect(),
        authors => authors.iter().map(AsRef::as_ref).collect(),
    };
    if !authors.is_empty() {
        block(out, &format!("by {}", authors.join(", ")));
    }
    let mut imprint: Vec<String> = Vec::new();
    imprint.extend(book.publisher.as_deref().map(str::to_owned));
    imprint.extend(book.publication_year.map(|year| year.to_string()));
    imprint.extend(book.isbn.as_deref().map(|isbn| format!("ISBN {isbn}")));
    block(out, &imprint.join(", "));
}

/// The book's title is the only heading of level 1.
fn heading_level(level: i32) -> usize {
    usize::try_from(level.max(1)).unwrap_or(DEEPEST).saturating_add(1).min(DEEPEST)
}

fn heading(chapter: &Chapter) -> String {
    let title = chapter.title.as_deref().unwrap_or_default().trim();
    let number = chapter.entry_number.as_deref().unwrap_or_default().trim();
    let mut heading = number.to_owned();
    if title != number && !title.is_empty() {
        if !heading.is_empty() {
            heading.push(' ');
        }
        heading.push_str(title);
    }
    if heading.is_empty() { chapter.entry_id.to_string() } else { heading }
}

/// What is left of a line when two headings are compared.
fn letters(line: &str) -> String {
    line.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The text without the chapter's own heading at its beginning.
fn without_heading<'t>(text: &'t str, chapter: &Chapter) -> &'t str {
    let text = text.trim_start_matches('\n');
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let title = letters(chapter.title.as_deref().unwrap_or_default());
    let first = letters(first);
    let repeats = !title.is_empty() && (first == title || first == letters(&heading(chapter)));
    if repeats { rest } else { text }
}

/// The headings that the Markdown of the chapter's pages has.
fn page_headings(state: &BookState, chapter: &Chapter) -> HashSet<String> {
    let pages = (chapter.start_page..=chapter.end_page).filter_map(|n| state.page(n));
    let headings = pages.filter_map(|page| page.headings.as_ref()).flat_map(|headings| headings.iter());
    headings.map(|heading| letters(&heading.text)).collect()
}

/// The text with each line that begins with `#` as a heading below `level`, or as a plain line.
fn fitted(text: &str, level: usize, headings: &HashSet<String>) -> String {
    let line = |line: &str| {
        let rest = line.trim_start_matches('#');
        let marks = line.len() - rest.len();
        if marks == 0 {
            return line.to_owned();
        }
        let is_heading = marks <= DEEPEST && rest.starts_with(' ') && headings.contains(&letters(rest));
        if is_heading {
            format!("{}{rest}", "#".repeat(marks.max(level + 1).min(DEEPEST)))
        } else {
            format!("\\{line}")
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{book, book_record, pages_only};
    use super::*;

    #[test]
    fn a_book_is_its_title_and_its_chapters() {
        let expected = "\
# Moby Dick

*or, The Whale*

by Herman Melville

Harper, 1851, ISBN 9780142437247

## 1 Loomings

Call me Ishmael.

\\# not a heading

### On ships

Some years ago.

### 1.1 The Inn

### XV

Edited text.
";
        assert_eq!(markdown(&book()), expected);
    }

    #[test]
    fn a_book_without_chapters_is_its_pages() {
        assert_eq!(markdown(&pages_only()), "# Untitled\n\nFirst page.\n\nSecond page.\n");
    }

    #[test]
    fn a_book_without_anything_is_its_title() {
        assert_eq!(markdown(&book_record()), "# Untitled\n");
        let nothing = BookState::new(bookstate_domain::BookId::new("b-0").unwrap());
        assert_eq!(markdown(&nothing), "");
    }

    #[test]
    fn levels_end_where_markdown_ends() {
        assert_eq!([0, 1, 2, 5, 6, 99].map(heading_level), [2, 2, 3, 6, 6, 6]);
    }
}
