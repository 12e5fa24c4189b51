//! Page composition: the standard fonts and their metrics, line breaking, and pages turned into PDF bytes.
//!
//! Used by the made test books and by the handbook. Invariants: the same input gives the same bytes (no
//! dates, no random ids), and no line that [`break_lines`] returns is wider than it was told. It knows
//! nothing of books, chapters or Markdown, and embeds no font: readers bring the fourteen standard ones.

mod document;
mod font;
mod lines;
mod metrics;
mod numerals;

pub use document::{Bookmark, Document, GrayImage, Page};
pub use font::{Font, Style, plain_text};
pub use lines::{Align, Line, Run, break_lines};
pub use numerals::roman;
