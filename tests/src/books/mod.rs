//! Books made on the spot, each with its answer key.
//!
//! A [`Book`] says what the book is like (parts, chapters, kind of contents, scans); [`Book::make_pdf`],
//! [`Book::make_markdown`] and [`Book::make_text`] give a [`Made`]: the bytes and what is true of them. The
//! same book gives the same bytes and key on every machine. Nothing here reads a file or knows how a book is
//! processed.

mod body;
mod builder;
mod contents;
mod damage;
mod key;
mod plain;
mod plan;
mod sheets;
mod words;

pub use builder::{Book, Contents, Scanned};
pub use damage::{encrypted, truncated};
pub use key::{AnswerKey, ChapterLine, KeyEntry, Made};
pub use words::Language;
