//! PP-OCR models as a reader of pages: one that finds lines of text, and one that reads a line.
//!
//! For what [`tesseract`](crate::tesseract) is bad at: print on a ground, side notes, page numbers far from their
//! titles. The models are files of PaddleOCR's in the format ONNX, as for instance the package `rapidocr` of PyPI has
//! them; nothing is fetched here. They run in this process, on one thread a page.
//!
//! Invariants: a page's answer depends on its image and the models alone; what is not sure is left out rather than
//! invented; memory is bounded by [`LONGEST`] and the widest line.
//!
//! Reading order: [`Paddle`], `lines` (where text is), `characters` (what a line says), `order` (which line comes
//! next).

mod characters;
mod lines;
mod model;
mod order;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::imageops;

use crate::{
    images::PageImage,
    prepare::{self, Components, FEWEST_LETTERS, Prepared},
    tesseract::{Cancel, OcrError},
    words::{Area, PageWords, Word},
};
use characters::Alphabet;
pub use lines::LONGEST;
use model::{Network, unusable};

/// Lines that are less sure in the mean are no text: the models' own threshold.
const LEAST_SURE: f32 = 0.5;

/// The models, loaded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Paddle(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    detection: Network,
    recognition: Network,
    alphabet: Alphabet,
}

impl Paddle {
    /// Loads the models in a directory: the one whose file's name has `det` in it, which finds lines, and the one with
    /// `rec`, which reads them and has its alphabet in it. Blocks, for some tenths of a second.
    ///
    /// # Errors
    /// [`OcrError::Models`]: a file is not there, or is no such model.
    pub fn load(directory: &Path) -> Result<Self, OcrError> {
        let (detection, recognition) = (the_model(directory, "det")?, the_model(directory, "rec")?);
        let alphabet = Alphabet::of_model(&recognition)?;
        let (detection, recognition) = (Network::load(&detection)?, Network::load(&recognition)?);
        Ok(Self(Arc::new(Loaded { detection, recognition, alphabet })))
    }

    /// Reads a page. Print on its side is not read.
    ///
    /// # Errors
    /// [`OcrError::Cancelled`], or the models' own failure.
    pub fn read(&self, image: &PageImage, cancel: &Cancel) -> Result<PageWords, OcrError> {
        let prepared = prepare::prepare(&image.pixels, image.dpi);
        let mut page = PageWords {
            width: prepared.page.width,
            height: prepared.page.height,
            dpi: prepared.dpi / prepared.scale,
            skew: prepared.skew,
            ..PageWords::default()
        };
        if Components::of(&prepared.pixels).letters().len() < FEWEST_LETTERS {
            return Ok(page);
        }
        let letter = prepared.letter * prepared.scale;
        let places = lines::find(&self.0.detection, &prepared.pixels, letter, cancel)?;
        for (line, (place, block)) in (0_u32..).zip(order::in_reading_order(places)) {
            let read = self.read_line(&prepared, &place, cancel)?;
            let words = read.into_iter().map(|(text, area, confidence)| Word {
                text,
                area: prepared.to_page(&area),
                confidence,
                line,
                block,
            });
            page.words.extend(words);
        }
        Ok(page)
    }

    /// The words of a line with their places on the prepared image; none where it is not sure.
    fn read_line(
        &self,
        prepared: &Prepared,
        place: &Area,
        cancel: &Cancel,
    ) -> Result<Vec<(String, Area, f32)>, OcrError> {
        let (x, y) = (place.x0.max(0.0) as u32, place.y0.max(0.0) as u32);
        let (width, height) = (place.width().ceil() as u32, place.height().ceil() as u32);
        let strip = imageops::crop_imm(&prepared.pixels, x, y, width, height).to_image();
        if cancel.is_cancelled() {
            return Err(OcrError::Cancelled);
        }
        let steps = characters::steps(&self.0.recognition, &strip)?;
        let words = self.0.alphabet.words(&steps);
        let letters: usize = words.iter().map(|word| word.text.chars().count()).sum();
        let sure: f32 = words.iter().map(|word| word.confidence * word.text.chars().count() as f32).sum();
        if letters == 0 || sure < LEAST_SURE * letters as f32 {
            return Ok(Vec::new());
        }
        let across = |share: f32| place.x0 + share * place.width();
        let placed = words.into_iter().map(|word| {
            let area = Area { x0: across(word.from), x1: across(word.to), ..*place };
            (word.text, area, word.confidence)
        });
        Ok(placed.collect())
    }
}

/// The only model in a directory that does this.
fn the_model(directory: &Path, does: &str) -> Result<PathBuf, OcrError> {
    let files = fs::read_dir(directory).map_err(|error| unusable(directory, error))?;
    let files = files.filter_map(Result::ok).map(|entry| entry.path());
    let named = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.ends_with(".onnx") && name.split(['_', '-', '.']).any(|part| part == does)
    };
    let mut found: Vec<PathBuf> = files.filter(named).collect();
    match (found.pop(), found.is_empty()) {
        (Some(file), true) => Ok(file),
        (None, _) => Err(unusable(directory, format!("there is no *_{does}_*.onnx"))),
        (Some(_), false) => Err(unusable(directory, format!("there are several *_{does}_*.onnx"))),
    }
}
