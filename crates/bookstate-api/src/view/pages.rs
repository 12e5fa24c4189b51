//! Pages: the list, and one page with its texts.

use bookstate_domain::{BookState, Page, Provider, Text};
use bookstate_jobs::choose::{chosen, preferred};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many words of a page the list shows.
const BEGINNING_WORDS: usize = 12;
/// How many characters of a page the list shows at most.
const BEGINNING_CHARACTERS: usize = 80;

/// A page in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageRow {
    /// 1-based.
    pub page_num: i32,
    /// The text layer or image is available.
    pub extract_complete: bool,
    /// Every configured provider has answered.
    pub ocr_complete: bool,
    /// It was given up.
    pub ocr_failed: bool,
    /// Why the last attempt failed.
    #[schema(value_type = Option<String>)]
    pub failure_reason: Option<Text>,
    /// Characters of its text.
    pub characters: usize,
    /// The first words of its text.
    pub begins: String,
    /// How sure the reading is that its text comes from, 0 to 1; none where nothing had to be recognised.
    pub confidence: Option<f64>,
}

impl PageRow {
    /// A page of a book whose readings are `preferred` in this order.
    pub(crate) fn of(state: &BookState, page: &Page, preferred: &[Provider]) -> Self {
        let text = page.ocr_markdown.as_deref().unwrap_or_default();
        let begins = text.split_whitespace().take(BEGINNING_WORDS).collect::<Vec<_>>().join(" ");
        Self {
            page_num: page.page_num,
            extract_complete: page.extract_complete,
            ocr_complete: page.ocr_complete,
            ocr_failed: page.ocr_failed,
            failure_reason: page.failure_reason.clone(),
            characters: text.chars().count(),
            begins: begins.chars().take(BEGINNING_CHARACTERS).collect(),
            confidence: chosen(state, page.page_num, preferred).and_then(|choice| choice.reading.confidence),
        }
    }
}

/// The pages of a book that have a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pages {
    /// The book's id.
    pub book_id: String,
    /// How many pages the source has.
    pub page_count: i32,
    /// How many pages have a result.
    pub total: usize,
    /// This part of the list, by number.
    pub pages: Vec<PageRow>,
}

impl Pages {
    /// `limit` pages, after the first `offset`.
    #[must_use]
    pub fn of(state: &BookState, offset: usize, limit: usize) -> Self {
        let part = state.pages().values().skip(offset).take(limit);
        let preferred = preferred(state);
        Self {
            book_id: state.book_id().to_string(),
            page_count: state.book().map_or(0, |book| book.page_count),
            total: state.pages().size(),
            pages: part.map(|page| PageRow::of(state, page, &preferred)).collect(),
        }
    }
}

/// A heading on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heading {
    /// 1 is the highest.
    pub level: i32,
    /// The heading's text.
    #[schema(value_type = String)]
    pub text: Text,
    /// Line of the page's Markdown, 0-based.
    pub line: i32,
}

/// What a provider read on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageText {
    /// The provider.
    pub provider: String,
    /// What it read.
    #[schema(value_type = Option<String>)]
    pub text: Option<Text>,
    /// How sure it is, 0 to 1.
    pub confidence: Option<f64>,
}

/// One page with its texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageDetails {
    /// The book's id.
    pub book_id: String,
    /// 1-based.
    pub page_num: i32,
    /// The text layer or image is available.
    pub extract_complete: bool,
    /// Every configured provider has answered.
    pub ocr_complete: bool,
    /// It was given up.
    pub ocr_failed: bool,
    /// Why the last attempt failed.
    #[schema(value_type = Option<String>)]
    pub failure_reason: Option<Text>,
    /// Its text as Markdown.
    #[schema(value_type = Option<String>)]
    pub markdown: Option<Text>,
    /// Headings in it.
    pub headings: Vec<Heading>,
    /// Running header.
    #[schema(value_type = Option<String>)]
    pub header: Option<Text>,
    /// Running footer.
    #[schema(value_type = Option<String>)]
    pub footer: Option<Text>,
    /// What each provider read.
    pub texts: Vec<PageText>,
}

impl PageDetails {
    /// A page; `None` when the book has no such page. A page without any result is one that waits.
    #[must_use]
    pub fn of(state: &BookState, page_num: i32) -> Option<Self> {
        let book = state.book()?;
        if !(1..=book.page_count).contains(&page_num) {
            return None;
        }
        let results = state.ocr_results().values().filter(|result| result.page_num == page_num);
        let texts = results.map(|result| PageText {
            provider: result.provider.to_string(),
            text: result.text.clone(),
            confidence: result.confidence,
        });
        let page = state.page(page_num);
        let headings = page.and_then(|page| page.headings.as_ref()).map(|headings| &*headings.0);
        let headings = headings.into_iter().flatten().map(|heading| Heading {
            level: heading.level,
            text: heading.text.clone(),
            line: heading.line,
        });
        Some(Self {
            book_id: state.book_id().to_string(),
            page_num,
            extract_complete: page.is_some_and(|page| page.extract_complete),
            ocr_complete: page.is_some_and(|page| page.ocr_complete),
            ocr_failed: page.is_some_and(|page| page.ocr_failed),
            failure_reason: page.and_then(|page| page.failure_reason.clone()),
            markdown: page.and_then(|page| page.ocr_markdown.clone()),
            headings: headings.collect(),
            header: page.and_then(|page| page.header.clone()),
            footer: page.and_then(|page| page.footer.clone()),
            texts: texts.collect(),
        })
    }
}
