//! A book's structure: headings, finalize, chapters and their texts, by rules on page texts.
//!
//! Invariants: pure functions on text; no I/O, no clock; deterministic; no panic on any input. What they return
//! are the arguments of the domain's persist methods. Precise rather than complete: what a rule is not sure of is
//! left out. Not here: the printed table of contents itself (see [`toc`](crate::toc)).

mod chapters;
mod classify;
mod counted;
mod finalize;
mod gap;
mod headings;
mod language;
mod locate;
mod markdown;
mod matter;
mod named;
mod numerals;
mod polish;
mod series;
mod text;
mod vocabulary;

#[cfg(test)]
mod shared_books;

pub use chapters::{
    BACK_MATTER_SOURCE, CONTENTS_SOURCE, FRONT_MATTER_SOURCE, HEADING_SOURCE, OUTLINE_SOURCE,
    WHOLE_BOOK_SOURCE, from_contents, from_headings, from_outline,
};
pub use classify::classify;
pub use finalize::{EntryFacts, GAP_PAGES, discover, gaps, patterns};
pub use gap::look_into;
pub use headings::{HeadingKind, PageHeading, headings};
pub use language::language;
pub use locate::{ChapterStart, Position, locate};
pub use markdown::{PageMarkdown, page_markdown};
pub use numerals::{Numeral, NumeralStyle};
pub use polish::{Edit, EditKind, apply, edits, polish};
pub use text::{chapter_texts, paragraph_count, word_count};

/// The line is a heading of a known kind: `Chapter 3`, `Kapitel IV`.
pub(crate) fn is_named_heading(line: &str) -> bool {
    named::named(line).is_some()
}

/// The line is the title of a known part of a book: `Preface`, `Index`.
pub(crate) fn is_known_title(line: &str) -> bool {
    matter::known_title(line).is_some()
}
