//! The fold: where two pages meet that are on one image.
//!
//! On such an image no line of print crosses a stretch near the middle that is wider than any gap between words, and
//! there is print on both sides of it.

use image::{DynamicImage, GrayImage, imageops::FilterType};

use super::{
    ink::{Component, Components},
    skew, tone,
};

/// The image is looked at with so many pixels across.
const ACROSS: u32 = 1000;
/// Where the fold may be, in shares of the image's width.
const MIDDLE: std::ops::Range<f32> = 0.4..0.6;
/// The inner margins of two pages are at least as wide as this share of the image.
const MARGINS: f32 = 0.025;
/// The inner margins are at least as wide as so many letters are high.
const LETTERS: f32 = 2.0;
/// The letters of a word stand no further apart than this share of their height.
const NEXT: f32 = 0.45;
/// With fewer pieces that could be letters an image says nothing.
const FEWEST_LETTERS: usize = 80;
/// The side with less print has at least this share of it, or the image says nothing.
const SMALLER_SIDE: f32 = 0.12;

/// What an image shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fold {
    /// Two pages, which meet at this share of the width.
    At(f32),
    /// Print runs across the middle: it is one page.
    Crossed,
    /// Too little print to say.
    Unclear,
}

/// Looks for the fold of an image.
#[must_use]
pub fn fold(image: &DynamicImage) -> Fold {
    let height = u64::from(image.height()) * u64::from(ACROSS) / u64::from(image.width().max(1));
    let height = u32::try_from(height).unwrap_or(u32::MAX).clamp(1, 4 * ACROSS);
    let grey = tone::even(image.resize_exact(ACROSS, height, FilterType::Triangle).to_luma8());
    let angle = skew::angle(&grey);
    let upright = if angle == 0.0 { grey } else { skew::rotated(&grey, -angle) };
    of_upright(&upright)
}

fn of_upright(grey: &GrayImage) -> Fold {
    let components = Components::of(grey);
    let letter = components.letter_height();
    let letters = letters(&components, letter);
    if letters.len() < FEWEST_LETTERS || lies_on_its_side(&letters, letter) {
        return Fold::Unclear;
    }
    let Some((from, to)) = widest_gap(&letters, grey.width()) else { return Fold::Crossed };
    let width = grey.width() as f32;
    if ((to - from) as f32) < (MARGINS * width).max(LETTERS * letter) {
        return Fold::Crossed;
    }
    let middle = from.midpoint(to);
    let left = letters.iter().filter(|piece| piece.x1 <= middle).count();
    let smaller = left.min(letters.len() - left) as f32;
    if smaller < SMALLER_SIDE * letters.len() as f32 {
        return Fold::Unclear;
    }
    Fold::At(middle as f32 / width)
}

/// Pieces of the size of letters that have a neighbour on their line: a speck in the fold is no print.
fn letters(components: &Components, letter: f32) -> Vec<Component> {
    let fits = |piece: &&Component| {
        let (width, height) = (piece.width() as f32, piece.height() as f32);
        (0.5 * letter..=2.5 * letter).contains(&height) && width <= 6.0 * letter && piece.width() > 1
    };
    let mut pieces: Vec<Component> = components.pieces.iter().filter(fits).copied().collect();
    pieces.sort_by_key(|piece| piece.x0);
    let near = |piece: &Component, other: &Component| {
        let apart = other.x0.saturating_sub(piece.x1).max(piece.x0.saturating_sub(other.x1));
        let shared = piece.y1.min(other.y1).saturating_sub(piece.y0.max(other.y0));
        apart as f32 <= 1.5 * letter && 2 * shared >= piece.height().min(other.height())
    };
    let reach = (8.0 * letter) as u32;
    let has_neighbour = |n: usize, piece: &Component| {
        let behind = pieces.iter().skip(n + 1).take_while(|other| other.x0 <= piece.x1 + reach);
        let before = pieces.iter().take(n).rev().take_while(|other| other.x0 + reach >= piece.x0);
        behind.chain(before).any(|other| near(piece, other))
    };
    pieces.iter().enumerate().filter(|(n, piece)| has_neighbour(*n, piece)).map(|(_, piece)| *piece).collect()
}

/// Whether the lines of print run down the image: letters stand nearer to each other below than beside.
fn lies_on_its_side(letters: &[Component], letter: f32) -> bool {
    let (near, reach) = ((NEXT * letter).max(1.0) as u32, (8.0 * letter) as u32);
    let gap = |a0: u32, a1: u32, b0: u32, b1: u32| b0.saturating_sub(a1).max(a0.saturating_sub(b1));
    let (mut beside, mut below) = (0, 0);
    for (n, piece) in letters.iter().enumerate() {
        let others = letters.iter().skip(n + 1).take_while(|other| other.x0 <= piece.x1 + reach);
        for other in others {
            let across = gap(piece.x0, piece.x1, other.x0, other.x1);
            let down = gap(piece.y0, piece.y1, other.y0, other.y1);
            beside += u32::from(down == 0 && across > 0 && across <= near);
            below += u32::from(across == 0 && down > 0 && down <= near);
        }
    }
    below > beside
}

/// The widest stretch of columns in the middle of the image that no letter stands in.
fn widest_gap(letters: &[Component], width: u32) -> Option<(u32, u32)> {
    let column = |share: f32| (share * width as f32) as u32;
    let (first, end) = (column(MIDDLE.start), column(MIDDLE.end));
    let mut covered: Vec<(u32, u32)> =
        letters.iter().filter(|piece| piece.x1 > first && piece.x0 < end).map(|p| (p.x0, p.x1)).collect();
    covered.sort_unstable();
    let (mut at, mut widest) = (first, None);
    let mut gap = |from: u32, to: u32| {
        let is_wider = widest.is_none_or(|(a, b): (u32, u32)| to - from > b - a);
        if to > from && is_wider {
            widest = Some((from, to));
        }
    };
    for (x0, x1) in covered {
        gap(at, x0.max(at));
        at = at.max(x1);
    }
    gap(at, end.max(at));
    widest
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;
    use crate::prepare::drawn::{paper, print};

    fn seen(image: GrayImage) -> Fold {
        fold(&DynamicImage::ImageLuma8(image))
    }

    #[test]
    fn two_pages_meet_between_their_margins() {
        let mut spread = paper();
        print(&mut spread, 60, 450, 0..25);
        print(&mut spread, 530, 940, 3..25);
        let Fold::At(fold) = seen(spread.clone()) else { panic!("no fold was seen") };
        assert!((0.47..0.51).contains(&fold), "{fold}");
        // The shadow of the fold, specks in it, and a page that lies askew.
        for y in 0..700 {
            spread.put_pixel(488, y, Luma([60]));
            spread.put_pixel(489, y, Luma([60]));
        }
        print(&mut spread, 500, 509, 7..8);
        assert!(matches!(seen(spread.clone()), Fold::At(_)));
        assert!(matches!(seen(skew::rotated(&spread, 2.0)), Fold::At(_)));
    }

    #[test]
    fn print_across_the_middle_makes_one_page() {
        let mut page = paper();
        print(&mut page, 60, 940, 0..25);
        assert_eq!(seen(page), Fold::Crossed);
        // Two columns under a heading.
        let mut columns = paper();
        print(&mut columns, 60, 470, 2..25);
        print(&mut columns, 530, 940, 2..25);
        print(&mut columns, 300, 700, 0..1);
        assert_eq!(seen(columns), Fold::Crossed);
    }

    #[test]
    fn a_page_on_its_side_is_not_two() {
        // Turned, its two paragraphs are columns with a wide gap between them.
        let mut page = GrayImage::from_pixel(700, 1000, Luma([255]));
        print(&mut page, 60, 640, 0..18);
        print(&mut page, 60, 640, 22..40);
        assert_eq!(seen(image::imageops::rotate90(&page)), Fold::Unclear);
        assert_eq!(seen(image::imageops::rotate270(&page)), Fold::Unclear);
    }

    #[test]
    fn an_image_with_little_print_says_nothing() {
        assert_eq!(seen(paper()), Fold::Unclear);
        let mut half = paper();
        print(&mut half, 60, 450, 0..25);
        assert_eq!(seen(half), Fold::Unclear, "the other page is blank, or it is a caption");
    }
}
