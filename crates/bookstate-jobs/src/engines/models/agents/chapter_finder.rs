//! The agent that finds an entry that the printed table lacks: the part `discover`.

use async_trait::async_trait;
use bookstate_domain::{AgentType, BookState, MissingEntry, Text, TocEntry};
use bookstate_llm::answer::share_of;
use bookstate_reading::toc::Numeral;
use serde_json::{Value, json};

use super::{
    Agent,
    pages::Pages,
    talk::{Subject, Verdict, page_of},
};
use crate::{
    engine::{BookContext, ChapterFinder, Discovered, EngineResult, Turn},
    engines::{LocalAnalysis, models::entries::entries_around},
    part::Part,
};

/// Entries around that are told.
const AROUND: usize = 3;
/// The part of a title's words that must stand on its page.
const PRINTED: f64 = 0.7;
/// Titles that have so much in common are one.
const SAME: f64 = 0.8;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 300;

#[async_trait]
impl ChapterFinder for Agent {
    async fn discover(&self, book: BookContext, missing: MissingEntry) -> EngineResult<Turn<Discovered>> {
        let subject = Missing { state: book.state.clone(), missing: missing.clone() };
        let local = LocalAnalysis.discover(book.clone(), missing);
        self.turn_or(&book, subject, |found, _| found, local).await
    }

    fn looks_at_once(&self) -> bool {
        true
    }
}

/// An entry that the numbering implies.
pub(super) struct Missing {
    pub(super) state: BookState,
    pub(super) missing: MissingEntry,
}

impl Subject for Missing {
    /// Its page, and the title as it stands there.
    type Found = (i32, Text);
    const AGENT: AgentType = AgentType::ChapterFinder;
    const PART: Part = Part::Discover;

    fn members() -> Value {
        json!({ "title": { "type": ["string", "null"] } })
    }

    fn key(&self) -> Text {
        self.missing.subject()
    }

    fn question(&self, pages: &Pages) -> String {
        let MissingEntry { heading, level, from_page, to_page, .. } = &self.missing;
        // Not what other looks found meanwhile, which is chance.
        let around =
            entries_around(&self.state, (*from_page, *to_page), AROUND, |entry| entry.ident.is_printed());
        format!(
            "{}Look for {heading:?}, level {level}, between pages {from_page} and {to_page}. Entries around it:\n{around}",
            pages.book_line()
        )
    }

    fn judge(&self, pages: &Pages, said: &Value) -> Verdict<Discovered> {
        let number = match page_of(said) {
            Ok(number) => number,
            Err(verdict) => return verdict,
        };
        let title = said["title"].as_str().unwrap_or_default().trim();
        let (page, title) = match placed(pages, (self.missing.from_page, self.missing.to_page), number, title)
        {
            Ok(placed) => placed,
            Err(why) => return Verdict::Refused(why),
        };
        if let Some(known) = known_at(&self.state, page, &title, |entry| entry.ident.is_printed()) {
            return Verdict::Refused(format!("that is the entry {known}, which the table has."));
        }
        if let Some(other) = other_number(&self.missing, &title) {
            return Verdict::Doubted(Some((page, title)), format!("The title has the number {other}."));
        }
        Verdict::of(Some((page, title)), said, format!("You are not sure of page {page}."))
    }
}

/// A heading that is printed where it is said to be.
///
/// # Errors
/// What is wrong, for the agent.
pub(super) fn placed(
    pages: &Pages,
    (first, last): (i32, i32),
    number: i64,
    title: &str,
) -> Result<(i32, Text), String> {
    let within = i32::try_from(number).ok().filter(|page| (1..=pages.count()).contains(page));
    let Some(page) = within else { return Err(pages.no_page(number)) };
    if !(first..=last).contains(&page) || pages.is_contents(page) {
        return Err(format!("page {page} is not where it may be: pages {first} to {last}."));
    }
    let length = title.chars().count();
    let has_words = title.contains(char::is_alphanumeric);
    if !has_words || length > LONGEST_TITLE || title.contains('\n') || pages.share_on(title, page) < PRINTED {
        return Err(format!("the title {title:?} is not printed on page {page}."));
    }
    Ok((page, title.into()))
}

/// The number that a title begins with, or has behind its first word, where it is not the one that is looked for.
fn other_number(missing: &MissingEntry, title: &str) -> Option<String> {
    let value = |text: &str| Numeral::parse(text.trim_matches(['.', ':'])).map(|numeral| numeral.value);
    let sought = value(missing.number()?.rsplit('.').next()?)?;
    let mut words = title.split_whitespace().take(2).filter(|word| !word.contains('-'));
    let (word, found) =
        words.find_map(|word| Some((word, value(word.rsplit('.').find(|part| !part.is_empty())?)?)))?;
    (found != sought).then(|| word.to_owned())
}

/// The entry that begins on a page with about this title, of those that count.
pub(super) fn known_at(
    state: &BookState,
    page: i32,
    title: &str,
    counts: impl Fn(&TocEntry) -> bool,
) -> Option<String> {
    let at_page =
        state.toc_entries().values().filter(|entry| entry.actual_page == Some(page) && counts(entry));
    let is_it = |known: &str| share_of(known, title) >= SAME && share_of(title, known) >= SAME;
    let mut same = at_page.filter(|entry| entry.title.as_deref().is_some_and(is_it));
    same.next().map(|entry| entry.ident.to_string())
}
