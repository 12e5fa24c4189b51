//! Connected pieces of ink: letters, dots, specks, borders.

use image::GrayImage;

use crate::words::Area;

/// An image with fewer pieces of ink that could be letters has nothing to be read.
pub(crate) const FEWEST_LETTERS: usize = 2;

/// A piece of ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Left edge, in pixels.
    pub x0: u32,
    /// Upper edge.
    pub y0: u32,
    /// One behind the right edge.
    pub x1: u32,
    /// One behind the lower edge.
    pub y1: u32,
    /// How many of its pixels are ink.
    pub ink: u32,
}

impl Component {
    /// Pixels across.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.x1 - self.x0
    }

    /// Pixels down.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.y1 - self.y0
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn place(&self) -> Area {
        Area { x0: self.x0 as f32, y0: self.y0 as f32, x1: self.x1 as f32, y1: self.y1 as f32 }
    }
}

/// The pieces of ink of a page, and which run of ink belongs to which.
#[derive(Debug, Clone)]
pub struct Components {
    /// The pieces.
    pub pieces: Vec<Component>,
    /// Runs of ink, row by row, with the piece of each.
    runs: Vec<(Run, u32)>,
    width: u32,
    height: u32,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    y: u32,
    x0: u32,
    x1: u32,
}

/// What is darker than this is ink: Otsu's threshold.
#[must_use]
pub(crate) fn threshold(grey: &GrayImage) -> u8 {
    let mut histogram = [0_u64; 256];
    for pixel in grey.pixels() {
        if let Some(count) = histogram.get_mut(usize::from(pixel.0[0])) {
            *count += 1;
        }
    }
    let all: u64 = histogram.iter().sum();
    let weighted: f64 = histogram.iter().enumerate().map(|(level, n)| level as f64 * *n as f64).sum();
    let (mut below, mut below_sum, mut best, mut at) = (0_u64, 0.0, -1.0, 128);
    for (level, n) in histogram.iter().enumerate() {
        below += n;
        below_sum += level as f64 * *n as f64;
        if below == 0 || below == all {
            continue;
        }
        let above = (all - below) as f64;
        let apart = below_sum / below as f64 - (weighted - below_sum) / above;
        let variance = below as f64 * above * apart * apart;
        if variance > best {
            best = variance;
            at = level;
        }
    }
    u8::try_from(at.clamp(60, 200)).unwrap_or(128)
}

impl Components {
    /// The pieces of ink of an image.
    #[must_use]
    pub fn of(grey: &GrayImage) -> Self {
        let threshold = threshold(grey);
        let width = usize::try_from(grey.width()).unwrap_or(1).max(1);
        let mut runs: Vec<Run> = Vec::new();
        let mut parents: Vec<u32> = Vec::new();
        let mut above = 0..0;
        for (y, row) in grey.as_raw().chunks_exact(width).enumerate() {
            let y = u32::try_from(y).unwrap_or(u32::MAX);
            let first = runs.len();
            // What ends before a run ends before all that follow it in the row.
            let mut passed = above.start;
            let mut x = 0;
            while x < row.len() {
                let is_ink = |level: &u8| *level <= threshold;
                let Some(start) = row.iter().skip(x).position(is_ink) else { break };
                let start = x + start;
                let length = row.iter().skip(start).position(|level| !is_ink(level));
                let end = length.map_or(row.len(), |length| start + length);
                let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let run = Run { y, x0: number(start), x1: number(end) };
                let own = number(runs.len());
                parents.push(own);
                while passed < above.end && runs.get(passed).is_some_and(|upper| upper.x1 < run.x0) {
                    passed += 1;
                }
                for (other, upper) in runs.iter().enumerate().take(above.end).skip(passed) {
                    if upper.x0 > run.x1 {
                        break;
                    }
                    join(&mut parents, own, number(other));
                }
                runs.push(run);
                x = end;
            }
            above = first..runs.len();
        }
        Self::gathered(runs, &mut parents, grey.width(), grey.height())
    }

    fn gathered(runs: Vec<Run>, parents: &mut [u32], width: u32, height: u32) -> Self {
        let mut pieces: Vec<Component> = Vec::new();
        let mut number_of = vec![u32::MAX; runs.len()];
        let mut numbered = Vec::with_capacity(runs.len());
        for (n, run) in runs.into_iter().enumerate() {
            let root = find(parents, u32::try_from(n).unwrap_or(u32::MAX));
            let Some(number) = number_of.get_mut(root as usize) else { continue };
            if *number == u32::MAX {
                *number = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
                pieces.push(Component { x0: run.x0, y0: run.y, x1: run.x1, y1: run.y + 1, ink: 0 });
            }
            if let Some(piece) = pieces.get_mut(*number as usize) {
                piece.x0 = piece.x0.min(run.x0);
                piece.x1 = piece.x1.max(run.x1);
                piece.y1 = piece.y1.max(run.y + 1);
                piece.ink += run.x1 - run.x0;
            }
            numbered.push((run, *number));
        }
        Self { pieces, runs: numbered, width, height }
    }

    /// The width and height of the image.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The median height of what has the size of letters; 0 when hardly anything has.
    #[must_use]
    pub fn letter_height(&self) -> f32 {
        let tallest = (self.height / 12).max(12);
        let like_a_letter = |piece: &&Component| {
            let (width, height) = (piece.width(), piece.height());
            (5..=tallest).contains(&height) && width >= 2 && width <= 4 * height && height <= 8 * width
        };
        let mut heights: Vec<u32> = self.pieces.iter().filter(like_a_letter).map(Component::height).collect();
        if heights.len() < 20 {
            return 0.0;
        }
        heights.sort_unstable();
        heights.get(heights.len() / 2).map_or(0.0, |height| *height as f32)
    }

    /// The places of the pieces that have the size of letters.
    #[must_use]
    pub(crate) fn letters(&self) -> Vec<Area> {
        let letter = self.letter_height();
        let fits = |height: f32| letter <= 0.0 || (0.5 * letter..=2.5 * letter).contains(&height);
        let pieces = self.pieces.iter().filter(|piece| {
            let (width, height) = (piece.width(), piece.height());
            height >= 5 && fits(height as f32) && width >= 2 && width <= 5 * height && height <= 10 * width
        });
        pieces.map(Component::place).collect()
    }

    /// Makes paper of the pieces that `is` names.
    pub fn wipe(&self, grey: &mut GrayImage, is: impl Fn(usize, &Component) -> bool) {
        let doomed: Vec<bool> = self.pieces.iter().enumerate().map(|(n, piece)| is(n, piece)).collect();
        if !doomed.contains(&true) {
            return;
        }
        let width = usize::try_from(self.width).unwrap_or(0);
        for (run, number) in &self.runs {
            if doomed.get(*number as usize) != Some(&true) {
                continue;
            }
            // A pixel to each side: the grey edge of what is black.
            for y in run.y.saturating_sub(1)..=(run.y + 1).min(self.height.saturating_sub(1)) {
                let row = usize::try_from(y).unwrap_or(0) * width;
                let from = row + run.x0.saturating_sub(1) as usize;
                let to = row + (run.x1 + 1).min(self.width) as usize;
                if let Some(pixels) = grey.as_mut().get_mut(from..to) {
                    pixels.fill(255);
                }
            }
        }
    }
}

fn find(parents: &mut [u32], mut n: u32) -> u32 {
    loop {
        let parent = parents.get(n as usize).copied().unwrap_or(n);
        if parent == n {
            return n;
        }
        let above = parents.get(parent as usize).copied().unwrap_or(parent);
        if let Some(own) = parents.get_mut(n as usize) {
            *own = above;
        }
        n = above;
    }
}

fn join(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (find(parents, a), find(parents, b));
    // The lower number is the root, so that pieces are numbered from above to below.
    if let Some(parent) = parents.get_mut(a.max(b) as usize) {
        *parent = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn what_touches_is_one_piece() {
        // Two arms that meet below, and a speck.
        let drawing = ["#..#...", "#..#..#", "####..."];
        let image = GrayImage::from_fn(7, 3, |x, y| {
            let ink = drawing[y as usize].as_bytes()[x as usize] == b'#';
            Luma([if ink { 0 } else { 255 }])
        });
        let components = Components::of(&image);
        assert_eq!(components.pieces.len(), 2);
        assert_eq!(components.pieces[0], Component { x0: 0, y0: 0, x1: 4, y1: 3, ink: 8 });
        let mut wiped = image.clone();
        components.wipe(&mut wiped, |_, piece| piece.ink == 1);
        assert_eq!(Components::of(&wiped).pieces.len(), 1);
    }
}
