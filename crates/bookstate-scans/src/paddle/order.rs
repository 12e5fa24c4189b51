//! In which order lines are read, by their places alone.
//!
//! A line comes before one that stands below it, and a column before the one at its right, as far down as nothing
//! stretches over both (T. Breuel, "High performance document layout analysis", 2003).

use std::cmp::Ordering;

use crate::words::Area;

/// Pieces of one printed line are nearer to each other than this, in heights of the line.
const NEAR: f32 = 1.0;
/// Pieces of one printed line share this much of their height.
const LEVEL: f32 = 0.6;
/// A line further down than this, in heights of the line, begins a block.
const APART: f32 = 1.2;

/// The lines in reading order, the pieces of a printed line as one, with the number of the block that each is in.
pub(super) fn in_reading_order(pieces: Vec<Area>) -> Vec<(Area, u32)> {
    let lines = joined(pieces);
    let is_before = |line: &Area| lines.iter().map(|other| precedes(other, line, &lines)).collect();
    let before: Vec<Vec<bool>> = lines.iter().map(is_before).collect();
    // A line, and how many that are before it are not in the order yet.
    let mut waiting: Vec<(usize, usize)> = before
        .iter()
        .map(|others| others.iter().filter(|is_before| **is_before).count())
        .enumerate()
        .collect();
    let mut ordered: Vec<Area> = Vec::with_capacity(lines.len());
    // What has fewest before it comes next, of equals the highest: also where the rules go in a circle.
    let rank = |(n, left): &(usize, usize)| (*left, lines.get(*n).map_or(0.0, |line| line.y0));
    while let Some(at) = (0..waiting.len()).min_by(|a, b| {
        let ranks = waiting.get(*a).map(rank).zip(waiting.get(*b).map(rank));
        ranks.map_or(Ordering::Equal, |(a, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
    }) {
        let (next, _) = waiting.swap_remove(at);
        ordered.extend(lines.get(next).copied());
        for (n, left) in &mut waiting {
            let waited = before.get(*n).and_then(|others| others.get(next)) == Some(&true);
            *left = left.saturating_sub(usize::from(waited));
        }
    }
    let mut block = 0;
    let mut last: Option<Area> = None;
    let numbered = ordered.into_iter().map(|line| {
        if let Some(last) = last {
            let near = line.y0 - last.y1 < APART * line.height().min(last.height());
            block += u32::from(!(near && line.y0 > last.y0 && overlaps(&last, &line)));
        }
        last = Some(line);
        (line, block)
    });
    numbered.collect()
}

/// Puts pieces together that stand beside each other, one letter's width apart.
fn joined(mut pieces: Vec<Area>) -> Vec<Area> {
    pieces.sort_by(|a, b| {
        a.x0.total_cmp(&b.x0)
            .then(a.y0.total_cmp(&b.y0))
            .then(a.x1.total_cmp(&b.x1))
            .then(a.y1.total_cmp(&b.y1))
    });
    let mut lines: Vec<Area> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let height = |line: &Area| line.height().min(piece.height());
        let beside = |line: &&mut Area| {
            let level = line.y1.min(piece.y1) - line.y0.max(piece.y0);
            level > LEVEL * line.height().max(piece.height()) && piece.x0 - line.x1 < NEAR * height(line)
        };
        match lines.iter_mut().find(beside) {
            Some(line) => *line = line.union(&piece),
            None => lines.push(piece),
        }
    }
    lines
}

/// Whether one line is read before the other.
fn precedes(one: &Area, other: &Area, all: &[Area]) -> bool {
    if one == other {
        return false;
    }
    if overlaps(one, other) {
        return one.y0 + one.y1 < other.y0 + other.y1;
    }
    let between = |line: &Area| {
        let middle = line.centre().1;
        let (top, bottom) = (one.y0.min(other.y0), one.y1.max(other.y1));
        (top..=bottom).contains(&middle) && overlaps(line, one) && overlaps(line, other)
    };
    one.x1 <= other.x0 && !all.iter().any(between)
}

/// Whether they stand, in part, above each other.
fn overlaps(one: &Area, other: &Area) -> bool {
    one.x0 < other.x1 && other.x0 < one.x1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(x0: f32, x1: f32, y0: f32) -> Area {
        Area { x0, y0, x1, y1: y0 + 20.0 }
    }

    #[test]
    fn columns_are_read_one_after_the_other_below_what_stretches_over_both() {
        let heading = area(0.0, 400.0, 0.0);
        let (left, right) = (|y| area(0.0, 190.0, y), |y| area(210.0, 400.0, y));
        let foot = area(0.0, 400.0, 200.0);
        let pieces = vec![right(63.0), foot, left(60.0), right(33.0), heading, left(30.0), right(93.0)];
        let order: Vec<Area> = in_reading_order(pieces).into_iter().map(|(line, _)| line).collect();
        assert_eq!(order, [heading, left(30.0), left(60.0), right(33.0), right(63.0), right(93.0), foot]);
    }

    #[test]
    fn pieces_of_a_line_are_one_and_a_wide_gap_begins_a_block() {
        let pieces = vec![
            area(110.0, 200.0, 2.0),
            area(0.0, 100.0, 0.0),
            area(0.0, 200.0, 25.0),
            area(0.0, 90.0, 90.0),
        ];
        let order = in_reading_order(pieces);
        assert_eq!(order.iter().map(|(_, block)| *block).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(order[0].0, Area { x0: 0.0, y0: 0.0, x1: 200.0, y1: 22.0 });
    }

    proptest! {
        /// Every piece is in a line, and the order does not depend on how they were listed.
        #[test]
        fn every_piece_is_in_one_line(
            places in prop::collection::vec((0_u16..900, 1_u16..300, 0_u16..900), 0..40), turn in 0_usize..40,
        ) {
            let mut pieces: Vec<Area> = places
                .into_iter()
                .map(|(x, width, y)| area(f32::from(x), f32::from(x + width), f32::from(y)))
                .collect();
            let order = in_reading_order(pieces.clone());
            prop_assert!(order.len() <= pieces.len());
            for piece in &pieces {
                prop_assert!(order.iter().any(|(line, _)| piece.covered_by(line) > 0.999), "{piece:?}");
            }
            let middle = turn % pieces.len().max(1);
            pieces.rotate_left(middle);
            let again = in_reading_order(pieces);
            prop_assert_eq!(order, again);
        }
    }
}
