//! One row: what stands on a baseline, and what can be measured of it.

use super::glyph::{Glyph, median};

/// A glyph is large in a row from this multiple of its other glyphs' size on.
pub(super) const LARGE: f32 = 1.5;
/// A smaller sign so far above the baseline, in sizes of the line, is raised.
const RAISED: f32 = 0.15;

/// A line: its glyphs from left to right. Never empty.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The baseline of most of its glyphs.
    pub(super) y: f32,
    /// The median font size.
    pub(super) size: f32,
    pub(super) glyphs: Vec<Glyph>,
}

impl Row {
    pub(super) fn new(mut glyphs: Vec<Glyph>) -> Option<Self> {
        glyphs.sort_by(|a, b| a.x0.total_cmp(&b.x0));
        let inked = |value: fn(&Glyph) -> f32| median(glyphs.iter().filter(|g| !g.is_space()).map(value));
        let (y, size) = (inked(|g| g.y)?, inked(|g| g.size)?);
        // A sign that is raised so little that it never was a row of its own.
        let raised = |g: &Glyph| g.size <= 0.85 * size && y - g.y >= RAISED * size;
        glyphs.iter_mut().for_each(|g| g.style.raised |= raised(g));
        Some(Self { y, size, glyphs })
    }

    pub(super) fn inked(&self) -> impl DoubleEndedIterator<Item = &Glyph> {
        self.glyphs.iter().filter(|g| !g.is_space())
    }

    pub(super) fn start(&self) -> f32 {
        self.inked().next().map_or(0.0, |g| g.x0)
    }

    /// From the first glyph's start to the last one's end.
    pub(super) fn reach(&self) -> (f32, f32) {
        let start = self.start();
        (start, self.inked().map(|g| g.x1).fold(start, f32::max))
    }

    /// The widest space between two glyphs.
    pub(super) fn widest_gap(&self) -> f32 {
        let mut end = f32::MAX;
        self.inked().fold(0.0, |widest, glyph| {
            let gap = glyph.x0 - end;
            end = if end == f32::MAX { glyph.x1 } else { end.max(glyph.x1) };
            widest.max(gap)
        })
    }

    /// The row in two at `x`, where no glyph is.
    pub(super) fn split_at(self, x: f32) -> (Option<Self>, Option<Self>) {
        let (left, right) = self.glyphs.into_iter().partition(|g| g.x1 <= x);
        (Self::new(left), Self::new(right))
    }
}
