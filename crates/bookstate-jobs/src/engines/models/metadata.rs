//! Reading title, authors and the like with a language model.

use async_trait::async_trait;
use bookstate_domain::{BookState, Text, persist::MetadataResult};
use bookstate_llm::{ChatRequest, Estimate, Schema, answer::share_of};
use serde_json::{Value, json};

use super::{Model, by_the_rules, prompts::Prompts};
use crate::{
    engine::{BookContext, EngineResult, MetadataEngine},
    engines::LocalAnalysis,
    part::Part,
    plan::METADATA_PAGES,
};

/// The most characters of a page that are sent.
const PAGE_CHARS: usize = 1_200;
const MOST_TOKENS: u32 = 500;
/// The part of a name's or title's words that must be printed.
const PRINTED: f64 = 0.8;

/// A language model for the part `metadata`. What it does not say, and what is not printed, is as the local rules have it.
#[derive(Debug, Clone)]
pub struct ModelMetadata(Model);

impl ModelMetadata {
    /// Reads with this model.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// What a book may take at most.
    #[must_use]
    pub fn estimate(&self, prompts: &Prompts) -> Estimate {
        let most = PAGE_CHARS * usize::try_from(METADATA_PAGES).unwrap_or_default();
        self.0.estimate(&self.request(prompts.get(Some(Part::Metadata)), "x".repeat(most)))
    }

    fn request(&self, prompt: &str, pages: String) -> ChatRequest {
        let text_or_null = json!({ "type": ["string", "null"] });
        let schema = json!({
            "type": "object", "additionalProperties": false,
            "required": ["title", "subtitle", "authors", "publisher", "year", "language"],
            "properties": {
                "title": text_or_null, "subtitle": text_or_null, "publisher": text_or_null,
                "language": text_or_null,
                "authors": { "type": "array", "maxItems": 20, "items": { "type": "string", "minLength": 1 } },
                "year": { "type": ["integer", "null"] },
            },
        });
        let schema = Schema { name: "metadata".to_owned(), schema };
        ChatRequest::new(&self.0.name, MOST_TOKENS).system(prompt).user(pages).answer_as(schema)
    }
}

#[async_trait]
impl MetadataEngine for ModelMetadata {
    async fn metadata(&self, book: BookContext) -> EngineResult<MetadataResult> {
        let pages = first_pages(&book.state);
        let request = self.request(&Prompts::told(&book, Some(Part::Metadata))?, pages.clone());
        let said = match self.0.ask_json(&book, &request, |answer| Ok(said(answer, &pages))).await {
            Ok(said) => said,
            Err(error) => {
                by_the_rules(&book, Part::Metadata, error)?;
                MetadataResult::default()
            }
        };
        let by_rules = LocalAnalysis.metadata(book).await?;
        Ok(by_rules.map(|by_rules| over(said, by_rules)))
    }
}

/// The beginnings of the first pages.
fn first_pages(state: &BookState) -> String {
    let count = state.book().map_or(0, |book| book.page_count);
    let page = |number: i32| {
        let text = state.page(number).and_then(|page| page.ocr_markdown.clone()).unwrap_or_default();
        let text: String = text.chars().take(PAGE_CHARS).collect();
        format!("=== page {number} ===\n{text}\n")
    };
    (1..=METADATA_PAGES.min(count)).map(page).collect()
}

/// What of an answer is printed on these pages.
fn said(answer: &Value, pages: &str) -> MetadataResult {
    let printed = |value: &Value| {
        // A dash is how a model says that it knows nothing.
        let text = value.as_str().map(str::trim).filter(|text| text.contains(char::is_alphanumeric))?;
        (share_of(text, pages) >= PRINTED).then(|| Text::from(text))
    };
    let authors: Vec<Text> = answer["authors"].as_array().into_iter().flatten().filter_map(printed).collect();
    let year = answer["year"].as_i64().and_then(|year| i32::try_from(year).ok());
    let numbers = || pages.split(|c: char| !c.is_ascii_digit());
    let language = answer["language"]
        .as_str()
        .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase()));
    let names: Vec<&str> = authors.iter().map(|author| &**author).collect();
    MetadataResult {
        title: printed(&answer["title"]),
        subtitle: printed(&answer["subtitle"]),
        author: (!names.is_empty()).then(|| names.join(", ").into()),
        publisher: printed(&answer["publisher"]),
        publication_year: year.filter(|year| numbers().any(|number| number == year.to_string())),
        language: language.map(Text::from),
        authors,
        ..MetadataResult::default()
    }
}

/// What a model said, and the rest by the rules.
fn over(said: MetadataResult, by_rules: MetadataResult) -> MetadataResult {
    let has_title = said.title.is_some();
    let has_authors = !said.authors.is_empty();
    MetadataResult {
        // A subtitle belongs to its title.
        subtitle: if has_title { said.subtitle } else { by_rules.subtitle },
        title: said.title.or(by_rules.title),
        author: if has_authors { said.author } else { by_rules.author },
        authors: if has_authors { said.authors } else { by_rules.authors },
        publisher: said.publisher.or(by_rules.publisher),
        publication_year: said.publication_year.or(by_rules.publication_year),
        language: said.language.or(by_rules.language),
        ..by_rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printed_is_as_the_rules_have_it() {
        let pages = "THE WHALE\nor, Of Harbours\nby Ada Quarry\nQuay & Sons, 1851";
        let answer = json!({ "title": "The Whale", "subtitle": "or, Of Harbours", "authors": ["Ada Quarry", "A Ghost"],
            "publisher": "Another House", "year": 1851, "language": "English" });
        let read = said(&answer, pages);
        assert_eq!((read.title.as_deref(), read.author.as_deref()), (Some("The Whale"), Some("Ada Quarry")));
        assert_eq!((read.publisher, read.publication_year, read.language), (None, Some(1851), None));
        let dashes = json!({ "title": "-", "subtitle": "\u{2014}", "authors": ["?"], "publisher": "***" });
        assert_eq!(said(&dashes, pages), MetadataResult::default(), "nothing is printed of what has no word");
        let guessed =
            json!({ "title": "Moby Dick", "subtitle": "or, Of Harbours", "authors": [], "year": 185 });
        let by_rules = MetadataResult {
            title: Some("The Whale".into()),
            authors: vec!["Quarry".into()],
            ..MetadataResult::default()
        };
        assert_eq!(over(said(&guessed, pages), by_rules.clone()), by_rules);
    }
}
