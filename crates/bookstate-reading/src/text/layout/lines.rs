//! Lines of the page model from rows: words, spans of one style, blocks.
//!
//! Invariants: every inked glyph is in one line, but for glyphs that are drawn twice in the same place; a gap wider
//! than a space begins a new span, which then begins with as many spaces as the gap is wide, so that things that
//! stand below each other on the page do so in the text.

use super::direction::{logical, turns_between};
use super::gaps::{Gap, Gaps};
use super::glyph::{Glyph, median};
use super::row::Row;
use crate::page::{Block, BlockKind, Line, Rect, Span, Style};

/// Equal glyphs closer than this share of the size are one glyph in fake bold.
const DOUBLED: f32 = 0.15;
/// Baselines further apart than this multiple of the size begin a new block.
const BLANK_LINE: f32 = 1.8;
/// What a font reaches above and below its baseline.
const ASCENT: f32 = 0.75;
const DESCENT: f32 = 0.22;
/// No gap is written as more spaces than this.
const WIDEST: f32 = 200.0;

/// The width of one space in the text: the median letter's. Punctuation does not count, because a page of
/// leader dots would have other columns than the next.
pub(super) fn column_width(rows: &[Row]) -> f32 {
    let width = |is_counted: fn(char) -> bool| {
        let counted = rows.iter().flat_map(|r| &r.glyphs).filter(|g| g.text.chars().all(is_counted));
        median(counted.map(|g| g.x1 - g.x0).filter(|w| *w > 0.1))
    };
    width(char::is_alphanumeric).or_else(|| width(|c| !c.is_whitespace())).unwrap_or(5.0)
}

/// A column's rows as blocks of lines; a block ends at a vertical gap.
pub(super) fn blocks(rows: &[Row], width: f32, spaces_drawn: bool, out: &mut Vec<Block>) {
    let steps = rows.windows(2).filter_map(|pair| match pair {
        [a, b] if b.y > a.y && (a.size - b.size).abs() < 0.5 => Some(b.y - a.y),
        _ => None,
    });
    // Text set with wide lines has no blank ones between them.
    let usual = if rows.len() >= 8 { median(steps).unwrap_or(0.0) } else { 0.0 };
    let mut above: Option<f32> = None;
    for row in rows {
        let Some(line) = line(row, width, spaces_drawn) else { continue };
        let blank = (BLANK_LINE * row.size).max(1.35 * usual.min(3.0 * row.size));
        let apart = above.is_none_or(|y| row.y - y > blank || row.y < y - row.size);
        above = Some(row.y);
        match out.last_mut() {
            Some(block) if !apart => block.lines.push(line),
            _ => out.push(Block { kind: BlockKind::Paragraph, lines: vec![line] }),
        }
    }
}

/// Glyphs of one style without a gap between them.
struct Piece {
    text: String,
    style: Style,
    place: Rect,
    gap: Gap,
}

fn line(row: &Row, width: f32, spaces_drawn: bool) -> Option<Line> {
    let gaps = Gaps::of(&row.glyphs, spaces_drawn);
    let mut pieces: Vec<Piece> = Vec::with_capacity(row.glyphs.len());
    let (mut last, mut drawn): (Option<&Glyph>, bool) = (None, false);
    let mut has_right = false;
    for glyph in &row.glyphs {
        if glyph.is_space() {
            drawn = true;
            continue;
        }
        if last.is_some_and(|l| l.text == glyph.text && (glyph.x0 - l.x0).abs() < DOUBLED * glyph.size) {
            continue;
        }
        let mark = last.filter(|_| is_mark(glyph.first()) && glyph.text.chars().all(is_mark));
        if let (Some(_), Some(piece)) = (mark, pieces.last_mut()) {
            // A mark belongs to the letter that it is drawn over.
            piece.text.push_str(&glyph.text);
            continue;
        }
        let gap = last.map_or(Gap::None, |last| gaps.between(last, glyph, drawn));
        has_right |= glyph.first() >= '\u{590}';
        let place = Rect {
            x0: glyph.x0,
            y0: glyph.y - ASCENT * glyph.size,
            x1: glyph.x1,
            y1: glyph.y + DESCENT * glyph.size,
        };
        pieces.push(Piece { text: glyph.text.clone(), style: glyph.style, place, gap });
        (last, drawn) = (Some(glyph), false);
    }
    if has_right {
        pieces = from_right(pieces);
    }
    spans(pieces, width)
}

/// The pieces in the order of reading, with spaces as pieces of their own.
fn from_right(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut with_spaces: Vec<Piece> = Vec::with_capacity(pieces.len() * 2);
    for piece in pieces {
        if piece.gap != Gap::None {
            let (style, place, gap) = (piece.style, piece.place, piece.gap);
            with_spaces.push(Piece { text: " ".to_owned(), style, place, gap });
        }
        with_spaces.push(Piece { gap: Gap::None, ..piece });
    }
    let mut out: Vec<Piece> = Vec::with_capacity(with_spaces.len());
    let mut gap = Gap::None;
    for piece in logical(with_spaces, |piece| &mut piece.text) {
        if piece.text == " " {
            gap = piece.gap;
        } else {
            // Letters that are read in opposite directions are not of one word. Writers put the space behind a word
            // of the other direction at its wrong end.
            if gap == Gap::None && out.last().is_some_and(|last| turns_between(&last.text, &piece.text)) {
                gap = Gap::Space;
            }
            out.push(Piece { gap, ..piece });
            gap = Gap::None;
        }
    }
    out
}

fn spans(pieces: Vec<Piece>, width: f32) -> Option<Line> {
    let mut spans: Vec<Span> = Vec::new();
    let mut place: Option<Rect> = None;
    for piece in pieces {
        place = Some(place.map_or(piece.place, |p| p.union(&piece.place)));
        match spans.last_mut() {
            Some(span) if piece.gap != Gap::Wide && span.style == piece.style => {
                if piece.gap == Gap::Space {
                    span.text.push(' ');
                }
                span.text.push_str(&piece.text);
                span.place = span.place.map(|p| p.union(&piece.place));
            }
            before => {
                let before = before.and_then(|span| span.place);
                let mut text = match piece.gap {
                    Gap::None => String::new(),
                    Gap::Space => " ".to_owned(),
                    Gap::Wide => {
                        let gap = before.map_or(0.0, |b| (piece.place.x0 - b.x1).max(b.x0 - piece.place.x1));
                        " ".repeat((gap / width).round().clamp(2.0, WIDEST) as usize)
                    }
                };
                text.push_str(&piece.text);
                spans.push(Span { text, style: piece.style, place: Some(piece.place) });
            }
        }
    }
    (!spans.is_empty()).then_some(Line { spans, place })
}

/// A sign that is written over or under the letter before it.
fn is_mark(c: char) -> bool {
    c >= '\u{300}' && unicode_normalization::char::is_combining_mark(c)
}
