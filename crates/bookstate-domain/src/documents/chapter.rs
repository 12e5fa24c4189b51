//! One chapter: a linked entry with its pages and its text.

use std::{fmt, str::FromStr};

use bookstate_domain_macros::document;

use super::chapter_text::{LayoutBlock, Note, SetAsideText};
use super::toc_entry::{EntryIdent, EntryIdentError};
use crate::{
    BookId,
    document::serde_by_text,
    value::{Field, Json, Kind, Text, Value, word_enum},
};

word_enum! {
    /// The part of the book that a chapter belongs to.
    MatterType {
        /// Before the text: preface, contents.
        FrontMatter = "front_matter",
        /// The text.
        Body = "body",
        /// After the text: appendices, index.
        BackMatter = "back_matter",
    }
}

/// What a chapter is made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChapterSubject {
    /// An entry of the table of contents.
    Entry(EntryIdent),
    /// No entry: a heading found in the text, or the whole book. Written `orphan:{sort_order}`.
    Orphan(i32),
}

impl fmt::Display for ChapterSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(ident) => ident.fmt(f),
            Self::Orphan(sort_order) => write!(f, "orphan:{sort_order}"),
        }
    }
}

impl FromStr for ChapterSubject {
    type Err = EntryIdentError;
    fn from_str(text: &str) -> Result<Self, EntryIdentError> {
        match text.strip_prefix("orphan:") {
            Some(order) => order.parse().map(Self::Orphan).map_err(|_| EntryIdentError::of(text)),
            None => text.parse().map(Self::Entry),
        }
    }
}

serde_by_text!(ChapterSubject);

impl Field for ChapterSubject {
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

/// One chapter.
#[document(chapters)]
pub struct Chapter {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// What it is made from.
    #[key]
    pub subject: ChapterSubject,
    /// Its short id within the book, `ch_001`.
    pub entry_id: Text,
    /// Its place among all chapters.
    pub sort_order: i32,
    /// Title.
    pub title: Option<Text>,
    /// 1 is the highest.
    pub level: i32,
    /// What its level is called.
    pub level_name: Option<Text>,
    /// Its number as printed.
    pub entry_number: Option<Text>,
    /// First page, 1-based.
    pub start_page: i32,
    /// Last page, never before the first.
    pub end_page: i32,
    /// The part of the book.
    pub matter_type: Option<MatterType>,
    /// Why that part.
    pub classification_reasoning: Option<Text>,
    /// What it holds: `chapter`, `preface`, `index`, …
    pub content_type: Option<Text>,
    /// Whether it would be read aloud.
    pub audio_include: bool,
    /// Why, or why not.
    pub audio_include_reasoning: Option<Text>,
    /// The `entry_id` of the chapter one level up.
    pub parent_id: Option<Text>,
    /// Where the chapter comes from: `toc`, `heading`, `whole_book`.
    pub source: Option<Text>,
    /// Its text as taken from the pages.
    pub mechanical_text: Option<Text>,
    /// Its text after editing.
    pub polished_text: Option<Text>,
    /// What each piece of its mechanical text is.
    pub layout: Option<Json<Vec<LayoutBlock>>>,
    /// Its notes, which its text does not have.
    pub notes: Option<Json<Vec<Note>>>,
    /// Words of its pages that are neither in its text nor in a note.
    pub set_aside: Option<Json<Vec<SetAsideText>>>,
    /// Words of its best text.
    pub word_count: i32,
    /// Its text is taken.
    pub extract_complete: bool,
    /// Its text is edited.
    pub polish_complete: bool,
    /// Editing failed; the mechanical text stays.
    pub polish_failed: bool,
    /// Failures of editing so far.
    pub polish_retries: i32,
}
