//! A page image made ready for reading: grey, dark on light, upright lines, no scanner's borders, letters of a readable size.
//!
//! Invariants: pure functions of the image; what they move is said ([`Prepared::to_page`]), so that a place on the
//! prepared image is a place on the page. Nothing is done that the image does not ask for: most good scans pass
//! unchanged.

mod borders;
#[cfg(test)]
pub(crate) mod drawn;
mod enlarge;
mod fold;
mod ink;
mod leaders;
mod negative;
mod skew;
mod tone;

use image::{DynamicImage, GrayImage};

pub use fold::{Fold, fold};
pub use ink::Components;
pub(crate) use ink::FEWEST_LETTERS;
#[cfg(feature = "paddle")]
pub(crate) use ink::threshold;
pub use skew::angle as skew_angle;

use crate::words::Area;

/// Lines that run less askew than this, in degrees, are read as they are.
const LEAST_SKEW: f32 = 0.2;

/// A page image as the reader gets it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its pixels.
    pub pixels: GrayImage,
    /// How the page's own image was.
    pub page: Size,
    /// By how many degrees the print ran downwards to the right; it no longer does.
    pub skew: f32,
    /// How many of its pixels are one of the page's.
    pub scale: f32,
    /// Dots per inch of the prepared image: as known, or guessed from its size.
    pub dpi: f32,
    /// Where rows of leader dots were, which were wiped, on the prepared image: a page of contents, or a list.
    pub leaders: Vec<Area>,
    /// The median height of its letters in pixels of the page; 0 without letters.
    pub letter: f32,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Prepared {
    /// Where a place on the prepared image is on the page's own.
    #[must_use]
    pub fn to_page(&self, area: &Area) -> Area {
        let (x, y) = area.centre();
        let (width, height) = (self.page.width as f32, self.page.height as f32);
        let (x, y) = (x / self.scale - width / 2.0, y / self.scale - height / 2.0);
        let (sin, cos) = self.skew.to_radians().sin_cos();
        let (x, y) = (x * cos - y * sin + width / 2.0, x * sin + y * cos + height / 2.0);
        let (half_x, half_y) = (area.width() / self.scale / 2.0, area.height() / self.scale / 2.0);
        Area {
            x0: (x - half_x).clamp(0.0, width),
            y0: (y - half_y).clamp(0.0, height),
            x1: (x + half_x).clamp(0.0, width),
            y1: (y + half_y).clamp(0.0, height),
        }
    }
}

/// Prepares a page image. `dpi`: its resolution, where that is known.
#[must_use]
pub fn prepare(image: &DynamicImage, dpi: Option<f32>) -> Prepared {
    let grey = image.to_luma8();
    let page = Size { width: grey.width(), height: grey.height() };
    let mut pixels = tone::even(negative::positive(grey));
    let angle = skew::angle(&pixels);
    let skew = if angle.abs() >= LEAST_SKEW { angle } else { 0.0 };
    if skew != 0.0 {
        pixels = skew::rotated(&pixels, -skew);
    }
    let components = Components::of(&pixels);
    borders::wipe(&mut pixels, &components);
    let letter = components.letter_height();
    let leaders = leaders::wipe(&mut pixels, &components, letter);
    let wanted = if leaders.is_empty() { enlarge::IN_WORDS } else { enlarge::ALONE };
    let mut scale = enlarge::enlargement(letter, wanted, page);
    match (scale > 1.0).then(|| enlarge::enlarged(&pixels, scale)).flatten() {
        Some(larger) => pixels = larger,
        None => scale = 1.0,
    }
    let leaders = leaders.iter().map(|leader| leader.scaled(scale)).collect();
    let dpi = dpi.unwrap_or_else(|| guessed_dpi(page)) * scale;
    Prepared { pixels, page, skew, scale, dpi, leaders, letter }
}

/// A book's page is some nine inches high.
fn guessed_dpi(page: Size) -> f32 {
    (page.height as f32 / 9.0).clamp(70.0, 600.0)
}
