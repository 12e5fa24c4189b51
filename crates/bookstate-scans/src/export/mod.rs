//! A scanned book as a file for other programs: a searchable PDF, hOCR, ALTO.
//!
//! Invariants: the page images are as the scan has them; a word is where it stands on the image; a book is written
//! page by page, and one page at a time is in memory.

mod markup;
mod pdf;
mod writer;

pub use markup::{alto, hocr};
pub use pdf::pdf;

use crate::{PageError, words::PageWords};

/// What a file says of the book besides its pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its title.
    pub title: Option<String>,
    /// Its author or authors.
    pub author: Option<String>,
    /// Its language, ISO 639-1.
    pub language: Option<String>,
    /// Its table of contents.
    pub outline: Vec<OutlineEntry>,
    /// The page that is printed as 1; those before it have roman numbers.
    pub first_numbered: Option<u32>,
}

/// An entry of the table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineEntry {
    /// Its title.
    pub title: String,
    /// Its level, 1 the highest.
    pub level: u32,
    /// The page that it leads to, 1-based.
    pub page: u32,
}

/// What was read on a page.
#[derive(Debug, Clone)]
pub enum PageText {
    /// Words with their places.
    Words(PageWords),
    /// Text without places, line by line.
    Lines(String),
}

/// Why a book could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A page's image cannot be had.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The file cannot be written.
    #[error("cannot write: {0}")]
    Io(#[from] std::io::Error),
}
