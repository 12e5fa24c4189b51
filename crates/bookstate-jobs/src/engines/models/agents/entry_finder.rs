//! The agent that finds the page of an entry: the part `toc_link`.

use std::sync::Arc;

use async_trait::async_trait;
use bookstate_domain::{
    AgentType, BookState, EntryIdent, Text, TocEntry,
    persist::{AgentTrace, LinkOutcome},
};
use serde_json::{Value, json};

use super::{
    Agent,
    pages::Pages,
    talk::{Subject, Verdict, page_of},
};
use crate::{
    engine::{BookContext, EngineResult, TocLinker, Turn},
    engines::{LocalAnalysis, models::entries::entry_line},
    part::Part,
};

/// Entries before and behind that are told.
const AROUND: u32 = 3;
/// The part of a title's words that stand on the page of its heading.
const PRINTED: f64 = 0.6;

#[async_trait]
impl TocLinker for Agent {
    async fn link(&self, book: BookContext, entry: Arc<TocEntry>) -> EngineResult<Turn<LinkOutcome>> {
        let subject = Entry { state: book.state.clone(), entry: entry.clone() };
        let outcome = |page: Option<i32>, trace: &AgentTrace| {
            let AgentTrace { turns, prompt, .. } = trace;
            let found = if page.is_some() { "found" } else { "not found" };
            let reason = format!("{found} by {} in {turns} turns, prompt {prompt}", self.name());
            match page {
                Some(page) => LinkOutcome::Linked { page, reason: Some(reason.into()) },
                None => LinkOutcome::NotFound { reason: reason.into() },
            }
        };
        self.turn_or(&book, subject, outcome, LocalAnalysis.link(book.clone(), entry)).await
    }
}

/// An entry, in its table.
pub(super) struct Entry {
    pub(super) state: BookState,
    pub(super) entry: Arc<TocEntry>,
}

impl Subject for Entry {
    /// The page.
    type Found = i32;
    const AGENT: AgentType = AgentType::TocEntryFinder;
    const PART: Part = Part::TocLink;

    fn members() -> Value {
        json!({})
    }

    fn key(&self) -> Text {
        self.entry.ident.to_string().into()
    }

    /// Not where other entries are linked to: that depends on which agents were faster.
    fn question(&self, pages: &Pages) -> String {
        let EntryIdent::Ordinal(number) = self.entry.ident else {
            return format!("{}The entry: {}", pages.book_line(), entry_line(&self.entry, false));
        };
        let range = number.saturating_sub(AROUND)..=number.saturating_add(AROUND);
        let entries = range.filter_map(|n| self.state.toc_entry(&EntryIdent::Ordinal(n)));
        let line = |entry: &Arc<TocEntry>| {
            let mark = if entry.ident == self.entry.ident { "> " } else { "  " };
            format!("{mark}{}\n", entry_line(entry, false))
        };
        let entries: String = entries.map(line).collect();
        format!("{}The entry is the one behind `>`:\n{entries}", pages.book_line())
    }

    fn judge(&self, pages: &Pages, said: &Value) -> Verdict<Option<i32>> {
        let number = match page_of(said) {
            Ok(number) => number,
            Err(verdict) => return verdict,
        };
        let Some(page) = i32::try_from(number).ok().filter(|page| (1..=pages.count()).contains(page)) else {
            return Verdict::Refused(pages.no_page(number));
        };
        if pages.is_contents(page) {
            return Verdict::Refused(format!("page {page} is of the table of contents itself."));
        }
        let title = self.entry.title.as_deref().unwrap_or_default();
        if pages.share_on(title, page) < PRINTED {
            let why = format!("The title is not in the text of page {page}.");
            return Verdict::Doubted(Some(page), why);
        }
        Verdict::of(Some(page), said, format!("You are not sure of page {page}."))
    }
}
