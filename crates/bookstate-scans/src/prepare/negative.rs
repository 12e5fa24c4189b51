//! Light print on a dark page: the negative of a film, or a page that was printed like that. The readers know dark print.

use image::{DynamicImage, GrayImage, imageops::invert};

use super::ink::{Components, threshold};

/// A page more of which is dark may be light print on a dark ground.
const DARK: f64 = 0.5;
/// So many letters are print, and so many times as many as there are the other way round: a photograph, or a table in black,
/// has hardly more letters in one than in the other.
const PRINT: usize = 60;
const TIMES: usize = 4;

/// The page with dark print on light paper, as it is where it has that.
pub(super) fn positive(grey: GrayImage) -> GrayImage {
    let threshold = threshold(&grey);
    let dark = grey.as_raw().iter().filter(|level| **level <= threshold).count();
    if dark as f64 <= DARK * grey.as_raw().len() as f64 {
        return grey;
    }
    let mut other = DynamicImage::ImageLuma8(grey.clone());
    invert(&mut other);
    let other = other.into_luma8();
    let letters = |image: &GrayImage| Components::of(image).letters().len();
    let light = letters(&other);
    if light >= PRINT && light >= TIMES * letters(&grey) { other } else { grey }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::drawn::{paper, print};

    #[test]
    fn light_print_on_a_dark_page_becomes_dark_and_nothing_else_does() {
        let mut page = paper();
        print(&mut page, 60, 940, 0..25);
        assert_eq!(positive(page.clone()), page, "dark print");
        let mut negative = page.clone();
        invert(&mut negative);
        assert_eq!(positive(negative), page);
        // A picture, dark for the most part.
        let picture = GrayImage::from_fn(900, 1200, |x, y| {
            let level = 40 + 60 * u32::from((x / 90 + y / 70) % 5 == 0) + (x * 31 + y * 17) % 23;
            image::Luma([u8::try_from(level).unwrap()])
        });
        assert_eq!(positive(picture.clone()), picture);
        assert_eq!(positive(GrayImage::new(0, 0)), GrayImage::new(0, 0));
    }
}
