//! The OCR provider `text-layer`: what the file itself says that a page's text is.
//!
//! A text layer is believed where it looks like text. A page image without one is left to the providers behind this
//! one, and so is a page image whose text layer is noise.

use async_trait::async_trait;
use bookstate_reading::source::SourceError;

use crate::{
    choose::plausibility,
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, blocking},
};

/// The provider's name.
pub const TEXT_LAYER: &str = "text-layer";

/// Takes a PDF's text layer, or a text file's text. A scanned page has none, and says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextLayer;

#[async_trait]
impl OcrEngine for TextLayer {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        let content = blocking(move || book.source.page_text(page).map_err(source_failure)).await?;
        let confidence = content.has_image.then(|| plausibility(&content.text));
        Ok(OcrReading { text: content.text.into(), confidence, ..OcrReading::default() }.into())
    }
}

/// A page that cannot be interpreted now cannot be interpreted later either.
pub(crate) fn source_failure(error: SourceError) -> EngineError {
    EngineError::permanent(error)
}
