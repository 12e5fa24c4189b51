//! Pages that are drawn for tests.

use image::{GrayImage, Luma};

/// Lines of letters of 8 by 10 pixels between these columns.
pub(crate) fn print(image: &mut GrayImage, from: u32, to: u32, lines: std::ops::Range<u32>) {
    for line in lines {
        for x in (from..to.saturating_sub(8)).step_by(11) {
            if (x / 55 + line).is_multiple_of(6) {
                continue;
            }
            for (dx, dy) in (0..8).flat_map(|dx| (0..10).map(move |dy| (dx, dy))) {
                image.put_pixel(x + dx, 40 + line * 22 + dy, Luma([0]));
            }
        }
    }
}

/// White paper, as wide as two pages.
pub(crate) fn paper() -> GrayImage {
    GrayImage::from_pixel(1000, 700, Luma([255]))
}
