//! An entry of the contents, as far as the analysis of structure needs it.

use bookstate_domain::{EntryIdent, Text, TocEntry};

/// What of an entry the analysis needs.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of TocEntry")]
pub struct EntryFacts {
    pub ident: EntryIdent,
    pub number: Option<Text>,
    pub title: Option<Text>,
    pub level: i32,
    pub level_name: Option<Text>,
    pub page: Option<u32>,
}

impl From<&TocEntry> for EntryFacts {
    fn from(entry: &TocEntry) -> Self {
        Self {
            ident: entry.ident.clone(),
            number: entry.entry_number.clone(),
            title: entry.title.clone(),
            level: entry.level,
            level_name: entry.level_name.clone(),
            page: entry.actual_page.and_then(|p| u32::try_from(p).ok()),
        }
    }
}
