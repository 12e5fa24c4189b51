//! The OCR provider `tesseract`: the program of this name, for pages that have no text of their own.
//!
//! What it reads is kept beside the source, word by word with places, before the reading is handed in: the page model,
//! the searchable PDF and the page view are made of it. The languages are the job's option `languages`, or found once
//! per job by the book's own pages, always the same ones.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use bookstate_scans::{
    images::{ImageProgram, PageImages, Resolution},
    tesseract::{Cancel, Found, Languages, OcrError, Tesseract, TesseractConfig},
};
use parking_lot::Mutex;

use super::scanned::{EndWith, failure, images, kept};
use crate::{
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, blocking},
    options::JobOptions,
    scan::{TESSERACT, words_dir},
};

/// See the module documentation.
#[derive(Debug, Clone, Default)]
pub struct TesseractOcr {
    config: TesseractConfig,
    images: Option<ImageProgram>,
    program: Arc<OnceLock<Result<Tesseract, OcrError>>>,
}

impl TesseractOcr {
    /// An engine that runs the program like this.
    #[must_use]
    pub fn new(config: TesseractConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// The same with page images that a program makes, in a process of its own.
    #[must_use]
    pub fn with_images_by(mut self, program: ImageProgram) -> Self {
        self.images = Some(program);
        self
    }

    /// The program, looked for once. Blocks the first time.
    ///
    /// # Errors
    /// It is not there; the text says what to install.
    pub fn program(&self) -> Result<Tesseract, OcrError> {
        self.program.get_or_init(|| Tesseract::find(self.config.clone())).clone()
    }
}

#[async_trait]
impl OcrEngine for TesseractOcr {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        let this = self.clone();
        let cancel = Cancel::default();
        let _guard = EndWith(cancel.clone());
        blocking(move || this.read_now(&book, page, &cancel)).await.map(Into::into)
    }

    fn missing(&self) -> Option<String> {
        self.program().err().map(|error| error.to_string())
    }

    fn was_missing(&self, reason: &str) -> bool {
        reason.contains("apt-get install tesseract-ocr")
    }

    fn is_fallback(&self) -> bool {
        true
    }
}

impl TesseractOcr {
    fn read_now(&self, book: &BookContext, page: u32, cancel: &Cancel) -> Result<OcrReading, EngineError> {
        let program = self.program().map_err(failure)?;
        let images = images(book, self.images.as_ref())?;
        let found = languages(book, &program, &images, cancel)?;
        let read = match found.read.get(&page) {
            Some(read) => read.clone(),
            None => {
                let image = images.image(page, Resolution::Native).map_err(|error| failure(error.into()))?;
                program.read(&image, &found.languages.codes, cancel).map_err(failure)?
            }
        };
        kept(book, page, TESSERACT, &read)
    }
}

/// The book's languages: told, or found once.
fn languages(
    book: &BookContext,
    program: &Tesseract,
    images: &PageImages,
    cancel: &Cancel,
) -> Result<Arc<Found>, EngineError> {
    let told = &JobOptions::of(book)?.languages;
    if !told.is_empty() {
        let languages = program.told(told.iter().map(String::as_str)).map_err(failure)?;
        return Ok(Arc::new(Found { languages, read: BTreeMap::new() }));
    }
    let memo = book.memo.get_or_make("languages of the scan", Mutex::<Option<Arc<Found>>>::default)?;
    // The first page looks, and the others wait for it. What failed, or was
    // cancelled with the page, is not kept: the next page looks again.
    let mut memo = memo.lock();
    if cancel.is_cancelled() {
        return Err(failure(OcrError::Cancelled));
    }
    if let Some(found) = &*memo {
        return Ok(found.clone());
    }
    let found = find(book, program, images, cancel).map_err(failure)?;
    Ok(memo.insert(found).clone())
}

fn find(
    book: &BookContext,
    program: &Tesseract,
    images: &PageImages,
    cancel: &Cancel,
) -> Result<Arc<Found>, OcrError> {
    // A job that continues need not look again.
    let dir = words_dir(&book.file);
    if let Some(languages) = program.kept_languages(&dir) {
        return Ok(Arc::new(Found { languages, read: BTreeMap::new() }));
    }
    let image = |page| images.image(page, Resolution::Native);
    let found = program.find_languages(images.page_count(), &image, cancel)?;
    let Languages { codes, note } = &found.languages;
    if let Some(note) = note {
        tracing::warn!("{note}");
    }
    tracing::info!(languages = %codes, "the languages of a scanned book");
    if let Err(error) = program.keep_languages(&dir, &found.languages) {
        tracing::warn!("the languages of a scanned book are not kept, and are looked for again: {error}");
    }
    Ok(Arc::new(found))
}
