//! The words of a page as a machine read them, with their places on the page's image.
//!
//! This is what is kept beside a book's source, a file per page and provider, and what the page model, the searchable
//! PDF, hOCR and ALTO are made of. Places are in pixels of the page's own image, upright, from its upper left corner.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::private;

/// A place on a page image, in its pixels: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Area {
    /// Left edge.
    pub x0: f32,
    /// Upper edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Lower edge.
    pub y1: f32,
}

impl Area {
    /// Width.
    #[must_use]
    pub fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    /// Height.
    #[must_use]
    pub fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    /// The middle, across and down.
    #[must_use]
    pub fn centre(&self) -> (f32, f32) {
        ((self.x0 + self.x1) / 2.0, (self.y0 + self.y1) / 2.0)
    }

    /// The same place on an image that is so many times as large.
    #[must_use]
    pub fn scaled(&self, scale: f32) -> Self {
        Self { x0: self.x0 * scale, y0: self.y0 * scale, x1: self.x1 * scale, y1: self.y1 * scale }
    }

    /// The smallest area around both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// How much of this area the other one covers, 0 to 1.
    #[must_use]
    pub fn covered_by(&self, other: &Self) -> f32 {
        let across = self.x1.min(other.x1) - self.x0.max(other.x0);
        let down = self.y1.min(other.y1) - self.y0.max(other.y0);
        let own = (self.width() * self.height()).max(1.0);
        (across.max(0.0) * down.max(0.0) / own).min(1.0)
    }
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub area: Area,
    /// How sure the reader is, 0 to 1.
    pub confidence: f32,
    /// Which of the page's lines it stands in, counted from 0 in reading order.
    pub line: u32,
    /// Which of the page's blocks it stands in, counted from 0 in reading order.
    pub block: u32,
}

/// How sure it is at most of a page that has what looks like print and was not read.
const DOUBT: f64 = 0.4;

/// The words of a page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PageWords {
    /// Width of the page's image in pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Dots per inch, as far as they are known or were guessed.
    pub dpi: f32,
    /// By how many degrees the print runs downwards to the right.
    pub skew: f32,
    /// By how many degrees, clockwise, the image must be turned to stand upright: 0, 90, 180 or 270. Places are on the
    /// turned image, and so are width and height.
    #[serde(default)]
    pub turned: u16,
    /// The languages that it was read with, as `tesseract` names them.
    #[serde(default)]
    pub languages: String,
    /// The words in reading order.
    pub words: Vec<Word>,
    /// There is what looks like print and was not read: all of the page, or so much that what was read is not what the page
    /// says.
    #[serde(default)]
    pub unread: bool,
    /// Where pictures are.
    #[serde(default)]
    pub figures: Vec<Area>,
}

impl PageWords {
    /// How sure it is that this is what the page says, 0 to 1: the mean of what was read, a letter a vote. A page without
    /// words is surely blank. Where something was left unread, it is in doubt, however sure the rest is.
    #[must_use]
    pub fn certainty(&self) -> f64 {
        let most = if self.unread { DOUBT } else { 1.0 };
        self.confidence().unwrap_or(1.0).min(most)
    }

    /// The mean confidence of what was read, a letter a vote; `None` for a page without words.
    #[must_use]
    pub fn confidence(&self) -> Option<f64> {
        let letters = |word: &Word| f64::from(u32::try_from(word.text.chars().count()).unwrap_or(1));
        let all: f64 = self.words.iter().map(letters).sum();
        let sure: f64 = self.words.iter().map(|word| letters(word) * f64::from(word.confidence)).sum();
        (all > 0.0).then(|| (sure / all).clamp(0.0, 1.0))
    }

    /// Reads what [`PageWords::keep`] wrote. `None`: there is nothing, or it is damaged, which is as good as nothing.
    #[must_use]
    pub fn read(dir: &Path, page: u32, provider: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(dir, page, provider)).ok()?).ok()
    }

    /// Writes the words beside the source: whole or not at all, replacing what was there.
    ///
    /// # Errors
    /// The operating system's.
    pub fn keep(&self, dir: &Path, page: u32, provider: &str) -> io::Result<()> {
        private::write(&file(dir, page, provider), &serde_json::to_vec(self)?)
    }
}

fn file(dir: &Path, page: u32, provider: &str) -> PathBuf {
    dir.join(format!("{page:06}.{provider}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_unread_is_doubted_however_sure_the_rest_is() {
        let word =
            Word { text: "sure".to_owned(), area: Area::default(), confidence: 0.9, line: 0, block: 0 };
        let page =
            |words: &[Word], unread| PageWords { words: words.to_vec(), unread, ..PageWords::default() };
        assert_eq!(page(&[], false).certainty(), 1.0, "surely blank");
        assert!(page(&[], true).certainty() < 0.5);
        assert!(page(std::slice::from_ref(&word), false).certainty() > 0.89);
        assert!(page(&[word], true).certainty() < 0.5);
    }
}
