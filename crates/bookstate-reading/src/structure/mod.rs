//! A book's structure: headings, finalize, chapters and their texts, by rules on page texts.
//!
//! Invariants: pure functions on text; no I/O, no clock; deterministic; no panic on any input. What they return
//! are the arguments of the domain's persist methods. Precise rather than complete: what a rule is not sure of is
//! left out. Not here: the printed table of contents itself (see [`toc`](crate::toc)).

mod account;
mod chapters;
mod classify;
mod counted;
mod entry_facts;
mod finalize;
mod gap;
mod headings;
mod language;
mod locate;
mod made_from;
mod markdown;
mod matter;
mod named;
mod order;
mod ornament;
mod parts;
mod polish;
mod said;
mod series;
mod text;
mod typed;
mod vocabulary;

#[cfg(test)]
mod shared_books;

use crate::page::Page;
use crate::source::{Source, SourceKind};
use crate::toc::{BookText, FileFacts};
use bookstate_domain::{Text, persist::NewChapter};

pub use account::{Account, account};
pub use chapters::{from_contents, from_headings, from_outline};
pub use classify::classify;
pub use entry_facts::EntryFacts;
pub use finalize::{GAP_PAGES, discover, gaps, patterns};
pub use gap::look_into;
pub use headings::{HeadingKind, PageHeading, headings};
pub use language::{language, quoted_language};
pub use locate::{ChapterStart, Position, locate};
pub use made_from::{
    BACK_MATTER_SOURCE, CONTENTS_SOURCE, FRONT_MATTER_SOURCE, HEADING_SOURCE, OUTLINE_SOURCE, PART_SOURCE,
    WHOLE_BOOK_SOURCE,
};
pub use markdown::{PageMarkdown, page_markdown};
pub use polish::{Edit, EditKind, apply, edits, polish};
pub use text::{chapter_texts, paragraph_count, word_count};

/// The text of a book right from its file; a page that cannot be read is empty. Pages are those that the pipeline
/// stores.
pub fn book_text(source: &Source) -> BookText {
    let text = |n| source.page_text(n).map(|p| page_markdown(&p.text).markdown).unwrap_or_default();
    let texts = (1..=source.page_count()).map(text).collect();
    placed(texts, source, |_| None)
}

/// The text of a book whose page texts are stored, with places where somebody knows them: `read` gives the page (by its
/// 1-based number) as it was read from an image, the file gives the others.
pub fn placed(texts: Vec<Text>, source: &Source, read: impl Fn(u32) -> Option<Page>) -> BookText {
    match source.kind() {
        SourceKind::Pdf | SourceKind::Images => {
            // Nobody reads them after this, and those of a long book are most of what it takes.
            let page = |n| read(n).or_else(|| source.take_page(n).ok());
            BookText::with_places(texts, FileFacts::of(source), page)
        }
        SourceKind::Text => BookText::of_text(texts, FileFacts::of(source)),
        _ => BookText::flowing(texts, FileFacts::of(source), |n| source.page(n).ok()),
    }
}

/// The chapters of a book: by the `entries` of its contents (none where it has no usable one) or by its file's outline,
/// else by its headings, else one with the book's `title`. A file that says what its headings are knows its chapters
/// better than a list among its paragraphs; a print's contents are better than its file's bookmarks.
#[must_use]
pub fn skeleton(book: &BookText, entries: &[EntryFacts], title: Option<&str>) -> Vec<NewChapter> {
    let (first, second) = match book.is_said() {
        true => (from_outline(book), from_contents(book, entries)),
        false => (from_contents(book, entries), from_outline(book)),
    };
    [first, second]
        .into_iter()
        .find(|chapters| !chapters.is_empty())
        .unwrap_or_else(|| from_headings(book, title))
}

/// The line is a heading of a known kind: `Chapter 3`, `Kapitel IV`.
pub(crate) fn is_named_heading(line: &str) -> bool {
    named::named(line).is_some()
}

/// The line is the title of a known part of a book: `Preface`, `Index`.
pub(crate) fn is_known_title(line: &str) -> bool {
    matter::known_title(line).is_some()
}
