//! Scanned books as sources of pages: what the copy of a book's page images gives to the pipeline.

use std::path::{Path, PathBuf};

use bookstate_domain::BookState;
use bookstate_reading::{
    page::{Block, BlockKind, Line, Page},
    source::{ReadPages, Source, SourceError},
};
use bookstate_scans::{
    InputError, PageError,
    images::{LayerWord, PageImages},
    input::Form,
    spreads::Spreads,
    words::PageWords,
};

use crate::choose::{chosen, preferred};

/// The provider that is the program of this name.
pub const TESSERACT: &str = "tesseract";

/// The provider that is networks in this process.
pub const PADDLE: &str = "paddle";

/// The providers whose words are kept with their places.
const PLACED: [&str; 2] = [TESSERACT, PADDLE];

/// The folder in which the words of a book's pages are kept, beside the copy of its file.
#[must_use]
pub fn words_dir(file: &Path) -> PathBuf {
    file.with_extension("words")
}

/// The words of a page with their places, where the page's text is that of a reader that gives them. `file`: the copy
/// of the book's file. Blocks.
#[must_use]
pub fn page_words(state: &BookState, file: &Path, page: u32) -> Option<PageWords> {
    let chosen = chosen(state, i32::try_from(page).ok()?, &preferred(state))?.reading;
    let provider = PLACED.into_iter().find(|placed| chosen.provider.as_str() == *placed)?;
    PageWords::read(&words_dir(file), page, provider)
}

/// The words that were read on a page with their places, also where its text is another reader's. Blocks.
#[must_use]
pub fn kept_words(file: &Path, page: u32) -> Option<PageWords> {
    PLACED.into_iter().find_map(|provider| PageWords::read(&words_dir(file), page, provider))
}

/// The copy at `path` as a source; `None`: it is no file of page images. A PDF file is one when two of its pages are on
/// one image.
pub(crate) fn source(path: &Path) -> Result<Option<Source>, InputError> {
    if !matches!(Form::of_file(path), Ok(Some(_))) && Spreads::kept(path).is_none() {
        return Ok(None);
    }
    Ok(Some(Source::of_images(Pages(PageImages::open(path)?))))
}

/// Page images, with the text that the file claims for them.
#[derive(Debug)]
struct Pages(PageImages);

impl ReadPages for Pages {
    fn page_count(&self) -> u32 {
        self.0.page_count()
    }

    fn page(&self, n: u32) -> Result<Page, SourceError> {
        let words = self.0.text_layer(n).map_err(|error| match error {
            PageError::NoSuchPage { page, pages } => SourceError::NoSuchPage { page, pages },
            error => SourceError::BrokenPage { page: n, reason: error.to_string() },
        })?;
        Ok(Page { blocks: lines(&words), has_image: true, ..Page::default() })
    }
}

/// The words of a text layer, a line per line.
fn lines(words: &[LayerWord]) -> Vec<Block> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for word in words {
        match lines.last_mut().filter(|(line, _)| *line == word.line) {
            Some((_, text)) => {
                text.push(' ');
                text.push_str(&word.text);
            }
            None => lines.push((word.line, word.text.clone())),
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let lines = lines.into_iter().map(|(_, text)| Line::plain(text)).collect();
    vec![Block { kind: BlockKind::Paragraph, lines }]
}
