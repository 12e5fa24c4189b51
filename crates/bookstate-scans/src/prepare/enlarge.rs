//! Small print made larger. The reader scales each line to one height by itself; what it needs is that the parts of
//! small letters are not one pixel thin when it looks for letters and lines.
//!
//! Only as much as that asks for: the reader's time grows with the pixels. Of a book with letters of 8 to 15 pixels,
//! no fewer words are read with letters below 12 enlarged to 16 than with all enlarged to 22, in two thirds of the time.
//! Single signs are another matter: there is no word around them. So a page of contents, whose numbers stand alone at
//! the ends of their lines, has the more.

use image::GrayImage;
use pic_scale::{ImageSize, ImageStore, ImageStoreMut, PicScaleError, ResamplingFunction, Scaler};

use super::Size;

/// Letters of this height, in pixels, are not enlarged, and smaller ones to the second height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted(f32, f32);

/// Of words in lines.
pub(super) const IN_WORDS: Wanted = Wanted(12.0, 16.0);
/// Of numbers that stand alone.
pub(super) const ALONE: Wanted = Wanted(15.0, 22.0);

/// The most pixels of an enlarged image.
const MAX_ENLARGED: f32 = 40_000_000.0;

/// By how much a page of this size whose letters are `letter` pixels high is enlarged. 1: not at all.
pub(super) fn enlargement(letter: f32, wanted: Wanted, page: Size) -> f32 {
    let Wanted(small, wanted) = wanted;
    if letter <= 0.0 || letter >= small {
        return 1.0;
    }
    let area = page.width as f32 * page.height as f32;
    (wanted / letter).min(3.0).min((MAX_ENLARGED / area).sqrt()).max(1.0)
}

/// The image, larger by `scale`; `None`: it cannot be, as one without pixels.
pub(super) fn enlarged(pixels: &GrayImage, scale: f32) -> Option<GrayImage> {
    let side = |side: u32| (side as f32 * scale).round() as u32;
    let (width, height) = (side(pixels.width()), side(pixels.height()));
    let mut larger = vec![0; width as usize * height as usize];
    resample(pixels, &mut larger, ImageSize::new(width as usize, height as usize)).ok()?;
    GrayImage::from_raw(width, height, larger)
}

fn resample(pixels: &GrayImage, larger: &mut [u8], size: ImageSize) -> Result<(), PicScaleError> {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let from = ImageStore::<u8, 1>::from_slice(pixels.as_raw(), width, height)?;
    let mut to = ImageStoreMut::<u8, 1>::from_slice(larger, size.width, size.height)?;
    let scaler = Scaler::new(ResamplingFunction::CatmullRom);
    scaler.plan_planar_resampling(ImageSize::new(width, height), size)?.resample(&from, &mut to)
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn small_letters_become_readable_and_large_ones_stay() {
        let page = Size { width: 1000, height: 1400 };
        let of = |letter| enlargement(letter, IN_WORDS, page);
        assert_eq!((of(8.0), of(12.0)), (2.0, 1.0));
        assert_eq!(of(0.0), 1.0, "no letters");
        assert_eq!(of(2.0), 3.0, "no more than that");
        assert!(enlargement(13.0, ALONE, page) > 1.5, "numbers of a page of contents");
        let huge = Size { width: 10_000, height: 10_000 };
        assert_eq!(enlargement(8.0, ALONE, huge), 1.0);
    }

    #[test]
    fn what_is_enlarged_looks_as_before() {
        let mut pixels = GrayImage::from_pixel(40, 30, Luma([255]));
        for (x, y) in (10..20).flat_map(|x| (5..15).map(move |y| (x, y))) {
            pixels.put_pixel(x, y, Luma([0]));
        }
        let larger = enlarged(&pixels, 1.5).unwrap();
        assert_eq!((larger.width(), larger.height()), (60, 45));
        assert!(larger.get_pixel(22, 15).0[0] < 10 && larger.get_pixel(45, 30).0[0] > 245);
        assert_eq!(enlarged(&GrayImage::new(0, 0), 2.0), None);
    }
}
