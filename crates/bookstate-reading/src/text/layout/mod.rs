//! From glyphs to lines in reading order: rows, spaces, directions, columns.
//!
//! Invariants: pure; every inked glyph is in one line; the order of drawing does not matter but for telling a
//! vertical page, and text that lies over other text. Places are those of the page as it is read: a page set vertically is turned first.

mod columns;
mod covered;
mod direction;
mod gaps;
mod glyph;
mod lines;
mod row;
mod rows;

pub(crate) use glyph::Glyph;

use crate::page::Block;

/// A page's glyphs, all of one direction, as lines in reading order; a block is lines without a vertical gap in one
/// column. `width` is the page's.
pub(crate) fn layout(mut glyphs: Vec<Glyph>, width: f32) -> Vec<Block> {
    (0..).zip(&mut glyphs).for_each(|(drawn, glyph)| glyph.drawn = drawn);
    let vertical = direction::is_vertical(&glyphs);
    let glyphs = if vertical { direction::upright(glyphs, width) } else { glyphs };
    let spaces_drawn = glyphs.iter().filter(|g| g.is_space()).nth(2).is_some();
    let rows = rows::rows(glyphs);
    let width = lines::column_width(&rows);
    let mut out = Vec::new();
    for column in columns::blocks(rows) {
        let mut blocks = Vec::new();
        lines::blocks(&column, width, spaces_drawn, &mut blocks);
        out.append(&mut blocks);
    }
    out
}
