//! Reading the entries of the table of contents with a language model.

use async_trait::async_trait;
use bookstate_domain::{BookState, Text, persist::NewTocEntry};
use bookstate_llm::{ChatRequest, Estimate, Schema, answer::share_of};
use serde_json::{Value, json};

use super::{Model, by_the_rules, prompts::Prompts};
use crate::{
    engine::{BookContext, EngineError, EngineResult, TocExtractor},
    engines::LocalAnalysis,
    part::Part,
};

const MOST_TOKENS: u32 = 16_000;
/// The most characters that are sent; a table of contents that is longer is the local rules'.
const MOST_CHARS: usize = 120_000;
/// The part of a title's words that must be printed on the pages.
const PRINTED: f64 = 0.7;
/// One in so many titles may be read badly; with more the answer is invented.
const ONE_IN: usize = 10;

/// A language model for the stage `toc_extract`. Where its answer is refused, the local rules read.
#[derive(Debug, Clone)]
pub struct ModelTocExtractor(Model);

impl ModelTocExtractor {
    /// Reads with this model.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// What a book may take at most.
    #[must_use]
    pub fn estimate(&self, prompts: &Prompts) -> Estimate {
        self.0.estimate(&self.request(prompts.get(Some(Part::TocExtract)), "x".repeat(MOST_CHARS)))
    }

    fn request(&self, prompt: &str, pages: String) -> ChatRequest {
        let text_or_null = json!({ "type": ["string", "null"] });
        let entry = json!({
            "type": "object", "additionalProperties": false,
            "required": ["entry_number", "title", "level", "printed_page"],
            "properties": {
                "entry_number": text_or_null,
                "title": { "type": "string", "minLength": 1 },
                "level": { "type": "integer", "minimum": 1, "maximum": 9 },
                "printed_page": text_or_null,
            },
        });
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["entries"],
            "properties": { "entries": { "type": "array", "items": entry } },
        });
        let schema = Schema { name: "entries".to_owned(), schema };
        ChatRequest::new(&self.0.name, MOST_TOKENS).system(prompt).user(pages).answer_as(schema)
    }

    async fn ask(&self, book: &BookContext) -> Result<Vec<NewTocEntry>, EngineError> {
        let pages = pages(&book.state);
        if pages.len() > MOST_CHARS {
            return Err(EngineError::permanent("the table of contents is too long for a model"));
        }
        let prompt = Prompts::told(book, Some(Part::TocExtract))?;
        let request = self.request(&prompt, pages.clone());
        self.0.ask_json(book, &request, |answer| entries(answer, &pages)).await
    }
}

#[async_trait]
impl TocExtractor for ModelTocExtractor {
    async fn extract(&self, book: BookContext) -> EngineResult<Vec<NewTocEntry>> {
        match self.ask(&book).await {
            Ok(entries) => Ok(entries.into()),
            Err(error) => {
                by_the_rules(&book, Part::TocExtract, error)?;
                LocalAnalysis.extract(book).await
            }
        }
    }
}

/// The texts of the pages that the finder named.
fn pages(state: &BookState) -> String {
    let range = state.toc().and_then(|toc| Some(toc.start_page?..=toc.end_page?));
    let text = |number| state.page(number).and_then(|page| page.ocr_markdown.clone()).unwrap_or_default();
    range.into_iter().flatten().map(|number| format!("{}\n\n", text(number))).collect()
}

/// The entries of an answer, if they are printed on these pages.
fn entries(answer: &Value, pages: &str) -> Result<Vec<NewTocEntry>, EngineError> {
    let text = |value: &Value| {
        let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
        text.map(Text::from)
    };
    let listed = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let entry = |value: &Value| {
        Some(NewTocEntry {
            entry_number: text(&value["entry_number"]),
            title: text(&value["title"])?,
            level: i32::try_from(value["level"].as_i64()?).ok()?,
            level_name: None,
            printed_page_number: text(&value["printed_page"]),
        })
    };
    let entries: Vec<NewTocEntry> = listed.iter().filter_map(entry).collect();
    let invented = entries.iter().filter(|entry| share_of(&entry.title, pages) < PRINTED).count();
    if entries.is_empty() || invented * ONE_IN > entries.len() {
        let all = entries.len();
        return Err(EngineError::permanent(format!("{invented} of {all} entries are printed nowhere")));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_nobody_printed_are_refused() {
        let entry =
            |title: &str| json!({ "entry_number": " ", "title": title, "level": 2, "printed_page": "ix" });
        let pages = "1 The Whale ..... ix\n\n2 The Sea, and what is in it ..... 12";
        let good = json!({ "entries": [entry("The Whale"), entry(" The sea and what is in it ")] });
        let read = entries(&good, pages).unwrap();
        assert_eq!(
            (read.len(), &*read[1].title, read[0].entry_number.as_deref()),
            (2, "The sea and what is in it", None)
        );
        assert_eq!(read[0].printed_page_number.as_deref(), Some("ix"));
        for bad in
            [json!({ "entries": [] }), json!({ "entries": [entry("The Whale"), entry("Of Other Things")] })]
        {
            assert!(entries(&bad, pages).unwrap_err().is_permanent(), "{bad}");
        }
    }
}
