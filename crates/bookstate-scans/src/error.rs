//! What can be wrong with a scan that was given as a book, and with one of its pages.
//!
//! Each text is one line that names the file or page and says what to do. Nothing here is retried by itself: the same
//! file gives the same answer.

use std::path::PathBuf;

/// Why files cannot be taken in as a scanned book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is nothing at the path.
    #[error("nothing at {path}: check the path")]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The operating system does not let us read it.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// A folder or an archive without a single image.
    #[error("{path} holds no page image: give PNG, JPEG, TIFF, JPEG 2000 or WebP files")]
    NoImages {
        /// The path.
        path: PathBuf,
    },
    /// The file is not what it claims to be.
    #[error("{path} is damaged ({reason}): copy or download it again")]
    Broken {
        /// The path.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// The copy cannot be written.
    #[error("the copy {path} cannot be written: {reason}")]
    Write {
        /// The copy.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
}

/// Why the image of a page cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The page is not in the book.
    #[error("page {page} does not exist: the book has pages 1 to {pages}")]
    NoSuchPage {
        /// The 1-based page that was asked for.
        page: u32,
        /// How many pages the book has.
        pages: u32,
    },
    /// The image is damaged, or of a kind that has no decoder.
    #[error("the image of page {page} cannot be read ({reason}): the other pages can")]
    Broken {
        /// The 1-based page.
        page: u32,
        /// What does not hold.
        reason: String,
    },
    /// The image could not be made now: another try may do.
    #[error("the image of page {page} could not be made: {reason}")]
    System {
        /// The 1-based page.
        page: u32,
        /// The operating system's words.
        reason: String,
    },
    /// Making the image took too long.
    #[error("the image of page {page} was not there within {seconds} s: the other pages can be read")]
    TimedOut {
        /// The 1-based page.
        page: u32,
        /// The limit.
        seconds: u64,
    },
}
