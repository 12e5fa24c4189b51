//! From glyphs to running text: lines, reading order, paragraphs, running heads, notes, hyphens, scripts.
//!
//! Reading order: `layout` (a page's glyphs as lines of the page model), `line` (how lines are set), `running`
//! (running heads, over the whole book), `margin` (numbers of lines), `notes` (notes at a page's end), `script`, `roman`.
//!
//! Invariants: pure and deterministic; a word of a page is in the text, in a note, or in what was set aside with its
//! reason, exactly once; rules look at places, sizes, series and recurrence, never at a book's words.

#[cfg(feature = "pdf")]
pub(crate) mod layout;
pub(crate) mod line;
pub(crate) mod margin;
pub(crate) mod notes;
pub(crate) mod roman;
pub(crate) mod running;
pub(crate) mod script;

pub use line::LineType;
pub use script::count_words;
