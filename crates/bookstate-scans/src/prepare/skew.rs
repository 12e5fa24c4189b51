//! How askew the lines of a page run, by projection profiles, and turning it upright.
//!
//! Turned by the right angle, the rows of a page alternate between ink and paper more sharply than by any other: the
//! angle is the one with the largest sum of squared differences between neighbouring rows.

use image::{GrayImage, Luma};

use super::ink::threshold;

/// The largest angle that is looked for, in degrees.
const LARGEST: f32 = 6.0;
/// The side that the image is reduced to, in pixels.
const SIDE: u32 = 1200;
/// How much sharper than untouched the best angle must be for it to be believed.
const SHARPER: f64 = 1.03;
/// A page with fewer points of ink has no lines.
const FEWEST_POINTS: usize = 300;

/// By how many degrees the lines of a page run downwards to the right; 0 where nothing says so.
#[must_use]
pub fn angle(grey: &GrayImage) -> f32 {
    let points = points(grey);
    if points.len() < FEWEST_POINTS {
        return 0.0;
    }
    let steps = |from: f32, to: f32, step: f32| {
        let count = ((to - from) / step).round() as u32;
        (0..=count).map(move |n| from + n as f32 * step)
    };
    let best = |angles: &mut dyn Iterator<Item = f32>| {
        let mut found = (0.0_f32, f64::MIN);
        for angle in angles {
            let sharpness = sharpness(&points, angle);
            // Of equals the smaller angle.
            if sharpness > found.1 || (sharpness >= found.1 && angle.abs() < found.0.abs()) {
                found = (angle, sharpness);
            }
        }
        found
    };
    let coarse = best(&mut steps(-LARGEST, LARGEST, 0.25)).0;
    let (fine, sharp) = best(&mut steps(coarse - 0.25, coarse + 0.25, 0.05));
    if sharp < SHARPER * sharpness(&points, 0.0) { 0.0 } else { fine }
}

/// Points of ink, in pixels of the reduced image, from its middle: the lower ends of strokes, which stand on the
/// lines, and not the insides of pictures.
fn points(grey: &GrayImage) -> Vec<(f32, f32)> {
    let threshold = threshold(grey);
    let step = grey.height().max(grey.width()).div_ceil(SIDE).max(1);
    let (columns, rows) = (grey.width() / step, grey.height() / step);
    let is_ink = |x: u32, y: u32| {
        let (x, y) = (x * step, y * step);
        let mut cells = (0..step).flat_map(|dy| (0..step).map(move |dx| (x + dx, y + dy)));
        cells.any(|(x, y)| grey.get_pixel(x, y).0[0] <= threshold)
    };
    let mut points = Vec::new();
    let (middle_x, middle_y) = (columns as f32 / 2.0, rows as f32 / 2.0);
    // Borders stand at the edges and are straight as the scanner, not as the page.
    let (left, top) = (columns / 25, rows / 25);
    for x in left..columns.saturating_sub(left) {
        let mut above = false;
        for y in top..rows.saturating_sub(top) {
            let ink = is_ink(x, y);
            if above && !ink {
                points.push((x as f32 - middle_x, y as f32 - middle_y));
            }
            above = ink;
        }
    }
    points
}

fn sharpness(points: &[(f32, f32)], angle: f32) -> f64 {
    let slope = angle.to_radians().tan();
    let mut profile = vec![0_u32; 2 * SIDE as usize];
    for (x, y) in points {
        let row = (y - x * slope) as i32 + SIDE as i32;
        if let Some(count) = usize::try_from(row).ok().and_then(|row| profile.get_mut(row)) {
            *count += 1;
        }
    }
    let squares = profile.windows(2).map(|pair| match pair {
        [a, b] => f64::from(a.abs_diff(*b)).powi(2),
        _ => 0.0,
    });
    squares.sum()
}

/// The image turned about its middle by `angle` degrees, clockwise; what comes in from outside is paper.
#[must_use]
pub(super) fn rotated(grey: &GrayImage, angle: f32) -> GrayImage {
    let (sin, cos) = angle.to_radians().sin_cos();
    let (middle_x, middle_y) = (grey.width() as f32 / 2.0, grey.height() as f32 / 2.0);
    let width = usize::try_from(grey.width()).unwrap_or(0);
    let raw = grey.as_raw();
    let (right, bottom) = (grey.width() as f32 - 1.0, grey.height() as f32 - 1.0);
    let level = |x: usize, y: usize| f32::from(raw.get(y * width + x).copied().unwrap_or(255));
    GrayImage::from_fn(grey.width(), grey.height(), |x, y| {
        let (x, y) = (x as f32 - middle_x, y as f32 - middle_y);
        let (x, y) = (x * cos + y * sin + middle_x, y * cos - x * sin + middle_y);
        if x < 0.0 || y < 0.0 || x >= right || y >= bottom {
            return Luma([255]);
        }
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x.fract(), y.fract());
        let upper = level(left, top) * (1.0 - fx) + level(left + 1, top) * fx;
        let lower = level(left, top + 1) * (1.0 - fx) + level(left + 1, top + 1) * fx;
        Luma([(upper * (1.0 - fy) + lower * fy) as u8])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of lines of strokes.
    fn page() -> GrayImage {
        GrayImage::from_fn(1000, 1400, |x, y| {
            let in_line = (100..1300).contains(&y) && y % 40 < 18;
            let in_word = (100..900).contains(&x) && x % 12 < 6 && (x / 60 + y / 40 * 3) % 7 != 0;
            Luma([if in_line && in_word { 0 } else { 255 }])
        })
    }

    #[test]
    fn a_turned_page_is_found_and_turned_back() {
        assert_eq!(angle(&page()), 0.0);
        for turned in [-5.0, -3.0, -1.2, 0.8, 3.0, 5.5] {
            let found = angle(&rotated(&page(), turned));
            assert!((found - turned).abs() <= 0.1, "turned by {turned}, found {found}");
        }
    }

    #[test]
    fn an_empty_page_is_not_turned() {
        assert_eq!(angle(&GrayImage::from_pixel(500, 500, Luma([255]))), 0.0);
        assert_eq!(angle(&GrayImage::from_pixel(500, 500, Luma([0]))), 0.0);
        assert_eq!(angle(&GrayImage::from_pixel(1, 1, Luma([0]))), 0.0);
    }
}
