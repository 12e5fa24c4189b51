//! A page as plain text: indents and blank lines instead of places.
//!
//! Invariant: every line is written once, in the page's order; an indent of one space is as wide as the page's
//! middle letter, so that things that stand below each other on the page do so in the text.

use super::{Block, Line, Page};

/// A column is one of its own, with a margin of its own, when it begins so many letters right of the page's.
const RIGHT_COLUMN: f32 = 20.0;
/// No indent is wider.
const WIDEST: f32 = 200.0;

/// A line with what its place means in plain text.
#[derive(Debug, Clone, Copy)]
pub struct LaidLine<'a> {
    /// The line.
    pub line: &'a Line,
    /// Spaces before it, for a line with a place; one without has its own in its text.
    pub indent: usize,
    /// It is the first of its block.
    pub begins_block: bool,
}

impl Page {
    /// The page's lines in order, with their indents.
    #[must_use]
    pub fn laid_lines(&self) -> Vec<LaidLine<'_>> {
        let width = self.letter_width();
        let margin = starts(&self.blocks);
        let mut out = Vec::new();
        for column in self.columns() {
            let start = starts(column);
            let left = if start > margin + RIGHT_COLUMN * width { start } else { margin };
            for block in column {
                for (i, line) in block.lines.iter().enumerate() {
                    let indent =
                        line.place.map_or(0.0, |p| ((p.x0 - left) / width).round().clamp(0.0, WIDEST));
                    out.push(LaidLine { line, indent: indent as usize, begins_block: i == 0 });
                }
            }
        }
        out
    }

    /// The page's text: blocks separated by an empty line, lines by a line feed, indents as spaces.
    #[must_use]
    pub fn plain_text(&self) -> String {
        let mut out = String::new();
        for laid in self.laid_lines() {
            if laid.begins_block && !out.is_empty() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n(' ', laid.indent));
            laid.line.push_text(&mut out);
            out.push('\n');
        }
        out
    }

    /// Runs of blocks that stand below each other.
    fn columns(&self) -> impl Iterator<Item = &[Block]> {
        let top = |block: &Block| block.lines.first().and_then(|l| l.place).map(|p| p.y0);
        self.blocks.chunk_by(move |a, b| match (top(a), top(b)) {
            (Some(above), Some(below)) => below >= above,
            _ => true,
        })
    }

    /// The width of the page's middle letter, in points.
    fn letter_width(&self) -> f32 {
        let mut widths: Vec<f32> = Vec::new();
        for span in self.blocks.iter().flat_map(|b| &b.lines).flat_map(|l| &l.spans) {
            let letters = span.text.trim_start().chars().count();
            let (Some(place), true) = (span.place, letters >= 3) else { continue };
            if span.text.chars().filter(|c| c.is_alphanumeric()).count() * 2 > letters {
                widths.push(place.width() / letters as f32);
            }
        }
        widths.sort_by(f32::total_cmp);
        widths.get(widths.len() / 2).copied().filter(|w| *w > 0.1).unwrap_or(5.0)
    }
}

fn starts(blocks: &[Block]) -> f32 {
    let places = blocks.iter().flat_map(|b| &b.lines).filter_map(|l| l.place);
    places.map(|p| p.x0).fold(f32::MAX, f32::min)
}
