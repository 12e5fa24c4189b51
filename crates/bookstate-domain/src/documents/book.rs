//! The book: identity, metadata, and the state of its book-wide operations.

use bookstate_domain_macros::document;
use serde::{Deserialize, Serialize};

use crate::{
    BookId,
    value::{Json, Text, word_enum},
};

word_enum! {
    /// Where a book stands.
    BookStatus {
        /// Known, no job yet.
        Ingested = "ingested",
        /// A job works on it.
        Processing = "processing",
        /// Every stage of its job is done.
        Complete = "complete",
        /// Done, but some stage or page failed; the reason says which.
        Degraded = "degraded",
        /// Its job failed; the reason says why.
        Failed = "failed",
    }
}

word_enum! {
    /// The phases of the structure operation, in order.
    StructurePhase {
        /// The skeleton: which chapters there are.
        Build = "build",
        /// Their texts from the pages.
        Extract = "extract",
        /// Matter and content types.
        Classify = "classify",
        /// Edited texts.
        Polish = "polish",
        /// Totals.
        Finalize = "finalize",
    }
}

/// A numbering that a table of contents follows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NumberingPattern {
    /// The word before the number, "Chapter"; empty when there is none.
    pub word: Text,
    /// `arabic` or `roman`.
    pub style: Text,
    /// The level of its entries.
    pub level: i32,
    /// The first number.
    pub first: i32,
    /// The last number.
    pub last: i32,
}

/// Pages in which no entries are looked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExcludedRange {
    /// The first page.
    pub start_page: i32,
    /// The last page.
    pub end_page: i32,
    /// Why.
    pub reason: Text,
}

/// An entry that a pattern implies and the printed table lacks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MissingEntry {
    /// What identifies it within its level: its number, or for an entry without one a name with a colon, `outline:012`.
    pub identifier: Text,
    /// Its level.
    pub level: i32,
    /// What it is called, "chapter".
    pub level_name: Option<Text>,
    /// The heading that is looked for, such as `Chapter 7`.
    pub heading: Text,
    /// The first page on which it may be.
    pub from_page: i32,
    /// The last page on which it may be.
    pub to_page: i32,
}

impl MissingEntry {
    /// The subject of the agent that looks for it.
    #[must_use]
    pub fn subject(&self) -> Text {
        format!("{}_{}", self.level, self.identifier).into()
    }

    /// Its number; `None` where it is identified by a name.
    #[must_use]
    pub fn number(&self) -> Option<&Text> {
        Some(&self.identifier).filter(|identifier| !identifier.contains(':'))
    }
}

/// A wide stretch of pages between two neighbouring entries.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Gap {
    /// Identifies it within the book: `{from_page}-{to_page}`.
    pub key: Text,
    /// The page of the entry before it, or 1.
    pub from_page: i32,
    /// The page of the entry behind it, or the last.
    pub to_page: i32,
}

/// What finalize found, and what it has to do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PatternAnalysis {
    /// The numberings found.
    pub patterns: Vec<NumberingPattern>,
    /// Where nothing is looked for.
    pub excluded_ranges: Vec<ExcludedRange>,
    /// What to look for.
    pub entries_to_find: Vec<MissingEntry>,
    /// What to check; known when the validate phase begins.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// Why, for people.
    pub reasoning: Text,
}

/// The book itself. There is one per book.
#[document(books)]
pub struct Book {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// Title.
    pub title: Option<Text>,
    /// Subtitle.
    pub subtitle: Option<Text>,
    /// The first author, or all in one text.
    pub author: Option<Text>,
    /// All authors.
    pub authors: Vec<Text>,
    /// How many pages the source has.
    pub page_count: i32,
    /// Where the book stands.
    pub status: Option<BookStatus>,
    /// Why it stands there, when degraded or failed.
    pub status_reason: Option<Text>,
    /// ISBN, digits and X only.
    pub isbn: Option<Text>,
    /// Library of Congress control number.
    pub lccn: Option<Text>,
    /// Publisher.
    pub publisher: Option<Text>,
    /// Year of publication.
    pub publication_year: Option<i32>,
    /// Language, ISO 639-1.
    pub language: Option<Text>,
    /// What the book is about.
    pub description: Option<Text>,
    /// Subjects.
    pub subjects: Vec<Text>,
    /// The page with the cover.
    pub cover_page: Option<i32>,
    /// Operation metadata: in progress.
    pub metadata_started: bool,
    /// Operation metadata: complete.
    pub metadata_complete: bool,
    /// Operation metadata: failed for good.
    pub metadata_failed: bool,
    /// Operation metadata: failures so far.
    pub metadata_retries: i32,
    /// Operation structure: in progress.
    pub structure_started: bool,
    /// Operation structure: complete.
    pub structure_complete: bool,
    /// Operation structure: failed for good.
    pub structure_failed: bool,
    /// Operation structure: failures so far.
    pub structure_retries: i32,
    /// The phase of structure.
    pub structure_phase: Option<StructurePhase>,
    /// Chapters in the skeleton.
    pub structure_chapters_total: i32,
    /// Chapters with text.
    pub structure_chapters_extracted: i32,
    /// Chapters with edited text.
    pub structure_chapters_polished: i32,
    /// Chapters whose edit failed.
    pub structure_polish_failed: i32,
    /// Chapters of the finished book.
    pub total_chapters: i32,
    /// Paragraphs of the finished book.
    pub total_paragraphs: i32,
    /// Words of the finished book.
    pub total_words: i32,
    /// What the pattern phase of finalize found.
    pub pattern_analysis_json: Option<Json<PatternAnalysis>>,
    /// Finalize: entries to look for.
    pub finalize_entries_total: i32,
    /// Finalize: entries looked for.
    pub finalize_entries_complete: i32,
    /// Finalize: entries found.
    pub finalize_entries_found: i32,
    /// Finalize: gaps to check.
    pub finalize_gaps_total: i32,
    /// Finalize: gaps checked.
    pub finalize_gaps_complete: i32,
    /// Finalize: gaps that led to a change.
    pub finalize_gaps_fixes: i32,
    /// Link: entries to link.
    pub toc_link_entries_total: i32,
    /// Link: entries settled.
    pub toc_link_entries_done: i32,
}
