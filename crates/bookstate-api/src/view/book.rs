//! Books: a row of the list, and one book whole.

use bookstate_domain::{
    Book, BookState, BookStatus, Operation as DomainOperation, OperationState, Stage as DomainStage,
    StageState, Text, Timestamp, Variant,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{optional_word, word};

/// A book in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookRow {
    /// The book's id.
    pub id: String,
    /// Title.
    #[schema(value_type = Option<String>)]
    pub title: Option<Text>,
    /// What its file was called, where that is known.
    pub file_name: Option<String>,
    /// The first author, or all in one text.
    #[schema(value_type = Option<String>)]
    pub author: Option<Text>,
    /// How many pages the source has.
    pub page_count: i32,
    /// Where the book stands.
    #[schema(schema_with = optional_word::<BookStatus>)]
    pub status: Option<BookStatus>,
    /// When it was taken in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

impl BookRow {
    /// The row of a book whose file was called so.
    #[must_use]
    pub fn of(book: &Book, file_name: Option<&String>) -> Self {
        Self {
            id: book.book_id.to_string(),
            title: book.title.clone(),
            file_name: file_name.cloned(),
            author: book.author.clone(),
            page_count: book.page_count,
            status: book.status,
            created_at: book.created_at,
        }
    }

    /// What people call it: its title, else its file's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.title.as_deref().or(self.file_name.as_deref())
    }
}

/// Books, by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Books {
    /// This part of the list.
    pub books: Vec<BookRow>,
    /// How many books there are in the whole list.
    pub total: usize,
}

/// An operation of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// The operation.
    #[schema(schema_with = word::<DomainOperation>)]
    pub operation: DomainOperation,
    /// Where it stands.
    #[schema(schema_with = word::<OperationState>)]
    pub state: OperationState,
    /// Failures so far.
    pub retries: i32,
}

impl Operation {
    pub(super) fn all(state: &BookState) -> Vec<Self> {
        let of = |operation: &DomainOperation| {
            let status = state.operation(*operation);
            Self { operation: *operation, state: status.state, retries: status.retries }
        };
        DomainOperation::ALL.iter().map(of).collect()
    }
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// The stage.
    #[schema(schema_with = word::<DomainStage>)]
    pub stage: DomainStage,
    /// Where it stands.
    #[schema(schema_with = word::<StageState>)]
    pub state: StageState,
    /// Units settled.
    pub done: usize,
    /// Units known.
    pub total: usize,
}

impl From<&bookstate_domain::StageProgress> for Stage {
    fn from(progress: &bookstate_domain::StageProgress) -> Self {
        let bookstate_domain::StageProgress { stage, state, done, total } = *progress;
        Self { stage, state, done, total }
    }
}

/// How far a book is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Completeness {
    /// Which stages count: those of its latest job.
    #[schema(schema_with = word::<Variant>)]
    pub variant: Variant,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// Nothing more will happen.
    pub settled: bool,
    /// What failed on the way.
    pub problems: Vec<String>,
}

impl Completeness {
    /// How far the book is, by the one definition that the scheduler goes by.
    #[must_use]
    pub fn of(state: &BookState) -> Self {
        let variant = state.latest_job().and_then(|job| job.variant).unwrap_or(Variant::Standard);
        let bookstate_domain::Completeness { stages, settled, problems } = state.completeness(variant);
        Self { variant, stages: stages.iter().map(Stage::from).collect(), settled, problems }
    }
}

/// One book: what is known of it, its operations, how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookDetails {
    /// The book's id.
    pub id: String,
    /// Title.
    #[schema(value_type = Option<String>)]
    pub title: Option<Text>,
    /// Subtitle.
    #[schema(value_type = Option<String>)]
    pub subtitle: Option<Text>,
    /// The first author, or all in one text.
    #[schema(value_type = Option<String>)]
    pub author: Option<Text>,
    /// All authors.
    #[schema(value_type = Vec<String>)]
    pub authors: Vec<Text>,
    /// How many pages the source has.
    pub page_count: i32,
    /// Where the book stands.
    #[schema(schema_with = optional_word::<BookStatus>)]
    pub status: Option<BookStatus>,
    /// Why it stands there, when degraded or failed.
    #[schema(value_type = Option<String>)]
    pub status_reason: Option<Text>,
    /// When it was taken in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// ISBN.
    #[schema(value_type = Option<String>)]
    pub isbn: Option<Text>,
    /// Library of Congress control number.
    #[schema(value_type = Option<String>)]
    pub lccn: Option<Text>,
    /// Publisher.
    #[schema(value_type = Option<String>)]
    pub publisher: Option<Text>,
    /// Year of publication.
    pub publication_year: Option<i32>,
    /// Language, ISO 639-1.
    #[schema(value_type = Option<String>)]
    pub language: Option<Text>,
    /// What the book is about.
    #[schema(value_type = Option<String>)]
    pub description: Option<Text>,
    /// Subjects.
    #[schema(value_type = Vec<String>)]
    pub subjects: Vec<Text>,
    /// The page with the cover.
    pub cover_page: Option<i32>,
    /// Chapters of the finished book.
    pub total_chapters: i32,
    /// Paragraphs of the finished book.
    pub total_paragraphs: i32,
    /// Words of the finished book.
    pub total_words: i32,
    /// The book-wide operations.
    pub operations: Vec<Operation>,
    /// How far it is.
    pub completeness: Completeness,
}

impl BookDetails {
    /// The book; `None` when the state has no record of it yet.
    #[must_use]
    pub fn of(state: &BookState) -> Option<Self> {
        let book = state.book()?;
        Some(Self {
            id: book.book_id.to_string(),
            title: book.title.clone(),
            subtitle: book.subtitle.clone(),
            author: book.author.clone(),
            authors: book.authors.clone(),
            page_count: book.page_count,
            status: book.status,
            status_reason: book.status_reason.clone(),
            created_at: book.created_at,
            isbn: book.isbn.clone(),
            lccn: book.lccn.clone(),
            publisher: book.publisher.clone(),
            publication_year: book.publication_year,
            language: book.language.clone(),
            description: book.description.clone(),
            subjects: book.subjects.clone(),
            cover_page: book.cover_page,
            total_chapters: book.total_chapters,
            total_paragraphs: book.total_paragraphs,
            total_words: book.total_words,
            operations: Operation::all(state),
            completeness: Completeness::of(state),
        })
    }
}
