//! A drawn glyph, as the rules of layout see it.

use crate::page::Style;

/// One drawn glyph. Lengths are in points, y grows downwards.
#[derive(Debug, Clone)]
pub(crate) struct Glyph {
    /// Left end, on the baseline.
    pub(crate) x0: f32,
    /// Right end: the origin of the next glyph.
    pub(crate) x1: f32,
    /// Baseline.
    pub(crate) y: f32,
    /// Font size as drawn.
    pub(crate) size: f32,
    /// What it stands for, in the order of reading; a ligature stands for several characters.
    pub(crate) text: String,
    /// How it is set.
    pub(crate) style: Style,
    /// The how manieth of the page's glyphs it was drawn.
    pub(crate) drawn: u32,
}

impl Glyph {
    pub(crate) fn is_space(&self) -> bool {
        self.text.chars().all(char::is_whitespace)
    }

    /// Its first character; a space where it has none.
    pub(crate) fn first(&self) -> char {
        self.text.chars().next().unwrap_or(' ')
    }

    /// Its last character; a space where it has none.
    pub(crate) fn last(&self) -> char {
        self.text.chars().next_back().unwrap_or(' ')
    }
}

/// The value in the middle.
pub(super) fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let (_, value, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    Some(*value)
}

/// Sets `text` from `x` in a font whose glyphs are all half as wide as high.
#[cfg(test)]
pub(super) fn set(text: &str, x: f32, y: f32, size: f32) -> Vec<Glyph> {
    let width = size / 2.0;
    let place = |(i, c): (usize, char)| {
        let x0 = x + i as f32 * width;
        Glyph {
            x0,
            x1: x0 + width,
            y,
            size,
            text: c.to_string(),
            style: Style { size, ..Style::default() },
            drawn: 0,
        }
    };
    text.chars().enumerate().map(place).collect()
}
