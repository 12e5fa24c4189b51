//! Which rows of a page are set side by side in two columns.
//!
//! Invariants: every glyph comes back once; a page that is not clearly in two columns of text is one block.
//! Clearly means: a gap near the middle that stays empty over several rows, with words on both sides, in
//! about equal widths. So a contents (its right side is numbers) and a glossary (its left side is narrow)
//! stay whole.

use super::glyphs::Glyph;
use super::lines::{Row, median};
use std::ops::Range;

/// Columns have at least this many rows each.
const FEWEST_ROWS: usize = 6;
/// The gap is at least this multiple of the font size wide.
const GUTTER: f64 = 1.2;
/// The gap is in this part of the text's width.
const MIDDLE: Range<f64> = 0.38..0.62;
/// The narrower column is at least this share of the wider one.
const BALANCED: f64 = 0.6;
/// At least this share of a column's letters and digits are letters.
const WORDS: f64 = 0.6;

/// The page's rows in reading order, as blocks that share a left margin.
pub(super) fn blocks(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let Some(gutter) = gutter(&rows) else { return vec![rows] };
    let sides: Vec<Side> = rows.iter().map(|r| side(r, gutter)).collect();
    let bands = bands(&rows, &sides, gutter);
    let mut blocks: Vec<Vec<Row>> = vec![Vec::new()];
    let mut right: Vec<Row> = Vec::new();
    for (i, row) in rows.into_iter().enumerate() {
        let in_band = bands.iter().find(|b| b.contains(&i));
        if in_band.is_none_or(|b| b.start == i) {
            // A new band, or the first row below one: what was gathered of the right column comes first.
            if !right.is_empty() {
                blocks.extend([std::mem::take(&mut right), Vec::new()]);
            } else if in_band.is_some() {
                blocks.push(Vec::new());
            }
        }
        let here = match in_band {
            None => Some(row),
            Some(_) => {
                let (left_part, right_part) = row.split_at(gutter);
                right.extend(right_part);
                left_part
            }
        };
        if let Some(block) = blocks.last_mut() {
            block.extend(here);
        }
    }
    blocks.push(right);
    blocks.retain(|b| !b.is_empty());
    blocks
}

/// Where a row has glyphs, seen from the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
    /// It runs through the gap.
    Across,
}

fn side(row: &Row, x: f64) -> Side {
    let (mut left, mut right): (Option<f64>, Option<f64>) = (None, None);
    for glyph in row.glyphs.iter().filter(|g| !g.is_space()) {
        if glyph.x0 < x && glyph.x1 > x {
            return Side::Across;
        }
        if glyph.x1 <= x {
            left = Some(left.map_or(glyph.x1, |l| l.max(glyph.x1)));
        } else {
            right = Some(right.map_or(glyph.x0, |r| r.min(glyph.x0)));
        }
    }
    match (left, right) {
        (Some(l), Some(r)) if r - l < GUTTER * row.size => Side::Across,
        (Some(_), Some(_)) => Side::Both,
        (None, Some(_)) => Side::Right,
        _ => Side::Left,
    }
}

/// The place of the gap, when there is one.
fn gutter(rows: &[Row]) -> Option<f64> {
    if rows.len() < FEWEST_ROWS {
        return None;
    }
    let starts = rows.iter().map(Row::start).fold(f64::MAX, f64::min);
    let ends = rows.iter().map(|r| r.reach().1).fold(f64::MIN, f64::max);
    let size = median(rows.iter().map(|r| r.size))?.max(1.0);
    let width = ends - starts;
    let steps = (width * (MIDDLE.end - MIDDLE.start) / (size / 2.0)).ceil().clamp(1.0, 400.0) as u32;
    let place = |i: u32| {
        starts + width * (MIDDLE.start + (MIDDLE.end - MIDDLE.start) * f64::from(i) / f64::from(steps))
    };
    let rows_in_columns = |x: f64| -> usize {
        let sides: Vec<Side> = rows.iter().map(|r| side(r, x)).collect();
        if sides.iter().filter(|s| **s != Side::Across).count() < FEWEST_ROWS {
            return 0;
        }
        bands(rows, &sides, x).into_iter().map(|b| b.len()).sum()
    };
    let scored: Vec<(usize, f64)> = (0..=steps).map(|i| (rows_in_columns(place(i)), place(i))).collect();
    let most = scored.iter().map(|(rows, _)| *rows).max().filter(|most| *most > 0)?;
    // The middle of the places that do equally well.
    median(scored.iter().filter(|(rows, _)| *rows == most).map(|(_, x)| *x))
}

/// Runs of rows that are in columns at `x`.
fn bands(rows: &[Row], sides: &[Side], x: f64) -> Vec<Range<usize>> {
    let mut bands = Vec::new();
    let mut start = 0;
    for end in 0..=sides.len() {
        if sides.get(end).is_none_or(|s| *s == Side::Across) {
            let band = start..end;
            if is_in_columns(
                rows.get(band.clone()).unwrap_or_default(),
                sides.get(band.clone()).unwrap_or_default(),
                x,
            ) {
                bands.push(band);
            }
            start = end + 1;
        }
    }
    bands
}

fn is_in_columns(rows: &[Row], sides: &[Side], x: f64) -> bool {
    let count = |side: Side| sides.iter().filter(|s| **s == side || **s == Side::Both).count();
    let both = sides.iter().filter(|s| **s == Side::Both).count();
    let (left_rows, right_rows) = (count(Side::Left), count(Side::Right));
    if left_rows.min(right_rows) < FEWEST_ROWS || 2 * both < left_rows.min(right_rows) {
        return false;
    }
    let glyphs = || rows.iter().flat_map(|r| &r.glyphs).filter(|g| !g.is_space());
    let (left, right) = (Part::of(glyphs().filter(|g| g.x1 <= x)), Part::of(glyphs().filter(|g| g.x1 > x)));
    let balanced = left.width().min(right.width()) >= BALANCED * left.width().max(right.width());
    balanced && left.has_words(left_rows) && right.has_words(right_rows)
}

/// What is on one side of the gap.
struct Part {
    x0: f64,
    x1: f64,
    letters: usize,
    digits: usize,
}

impl Part {
    fn of<'a>(glyphs: impl Iterator<Item = &'a Glyph>) -> Self {
        let mut part = Self { x0: f64::MAX, x1: f64::MIN, letters: 0, digits: 0 };
        for glyph in glyphs {
            part.x0 = part.x0.min(glyph.x0);
            part.x1 = part.x1.max(glyph.x1);
            part.letters += glyph.text.chars().filter(|c| c.is_alphabetic()).count();
            part.digits += glyph.text.chars().filter(|c| c.is_numeric()).count();
        }
        part
    }

    fn width(&self) -> f64 {
        (self.x1 - self.x0).max(0.0)
    }

    fn has_words(&self, rows: usize) -> bool {
        self.letters >= 4 * rows && self.letters as f64 >= WORDS * (self.letters + self.digits) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{set, text};

    fn page(rows: &[(&str, &str)]) -> String {
        let mut glyphs = Vec::new();
        for (i, (left, right)) in rows.iter().enumerate() {
            let y = 100.0 + 12.0 * i as f64;
            glyphs.extend(set(left, 50.0, y, 10.0));
            glyphs.extend(set(right, 200.0, y, 10.0));
        }
        text(glyphs)
    }

    #[test]
    fn two_columns_are_read_one_after_the_other() {
        let rows = [("left one and some text", "right one and some text"); 8];
        let found = page(&rows);
        let lines: Vec<&str> = found.lines().filter(|l| !l.is_empty()).collect();
        assert_eq!(lines.len(), 16);
        assert!(lines[..8].iter().all(|l| *l == "left one and some text"), "{lines:?}");
        assert!(lines[8..].iter().all(|l| *l == "right one and some text"), "{lines:?}");
    }

    #[test]
    fn a_line_across_parts_the_columns() {
        let mut rows = vec![("left one and some text", "right one and some text"); 7];
        rows.insert(0, ("A title over the whole width of both columns", ""));
        rows.push(("Another line over the whole width of it all", ""));
        let found = page(&rows);
        let lines: Vec<&str> = found.lines().filter(|l| !l.is_empty()).collect();
        assert_eq!((lines[0], lines[15]), (rows[0].0, rows[8].0));
        assert_eq!((lines[7], lines[8]), ("left one and some text", "right one and some text"));
    }

    #[test]
    fn page_numbers_and_definitions_are_no_columns() {
        for rows in [[("Some title of a chapter", "12"); 10], [("term", "what the term stands for here"); 10]]
        {
            assert_eq!(page(&rows).lines().count(), 10, "the lines stay whole");
        }
    }
}
