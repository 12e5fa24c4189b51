//! One entry of the table of contents.

use std::{fmt, str::FromStr};

use bookstate_domain_macros::document;

use crate::{
    BookId,
    document::serde_by_text,
    value::{Field, Kind, Text, Value, word_enum},
};

word_enum! {
    /// Where an entry comes from.
    EntrySource {
        /// The printed table.
        Extracted = "extracted",
        /// Found because a numbering pattern implies it.
        Discovered = "discovered",
        /// Found in a gap.
        Validated = "validated",
    }
}

/// What identifies an entry within its book, by its source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryIdent {
    /// The n-th entry of the printed table, from 0. Written `0007`.
    Ordinal(u32),
    /// An entry that a pattern implies. Written `discovered:{level}_{identifier}`.
    Discovered {
        /// The entry's level.
        level: i32,
        /// What identifies it within its level.
        identifier: Text,
    },
    /// An entry found in a gap. Written `validated:{gap}`.
    Validated {
        /// The gap.
        gap: Text,
    },
}

impl EntryIdent {
    /// Whether it is of the printed table.
    #[must_use]
    pub const fn is_printed(&self) -> bool {
        matches!(self, Self::Ordinal(_))
    }

    /// The source that entries of this kind have.
    #[must_use]
    pub const fn source(&self) -> EntrySource {
        match self {
            Self::Ordinal(_) => EntrySource::Extracted,
            Self::Discovered { .. } => EntrySource::Discovered,
            Self::Validated { .. } => EntrySource::Validated,
        }
    }
}

impl fmt::Display for EntryIdent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinal(n) => write!(f, "{n:04}"),
            Self::Discovered { level, identifier } => write!(f, "discovered:{level}_{identifier}"),
            Self::Validated { gap } => write!(f, "validated:{gap}"),
        }
    }
}

/// Not an entry's identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not identify an entry: a number, discovered:LEVEL_ID or validated:GAP is expected")]
pub struct EntryIdentError(String);

impl EntryIdentError {
    pub(super) fn of(text: &str) -> Self {
        Self(text.chars().take(80).collect())
    }
}

impl FromStr for EntryIdent {
    type Err = EntryIdentError;
    fn from_str(text: &str) -> Result<Self, EntryIdentError> {
        let error = || EntryIdentError::of(text);
        if let Some(rest) = text.strip_prefix("discovered:") {
            let (level, identifier) = rest.split_once('_').ok_or_else(error)?;
            let level = level.parse().map_err(|_| error())?;
            return Ok(Self::Discovered { level, identifier: identifier.into() });
        }
        if let Some(gap) = text.strip_prefix("validated:") {
            return Ok(Self::Validated { gap: gap.into() });
        }
        text.parse().map(Self::Ordinal).map_err(|_| error())
    }
}

serde_by_text!(EntryIdent);

impl Field for EntryIdent {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.to_string().into())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// One entry of the table of contents.
#[document(toc_entries)]
pub struct TocEntry {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// What identifies it within the book.
    #[key]
    pub ident: EntryIdent,
    /// Its number as printed, `3.2`.
    pub entry_number: Option<Text>,
    /// Its title, without the number.
    pub title: Option<Text>,
    /// 1 is the highest.
    pub level: i32,
    /// What its level is called, `chapter`.
    pub level_name: Option<Text>,
    /// The page number as printed, `xii`.
    pub printed_page_number: Option<Text>,
    /// The page of the source, 1-based.
    pub actual_page: Option<i32>,
    /// The page that linking gave it: what a reset of finalize, which may correct pages, goes back to.
    pub link_page: Option<i32>,
    /// Where the entry comes from.
    pub source: Option<EntrySource>,
    /// Its place among all entries.
    pub sort_order: i32,
    /// Failures of linking it so far.
    pub link_retries: i32,
    /// It could not be linked; `link_reason` says why.
    pub link_failed: bool,
    /// How it was linked, or why not.
    pub link_reason: Option<Text>,
}
