//! What readers of scanned pages have in common: the book's images, the end of a read that nobody waits for, and what
//! its errors ask for.

use bookstate_scans::{
    PageError,
    images::{ImageProgram, PageImages},
    layout,
    tesseract::{Cancel, OcrError},
    words::PageWords,
};

use crate::{
    engine::{BookContext, EngineError, OcrReading},
    scan::words_dir,
};

/// Cancels a read when it is dropped: with the future of a job that is cancelled.
pub(super) struct EndWith(pub(super) Cancel);

impl Drop for EndWith {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The book's page images, opened once per job.
pub(super) fn images(book: &BookContext, by: Option<&ImageProgram>) -> Result<PageImages, EngineError> {
    let opened = book.memo.get_or_make("page images", || PageImages::open_by(&book.file, by.cloned()))?;
    (*opened).clone().map_err(EngineError::permanent)
}

/// Keeps the words of a page with their places beside the source, and makes a reading of them.
pub(super) fn kept(
    book: &BookContext,
    page: u32,
    provider: &str,
    read: &PageWords,
) -> Result<OcrReading, EngineError> {
    read.keep(&words_dir(&book.file), page, provider)
        .map_err(|error| EngineError::transient(format!("the words of page {page}: {error}")))?;
    let confidence = Some(read.certainty());
    Ok(OcrReading { text: layout::text(read).into(), confidence, ..OcrReading::default() })
}

pub(super) fn failure(error: OcrError) -> EngineError {
    match error {
        OcrError::Killed { .. }
        | OcrError::System { .. }
        | OcrError::Image(PageError::System { .. })
        | OcrError::Cancelled => EngineError::transient(error),
        error => EngineError::permanent(error),
    }
}
