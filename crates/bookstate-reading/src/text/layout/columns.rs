//! Which rows of a page are set side by side, in two or three columns, and in which order they are read.
//!
//! Invariants: every glyph comes back once; a page that is not clearly in columns of text is one block. Clearly
//! means: gaps at the borders that stay empty over several rows, with words on all sides, in about equal widths. So a
//! contents (its right side is numbers) and a glossary (its left side is narrow) stay whole; and so does a table among
//! text of the whole width, whose rows have all their cells and leave most of them unfilled.

use super::glyph::{Glyph, median};
use super::row::Row;
use std::ops::Range;

/// Columns have at least this many rows each.
const FEWEST_ROWS: usize = 6;
/// The gap is at least this multiple of the font size wide.
const GUTTER: f32 = 1.2;
/// The gap between two columns is in this part of the text's width.
const MIDDLE: Range<f32> = 0.38..0.62;
/// The first gap of three columns is in this part of the text's width, the second as far from its end.
const THIRD: Range<f32> = 0.27..0.4;
/// The narrowest column is at least this share of the widest one.
const BALANCED: f32 = 0.6;
/// At least this share of a column's letters and digits are letters.
const WORDS: f32 = 0.6;
/// A line of text fills at least this share of its column, mostly.
const FILLED: f32 = 0.7;
/// At least this share of a table's rows have a cell in each column.
const CELLS: f32 = 0.9;
/// The cell above goes on in no more rows than this.
const GOES_ON: usize = 3;
/// A row of running text is as wide as this share of the widest; so many on a page are text among which a table stands.
const WHOLE: f32 = 0.8;
const WHOLE_ROWS: usize = 3;
/// Columns within columns within columns are not looked for.
const DEEPEST: u8 = 2;

/// The page's rows in reading order, as blocks that share a left margin.
pub(super) fn blocks(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut out = Vec::new();
    divide(rows, DEEPEST, &mut out);
    out.retain(|block| !block.is_empty());
    out
}

fn divide(rows: Vec<Row>, deeper: u8, out: &mut Vec<Vec<Row>>) {
    let among_text = has_whole_rows(&rows);
    let found = match deeper {
        0 => None,
        _ => gutters(&rows, among_text),
    };
    let Some(gutters) = found else {
        out.push(rows);
        return;
    };
    let inside = in_columns(&rows, &gutters);
    let bands = bands(&rows, &inside, &gutters, among_text);
    let mut plain: Vec<Row> = Vec::new();
    let mut columns: Vec<Vec<Row>> = vec![Vec::new(); gutters.len() + 1];
    for (i, row) in rows.into_iter().enumerate() {
        let band = bands.iter().find(|b| b.contains(&i));
        if band.is_none_or(|b| b.start == i) {
            flush(&mut columns, deeper, out);
        }
        match band {
            None => plain.push(row),
            Some(_) => {
                out.push(std::mem::take(&mut plain));
                let mut rest = Some(row);
                for (column, gutter) in columns.iter_mut().zip(&gutters) {
                    let Some(row) = rest.take() else { break };
                    let (left, right) = row.split_at(*gutter);
                    column.extend(left);
                    rest = right;
                }
                if let Some(last) = columns.last_mut() {
                    last.extend(rest);
                }
            }
        }
    }
    flush(&mut columns, deeper, out);
    out.push(plain);
}

fn flush(columns: &mut [Vec<Row>], deeper: u8, out: &mut Vec<Vec<Row>>) {
    for column in columns {
        if !column.is_empty() {
            divide(std::mem::take(column), deeper - 1, out);
        }
    }
}

/// Which rows may be in columns: no gutter runs through them, and they are not what a program has printed with gaps,
/// among text that is set in other type.
fn in_columns(rows: &[Row], gutters: &[f32]) -> Vec<bool> {
    let printed = |row: &Row| row.inked().all(|glyph| glyph.style.monospace);
    let typewritten = rows.iter().all(printed);
    rows.iter().map(|row| !is_across(row, gutters) && (typewritten || !printed(row))).collect()
}

/// Some gutter runs through the row's text, or is too narrow in it.
fn is_across(row: &Row, gutters: &[f32]) -> bool {
    gutters.iter().any(|x| {
        let (mut left, mut right) = (f32::MIN, f32::MAX);
        for glyph in row.inked() {
            if glyph.x0 < *x && glyph.x1 > *x {
                return true;
            }
            if glyph.x1 <= *x {
                left = left.max(glyph.x1);
            } else {
                right = right.min(glyph.x0);
            }
        }
        left > f32::MIN && right < f32::MAX && right - left < GUTTER * row.size
    })
}

/// The places of the gaps, when there are some; `among_text` as [`has_whole_rows`] says.
fn gutters(rows: &[Row], among_text: bool) -> Option<Vec<f32>> {
    if rows.len() < FEWEST_ROWS {
        return None;
    }
    let starts = rows.iter().map(Row::start).fold(f32::MAX, f32::min);
    let ends = rows.iter().map(|r| r.reach().1).fold(f32::MIN, f32::max);
    let size = median(rows.iter().map(|r| r.size))?.max(1.0);
    let width = ends - starts;
    let search = |range: Range<f32>, places: &dyn Fn(f32) -> Vec<f32>| -> Option<(usize, Vec<f32>)> {
        let steps = (width * (range.end - range.start) / (size / 2.0)).ceil().clamp(1.0, 200.0) as u16;
        let share = |i: u16| range.start + (range.end - range.start) * f32::from(i) / f32::from(steps);
        let count = |share: f32| -> usize {
            let gutters = places(share);
            let inside = in_columns(rows, &gutters);
            if inside.iter().filter(|i| **i).count() < FEWEST_ROWS {
                return 0;
            }
            bands(rows, &inside, &gutters, among_text).into_iter().map(|b| b.len()).sum()
        };
        let scored: Vec<(usize, f32)> = (0..=steps).map(|i| (count(share(i)), share(i))).collect();
        let most = scored.iter().map(|(rows, _)| *rows).max().filter(|most| *most > 0)?;
        // The middle of the places that do equally well.
        let best = median(scored.iter().filter(|(rows, _)| *rows == most).map(|(_, share)| *share))?;
        Some((most, places(best)))
    };
    let two = search(MIDDLE, &|share| vec![starts + width * share]);
    if two.is_some() {
        return two.map(|(_, gutters)| gutters);
    }
    let three = search(THIRD, &|share| vec![starts + width * share, ends - width * share]);
    three.map(|(_, gutters)| gutters)
}

/// Among the rows is text that goes over the whole width, without a gap.
fn has_whole_rows(rows: &[Row]) -> bool {
    let widths: Vec<f32> = rows.iter().map(|r| r.reach().1 - r.start()).collect();
    let widest = widths.iter().copied().fold(0.0, f32::max);
    let is_whole =
        |(row, width): &(&Row, &f32)| **width >= WHOLE * widest && row.widest_gap() < GUTTER * row.size;
    rows.iter().zip(&widths).filter(is_whole).count() >= WHOLE_ROWS
}

/// Runs of rows that are in columns.
fn bands(rows: &[Row], inside: &[bool], gutters: &[f32], among_text: bool) -> Vec<Range<usize>> {
    let mut bands = Vec::new();
    let mut start = 0;
    for end in 0..=inside.len() {
        if inside.get(end).is_none_or(|inside| !inside) {
            let run = rows.get(start..end).unwrap_or_default();
            if run.len() >= FEWEST_ROWS && is_in_columns(run, gutters, among_text) {
                bands.push(start..end);
            }
            start = end + 1;
        }
    }
    bands
}

fn is_in_columns(rows: &[Row], gutters: &[f32], among_text: bool) -> bool {
    let mut parts: Vec<Part> = (0..=gutters.len()).map(|_| Part::new()).collect();
    for row in rows {
        let mut cells: Vec<Cell> = vec![Cell::default(); parts.len()];
        for glyph in row.inked() {
            let k = gutters.iter().take_while(|x| glyph.x1 > **x).count();
            if let (Some(part), Some(cell)) = (parts.get_mut(k), cells.get_mut(k)) {
                part.add(glyph);
                cell.add(glyph);
            }
        }
        let several = cells.iter().filter(|cell| cell.reach.is_some()).count() > 1;
        for (part, cell) in parts.iter_mut().zip(&cells) {
            part.rows += usize::from(cell.reach.is_some());
            part.empty.push(cell.reach.is_none());
            part.beside += usize::from(cell.reach.is_some() && several);
            part.numbers += usize::from(cell.ends_in_number);
            part.widths.extend(cell.reach.map(|(x0, x1)| x1 - x0));
        }
    }
    let fewest = parts.iter().map(|p| p.rows).min().unwrap_or(0);
    let narrowest = parts.iter().map(Part::width).fold(f32::MAX, f32::min);
    let widest = parts.iter().map(Part::width).fold(0.0, f32::max);
    let is_table = among_text && parts.iter().all(Part::has_cells) && !parts.iter().all(Part::is_filled);
    fewest >= FEWEST_ROWS
        && narrowest >= BALANCED * widest
        && parts.iter().all(|p| 2 * p.beside >= fewest && p.has_words())
        && !is_table
}

/// What a row has in one column.
#[derive(Clone, Default)]
struct Cell {
    reach: Option<(f32, f32)>,
    ends_in_number: bool,
}

impl Cell {
    fn add(&mut self, glyph: &Glyph) {
        let (x0, x1) = self.reach.unwrap_or((f32::MAX, f32::MIN));
        if glyph.x1 >= x1 {
            self.ends_in_number = glyph.text.chars().all(char::is_numeric);
        }
        self.reach = Some((x0.min(glyph.x0), x1.max(glyph.x1)));
    }
}

/// What is in one column.
struct Part {
    x0: f32,
    x1: f32,
    letters: usize,
    digits: usize,
    rows: usize,
    /// For each row whether it has nothing here.
    empty: Vec<bool>,
    /// Rows that have text in another column too.
    beside: usize,
    /// Rows that end in a number.
    numbers: usize,
    /// Of its rows.
    widths: Vec<f32>,
}

impl Part {
    fn new() -> Self {
        let (widths, empty) = (Vec::new(), Vec::new());
        Self {
            x0: f32::MAX,
            x1: f32::MIN,
            letters: 0,
            digits: 0,
            rows: 0,
            empty,
            beside: 0,
            numbers: 0,
            widths,
        }
    }

    fn add(&mut self, glyph: &Glyph) {
        self.x0 = self.x0.min(glyph.x0);
        self.x1 = self.x1.max(glyph.x1);
        for c in glyph.text.chars() {
            self.letters += usize::from(c.is_alphabetic());
            self.digits += usize::from(c.is_numeric());
        }
    }

    fn width(&self) -> f32 {
        (self.x1 - self.x0).max(0.0)
    }

    fn has_words(&self) -> bool {
        self.letters >= 4 * self.rows && self.letters as f32 >= WORDS * (self.letters + self.digits) as f32
    }

    /// All but a few rows have something here, and it is no list with page numbers, such as an index. Where nothing is
    /// between two that have, the cell beside it goes on.
    fn has_cells(&self) -> bool {
        let runs: Vec<&[bool]> = self.empty.chunk_by(|a, b| a == b).collect();
        let between = runs.get(1..runs.len().saturating_sub(1)).unwrap_or_default();
        let goes_on = |run: &&&[bool]| run.first() == Some(&true) && run.len() <= GOES_ON;
        let goes_on: usize = between.iter().filter(goes_on).map(|run| run.len()).sum();
        let rows = self.empty.len() - goes_on;
        self.rows >= goes_on && self.rows as f32 >= CELLS * rows as f32 && 2 * self.numbers < self.rows
    }

    fn is_filled(&self) -> bool {
        median(self.widths.iter().copied()).is_some_and(|width| width >= FILLED * self.width())
    }
}

#[cfg(test)]
mod tests {
    use super::super::glyph::set;
    use super::super::rows::rows;
    use super::*;

    fn page(lines: &[Vec<&str>], step: f32) -> Vec<String> {
        let mut glyphs = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            let y = 100.0 + 12.0 * i as f32;
            for (k, column) in line.iter().enumerate() {
                glyphs.extend(set(column, 50.0 + step * k as f32, y, 10.0));
            }
        }
        let blocks = blocks(rows(glyphs));
        let text = |r: &Row| r.glyphs.iter().map(|g| g.text.as_str()).collect::<String>();
        blocks.iter().flatten().map(text).collect()
    }

    #[test]
    fn columns_are_read_one_after_the_other() {
        let two = page(&vec![vec!["left one and some text", "right one and some text"]; 8], 150.0);
        assert_eq!(two.len(), 16);
        assert!(two[..8].iter().all(|l| l == "left one and some text"), "{two:?}");
        let three = page(&vec![vec!["left text is here", "middle text here", "right text it is"]; 8], 110.0);
        assert_eq!(three.len(), 24);
        assert!(three[..8].iter().all(|l| l == "left text is here"), "{three:?}");
        assert!(three[16..].iter().all(|l| l == "right text it is"), "{three:?}");
        let four = page(
            &vec![vec!["one with words", "two with words", "the third one", "the fourth one"]; 8],
            100.0,
        );
        assert_eq!(four.len(), 32);
        assert!(four[24..].iter().all(|l| l == "the fourth one"), "{four:?}");
    }

    #[test]
    fn a_line_across_parts_the_columns() {
        let mut lines = vec![vec!["left one and some text", "right one and some text"]; 7];
        lines.insert(0, vec!["A title over the whole width of both columns"]);
        lines.push(vec!["Another line over the whole width of it all"]);
        let found = page(&lines, 150.0);
        assert_eq!((found[0].as_str(), found[15].as_str()), (lines[0][0], lines[8][0]));
        assert_eq!(
            (found[7].as_str(), found[8].as_str()),
            ("left one and some text", "right one and some text")
        );
    }

    #[test]
    fn what_a_program_prints_with_gaps_is_no_columns() {
        let lines = |monospace: bool| {
            let mut glyphs = set("A title over the whole width of both columns", 50.0, 88.0, 10.0);
            for (i, x) in (0..8).flat_map(|i| [(i, 50.0), (i, 200.0)]) {
                let mut words = set("some words and more", x, 100.0 + 12.0 * i as f32, 10.0);
                words.iter_mut().for_each(|glyph| glyph.style.monospace = monospace);
                glyphs.extend(words);
            }
            blocks(rows(glyphs)).iter().map(Vec::len).sum::<usize>()
        };
        assert_eq!((lines(false), lines(true)), (17, 9));
    }

    #[test]
    fn a_table_among_text_is_read_row_by_row() {
        let cells =
            ["int", "the length of it", "a word", "of the list", "what is kept", "no", "a name", "it"];
        let mut lines: Vec<Vec<&str>> = (0..8).map(|i| vec![cells[i], cells[7 - i]]).collect();
        let found = |lines: &[Vec<&str>]| page(lines, 150.0).len();
        assert_eq!(found(&lines), 16, "a page of its own is a list in columns");
        for at in [0, 0, 10] {
            lines.insert(at, vec!["some running text that goes over the whole width"]);
        }
        assert_eq!(found(&lines), 11);
        lines.splice(4..4, [vec!["", "goes on in the next"], vec!["", "rows of it"]]);
        assert_eq!(found(&lines), 13, "cells of several lines");
        let filled = vec!["some words of the text", "some words of it on"];
        lines.iter_mut().filter(|line| line.len() == 2).for_each(|line| *line = filled.clone());
        assert_eq!(found(&lines), 23, "lines of text fill their columns");
    }

    #[test]
    fn page_numbers_and_definitions_are_no_columns() {
        for line in [vec!["Some title of a chapter", "12"], vec!["term", "what the term stands for here"]] {
            assert_eq!(page(&vec![line; 10], 150.0).len(), 10, "the lines stay whole");
        }
    }
}
