//! Where lines of text are: a network says of each pixel how much it looks like the middle of a line.

use image::{GrayImage, Luma, imageops};
use rten_tensor::{AsView, Layout, NdTensorView};

use super::model::{Network, Thread};
use crate::{
    prepare::Components,
    tesseract::{Cancel, OcrError},
    words::Area,
};

/// The longest side, in pixels, of the image in which lines are looked for: which takes half a gigabyte.
const LONGEST: f32 = 2048.0;
/// Letters of this height are found as well as larger ones, in less time.
const LETTER: f32 = 14.0;
/// The network halves the image five times.
const STEP: f32 = 32.0;
/// Pixels that look more like a line are of one, and a line looks more like one in the mean.
const PIXEL: f32 = 0.3;
const LINE: f32 = 0.5;
/// The network marks the middle of lines: they are larger by this much of their area by their edge.
const LARGER: f32 = 1.6;
/// Fewer pixels across or down are a speck.
const SPECK: u32 = 3;
/// A page has no more lines; the surest are taken.
const MOST: usize = 500;

/// What was found on an image.
#[derive(Debug)]
pub(super) struct Found {
    /// Where lines of text are, in no order.
    pub(super) places: Vec<Area>,
    /// How many more there are than a page can have.
    pub(super) left_out: usize,
}

/// The lines of text on an image. `letter`: the height of its letters in pixels, 0 when it is not known.
pub(super) fn find(
    network: &Network,
    pixels: &GrayImage,
    letter: f32,
    thread: &Thread,
    cancel: &Cancel,
) -> Result<Found, OcrError> {
    if cancel.is_cancelled() {
        return Err(OcrError::Cancelled);
    }
    let (width, height) = (pixels.width() as f32, pixels.height() as f32);
    let wanted = if letter > 0.0 { LETTER / letter } else { 1.0 };
    let scale = wanted.min(1.0).min(LONGEST / width.max(height));
    let side = |length: f32| ((length * scale / STEP).round() * STEP).max(STEP) as u32;
    let small = imageops::resize(pixels, side(width), side(height), imageops::FilterType::Triangle);
    let marks = network.answer::<4>(&small, thread)?;
    let shape = marks.shape();
    if shape != [1, 1, small.height() as usize, small.width() as usize] {
        return Err(OcrError::Inference {
            reason: format!("what finds lines answers in the shape {shape:?}"),
        });
    }
    let (across, down) = (width / small.width() as f32, height / small.height() as f32);
    let mut lines = marked(&marks.view());
    lines.sort_by(|a, b| b.1.total_cmp(&a.1));
    let left_out = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    let placed = lines.into_iter().map(|(line, _)| Area {
        x0: (line.x0 * across).max(0.0),
        y0: (line.y0 * down).max(0.0),
        x1: (line.x1 * across).min(width),
        y1: (line.y1 * down).min(height),
    });
    let places = placed.filter(|line| line.width() >= 1.0 && line.height() >= 1.0).collect();
    Ok(Found { places, left_out })
}

/// The lines that are marked, each as large as its text, with how much it looks like one.
fn marked(marks: &NdTensorView<'_, f32, 4>) -> Vec<(Area, f32)> {
    let [_, _, height, width] = marks.shape();
    let mark = |x: u32, y: u32| marks.get([0, 0, y as usize, x as usize]).copied().unwrap_or(0.0);
    let size = |n: usize| u32::try_from(n).unwrap_or(0);
    let ink = GrayImage::from_fn(size(width), size(height), |x, y| {
        Luma([if mark(x, y) > PIXEL { 0 } else { 255 }])
    });
    let mut lines = Vec::new();
    for piece in Components::of(&ink).pieces {
        if piece.width().min(piece.height()) < SPECK {
            continue;
        }
        let (mut sum, mut count) = (0.0, 0.0_f32);
        for (x, y) in (piece.y0..piece.y1).flat_map(|y| (piece.x0..piece.x1).map(move |x| (x, y))) {
            let mark = mark(x, y);
            if mark > PIXEL {
                sum += mark;
                count += 1.0;
            }
        }
        let sure = sum / count.max(1.0);
        if sure < LINE {
            continue;
        }
        let middle = piece.place();
        let more = LARGER * middle.width() * middle.height() / (2.0 * (middle.width() + middle.height()));
        let (x0, y0, x1, y1) = (middle.x0 - more, middle.y0 - more, middle.x1 + more, middle.y1 + more);
        lines.push((Area { x0, y0, x1, y1 }, sure));
    }
    lines
}

#[cfg(test)]
mod tests {
    use rten_tensor::NdTensor;

    use super::*;

    #[test]
    fn what_is_marked_is_a_line_and_larger_than_its_mark() {
        let mut marks = NdTensor::<f32, 4>::zeros([1, 1, 64, 96]);
        let mut fill = |x0: usize, x1: usize, y0: usize, y1: usize, mark: f32| {
            for (y, x) in (y0..y1).flat_map(|y| (x0..x1).map(move |x| (y, x))) {
                marks[[0, 0, y, x]] = mark;
            }
        };
        fill(10, 50, 10, 16, 0.9);
        fill(10, 50, 30, 36, 0.4); // Not sure enough.
        fill(70, 72, 10, 12, 0.9); // A speck.
        fill(60, 90, 50, 56, 0.7);
        let lines = marked(&marks.view());
        assert_eq!(lines.len(), 2, "{lines:?}");
        let (line, sure) = lines[0];
        assert!((sure - 0.9).abs() < 1e-5);
        assert!(line.x0 < 9.0 && line.x1 > 51.0 && line.y0 < 8.0 && line.y1 > 18.0, "{line:?}");
        assert!(line.x0 > 4.0 && line.y1 < 22.0, "{line:?}");
    }
}
