//! The OCR provider `text-layer`: what the file itself says that a page's text is.

use async_trait::async_trait;
use bookstate_reading::source::{Source, SourceError};

use crate::engine::{EngineError, EngineResult, OcrEngine, OcrReading, blocking};

/// The provider's name.
pub const TEXT_LAYER: &str = "text-layer";

/// Takes a PDF's text layer, or a text file's text. A scanned page has none, and says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextLayer;

#[async_trait]
impl OcrEngine for TextLayer {
    async fn read(&self, source: Source, page: u32) -> EngineResult<OcrReading> {
        let content = blocking(move || source.page_text(page).map_err(source_failure)).await?;
        if content.has_image && content.text.trim().is_empty() {
            let reason = "no text layer (a scanned page?); an OCR engine is needed";
            return Err(EngineError::permanent(reason));
        }
        Ok(OcrReading { text: content.text.into(), ..OcrReading::default() }.into())
    }
}

/// A page that cannot be interpreted now cannot be interpreted later either.
pub(crate) fn source_failure(error: SourceError) -> EngineError {
    EngineError::permanent(error)
}
