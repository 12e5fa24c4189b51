//! Contents printed in two columns: finds the gap between them and puts the right column below the left one.
//!
//! Invariant: all lines are kept, in the order left column, right column; a page that is not clearly in two
//! columns of entries comes back as it is.

use super::entry_line::parse;
use super::page_text::{Line, PageText};

/// A gap of this many spaces can part columns.
const GAP: usize = 2;
/// So many lines must have an entry on both sides of the gap.
const PAIRS: usize = 3;
/// Right columns start at the same place but for this many characters (median glyph widths round).
const DRIFT: usize = 2;
/// A line that stands so much above the one before it, in points, begins another column.
const UP: f32 = 20.0;

/// The page's lines in reading order.
pub(super) fn reading_order(lines: &[Line]) -> Vec<Line> {
    let splits: Vec<Option<Split<'_>>> = lines.iter().map(split).collect();
    let mut starts: Vec<usize> = splits.iter().flatten().map(|s| s.right_at).collect();
    starts.sort_unstable();
    let Some(start) = densest(&starts) else { return lines.to_vec() };
    let near = |at: usize| at.abs_diff(start) <= DRIFT + 2;
    let pairs = splits.iter().flatten().filter(|s| near(s.right_at)).count();
    let crossing = lines.iter().filter(|l| crosses(l, start)).count();
    if pairs < PAIRS || 2 * crossing > pairs {
        return lines.to_vec();
    }
    // Each column has a margin of its own: where its leftmost entries begin.
    let margin = splits.iter().flatten().map(|s| s.right_at).filter(|at| near(*at)).min().unwrap_or(start);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (line, split) in lines.iter().zip(splits) {
        match split.filter(|s| near(s.right_at)).or_else(|| split_at(line, start)) {
            Some(s) => {
                left.push(Line { text: s.left.to_owned(), ..line.clone() });
                let indent = s.right_at.saturating_sub(margin);
                right.push(Line { indent, text: s.right.to_owned(), number: line.number });
            }
            None if line.indent + DRIFT + 1 >= start => {
                let indent = line.indent.saturating_sub(margin);
                right.push(Line { indent, ..line.clone() });
            }
            None => left.push(line.clone()),
        }
    }
    let outermost = left.iter().map(|l: &Line| l.indent).min().unwrap_or(0);
    left.iter_mut().for_each(|l| l.indent -= outermost);
    left.append(&mut right);
    left
}

/// Columns that the page has below each other already, the right one as far to the right as it is printed: each begins
/// at its own margin.
pub(super) fn own_margins(lines: Vec<Line>, page: &PageText) -> Vec<Line> {
    let top = |line: &Line| {
        let at = page.lines.iter().position(|l| l.number == line.number)?;
        page.types.get(at)?.place.map(|p| p.y0)
    };
    let above = |a: &Line, b: &Line| matches!((top(a), top(b)), (Some(a), Some(b)) if b + UP < a);
    let columns: Vec<&[Line]> = lines.chunk_by(|a, b| !above(a, b)).collect();
    if columns.len() != 2 || columns.iter().any(|c| c.len() < PAIRS) {
        return lines;
    }
    let mut out = Vec::with_capacity(lines.len());
    for column in columns {
        let margin = column.iter().map(|l| l.indent).min().unwrap_or(0);
        out.extend(column.iter().map(|l| Line { indent: l.indent - margin, ..l.clone() }));
    }
    out
}

struct Split<'a> {
    left: &'a str,
    right: &'a str,
    /// Column in which the right part starts, in characters from the page's left.
    right_at: usize,
}

/// The line parted at the gap that leaves an entry on both sides.
fn split(line: &Line) -> Option<Split<'_>> {
    gaps(line).into_iter().find(|s| parse(s.left).is_some() && parse(s.right).is_some())
}

/// The line parted at the gap before column `start`, whatever is on the sides (titles that wrap).
fn split_at(line: &Line, start: usize) -> Option<Split<'_>> {
    gaps(line).into_iter().find(|s| s.right_at.abs_diff(start) <= DRIFT)
}

fn gaps(line: &Line) -> Vec<Split<'_>> {
    let mut out = Vec::new();
    let (mut run, mut column) = (0, line.indent);
    for (at, c) in line.text.char_indices() {
        if c.is_whitespace() {
            run += 1;
        } else {
            if run >= GAP
                && let Some((left, right)) = line.text.split_at_checked(at)
            {
                out.push(Split { left: left.trim_end(), right, right_at: column });
            }
            run = 0;
        }
        column += 1;
    }
    out
}

/// The start column that most lines share.
fn densest(sorted: &[usize]) -> Option<usize> {
    let within = |at: &usize| sorted.iter().filter(|s| s.abs_diff(*at) <= DRIFT).count();
    sorted.iter().copied().max_by_key(|at| (within(at), std::cmp::Reverse(*at)))
}

/// The line has text where the gap would be.
fn crosses(line: &Line, start: usize) -> bool {
    let end = line.indent + line.text.chars().count();
    let covers = line.indent + DRIFT < start && end > start + DRIFT;
    covers && !gaps(line).iter().any(|s| s.right_at.abs_diff(start) <= DRIFT + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Vec<Line> {
        text.lines()
            .enumerate()
            .map(|(number, l)| {
                let indent = l.len() - l.trim_start().len();
                Line { number, indent, text: l.trim().to_owned() }
            })
            .collect()
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|l| l.text.as_str()).collect()
    }

    #[test]
    fn two_columns_become_one() {
        let lines = page(
            "1 Alpha ....... 3      4 Delta ...... 20\n\
             \x20 1.1 One ..... 4        4.1 Nine ... 22\n\
             2 Beta ........ 9      5 Epsilon .... 30\n\
             3 Gamma ...... 12",
        );
        let ordered = reading_order(&lines);
        assert_eq!(
            texts(&ordered),
            [
                "1 Alpha ....... 3",
                "1.1 One ..... 4",
                "2 Beta ........ 9",
                "3 Gamma ...... 12",
                "4 Delta ...... 20",
                "4.1 Nine ... 22",
                "5 Epsilon .... 30"
            ]
        );
        assert!(ordered[5].indent > ordered[4].indent, "indents within the right column are kept");
    }

    #[test]
    fn one_column_stays_as_it_is() {
        let lines = page(
            "1  Alpha            3\n2  Beta             9\n3  Gamma  and more  12\n4  Delta            14",
        );
        assert_eq!(reading_order(&lines), lines);
    }
}
