//! The OCR provider `paddle`: networks in this process, for pages that the providers before it did not read well.
//!
//! What it reads is kept beside the source, word by word with places, as what `tesseract` reads. Its networks know the
//! scripts that they were trained with; the languages of the job are of no matter.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bookstate_scans::{
    images::{ImageProgram, Resolution},
    paddle::Paddle,
    tesseract::Cancel,
};
use parking_lot::Mutex;

use super::scanned::{EndWith, failure, images, kept};
use crate::{
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, blocking},
    scan::PADDLE,
};

/// See the module documentation.
#[derive(Debug, Clone)]
pub struct PaddleOcr {
    models: PathBuf,
    images: Option<ImageProgram>,
    loaded: Arc<Mutex<Option<Paddle>>>,
}

impl PaddleOcr {
    /// An engine with the models in this directory, which are loaded when it is first asked.
    #[must_use]
    pub fn new(models: &Path) -> Self {
        Self { models: models.to_owned(), images: None, loaded: Arc::default() }
    }

    /// The same with page images that a program makes, in a process of its own.
    #[must_use]
    pub fn with_images_by(mut self, program: ImageProgram) -> Self {
        self.images = Some(program);
        self
    }

    /// The models, loaded once. Blocks the first time.
    fn loaded(&self) -> Result<Paddle, EngineError> {
        let mut loaded = self.loaded.lock();
        if let Some(paddle) = &*loaded {
            return Ok(paddle.clone());
        }
        // No page is to blame: each waits until they are there again.
        let paddle = Paddle::load(&self.models).map_err(|error| super::not_there(PADDLE, error))?;
        Ok(loaded.insert(paddle).clone())
    }

    fn read_now(&self, book: &BookContext, page: u32, cancel: &Cancel) -> Result<OcrReading, EngineError> {
        let paddle = self.loaded()?;
        let image = images(book, self.images.as_ref())?.image(page, Resolution::Native);
        let image = image.map_err(|error| failure(error.into()))?;
        let read = paddle.read(&image, cancel).map_err(failure)?;
        kept(book, page, PADDLE, &read)
    }
}

#[async_trait]
impl OcrEngine for PaddleOcr {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        let this = self.clone();
        let cancel = Cancel::default();
        let _guard = EndWith(cancel.clone());
        blocking(move || this.read_now(&book, page, &cancel)).await.map(Into::into)
    }

    fn missing(&self) -> Option<String> {
        Paddle::look(&self.models).err().map(|error| error.to_string())
    }

    fn is_fallback(&self) -> bool {
        true
    }
}
