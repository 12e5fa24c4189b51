//! Grey values: even paper, black ink.
//!
//! A page that is black on white already is left alone. On any other the paper's brightness is estimated place by
//! place and divided out, and what is only a little darker than the paper (the other side showing through, stains)
//! becomes paper.

use image::{GrayImage, Luma, imageops};

/// The side, in pixels, of the squares in which the paper's brightness is taken.
const SQUARE: u32 = 24;

/// An image of which this share is near black or near white has no tones to be evened.
const BILEVEL: f64 = 0.97;

/// So many pixels around ink what is grey is part of it.
const BESIDE: usize = 2;

/// The image with even paper.
pub(super) fn even(grey: GrayImage) -> GrayImage {
    if is_bilevel(&grey) {
        return grey;
    }
    let Some(paper) = paper(&grey) else { return grey };
    let mut out = grey;
    // How dark the ink is against its paper, on the whole.
    let mut histogram = [0_u32; 256];
    for (x, y, pixel) in out.enumerate_pixels_mut() {
        let white = f32::from(sample(&paper, x, y)).max(1.0);
        let level = (f32::from(pixel.0[0]) / white * 255.0).clamp(0.0, 255.0) as u8;
        pixel.0[0] = level;
        if let Some(count) = histogram.get_mut(usize::from(level)) {
            *count += 1;
        }
    }
    let ink = f32::from(darkest(&histogram));
    // From here on up it is paper: two fifths of the way from paper to ink are noise and what shows through.
    let white = (255.0 - (255.0 - ink) * 0.28).min(235.0);
    let stretched = |level: u8, white: f32| {
        ((f32::from(level) - ink) / (white - ink).max(1.0) * 255.0).clamp(0.0, 255.0) as u8
    };
    // Beside ink it is a thin stroke, or the edge of one: small print has little else.
    let beside_ink = beside_ink(&out, (255.0 - (255.0 - ink) * 0.5) as u8);
    for (pixel, beside) in out.pixels_mut().zip(beside_ink) {
        pixel.0[0] = stretched(pixel.0[0], if beside { 255.0 } else { white });
    }
    out
}

/// For each pixel, whether one that is at most this bright is near.
fn beside_ink(grey: &GrayImage, ink: u8) -> Vec<bool> {
    let width = usize::try_from(grey.width()).unwrap_or(1).max(1);
    let row_of = |row: &[bool]| {
        let mut wider = row.to_vec();
        for (n, _) in row.iter().enumerate().filter(|(_, is_ink)| **is_ink) {
            let around = n.saturating_sub(BESIDE)..(n + BESIDE + 1).min(row.len());
            wider.get_mut(around).into_iter().flatten().for_each(|near| *near = true);
        }
        wider
    };
    let rows: Vec<Vec<bool>> = grey
        .as_raw()
        .chunks_exact(width)
        .map(|row| row_of(&row.iter().map(|level| *level <= ink).collect::<Vec<_>>()))
        .collect();
    let mut beside = Vec::with_capacity(width * rows.len());
    for n in 0..rows.len() {
        let mut row = vec![false; width];
        for near in rows.iter().take(n + BESIDE + 1).skip(n.saturating_sub(BESIDE)) {
            row.iter_mut().zip(near).for_each(|(beside, near)| *beside |= near);
        }
        beside.append(&mut row);
    }
    beside
}

fn is_bilevel(grey: &GrayImage) -> bool {
    let all = f64::from(grey.width()) * f64::from(grey.height());
    let pure = grey.pixels().filter(|p| p.0[0] < 24 || p.0[0] > 231).count();
    pure as f64 >= BILEVEL * all
}

/// The brightness of the paper, a pixel per square: a bright quantile, smoothed over the letters.
fn paper(grey: &GrayImage) -> Option<GrayImage> {
    let (width, height) = (grey.width().div_ceil(SQUARE), grey.height().div_ceil(SQUARE));
    if width < 3 || height < 3 {
        return None;
    }
    let mut paper = GrayImage::new(width, height);
    for (sx, sy, square) in paper.enumerate_pixels_mut() {
        let mut histogram = [0_u32; 256];
        let mut all = 0;
        for y in (sy * SQUARE..((sy + 1) * SQUARE).min(grey.height())).step_by(2) {
            for x in (sx * SQUARE..((sx + 1) * SQUARE).min(grey.width())).step_by(2) {
                let level = usize::from(grey.get_pixel(x, y).0[0]);
                if let Some(count) = histogram.get_mut(level) {
                    *count += 1;
                    all += 1;
                }
            }
        }
        *square = Luma([quantile(&histogram, all * 3 / 4)]);
    }
    // Squares that are all ink take their neighbours' paper.
    let spread = widest(&widest(&paper));
    Some(imageops::blur(&spread, 1.5))
}

/// The brightest of each pixel's neighbourhood.
fn widest(image: &GrayImage) -> GrayImage {
    let at = |x: u32, y: u32, dx: i64, dy: i64| {
        let x = (i64::from(x) + dx).clamp(0, i64::from(image.width()) - 1);
        let y = (i64::from(y) + dy).clamp(0, i64::from(image.height()) - 1);
        image.get_pixel(u32::try_from(x).unwrap_or(0), u32::try_from(y).unwrap_or(0)).0[0]
    };
    GrayImage::from_fn(image.width(), image.height(), |x, y| {
        let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
        Luma([around.map(|(dx, dy)| at(x, y, dx, dy)).max().unwrap_or(255)])
    })
}

/// The paper's brightness at a pixel of the page, between those of the squares around it.
fn sample(paper: &GrayImage, x: u32, y: u32) -> u8 {
    let place = |n: u32, most: u32| {
        let at = (n as f32 / SQUARE as f32 - 0.5).clamp(0.0, (most - 1) as f32);
        (at as u32, at.fract())
    };
    let ((x, fx), (y, fy)) = (place(x, paper.width()), place(y, paper.height()));
    let (right, below) = ((x + 1).min(paper.width() - 1), (y + 1).min(paper.height() - 1));
    let level = |x: u32, y: u32| f32::from(paper.get_pixel(x, y).0[0]);
    let upper = level(x, y) * (1.0 - fx) + level(right, y) * fx;
    let lower = level(x, below) * (1.0 - fx) + level(right, below) * fx;
    (upper * (1.0 - fy) + lower * fy) as u8
}

/// The level that this many values are at or below.
fn quantile(histogram: &[u32; 256], count: u32) -> u8 {
    let mut sum = 0;
    for (level, n) in histogram.iter().enumerate() {
        sum += n;
        if sum > count {
            return u8::try_from(level).unwrap_or(u8::MAX);
        }
    }
    u8::MAX
}

/// The level of the ink: what the darkest hundredth is at. Where nothing is dark there is none, and no level is moved.
fn darkest(histogram: &[u32; 256]) -> u8 {
    let all: u32 = histogram.iter().sum();
    let level = quantile(histogram, all / 100);
    if level > 170 { 0 } else { level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_through_goes_and_thin_strokes_stay() {
        // Grey paper, a stem with a pale arm, and the pale blot of the other side.
        let image = GrayImage::from_fn(120, 120, |x, y| {
            let stem = (20..24).contains(&x) && (20..100).contains(&y);
            let arm = (24..26).contains(&x) && y == 40;
            let blot = (60..100).contains(&x) && (40..80).contains(&y);
            Luma([if stem {
                30
            } else if arm || blot {
                185
            } else {
                220
            }])
        });
        let even = even(image);
        assert_eq!(even.get_pixel(80, 60).0[0], 255, "what shows through");
        assert!(even.get_pixel(25, 40).0[0] < 235, "an arm of a letter");
        assert_eq!(even.get_pixel(22, 60).0[0], 0);
    }
}
