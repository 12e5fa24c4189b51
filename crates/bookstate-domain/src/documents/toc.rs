//! The table of contents: where it is, and the state of its operations.

use bookstate_domain_macros::document;
use serde::{Deserialize, Serialize};

use crate::{
    BookId,
    value::{Json, Text, word_enum},
};

word_enum! {
    /// The phases of finalize, in order.
    FinalizePhase {
        /// Numbering patterns, and the entries that they imply.
        Pattern = "pattern",
        /// Each implied entry is looked for.
        Discover = "discover",
        /// Each wide gap between entries is looked into.
        Validate = "validate",
        /// Entries are in order.
        Done = "done",
    }
}

/// What the finder learned of the table's form.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StructureSummary {
    /// Entries seen, roughly.
    pub entries: i32,
    /// Levels seen.
    pub levels: i32,
    /// Whether entries carry page numbers.
    pub page_numbers: bool,
    /// `arabic`, `roman` or `mixed`.
    pub number_style: Text,
    /// For people.
    pub note: Text,
}

/// The table of contents. There is one per book, since the book is its key.
#[document(tocs)]
pub struct Toc {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// Whether the book has one; meaningful when the finder is complete.
    pub toc_found: bool,
    /// Its first page.
    pub start_page: Option<i32>,
    /// Its last page.
    pub end_page: Option<i32>,
    /// What the finder learned of its form.
    pub structure_summary: Option<Json<StructureSummary>>,
    /// Operation toc_finder: in progress.
    pub finder_started: bool,
    /// Operation toc_finder: complete.
    pub finder_complete: bool,
    /// Operation toc_finder: failed for good.
    pub finder_failed: bool,
    /// Operation toc_finder: failures so far.
    pub finder_retries: i32,
    /// Operation toc_extract: in progress.
    pub extract_started: bool,
    /// Operation toc_extract: complete.
    pub extract_complete: bool,
    /// Operation toc_extract: failed for good.
    pub extract_failed: bool,
    /// Operation toc_extract: failures so far.
    pub extract_retries: i32,
    /// Operation toc_link: in progress.
    pub link_started: bool,
    /// Operation toc_link: complete.
    pub link_complete: bool,
    /// Operation toc_link: failed for good.
    pub link_failed: bool,
    /// Operation toc_link: failures so far.
    pub link_retries: i32,
    /// Operation toc_finalize: in progress.
    pub finalize_started: bool,
    /// Operation toc_finalize: complete.
    pub finalize_complete: bool,
    /// Operation toc_finalize: failed for good.
    pub finalize_failed: bool,
    /// Operation toc_finalize: failures so far.
    pub finalize_retries: i32,
    /// The phase of finalize.
    pub finalize_phase: Option<FinalizePhase>,
}
