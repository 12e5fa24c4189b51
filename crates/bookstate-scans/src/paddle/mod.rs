//! PP-OCR models as a reader of pages: one that finds lines of text, and one that reads a line.
//!
//! For what [`tesseract`](crate::tesseract) is bad at: print on a ground, side notes, page numbers far from their
//! titles. The models are files of PaddleOCR's in the format ONNX, as for instance the package `rapidocr` of PyPI has
//! them; nothing is fetched here. They run in this process, each page on one thread.
//!
//! Invariants: a page's answer depends on its image and the models alone; a line of which they are not sure is left out
//! rather than invented, and a page of which much is left out is in doubt; how much a page takes is bounded by the sizes that its image and its lines are brought to, and by
//! the number of lines. No bound of time: that is the models' own.
//!
//! Reading order: [`Paddle`], `lines` (where text is), `strip` (a line on the image), `characters` (what a line says),
//! `order` (which line comes next).

mod characters;
mod lines;
mod model;
mod order;
mod strip;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::GrayImage;

use crate::{
    images::PageImage,
    prepare::{self, Components, FEWEST_LETTERS},
    tesseract::{Cancel, OcrError},
    words::{Area, PageWords, Word},
};
use characters::{Alphabet, steps};
use model::{Network, Thread, unusable};
use strip::Strip;

/// Lines that are less sure in the mean are no text: the models' own threshold. Of few letters a speck is soon made.
const LEAST_SURE: f32 = 0.5;
const FEW: f32 = 3.0;
const LEAST_SURE_OF_FEW: f32 = 0.9;

/// A page on which one line in so many was not read is not what it says; of fewer lines than that, a picture makes some.
const UNREAD: usize = 10;
const FEWEST_UNREAD: usize = 3;

/// The models, loaded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Paddle(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    detection: Network,
    recognition: Network,
    alphabet: Alphabet,
}

/// The files of both models.
#[derive(Debug)]
struct Files {
    detection: PathBuf,
    recognition: PathBuf,
}

impl Paddle {
    /// Whether the models are in a directory, by the names of its files: one that has `det` in it, which finds lines, and
    /// one that has `rec`, which reads them.
    ///
    /// # Errors
    /// [`OcrError::Models`].
    pub fn look(directory: &Path) -> Result<(), OcrError> {
        Files::of(directory).map(|_| ())
    }

    /// Loads the models in a directory, and tries them. Blocks, for some tenths of a second.
    ///
    /// # Errors
    /// [`OcrError::Models`]: a file is not there, or is no such model.
    pub fn load(directory: &Path) -> Result<Self, OcrError> {
        let files = Files::of(directory)?;
        let alphabet = Alphabet::of_model(&files.recognition)?;
        let (detection, recognition) = (Network::load(&files.detection)?, Network::load(&files.recognition)?);
        let (thread, paper) = (Thread::begun(), GrayImage::from_pixel(64, 48, image::Luma([255])));
        lines::find(&detection, &paper, 0.0, &thread, &Cancel::default())
            .map_err(|error| unusable(&files.detection, error))?;
        let characters = characters::known(&recognition, &paper, &thread)
            .map_err(|error| unusable(&files.recognition, error))?;
        if characters != alphabet.characters() {
            let reason =
                format!("it tells {characters} characters, and its list has {}", alphabet.characters());
            return Err(unusable(&files.recognition, reason));
        }
        Ok(Self(Arc::new(Loaded { detection, recognition, alphabet })))
    }

    /// Reads a page. Print on its side is not read.
    ///
    /// # Errors
    /// [`OcrError::Cancelled`] or [`OcrError::Inference`].
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
        let thread = Thread::begun();
        let letter = prepared.letter * prepared.scale;
        let found = lines::find(&self.0.detection, &prepared.pixels, letter, &thread, cancel)?;
        let ink = prepare::threshold(&prepared.pixels);
        let (mut read, mut unread) = (0, found.left_out);
        for (line, (place, block)) in (0_u32..).zip(order::in_reading_order(found.places)) {
            if cancel.is_cancelled() {
                return Err(OcrError::Cancelled);
            }
            let strip = Strip::of(&prepared.pixels, &place, ink);
            let words = self.read_line(&strip, &thread)?;
            match words.is_empty() {
                true => unread += 1,
                false => read += 1,
            }
            page.words.extend(words.into_iter().map(|(text, area, confidence)| Word {
                text,
                area: prepared.to_page(&area),
                confidence,
                line,
                block,
            }));
        }
        page.unread = read == 0 || (unread >= FEWEST_UNREAD && unread * UNREAD > read);
        Ok(page)
    }

    /// The words of a line with their places on the prepared image; none where it is not sure.
    fn read_line(&self, strip: &Strip<'_>, thread: &Thread) -> Result<Vec<(String, Area, f32)>, OcrError> {
        let words = self.0.alphabet.words(&steps(&self.0.recognition, &strip.pixels(), thread)?);
        let letters = |text: &str| text.chars().count() as f32;
        let all: f32 = words.iter().map(|word| letters(&word.text)).sum();
        let sure: f32 = words.iter().map(|word| word.confidence * letters(&word.text)).sum();
        let least = if all <= FEW { LEAST_SURE_OF_FEW } else { LEAST_SURE };
        let says_something = words.iter().any(|word| word.text.contains(char::is_alphanumeric));
        if !says_something || sure < least * all {
            return Ok(Vec::new());
        }
        let placed = words.into_iter().map(|word| {
            let area = strip.ink_between(word.from, word.to);
            (word.text, area, word.confidence)
        });
        Ok(placed.collect())
    }
}

impl Files {
    fn of(directory: &Path) -> Result<Self, OcrError> {
        Ok(Self { detection: the_model(directory, "det")?, recognition: the_model(directory, "rec")? })
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
