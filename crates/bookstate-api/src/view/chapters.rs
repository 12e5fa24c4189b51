//! Chapters, with or without their texts.

use bookstate_domain::{BookState, Chapter, MatterType, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::optional_word;

/// A chapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChapterRow {
    /// Its short id within the book.
    #[schema(value_type = String)]
    pub entry_id: Text,
    /// Title.
    #[schema(value_type = Option<String>)]
    pub title: Option<Text>,
    /// Its number as printed.
    #[schema(value_type = Option<String>)]
    pub entry_number: Option<Text>,
    /// 1 is the highest.
    pub level: i32,
    /// First page, 1-based.
    pub start_page: i32,
    /// Last page.
    pub end_page: i32,
    /// The part of the book.
    #[schema(schema_with = optional_word::<MatterType>)]
    pub matter_type: Option<MatterType>,
    /// What it holds.
    #[schema(value_type = Option<String>)]
    pub content_type: Option<Text>,
    /// Whether it would be read aloud.
    pub audio_include: bool,
    /// The `entry_id` of the chapter one level up.
    #[schema(value_type = Option<String>)]
    pub parent_id: Option<Text>,
    /// Words of its best text.
    pub word_count: i32,
    /// Its text is taken from the pages.
    pub extract_complete: bool,
    /// Its text is edited.
    pub polish_complete: bool,
    /// Editing failed.
    pub polish_failed: bool,
    /// Its best text, when asked for.
    #[schema(value_type = Option<String>)]
    pub text: Option<Text>,
}

impl ChapterRow {
    fn of(chapter: &Chapter, include_text: bool) -> Self {
        Self {
            entry_id: chapter.entry_id.clone(),
            title: chapter.title.clone(),
            entry_number: chapter.entry_number.clone(),
            level: chapter.level,
            start_page: chapter.start_page,
            end_page: chapter.end_page,
            matter_type: chapter.matter_type,
            content_type: chapter.content_type.clone(),
            audio_include: chapter.audio_include,
            parent_id: chapter.parent_id.clone(),
            word_count: chapter.word_count,
            extract_complete: chapter.extract_complete,
            polish_complete: chapter.polish_complete,
            polish_failed: chapter.polish_failed,
            text: chapter.text().filter(|_| include_text).cloned(),
        }
    }
}

/// The chapters of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Chapters {
    /// The book's id.
    pub book_id: String,
    /// Its chapters, in order.
    pub chapters: Vec<ChapterRow>,
}

impl Chapters {
    /// The chapters of a book.
    #[must_use]
    pub fn of(state: &BookState, include_text: bool) -> Self {
        let chapters = state.ordered_chapters();
        Self {
            book_id: state.book_id().to_string(),
            chapters: chapters.into_iter().map(|chapter| ChapterRow::of(chapter, include_text)).collect(),
        }
    }
}
