//! Leader dots: `Chapter ........ 12`. A reader by machine makes words of them and loses the numbers behind them, so
//! they are wiped from the image.
//!
//! A leader is four dots or more, each no larger than 0.4 of a letter, on one baseline, at a steady pitch, with empty
//! paper between them: in small print, pieces of letters are as small and as regular, and have the letters around them.

use image::GrayImage;

use super::ink::{Component, Components};
use crate::words::Area;

/// The fewest dots of a leader.
const FEWEST: usize = 4;
/// The fewest leaders of a page: a single row of dots may be anything.
const FEWEST_LINES: usize = 2;

/// Makes paper of leader dots; says where they were, in pixels, if the page has several lines of them.
pub(super) fn wipe(grey: &mut GrayImage, components: &Components, letter: f32) -> Vec<Area> {
    if letter <= 0.0 {
        return Vec::new();
    }
    let leaders = leaders(components, letter);
    let mut doomed = vec![false; components.pieces.len()];
    for dot in leaders.iter().flatten() {
        if let Some(doomed) = doomed.get_mut(*dot) {
            *doomed = true;
        }
    }
    components.wipe(grey, |n, _| doomed.get(n) == Some(&true));
    if leaders.len() < FEWEST_LINES {
        return Vec::new();
    }
    let place = |dots: &Vec<usize>| {
        let dots = dots.iter().filter_map(|dot| components.pieces.get(*dot));
        let areas = dots.map(|dot| Area {
            x0: dot.x0 as f32,
            y0: dot.y0 as f32,
            x1: dot.x1 as f32,
            y1: dot.y1 as f32,
        });
        areas.reduce(|a, b| a.union(&b))
    };
    leaders.iter().filter_map(place).collect()
}

/// The leaders of a page: each the numbers of its dots, from left to right.
fn leaders(components: &Components, letter: f32) -> Vec<Vec<usize>> {
    let largest = (letter * 0.45).max(3.0);
    let is_dot = |piece: &Component| {
        let (width, height) = (piece.width() as f32, piece.height() as f32);
        width <= largest && height <= largest && width <= 2.5 * height && height <= 2.5 * width
    };
    let pieces = FromAbove::of(components, letter);
    let is_leaders = |piece: &Component| is_dot(piece) && !pieces.any_below(piece);
    let mut dots: Vec<(usize, &Component)> =
        components.pieces.iter().enumerate().filter(|(_, piece)| is_leaders(piece)).collect();
    dots.sort_by_key(|(_, dot)| (dot.y1, dot.x0));
    let mut rows: Vec<Vec<(usize, &Component)>> = Vec::new();
    for dot in dots {
        // On one baseline within a fifth of a letter.
        let near = |row: &&mut Vec<(usize, &Component)>| {
            row.first().is_some_and(|(_, first)| (dot.1.y1 - first.y1) as f32 <= (letter * 0.25).max(1.5))
        };
        match rows.last_mut().filter(near) {
            Some(row) => row.push(dot),
            None => rows.push(vec![dot]),
        }
    }
    rows.into_iter().flat_map(|row| steady(row, &pieces, letter)).collect()
}

/// The pieces of ink from above to below.
struct FromAbove<'a> {
    by_top: Vec<&'a Component>,
    reach: u32,
}

impl<'a> FromAbove<'a> {
    fn of(components: &'a Components, letter: f32) -> Self {
        let mut by_top: Vec<&Component> = components.pieces.iter().collect();
        by_top.sort_by_key(|piece| piece.y0);
        Self { by_top, reach: (0.6 * letter).max(2.0) as u32 }
    }

    /// Those whose upper edge is at `y0` or below, and above `y1`.
    fn beginning(&self, y0: u32, y1: u32) -> impl Iterator<Item = &'a Component> {
        let first = self.by_top.partition_point(|piece| piece.y0 < y0);
        self.by_top.iter().skip(first).take_while(move |piece| piece.y0 < y1).copied()
    }

    /// Whether something is right below a dot, as the stem of an `i`: a line has many of them.
    fn any_below(&self, dot: &Component) -> bool {
        let mut near = self.beginning(dot.y1, dot.y1 + self.reach + 1);
        near.any(|piece| piece.x0 < dot.x1 && dot.x0 < piece.x1)
    }

    /// Whether a letter stands between two dots of a row.
    fn any_letter_between(&self, left: &Component, right: &Component, letter: f32) -> bool {
        let (y0, y1) = (left.y0.min(right.y0), left.y1.max(right.y1));
        let is_letter = |piece: &Component| (0.5 * letter..=4.0 * letter).contains(&(piece.height() as f32));
        let mut near = self.beginning(y0.saturating_sub((4.0 * letter) as u32), y1);
        near.any(|piece| is_letter(piece) && piece.y1 > y0 && piece.x0 > left.x0 && piece.x1 < right.x1)
    }
}

/// The stretches of a row of dots that have a steady pitch and no letter between them.
fn steady(mut row: Vec<(usize, &Component)>, pieces: &FromAbove<'_>, letter: f32) -> Vec<Vec<usize>> {
    row.sort_by_key(|(_, dot)| dot.x0);
    let middle = |dot: &Component| (dot.x0 + dot.x1) as f32 / 2.0;
    let mut out = Vec::new();
    let mut run: Vec<(usize, &Component)> = Vec::new();
    let mut pitch = 0.0;
    for dot in row {
        let gap = run.last().map(|(_, last)| middle(dot.1) - middle(last));
        let goes_on = match (gap, run.len()) {
            (Some(gap), 1) => gap > 1.0 && gap <= 5.0 * letter,
            // One dot that was not printed is no end of a leader.
            (Some(gap), _) => {
                let steps = (gap / pitch).round();
                (1.0..=3.0).contains(&steps) && (gap / steps - pitch).abs() <= (0.25 * pitch).max(1.6)
            }
            (None, _) => false,
        };
        let is_broken = run.last().is_some_and(|(_, last)| pieces.any_letter_between(last, dot.1, letter));
        match gap {
            Some(gap) if goes_on && !is_broken => {
                if run.len() == 1 {
                    pitch = gap;
                }
                run.push(dot);
            }
            _ => {
                close(&mut out, &mut run);
                run.push(dot);
            }
        }
    }
    close(&mut out, &mut run);
    out
}

fn close(out: &mut Vec<Vec<usize>>, run: &mut Vec<(usize, &Component)>) {
    if run.len() >= FEWEST {
        out.push(run.iter().map(|(n, _)| *n).collect());
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    fn square(image: &mut GrayImage, x: u32, y: u32, side: u32) {
        for dy in 0..side {
            for dx in 0..side {
                image.put_pixel(x + dx, y + dy, Luma([0]));
            }
        }
    }

    #[test]
    fn pieces_of_small_letters_in_a_row_stay() {
        let mut image = GrayImage::from_pixel(600, 200, Luma([255]));
        for line in 0..3 {
            for letter in 0..25 {
                let (x, y) = (20 + letter * 20, 30 + line * 50);
                // A stem, and beside it what was broken off of its arm.
                for dy in 0..14 {
                    square(&mut image, x, y + dy, 3);
                }
                square(&mut image, x + 8, y + 5, 3);
            }
        }
        let components = Components::of(&image);
        assert_eq!(wipe(&mut image.clone(), &components, 14.0), []);
    }

    #[test]
    fn dots_of_letters_stay() {
        let mut image = GrayImage::from_pixel(600, 200, Luma([255]));
        for line in 0..3 {
            for letter in 0..25 {
                let (x, y) = (20 + letter * 20, 30 + line * 50);
                for dy in 0..14 {
                    square(&mut image, x, y + dy, 3);
                }
                square(&mut image, x, y - 6, 3);
            }
        }
        let components = Components::of(&image);
        assert_eq!(wipe(&mut image.clone(), &components, 14.0), []);
    }

    #[test]
    fn leaders_go_and_full_stops_stay() {
        let mut image = GrayImage::from_pixel(600, 300, Luma([255]));
        for line in 0..3 {
            for letter in 0..8 {
                square(&mut image, 10 + letter * 20, 20 + line * 60, 14);
            }
            for dot in 0..12 {
                square(&mut image, 200 + dot * 18, 31 + line * 60, 3);
            }
            // A full stop behind the number.
            square(&mut image, 500, 20 + line * 60, 14);
            square(&mut image, 530, 31 + line * 60, 3);
        }
        let components = Components::of(&image);
        let leaders = wipe(&mut image, &components, 14.0);
        assert_eq!(leaders.len(), 3);
        assert_eq!((leaders[0].x0, leaders[0].x1), (200.0, 401.0));
        assert_eq!(image.get_pixel(201, 32).0[0], 255);
        assert_eq!(image.get_pixel(531, 32).0[0], 0, "one dot is a full stop");
        assert_eq!(image.get_pixel(505, 25).0[0], 0);
    }
}
