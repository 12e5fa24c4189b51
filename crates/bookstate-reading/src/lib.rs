//! Books as text: from the bytes of a file to pages, table of contents, chapters and exports.
//!
//! One law: every word of a book arrives, once and in order. It is in a chapter's text, in a note of it, or in
//! the list of what was set aside, with the reason. This crate must not know jobs, stores, networks or an async
//! runtime; its rules are pure functions, deterministic, and no input makes them panic.
//!
//! Reading order, which is a book's way: [`source`] (a file, and the pages that it has), [`page`] (the page model:
//! what every source gives and every rule works on), [`text`] (lines, columns, paragraphs, running heads, notes, hyphens), [`toc`] (the table of contents), [`structure`] (chapters and
//! their texts), [`metadata`] (what the book says of itself), [`export`] (a book as a file).

/// The version of the reading rules: what they make of the same file changes with it. A job's record has it. A
/// finished book is not read again because it has risen; a reset does that. It rises once per release in which they
/// changed.
pub const RULES: i32 = 5;

mod archive;
pub mod export;
pub mod metadata;
pub mod page;
pub mod source;
pub mod structure;
pub mod text;
pub mod toc;
