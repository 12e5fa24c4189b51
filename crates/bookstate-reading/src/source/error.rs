//! What can be wrong with a file that was given as a book.
//!
//! Each variant's text is one line that names the file and says what to do about it; nothing here is retried
//! by itself, because the same file gives the same answer.

use std::path::PathBuf;

/// Why a file cannot be read as a book, or one of its pages cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is nothing at the path.
    #[error("no file at {path}: check the path")]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The file is there, but the operating system does not let us read it.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The path as it was given.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// The file has no bytes.
    #[error("{path} is empty: copy or download it again")]
    Empty {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The file needs a password, or is encrypted in a way that cannot be read.
    #[error("{path} is encrypted ({reason}): remove the password and try again")]
    Encrypted {
        /// The path as it was given.
        path: PathBuf,
        /// Which kind of encryption stands in the way.
        reason: String,
    },
    /// The file claims a format and does not keep to it.
    #[error("{path} is damaged ({reason}): copy or download it again")]
    Broken {
        /// The path as it was given.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// The file holds more than is sane for a book, or would when it is unpacked.
    #[error("{path} is too large ({reason}): cut it into parts")]
    TooLarge {
        /// The path as it was given.
        path: PathBuf,
        /// Which bound it breaks.
        reason: String,
    },
    /// A kind of file that has no reader here.
    #[error("{path} is {kind}, which cannot be read: give a PDF, EPUB, HTML, Markdown or plain text file")]
    Unsupported {
        /// The path as it was given.
        path: PathBuf,
        /// What the file is, with its article.
        kind: &'static str,
    },
    /// The file is sound and holds no page.
    #[error("{path} has no pages: nothing to process")]
    NoPages {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The page asked for is not in the book.
    #[error("page {page} does not exist: the book has pages 1 to {pages}")]
    NoSuchPage {
        /// The 1-based page that was asked for.
        page: u32,
        /// How many pages the book has.
        pages: u32,
    },
    /// One page of an otherwise readable book cannot be read.
    #[error("page {page} is damaged ({reason}): the other pages can still be read")]
    BrokenPage {
        /// The 1-based page.
        page: u32,
        /// What does not hold.
        reason: String,
    },
}
