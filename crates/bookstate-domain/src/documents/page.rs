//! One page of a book.

use bookstate_domain_macros::document;
use serde::{Deserialize, Serialize};

use crate::{
    BookId,
    value::{Json, Text},
};

/// A heading found on a page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Heading {
    /// 1 is the highest.
    pub level: i32,
    /// The heading's text.
    pub text: Text,
    /// Line of the page's markdown, 0-based.
    pub line: i32,
}

/// How often a provider has failed to read a page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProviderRetries {
    /// The provider's name.
    pub provider: Text,
    /// Its failures so far.
    pub retries: i32,
}

/// One page of a book; created by its first result, never only to announce it.
#[document(pages)]
pub struct Page {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// 1-based.
    #[key]
    pub page_num: i32,
    /// The page's text as Markdown.
    pub ocr_markdown: Option<Text>,
    /// Headings found in `ocr_markdown`.
    pub headings: Option<Json<Vec<Heading>>>,
    /// Running header.
    pub header: Option<Text>,
    /// Running footer.
    pub footer: Option<Text>,
    /// The text layer or image is available.
    pub extract_complete: bool,
    /// Every configured provider has answered.
    pub ocr_complete: bool,
    /// Failures of reading it so far, of whatever step and provider.
    pub ocr_retries: i32,
    /// Those of them that were a provider's, by provider: each has attempts of its own.
    pub provider_retries: Option<Json<Vec<ProviderRetries>>>,
    /// It was given up; `failure_reason` says why.
    pub ocr_failed: bool,
    /// Why the last attempt failed.
    pub failure_reason: Option<Text>,
}
