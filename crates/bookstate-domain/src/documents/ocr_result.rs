//! What one OCR provider read on one page.

use bookstate_domain_macros::document;

use crate::{BookId, Provider, value::Text};

/// A provider's reading of a page. Its presence means "done by this provider"; the text may be empty.
#[document(ocr_results)]
pub struct OcrResult {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// The page, 1-based.
    #[key]
    #[index]
    pub page_num: i32,
    /// The provider.
    #[key]
    pub provider: Provider,
    /// What it read.
    pub text: Option<Text>,
    /// How sure it is, 0 to 1.
    pub confidence: Option<f64>,
}
