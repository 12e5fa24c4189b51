//! What one page may cost.
//!
//! Counted, not timed, as far as that goes: the same page ends in the same way on every machine. The deadline is for
//! what counting misses.

use std::time::{Duration, Instant};

/// Operators and glyphs of a page. A dense map has half a million.
const MOST_STEPS: u64 = 4_000_000;
/// What unpacking a stream costs beside its bytes, in steps.
const STREAM_STEPS: u64 = 200;
/// Glyphs of a page. A page of the smallest print has 30,000.
const MOST_GLYPHS: u64 = 400_000;
/// Decoded bytes of a page's content and forms.
const MOST_BYTES: usize = 256 << 20;
/// Decoded bytes of one stream.
const LARGEST_STREAM: usize = 128 << 20;
/// Forms within forms.
const DEEPEST_FORM: u32 = 16;
/// No page of a book takes a tenth of this.
const LONGEST: Duration = Duration::from_secs(20);
/// The clock is looked at every so many steps.
const CLOCK_EVERY: u64 = 4096;

/// Why a page is not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OverBudget {
    #[error("it draws more than {MOST_STEPS} things")]
    Steps,
    #[error("it has more than {MOST_GLYPHS} letters")]
    Glyphs,
    #[error("its content unpacks to more than {} MB", MOST_BYTES >> 20)]
    Bytes,
    #[error("it takes more than {} seconds", LONGEST.as_secs())]
    Time,
}

#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
    glyphs: u64,
    bytes: usize,
    depth: u32,
    deadline: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { steps: 0, glyphs: 0, bytes: 0, depth: 0, deadline: Instant::now() + LONGEST }
    }

    pub(super) fn step(&mut self) -> Result<(), OverBudget> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(OverBudget::Steps);
        }
        if self.steps.is_multiple_of(CLOCK_EVERY) && Instant::now() > self.deadline {
            return Err(OverBudget::Time);
        }
        Ok(())
    }

    pub(super) fn glyph(&mut self) -> Result<(), OverBudget> {
        self.glyphs += 1;
        if self.glyphs > MOST_GLYPHS { Err(OverBudget::Glyphs) } else { self.step() }
    }

    /// How long the next stream may be.
    pub(super) fn stream_limit(&self) -> usize {
        (MOST_BYTES - self.bytes.min(MOST_BYTES)).min(LARGEST_STREAM)
    }

    pub(super) fn unpacked(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.steps += bytes as u64 / 64 + STREAM_STEPS;
        if self.bytes > MOST_BYTES { Err(OverBudget::Bytes) } else { self.step() }
    }

    /// Whether a form may be drawn in this one.
    pub(super) fn enter(&mut self) -> bool {
        let may = self.depth < DEEPEST_FORM;
        self.depth += u32::from(may);
        may
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}
