//! The image of a page, decoded, and what bounds it.

use image::{DynamicImage, codecs::jpeg::JpegEncoder};

/// The most pixels that a page image may have: a sheet of A3 at 600 dpi has 70 million.
pub(super) const MAX_PIXELS: u64 = 150_000_000;

/// The most bytes that a decoder may take for one image.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// The quality of JPEG files that are made, of 100: print stays sharp.
const JPEG_QUALITY: u8 = 85;

/// Resolutions that programs write when they know none.
const SCREEN_DPI: [f32; 2] = [72.0, 96.0];

/// The image of a page.
#[derive(Debug, Clone)]
pub struct PageImage {
    /// Its pixels, upright.
    pub pixels: DynamicImage,
    /// Dots per inch, where that is known.
    pub dpi: Option<f32>,
}

impl PageImage {
    /// The image as a JPEG file: of one channel when the image has one, which is a third of the work.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn jpeg(&self) -> Result<Vec<u8>, String> {
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY);
        match &self.pixels {
            DynamicImage::ImageLuma8(pixels) => encoder.encode_image(pixels),
            pixels => encoder.encode_image(&pixels.to_rgb8()),
        }
        .map_err(|error| error.to_string())?;
        Ok(file)
    }
}

/// Whether a page can be of this size.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err("it has no pixels".to_owned());
    }
    if pixels > MAX_PIXELS {
        return Err(format!("it claims {width} x {height} pixels, more than a page can have"));
    }
    Ok(())
}

/// A resolution that may be meant.
pub(super) fn plausible_dpi(dpi: f32) -> Option<f32> {
    (dpi.is_finite() && (50.0..=2400.0).contains(&dpi) && !SCREEN_DPI.contains(&dpi.round())).then_some(dpi)
}

/// The colour of four inks on white paper.
pub(super) fn cmyk(inks: &[u8]) -> [u8; 3] {
    let ink = |n: usize| 255 - u32::from(inks.get(n).copied().unwrap_or(0));
    [0, 1, 2].map(|n| u8::try_from(ink(n) * ink(3) / 255).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use image::GrayImage;

    use super::*;

    #[test]
    fn a_page_of_one_channel_is_written_with_one() {
        let grey = GrayImage::from_fn(20, 30, |x, _| image::Luma([u8::try_from(x * 10).unwrap()]));
        let grey = DynamicImage::ImageLuma8(grey);
        let mut colours = grey.to_rgb8();
        colours.put_pixel(19, 29, image::Rgb([200, 7, 7]));
        for pixels in [grey, DynamicImage::ImageRgb8(colours)] {
            let file = PageImage { pixels: pixels.clone(), dpi: None }.jpeg().unwrap();
            let read = image::load_from_memory(&file).unwrap();
            assert_eq!(read.color(), pixels.color());
            let pairs = read.to_rgb8().into_raw().into_iter().zip(pixels.to_rgb8().into_raw());
            let off: u32 = pairs.map(|(read, written)| u32::from(read.abs_diff(written))).sum();
            assert!(off < 3 * 20 * 30 * 4, "as it was: {off}");
        }
    }

    #[test]
    fn sizes_and_resolutions_are_those_of_pages() {
        assert!(check_size(100_000, 100_000).unwrap_err().contains("100000 x 100000"));
        assert!(check_size(0, 7).is_err());
        assert_eq!(plausible_dpi(72.0), None, "what programs write that know none");
        assert_eq!(plausible_dpi(300.0), Some(300.0));
    }
}
