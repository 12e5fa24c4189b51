//! The table of contents with its entries.

use bookstate_domain::{
    BookState, Document, EntrySource, Operation as DomainOperation, OperationState, Text, TocEntry,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{optional_word, word};

/// An entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryRow {
    /// Its key.
    pub key: String,
    /// Its number as printed.
    #[schema(value_type = Option<String>)]
    pub entry_number: Option<Text>,
    /// Its title, without the number.
    #[schema(value_type = Option<String>)]
    pub title: Option<Text>,
    /// 1 is the highest.
    pub level: i32,
    /// What its level is called.
    #[schema(value_type = Option<String>)]
    pub level_name: Option<Text>,
    /// The page number as printed.
    #[schema(value_type = Option<String>)]
    pub printed_page_number: Option<Text>,
    /// The page of the source, 1-based.
    pub actual_page: Option<i32>,
    /// Where the entry comes from.
    #[schema(schema_with = optional_word::<EntrySource>)]
    pub source: Option<EntrySource>,
    /// Its place among all entries.
    pub sort_order: i32,
    /// It could not be linked.
    pub link_failed: bool,
    /// How it was linked, or why not.
    #[schema(value_type = Option<String>)]
    pub link_reason: Option<Text>,
}

impl EntryRow {
    fn of(entry: &TocEntry) -> Self {
        Self {
            key: entry.key().to_string(),
            entry_number: entry.entry_number.clone(),
            title: entry.title.clone(),
            level: entry.level,
            level_name: entry.level_name.clone(),
            printed_page_number: entry.printed_page_number.clone(),
            actual_page: entry.actual_page,
            source: entry.source,
            sort_order: entry.sort_order,
            link_failed: entry.link_failed,
            link_reason: entry.link_reason.clone(),
        }
    }
}

/// The table of contents of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Contents {
    /// The book's id.
    pub book_id: String,
    /// Whether the book has one; meaningful when the finder is complete.
    pub found: bool,
    /// Where the search for it stands.
    #[schema(schema_with = word::<OperationState>)]
    pub finder: OperationState,
    /// Its first page.
    pub start_page: Option<i32>,
    /// Its last page.
    pub end_page: Option<i32>,
    /// Its entries, in order.
    pub entries: Vec<EntryRow>,
}

impl Contents {
    /// The table of contents of a book.
    #[must_use]
    pub fn of(state: &BookState) -> Self {
        let toc = state.toc();
        Self {
            book_id: state.book_id().to_string(),
            found: toc.is_some_and(|toc| toc.toc_found),
            finder: state.operation(DomainOperation::TocFinder).state,
            start_page: toc.and_then(|toc| toc.start_page),
            end_page: toc.and_then(|toc| toc.end_page),
            entries: state.ordered_entries().into_iter().map(|entry| EntryRow::of(entry)).collect(),
        }
    }
}
