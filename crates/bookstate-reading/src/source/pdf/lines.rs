//! Lines of text from a page's glyphs: grouped by baseline, gaps as spaces, indents kept.
//!
//! Invariants: top to bottom, and column by column where the page is set in columns (`columns`); an indent or
//! gap of one space is one median glyph width, so that things that stand below each other on the page do so
//! in the text; a blank line marks a vertical gap. Superscripts stay on their line; glyphs drawn twice count
//! once.

use super::columns;
use super::glyphs::Glyph;

/// Glyphs whose baselines differ by no more than this share of their size are on one line.
const SAME_LINE: f64 = 0.35;
/// Smaller glyphs up to this share of the size away are super- or subscripts of the line.
const SCRIPT_REACH: f64 = 0.55;
/// A gap of this share of the size is a space between words.
const WORD_GAP: f64 = 0.17;
/// The same when a space was drawn as well.
const DRAWN_WORD_GAP: f64 = 0.06;
/// A gap of this share of the size is wider than any space within a sentence.
const WIDE_GAP: f64 = 1.2;
/// Baselines further apart than this multiple of the size have a blank line between them.
const BLANK_LINE: f64 = 1.8;
/// Equal glyphs closer than this share of the size are one glyph in fake bold.
const DOUBLED: f64 = 0.15;

/// A line: its glyphs from left to right. Never empty.
#[derive(Debug)]
pub(super) struct Row {
    /// The baseline of most of its glyphs.
    pub(super) y: f64,
    /// The median font size.
    pub(super) size: f64,
    pub(super) glyphs: Vec<Glyph>,
}

impl Row {
    fn new(mut glyphs: Vec<Glyph>) -> Option<Self> {
        glyphs.sort_by(|a, b| a.x0.total_cmp(&b.x0));
        let inked = |value: fn(&Glyph) -> f64| median(glyphs.iter().filter(|g| !g.is_space()).map(value));
        let (y, size) = (inked(|g| g.y)?, inked(|g| g.size)?);
        Some(Self { y, size, glyphs })
    }

    pub(super) fn start(&self) -> f64 {
        self.glyphs.iter().find(|g| !g.is_space()).map_or(0.0, |g| g.x0)
    }

    /// The row in two at `x`, where no glyph is.
    pub(super) fn split_at(self, x: f64) -> (Option<Self>, Option<Self>) {
        let (left, right) = self.glyphs.into_iter().partition(|g| g.x1 <= x);
        (Self::new(left), Self::new(right))
    }

    /// From the first glyph's start to the last one's end.
    pub(super) fn reach(&self) -> (f64, f64) {
        let start = self.start();
        (start, self.glyphs.iter().filter(|g| !g.is_space()).map(|g| g.x1).fold(start, f64::max))
    }
}

/// The page's text; empty when no glyph shows anything.
pub(super) fn text(glyphs: Vec<Glyph>) -> String {
    let rows = rows(glyphs);
    let width = column_width(&rows);
    let mut out = String::new();
    let margin = rows.iter().map(Row::start).fold(f64::MAX, f64::min);
    for block in columns::blocks(rows) {
        let start = block.iter().map(Row::start).fold(f64::MAX, f64::min);
        // Only a right column has a margin of its own.
        let left = if start > margin + 20.0 * width { start } else { margin };
        let mut above: Option<f64> = None;
        for row in &block {
            let gap = above.map_or(!out.is_empty(), |y| row.y - y > BLANK_LINE * row.size);
            if gap {
                out.push('\n');
            }
            above = Some(row.y);
            write_row(row, left, width, &mut out);
        }
    }
    out
}

/// The width of one space in the text: the median letter's. Punctuation does not count, because a page of
/// leader dots would have other columns than the next.
fn column_width(rows: &[Row]) -> f64 {
    let width = |is_counted: fn(char) -> bool| {
        let counted = rows.iter().flat_map(|r| &r.glyphs).filter(|g| g.text.chars().all(is_counted));
        median(counted.map(|g| g.x1 - g.x0).filter(|w| *w > 0.1))
    };
    width(char::is_alphanumeric).or_else(|| width(|c| !c.is_whitespace())).unwrap_or(5.0)
}

fn rows(mut glyphs: Vec<Glyph>) -> Vec<Row> {
    glyphs.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut groups: Vec<Vec<Glyph>> = Vec::new();
    let (mut baseline, mut size) = (f64::MIN, 0.0_f64);
    for glyph in glyphs {
        let apart = glyph.y - baseline > SAME_LINE * size.max(glyph.size).max(1.0);
        match groups.last_mut() {
            Some(group) if !apart => {
                size = size.max(glyph.size);
                group.push(glyph);
            }
            _ => {
                (baseline, size) = (glyph.y, glyph.size);
                groups.push(vec![glyph]);
            }
        }
    }
    join_scripts(groups.into_iter().filter_map(Row::new).collect())
}

/// Puts rows of smaller glyphs, close above or below a line and between its words, into that line.
fn join_scripts(rows: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::new();
    for row in rows {
        match out.last_mut() {
            Some(above) if is_script_of(above, &row) || is_script_of(&row, above) => {
                let mut glyphs = std::mem::take(&mut above.glyphs);
                glyphs.extend(row.glyphs);
                let (y, size) =
                    if above.size >= row.size { (above.y, above.size) } else { (row.y, row.size) };
                glyphs.sort_by(|a, b| a.x0.total_cmp(&b.x0));
                *above = Row { y, size, glyphs };
            }
            _ => out.push(row),
        }
    }
    out
}

fn is_script_of(small: &Row, large: &Row) -> bool {
    let ((s0, s1), (l0, l1)) = (small.reach(), large.reach());
    // The lowered letter of a logo is as large as its neighbours, but it fills a hole between them.
    let in_a_hole = || {
        small.glyphs.len() <= 3
            && large
                .glyphs
                .iter()
                .all(|g| g.is_space() || g.x1 <= s0 + 0.2 * g.size || g.x0 >= s1 - 0.2 * g.size)
    };
    let distance = (small.y - large.y).abs();
    let shifted = small.size <= 0.85 * large.size && distance <= SCRIPT_REACH * large.size;
    (shifted || (distance <= SAME_LINE * large.size && in_a_hole()))
        && s0 >= l0 - large.size
        && s1 <= l1 + 2.0 * large.size
}

fn write_row(row: &Row, left: f64, width: f64, out: &mut String) {
    let indent = ((row.start() - left) / width).round().clamp(0.0, 200.0) as usize;
    out.extend(std::iter::repeat_n(' ', indent));
    let mut end = row.start();
    let mut space_drawn = false;
    let mut last: Option<&Glyph> = None;
    for glyph in &row.glyphs {
        if glyph.is_space() {
            space_drawn |= last.is_some();
            continue;
        }
        if last.is_some_and(|l| l.text == glyph.text && (glyph.x0 - l.x0).abs() < DOUBLED * glyph.size) {
            continue;
        }
        let gap = glyph.x0 - end;
        if gap > WIDE_GAP * glyph.size {
            let spaces = (gap / width).round().clamp(2.0, 200.0) as usize;
            out.extend(std::iter::repeat_n(' ', spaces));
        } else if gap > WORD_GAP * glyph.size || (space_drawn && gap > DRAWN_WORD_GAP * glyph.size) {
            out.push(' ');
        }
        out.push_str(&glyph.text);
        end = glyph.x1;
        space_drawn = false;
        last = Some(glyph);
    }
    out.push('\n');
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Sets `text` from `x` in a font whose glyphs are all half as wide as high.
#[cfg(test)]
pub(super) fn set(text: &str, x: f64, y: f64, size: f64) -> Vec<Glyph> {
    let width = size / 2.0;
    let place = |(i, c): (usize, char)| {
        let x0 = x + i as f64 * width;
        Glyph { x0, x1: x0 + width, y, size, text: c.to_string() }
    };
    text.chars().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_indents_and_blank_lines() {
        let mut glyphs = set("Second line", 60.0, 112.0, 10.0);
        glyphs.extend(set("First", 50.0, 100.0, 10.0));
        glyphs.extend(set("7", 150.0, 100.0, 10.0));
        glyphs.extend(set("Far", 50.0, 160.0, 10.0));
        assert_eq!(text(glyphs), format!("First{}7\n  Second line\n\nFar\n", " ".repeat(15)));
    }

    #[test]
    fn a_superscript_stays_on_its_line() {
        let mut glyphs = set("word", 50.0, 100.0, 10.0);
        glyphs.extend(set("2", 70.0, 95.0, 6.0));
        glyphs.extend(set("next", 75.0, 100.0, 10.0));
        glyphs.extend(set("below", 50.0, 112.0, 10.0));
        assert_eq!(text(glyphs), "word2 next\nbelow\n");
    }

    #[test]
    fn fake_bold_counts_once() {
        let mut glyphs = set("Bold", 50.0, 100.0, 10.0);
        glyphs.extend(set("Bold", 50.3, 100.0, 10.0));
        assert_eq!(text(glyphs), "Bold\n");
    }

    #[test]
    fn nothing_but_spaces_is_no_text() {
        assert_eq!(text(set("   ", 50.0, 100.0, 10.0)), "");
        assert_eq!(text(Vec::new()), "");
    }
}
