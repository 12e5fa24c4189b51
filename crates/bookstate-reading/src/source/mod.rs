//! Where page texts come from: a book's file, opened once and read page by page.
//!
//! Invariants: the kind of a file is decided by its bytes, not by its name; the same file gives the same
//! pages, always; a page number is 1-based; no input makes a call panic. Not here: OCR (a page without a text
//! layer says so and leaves it at that) and any judgement on what the text means.

mod document;
mod draft;
mod encoding;
mod epub;
mod error;
mod gutenberg;
mod markdown;
mod markup;
mod navigation;
#[cfg(feature = "pdf")]
mod pdf;
mod sniff;
mod text;

pub use error::SourceError;
pub use navigation::NavigationEntry;

use crate::page::Page;
use std::path::Path;
use std::sync::Arc;

/// A book's file, opened for reading its pages. Cloning is cheap and shares everything.
#[derive(Debug, Clone)]
pub struct Source {
    kind: SourceKind,
    pages: Arc<Pages>,
}

/// The formats a [`Source`] can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceKind {
    /// A PDF file, read through its text layer.
    Pdf,
    /// An EPUB book.
    Epub,
    /// An HTML file.
    Html,
    /// Markdown.
    Markdown,
    /// Plain text.
    Text,
    /// Page images, which another crate opens.
    Images,
}

impl SourceKind {
    /// The ending of a file name that such a file is given.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Epub => "epub",
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Text => "txt",
            Self::Images => "cbz",
        }
    }
}

/// What a page holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageContent {
    /// The page's lines, joined by line feeds, indents and column gaps kept as spaces. Empty when the page
    /// has no text layer, or one that maps to no Unicode.
    pub text: String,
    /// The page draws an image. Without text it is a scan; a page with neither is blank.
    pub has_image: bool,
}

/// What the file says about itself. Often missing, sometimes wrong (a template's title, a typesetter's name).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceInfo {
    /// The document's title.
    pub title: Option<String>,
    /// The author or authors, in one string.
    pub author: Option<String>,
    /// What the document is about.
    pub subject: Option<String>,
    /// Key words, in one string.
    pub keywords: Option<String>,
    /// The program that wrote the document's original.
    pub creator: Option<String>,
    /// The year in which the file was made; for a reprint this is not the year of the book.
    pub creation_year: Option<u16>,
    /// The year in which the book was published.
    pub published_year: Option<u16>,
    /// Its ISBN, as it is written.
    pub isbn: Option<String>,
    /// What it is about, in sentences.
    pub description: Option<String>,
    /// Who published it.
    pub publisher: Option<String>,
    /// The language of its text, as the file states it (`de`, `en-GB`).
    pub language: Option<String>,
}

/// A picture that the file has beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the file.
    pub name: String,
    /// What it is, as the file says: `image/png`.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// It is the picture on the cover.
    pub is_cover: bool,
}

/// Pages that another crate reads: page images, with a text layer or without.
pub trait ReadPages: std::fmt::Debug + Send + Sync {
    /// How many pages there are; never 0.
    fn page_count(&self) -> u32;

    /// Reads page `n`, counted from 1. May block.
    ///
    /// # Errors
    /// As [`Source::page`].
    fn page(&self, n: u32) -> Result<Page, SourceError>;
}

#[derive(Debug)]
enum Pages {
    #[cfg(feature = "pdf")]
    Pdf(pdf::PdfPages),
    Document(document::Document),
    Text(text::TextFile),
    Images(Box<dyn ReadPages>),
}

impl Source {
    /// Opens the file at `path` and finds out how many pages it has. Reads the whole file into memory.
    ///
    /// # Errors
    /// Everything but [`SourceError::NoSuchPage`] and [`SourceError::BrokenPage`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let bytes = read(path)?;
        Self::from_bytes(path, bytes)
    }

    /// Reads a book from `bytes`; `path` names it in errors and tells Markdown from plain text by its
    /// extension.
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use bookstate_reading::source::{Source, SourceKind};
    ///
    /// # fn main() -> Result<(), bookstate_reading::source::SourceError> {
    /// let source = Source::from_bytes(Path::new("tale.txt"), b"one page\x0cand another".to_vec())?;
    /// assert_eq!((source.kind(), source.page_count()), (SourceKind::Text, 2));
    /// assert_eq!(source.page_text(2)?.text.trim(), "and another");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Source::open`], without the file system's.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, SourceError> {
        if bytes.is_empty() {
            return Err(SourceError::Empty { path: path.into() });
        }
        let kind = sniff::kind(path, &bytes)?;
        let pages = match kind {
            #[cfg(feature = "pdf")]
            SourceKind::Pdf => Pages::Pdf(pdf::PdfPages::new(path, bytes)?),
            #[cfg(not(feature = "pdf"))]
            SourceKind::Pdf => {
                let kind = "a PDF file (this build was made without the pdf feature)";
                return Err(SourceError::Unsupported { path: path.into(), kind });
            }
            SourceKind::Epub => Pages::Document(epub::read(path, bytes)?),
            SourceKind::Html => Pages::Document(markup::read(&bytes)),
            SourceKind::Markdown => Pages::Document(markdown::read(&text::text(path, &bytes)?)),
            SourceKind::Text => Pages::Text(text::read(&text::text(path, &bytes)?)),
            SourceKind::Images => {
                return Err(SourceError::Unsupported { path: path.into(), kind: "page images" });
            }
        };
        let source = Self { kind, pages: Arc::new(pages) };
        if source.page_count() == 0 {
            return Err(SourceError::NoPages { path: path.into() });
        }
        Ok(source)
    }

    /// A source of page images that another crate has opened.
    #[must_use]
    pub fn of_images(pages: impl ReadPages + 'static) -> Self {
        Self { kind: SourceKind::Images, pages: Arc::new(Pages::Images(Box::new(pages))) }
    }

    /// The file's format.
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// How many pages there are; never 0.
    pub fn page_count(&self) -> u32 {
        match &*self.pages {
            #[cfg(feature = "pdf")]
            Pages::Pdf(pdf) => pdf.page_count(),
            Pages::Document(document) => u32::try_from(document.pages.len()).unwrap_or(u32::MAX),
            Pages::Text(text) => u32::try_from(text.pages.len()).unwrap_or(u32::MAX),
            Pages::Images(images) => images.page_count(),
        }
    }

    /// Reads page `n`, counted from 1. Blocks while a PDF page is interpreted (about a millisecond); pages
    /// near it are read along and kept, so that reading in order is fastest.
    ///
    /// # Errors
    /// [`SourceError::NoSuchPage`], or [`SourceError::BrokenPage`] when this page's content cannot be
    /// interpreted.
    pub fn page(&self, n: u32) -> Result<Page, SourceError> {
        self.with_page(n, Page::clone)
    }

    /// Reads page `n` for the last time: it is not kept, and whoever asks for it again waits for it to be read again.
    ///
    /// # Errors
    /// As [`Source::page`].
    pub(crate) fn take_page(&self, n: u32) -> Result<Page, SourceError> {
        match &*self.pages {
            #[cfg(feature = "pdf")]
            Pages::Pdf(pdf) => {
                let page = n.checked_sub(1).and_then(|index| pdf.take(index));
                let page = page.ok_or_else(|| self.no_such_page(n))?;
                let page = Arc::try_unwrap(page).unwrap_or_else(|shared| (*shared).clone());
                page.map_err(|reason| SourceError::BrokenPage { page: n, reason })
            }
            _ => self.page(n),
        }
    }

    /// Page `n` as plain text: the view of [`Source::page`] that has indents and gaps as spaces.
    ///
    /// # Errors
    /// As [`Source::page`].
    pub fn page_text(&self, n: u32) -> Result<PageContent, SourceError> {
        match &*self.pages {
            // Text is kept as it is written.
            Pages::Text(file) => match n.checked_sub(1).and_then(|i| file.pages.get(i as usize)) {
                Some(text) => Ok(PageContent { text: text.clone(), has_image: false }),
                None => Err(self.no_such_page(n)),
            },
            Pages::Document(_) => self
                .with_page(n, |page| PageContent { text: page.markdown_text(), has_image: page.has_image }),
            #[cfg(feature = "pdf")]
            Pages::Pdf(_) => {
                self.with_page(n, |page| PageContent { text: page.plain_text(), has_image: page.has_image })
            }
            Pages::Images(_) => {
                self.with_page(n, |page| PageContent { text: page.plain_text(), has_image: page.has_image })
            }
        }
    }

    /// What `view` makes of page `n`.
    ///
    /// # Errors
    /// As [`Source::page`].
    pub(crate) fn with_page<T>(&self, n: u32, view: impl FnOnce(&Page) -> T) -> Result<T, SourceError> {
        let Some(index) = n.checked_sub(1) else { return Err(self.no_such_page(n)) };
        match &*self.pages {
            #[cfg(feature = "pdf")]
            Pages::Pdf(pdf) => match pdf.page(index).as_deref() {
                Some(Ok(page)) => Ok(view(page)),
                Some(Err(reason)) => Err(SourceError::BrokenPage { page: n, reason: reason.clone() }),
                None => Err(self.no_such_page(n)),
            },
            Pages::Document(document) => match document.pages.get(index as usize) {
                Some(page) => Ok(view(page)),
                None => Err(self.no_such_page(n)),
            },
            Pages::Text(file) => match file.pages.get(index as usize) {
                Some(text) => Ok(view(&text::page(text))),
                None => Err(self.no_such_page(n)),
            },
            Pages::Images(images) => images.page(n).map(|page| view(&page)),
        }
    }

    fn no_such_page(&self, n: u32) -> SourceError {
        SourceError::NoSuchPage { page: n, pages: self.page_count() }
    }

    /// The table of contents that the file itself offers (bookmarks), in order; empty where it has none.
    pub fn navigation(&self) -> Vec<NavigationEntry> {
        match &*self.pages {
            #[cfg(feature = "pdf")]
            Pages::Pdf(pdf) => pdf.navigation(),
            Pages::Document(document) => document.navigation.clone(),
            Pages::Text(_) | Pages::Images(_) => Vec::new(),
        }
    }

    /// The pictures that the file has beside its text: those of an EPUB book.
    pub fn resources(&self) -> &[Resource] {
        match &*self.pages {
            Pages::Document(document) => &document.resources,
            _ => &[],
        }
    }

    /// What the file says about itself.
    pub fn info(&self) -> SourceInfo {
        match &*self.pages {
            #[cfg(feature = "pdf")]
            Pages::Pdf(pdf) => pdf.info(),
            Pages::Document(document) => document.info.clone(),
            Pages::Text(file) => file.info.clone(),
            Pages::Images(_) => SourceInfo::default(),
        }
    }
}

/// Whether a file that begins with these bytes may be a book. The whole file decides.
#[must_use]
pub fn begins_as_a_book(head: &[u8]) -> bool {
    head.windows(4).any(|bytes| bytes == b"%PDF") || epub::may_be(head) || encoding::text(head).is_some()
}

/// The picture on the cover of the book at `path`; `None` where the file has none, or is no EPUB book. Blocks.
#[must_use]
pub fn cover(path: &Path) -> Option<Resource> {
    let bytes = std::fs::read(path).ok()?;
    epub::may_be(&bytes).then(|| epub::cover(bytes)).flatten()
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    if path.is_dir() {
        return Err(SourceError::Unsupported { path: path.into(), kind: "a folder" });
    }
    std::fs::read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => SourceError::Missing { path: path.into() },
        _ => SourceError::Unreadable { path: path.into(), reason: e.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str, bytes: &[u8]) -> Result<Source, SourceError> {
        Source::from_bytes(Path::new(name), bytes.to_vec())
    }

    #[test]
    fn a_source_is_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>() {}
        shared::<Source>();
    }

    #[test]
    fn every_kind_of_bad_file_has_its_own_line() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Source::open(&folder.path().join("none.pdf")).unwrap_err();
        assert!(matches!(missing, SourceError::Missing { .. }), "{missing}");
        let dir = Source::open(folder.path()).unwrap_err();
        assert!(matches!(dir, SourceError::Unsupported { kind: "a folder", .. }), "{dir}");
        assert!(matches!(open("a.txt", b"").unwrap_err(), SourceError::Empty { .. }));
        assert!(matches!(open("a.txt", b" \n\n ").unwrap_err(), SourceError::NoPages { .. }));
        let zip = open("a.zip", b"PK\x03\x04....").unwrap_err();
        assert!(matches!(zip, SourceError::Unsupported { .. }), "{zip}");
        for e in [missing, dir, zip] {
            assert_eq!(e.to_string().lines().count(), 1);
        }
    }

    #[cfg(feature = "pdf")]
    #[test]
    fn a_page_that_was_taken_can_be_read_again() {
        let source = Source::open(Path::new("tests/cases/type-large-left/type-large-left.pdf")).unwrap();
        let first = source.page(1).unwrap();
        assert!(!first.blocks.is_empty());
        assert_eq!(source.take_page(1).unwrap(), first);
        assert_eq!(source.take_page(1).unwrap(), first);
        assert_eq!(source.page(1).unwrap(), first);
        let none = SourceError::NoSuchPage { page: 99_999, pages: source.page_count() };
        assert_eq!(source.take_page(99_999).unwrap_err(), none);
    }

    #[test]
    fn pages_are_counted_from_one() {
        let source = open("a.txt", "eins\u{c}zwei\u{c}".as_bytes()).unwrap();
        assert_eq!(source.page_count(), 2);
        assert_eq!(source.page_text(1).unwrap().text, "eins");
        assert_eq!(source.page_text(2).unwrap().text, "zwei");
        for n in [0, 3, u32::MAX] {
            assert_eq!(source.page(n).unwrap_err(), SourceError::NoSuchPage { page: n, pages: 2 });
        }
    }
}
