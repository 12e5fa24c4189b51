//! What is true of a made book, to score a reader's result against.
//!
//! The JSON has the shape of the answer keys of real books: `printed_toc` and `outline` with title (number
//! included), level and page of the file, from 1.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One heading of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyEntry {
    /// The title with its number, as in "1.2 Harbours".
    pub title: String,
    /// The depth from 1.
    pub level: u32,
    /// The page of the file where it stands, from 1.
    pub page: u32,
    /// The page number printed there ("iv", "12"); absent in the keys of real books.
    pub printed_page: String,
}

/// A chapter of a text file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChapterLine {
    /// The title with its number.
    pub title: String,
    /// The line where its heading stands, from 1.
    pub line: u32,
}

/// The answer key of a made book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerKey {
    /// The book's name, the stem of its file.
    pub name: String,
    /// The book's title.
    pub title: String,
    /// The book's author.
    pub author: String,
    /// Pages of the file; 0 for a text file.
    pub pages: u32,
    /// The pages with the printed contents.
    pub toc_pages: Vec<u32>,
    /// The entries of the printed contents in order; empty when there is none.
    pub printed_toc: Vec<KeyEntry>,
    /// All headings in order, printed in the contents or not.
    pub outline: Vec<KeyEntry>,
    /// The chapters of a text file; empty for a PDF.
    pub chapters: Vec<ChapterLine>,
}

impl AnswerKey {
    /// The key as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain strings and numbers: serialising them cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A made book: its file and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The file's name.
    pub file_name: String,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// What is true of it.
    pub key: AnswerKey,
}

impl Made {
    /// Writes the file into `directory` and returns its path.
    ///
    /// # Errors
    /// Those of [`std::fs::write`].
    pub fn write_to(&self, directory: &Path) -> io::Result<PathBuf> {
        let path = directory.join(&self.file_name);
        std::fs::write(&path, &self.bytes)?;
        Ok(path)
    }
}
