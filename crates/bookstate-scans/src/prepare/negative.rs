//! Light print on a dark page: the negative of a film, or a page that was printed like that. The readers know dark print.

use image::{GrayImage, imageops::invert};

use super::ink::{Components, threshold};

/// A page more of which is dark may be light print on a dark ground, where its margins are, too: those of a page with a dark
/// picture are paper.
const DARK: f64 = 0.5;
/// The margin's share of the page's sides.
const MARGIN: u32 = 25;
/// So many letters are print, and so many times as many as there are the other way round: a picture to the edges has
/// hardly more letters in one than in the other.
const PRINT: usize = 60;
const TIMES: usize = 4;

/// The page with dark print on light paper, as it is where it has that.
pub(super) fn positive(grey: GrayImage) -> GrayImage {
    if !is_dark(&grey) {
        return grey;
    }
    let mut other = grey.clone();
    invert(&mut other);
    let letters = |image: &GrayImage| Components::of(image).letters().len();
    let light = letters(&other);
    if light >= PRINT && light >= TIMES * letters(&grey) { other } else { grey }
}

/// Whether more than half of the page is dark, and more than half of its margins.
fn is_dark(grey: &GrayImage) -> bool {
    let (width, height) = grey.dimensions();
    let (across, down) = (width / MARGIN, height / MARGIN);
    let is_margin = |x: u32, y: u32| x < across || y < down || x + across >= width || y + down >= height;
    let threshold = threshold(grey);
    // Pixels, and how many of them are dark.
    let (mut page, mut margin) = ((0_u64, 0_u64), (0_u64, 0_u64));
    for (x, y, pixel) in grey.enumerate_pixels() {
        let dark = u64::from(pixel.0[0] <= threshold);
        page = (page.0 + 1, page.1 + dark);
        if is_margin(x, y) {
            margin = (margin.0 + 1, margin.1 + dark);
        }
    }
    let mostly = |(all, dark): (u64, u64)| dark as f64 > DARK * all as f64;
    mostly(page) && mostly(margin)
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
        // A picture with light specks between margins of paper, and few letters below it.
        let mut plate = paper();
        for (x, y) in (60..940).flat_map(|x| (40..600).map(move |y| (x, y))) {
            let is_speck = x % 40 < 8 && y % 30 < 10;
            plate.put_pixel(x, y, image::Luma([if is_speck { 240 } else { 30 }]));
        }
        print(&mut plate, 400, 520, 27..28);
        assert_eq!(positive(plate.clone()), plate);
        // A picture, dark for the most part, to the edges.
        let picture = GrayImage::from_fn(900, 1200, |x, y| {
            let level = 40 + 60 * u32::from((x / 90 + y / 70) % 5 == 0) + (x * 31 + y * 17) % 23;
            image::Luma([u8::try_from(level).unwrap()])
        });
        assert_eq!(positive(picture.clone()), picture);
        assert_eq!(positive(GrayImage::new(0, 0)), GrayImage::new(0, 0));
    }
}
