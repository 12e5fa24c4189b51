//! A book's printed table of contents: found, read and linked to pages by heuristics on page texts.
//!
//! Invariants: pure functions on text, no I/O, deterministic, no panic on any input; no model, and known
//! words only as a help. The three steps are separate, and each needs only the page texts and the stored
//! result of the one before: [`find`] says on which pages the contents are printed, [`extract`] reads the
//! entries from these pages, a [`Linker`] tells the page of one entry at a time. Rather no contents than
//! wrong ones.

mod chain;
mod contents_page;
mod counted_on;
mod edge_numbers;
mod entry;
mod entry_line;
mod file;
mod find;
mod labels;
#[cfg(test)]
mod laws;
mod levels;
mod link;
mod lists;
mod numbers;
mod numerals;
mod outline;
mod page_text;
mod reader;
mod run_in;
mod said;
mod same_title;
mod side_by_side;
mod summarised;
mod title;
mod title_index;
mod unnumbered;
mod words;

pub use entry::{ContentsEntry, ContentsRange, ContentsSummary};
pub use file::FileFacts;
pub use find::{extract, find};
pub use link::{Link, LinkReason, Linker};
pub use numbers::{NumberStyle, PageNumber, chinese};
pub use numerals::{Numeral, NumeralStyle};
pub use outline::OutlineEntry;
pub use page_text::{BookText, Line, NoteText, PageText, TitleMatch};
pub use said::SaidLine;
pub use same_title::{normalise, similar};
pub(crate) use title::{Division, division, split_glued};
pub use title::{TitleParts, level_of_word, split_title};
pub use words::is_contents_title;
