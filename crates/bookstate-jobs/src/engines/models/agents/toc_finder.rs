//! The agent that finds the printed table of contents: the part `toc_finder`.

use async_trait::async_trait;
use bookstate_domain::{AgentType, StructureSummary, Text, persist::TocFound};
use serde_json::{Value, json};

use super::{
    Agent,
    pages::Pages,
    talk::{Subject, Verdict, page_of},
};
use crate::{
    engine::{BookContext, EngineResult, TocFinder, Turn},
    engines::{LocalAnalysis, NUMBERED},
    part::Part,
    plan::FINDER_PAGES,
};

/// Pages at the end of the book whose beginnings are told, too: some books have their contents there.
const LAST_PAGES: i32 = 8;
/// The most pages that a table of contents has.
const MOST_PAGES: i64 = 40;

#[async_trait]
impl TocFinder for Agent {
    /// All, since the agent may look anywhere.
    fn pages(&self) -> Option<i32> {
        None
    }

    async fn find(&self, book: BookContext) -> EngineResult<Turn<Option<TocFound>>> {
        let local = LocalAnalysis.find(book.clone());
        self.turn_or(&book, Contents, |found, _| found, local).await
    }
}

/// The table of contents, which a book has once.
pub(super) struct Contents;

impl Subject for Contents {
    type Found = TocFound;
    const AGENT: AgentType = AgentType::TocFinder;
    const PART: Part = Part::TocFinder;

    fn members() -> Value {
        let count = json!({ "type": ["integer", "null"] });
        json!({
            "end_page": count, "entries": count, "levels": count,
            "numbered": { "type": ["boolean", "null"] },
            "numerals": { "type": ["string", "null"], "enum": ["arabic", "roman", "both", "none", null] },
        })
    }

    fn key(&self) -> Text {
        "book".into()
    }

    fn question(&self, pages: &Pages) -> String {
        let count = pages.count();
        let last = FINDER_PAGES.min(count);
        let told = (1..=last).chain(last.max(count.saturating_sub(LAST_PAGES)).saturating_add(1)..=count);
        let lines: String = told.map(|page| format!("page {page}: {}\n", pages.first_line(page))).collect();
        format!("{}How pages begin:\n{lines}", pages.book_line())
    }

    fn judge(&self, pages: &Pages, said: &Value) -> Verdict<Option<TocFound>> {
        let start = match page_of(said) {
            Ok(number) => number,
            Err(verdict) => return verdict,
        };
        let Some(end) = said["end_page"].as_i64() else {
            return Verdict::Refused("`end_page` is missing.".to_owned());
        };
        let within = |page: i64| i32::try_from(page).ok().filter(|page| (1..=pages.count()).contains(page));
        let (Some(start_page), Some(end_page)) = (within(start), within(end)) else {
            let outside = if within(start).is_none() { start } else { end };
            return Verdict::Refused(pages.no_page(outside));
        };
        if start > end || end - start >= MOST_PAGES {
            return Verdict::Refused(format!("they cannot go from page {start} to page {end}."));
        }
        let Some(numerals) = said["numerals"].as_str() else {
            return Verdict::Refused("`numerals` is missing: arabic, roman, both or none.".to_owned());
        };
        let found = TocFound { start_page, end_page, summary: summary(said, numerals) };
        if pages.first_line(start_page).is_empty() {
            return Verdict::Doubted(Some(found), format!("Page {start_page} has no text."));
        }
        Verdict::of(Some(found), said, format!("You are not sure of pages {start_page} to {end_page}."))
    }
}

fn summary(said: &Value, numerals: &str) -> StructureSummary {
    let small = |name: &str, most: i64| {
        i32::try_from(said[name].as_i64().unwrap_or(0).clamp(0, most)).unwrap_or(i32::MAX)
    };
    let number_style = match numerals {
        "both" => "roman arabic",
        "roman" | "arabic" => numerals,
        _ => "",
    };
    StructureSummary {
        entries: small("entries", 10_000),
        levels: small("levels", 10),
        page_numbers: !number_style.is_empty(),
        number_style: number_style.into(),
        note: if said["numbered"] == true { NUMBERED } else { "" }.into(),
    }
}
