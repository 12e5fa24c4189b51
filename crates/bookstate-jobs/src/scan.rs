//! Scanned books as sources of pages: what the copy of a book's page images gives to the pipeline.

use std::path::{Path, PathBuf};

use bookstate_domain::BookState;
use bookstate_reading::{
    page::{Block, BlockKind, Line, Page},
    source::{ReadPages, Source, SourceError, SourceKind},
};
use bookstate_scans::{
    InputError, PageError,
    images::{LayerWord, PageImages},
    input::Form,
    spreads::Spreads,
    words::PageWords,
};

use crate::{
    choose::{chosen, preferred},
    error::IngestError,
    intake::Intake,
};

/// The provider whose words are kept with their places.
pub const TESSERACT: &str = "tesseract";

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
    let is_its = chosen.provider.as_str() == TESSERACT;
    is_its.then(|| kept_words(file, page)).flatten()
}

/// The words that were read on a page with their places, also where its text is another reader's. Blocks.
#[must_use]
pub fn kept_words(file: &Path, page: u32) -> Option<PageWords> {
    PageWords::read(&words_dir(file), page, TESSERACT)
}

/// The copy at `path` as a source; `None`: it is no file of page images. A PDF file is one when two of its pages are on
/// one image: of the other PDF files the text is read first.
pub(crate) fn source(path: &Path) -> Result<Option<Source>, InputError> {
    let mut head = Vec::new();
    let file = std::fs::File::open(path);
    let read =
        file.and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, 64), &mut head));
    if read.is_err() || (Form::of(&head).is_none() && Spreads::kept(path).is_none()) {
        return Ok(None);
    }
    Ok(Some(Source::of_images(Pages(PageImages::open(path)?))))
}

/// Decides which images of the copy at `path` show two pages, and keeps that. Blocks.
pub(crate) fn keep_spreads(path: &Path, intake: &Intake) -> Result<(), IngestError> {
    if !intake.split_spreads {
        return Spreads::forget(path).map_err(|source| IngestError::Copy { path: path.into(), source });
    }
    // Of a book that was not taken in to its end: it would be the same.
    if Spreads::kept(path).is_some() {
        return Ok(());
    }
    match Spreads::find(&PageImages::open_by(path, intake.images.clone())?) {
        Some(spreads) => spreads.keep(path).map_err(|source| IngestError::Copy { path: path.into(), source }),
        None => Ok(()),
    }
}

/// Whether a PDF file may be one of page images alone: the pages that are looked at have no text.
pub(crate) fn may_be_images(source: &Source) -> bool {
    let pages = source.page_count();
    let looked_at = [10, 30, 50, 70, 90].map(|share| (pages * share / 100).clamp(1, pages.max(1)));
    let has_text = |page: u32| source.page(page).is_ok_and(|page| !page.plain_text().trim().is_empty());
    source.kind() == SourceKind::Pdf && !looked_at.into_iter().any(has_text)
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
