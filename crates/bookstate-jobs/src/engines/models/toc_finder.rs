//! Finding the table of contents with a language model.

use async_trait::async_trait;
use bookstate_domain::{BookState, StructureSummary, persist::TocFound};
use bookstate_llm::{ChatRequest, Estimate, Schema};
use serde_json::{Value, json};

use super::Model;
use crate::{
    engine::{BookContext, EngineError, EngineResult, TocFinder},
    engines::{LocalAnalysis, NUMBERED},
    plan::FINDER_PAGES,
};

const PROMPT: &str = include_str!("../../../prompts/toc_finder.md");

/// The most characters of a page that are sent: a table of contents shows on any part of a page.
const PAGE_CHARS: usize = 1_500;
/// The most pages that a table of contents has.
const MOST_PAGES: i64 = 40;
const MOST_TOKENS: u32 = 500;

/// A language model for the stage `toc_finder`. Where its answer is refused, the local rules look.
#[derive(Debug, Clone)]
pub struct ModelTocFinder(Model);

impl ModelTocFinder {
    /// Looks with this model.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// What a book may take at most.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let most = PAGE_CHARS * usize::try_from(FINDER_PAGES).unwrap_or_default();
        self.0.estimate(&self.request("x".repeat(most)))
    }

    fn request(&self, pages: String) -> ChatRequest {
        let schema = json!({
            "type": "object", "additionalProperties": false,
            "required": ["found", "start_page", "end_page", "entries", "levels", "numbered", "page_numbers", "numerals"],
            "properties": {
                "found": { "type": "boolean" },
                "start_page": { "type": "integer", "minimum": 0 },
                "end_page": { "type": "integer", "minimum": 0 },
                "entries": { "type": "integer", "minimum": 0, "maximum": 10_000 },
                "levels": { "type": "integer", "minimum": 0, "maximum": 10 },
                "numbered": { "type": "boolean" },
                "page_numbers": { "type": "boolean" },
                "numerals": { "type": "string", "enum": ["arabic", "roman", "both", "none"] },
            },
        });
        let schema = Schema { name: "table_of_contents".to_owned(), schema };
        ChatRequest::new(&self.0.name, MOST_TOKENS).system(PROMPT).user(pages).answer_as(schema)
    }
}

#[async_trait]
impl TocFinder for ModelTocFinder {
    /// All, since the local rules may have to look.
    fn pages(&self) -> Option<i32> {
        None
    }

    async fn find(&self, book: BookContext) -> EngineResult<Option<TocFound>> {
        let request = self.request(first_pages(&book.state));
        match self.0.ask_json(&book, &request, |answer| found(page_count(&book.state), answer)).await {
            Err(error @ EngineError::Permanent { .. }) => {
                tracing::info!(book = %book.state.book_id(), %error, "the local rules look for the contents");
                LocalAnalysis.find(book).await
            }
            result => result.map(Into::into),
        }
    }
}

/// The beginnings of the first pages, each with its number.
fn first_pages(state: &BookState) -> String {
    let last = FINDER_PAGES.min(page_count(state));
    let page = |number: i32| {
        let text = state.page(number).and_then(|page| page.ocr_markdown.clone()).unwrap_or_default();
        let text: String = text.chars().take(PAGE_CHARS).collect();
        format!("=== page {number} ===\n{text}\n")
    };
    (1..=last).map(page).collect()
}

fn page_count(state: &BookState) -> i32 {
    state.book().map_or(0, |book| book.page_count)
}

/// The answer, if it can be one for a book of so many pages.
fn found(page_count: i32, answer: &Value) -> Result<Option<TocFound>, EngineError> {
    if answer["found"] != Value::Bool(true) {
        return Ok(None);
    }
    let number = |name: &str| answer[name].as_i64().unwrap_or(0);
    let (start, end) = (number("start_page"), number("end_page"));
    let last = i64::from(FINDER_PAGES.min(page_count));
    // They begin on a page that was shown.
    if !(1..=last).contains(&start) || end < start || end - start >= MOST_PAGES {
        return Err(EngineError::permanent(format!("the contents cannot be on pages {start} to {end}")));
    }
    let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    let style = match answer["numerals"].as_str() {
        Some("both") => "roman arabic",
        Some("roman") => "roman",
        Some("arabic") => "arabic",
        _ => "",
    };
    let summary = StructureSummary {
        entries: small(number("entries")),
        levels: small(number("levels")),
        page_numbers: answer["page_numbers"] == Value::Bool(true),
        number_style: style.into(),
        note: if answer["numbered"] == Value::Bool(true) { NUMBERED } else { "" }.into(),
    };
    Ok(Some(TocFound { start_page: small(start), end_page: small(end).min(page_count), summary }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_believed_where_they_can_be() {
        let answer = |start: i64, end: i64| json!({ "found": true, "start_page": start, "end_page": end });
        let read = |start, end| found(12, &answer(start, end));
        let range = read(3, 5).unwrap().unwrap();
        assert_eq!((range.start_page, range.end_page), (3, 5));
        assert_eq!(read(11, 14).unwrap().unwrap().end_page, 12, "a book ends with its last page");
        for (start, end) in [(0, 3), (5, 4), (13, 14), (2, 60), (1, i64::MAX)] {
            assert!(read(start, end).unwrap_err().is_permanent(), "{start} to {end}");
        }
        assert_eq!(found(12, &json!({ "found": false })).unwrap(), None);
    }
}
