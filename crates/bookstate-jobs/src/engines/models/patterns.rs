//! Looking with a language model for entries that the numbering of a table of contents implies.
//!
//! What the local rules see stays: they say where nothing is looked for, and what they miss a model may add. An entry
//! that a model adds is looked for like any other, so one that it invented costs a look and is found nowhere.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bookstate_domain::{BookState, EntryIdent, MissingEntry, PatternAnalysis, TocEntry};
use bookstate_llm::{ChatRequest, Estimate, Schema};
use bookstate_reading::toc::Numeral;
use serde_json::{Value, json};

use super::{Model, by_the_rules, entries::entry_line, prompts::Prompts};
use crate::{
    engine::{BookContext, EngineError, EngineResult, PatternFinder},
    engines::LocalAnalysis,
    part::Part,
};

const MOST_TOKENS: u32 = 4_000;
/// A table with more entries is the local rules': an answer would miss something.
const MOST_ENTRIES: usize = 500;
/// About what an entry's line has.
const LINE_BYTES: usize = 120;
/// So many entries may be missing; with more the answer is invented.
const MOST_MISSING: usize = 50;
/// The longest heading, in characters.
const LONGEST_HEADING: usize = 80;
/// An entry without a neighbour on one side is looked for so many pages from the other one.
const REACH: i32 = 20;

/// A language model for the part `patterns`. Where its answer is refused, what the local rules see is all.
#[derive(Debug, Clone)]
pub struct ModelPatternFinder(Model);

impl ModelPatternFinder {
    /// Looks with this model.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// What a book may take at most.
    #[must_use]
    pub fn estimate(&self, prompts: &Prompts) -> Estimate {
        let most = "x".repeat(MOST_ENTRIES * LINE_BYTES);
        self.0.estimate(&self.request(prompts.get(Some(Part::Patterns)), most))
    }

    fn request(&self, prompt: &str, entries: String) -> ChatRequest {
        let text_or_null = json!({ "type": ["string", "null"] });
        let missing = json!({
            "type": "object", "additionalProperties": false,
            "required": ["number", "heading", "level", "after", "before"],
            "properties": {
                "number": { "type": "string", "minLength": 1, "maxLength": 20 },
                "heading": { "type": "string", "minLength": 1, "maxLength": LONGEST_HEADING },
                "level": { "type": "integer", "minimum": 1, "maximum": 9 },
                "after": text_or_null, "before": text_or_null,
            },
        });
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["missing"],
            "properties": { "missing": { "type": "array", "items": missing } },
        });
        let schema = Schema { name: "missing_entries".to_owned(), schema };
        ChatRequest::new(&self.0.name, MOST_TOKENS).system(prompt).user(entries).answer_as(schema)
    }

    async fn ask(&self, book: &BookContext) -> Result<Vec<MissingEntry>, EngineError> {
        let entries: Vec<&TocEntry> =
            book.state.ordered_entries().into_iter().map(|entry| &**entry).collect();
        if entries.len() > MOST_ENTRIES {
            return Err(EngineError::permanent("there are too many entries for a model"));
        }
        let lines: String = entries.iter().map(|entry| format!("{}\n", entry_line(entry, true))).collect();
        if lines.len() > MOST_ENTRIES * LINE_BYTES {
            return Err(EngineError::permanent("the entries are too long for a model"));
        }
        let request = self.request(&Prompts::told(book, Some(Part::Patterns))?, lines);
        self.0.ask_json(book, &request, |answer| missing(answer, &book.state)).await
    }
}

#[async_trait]
impl PatternFinder for ModelPatternFinder {
    async fn patterns(&self, book: BookContext) -> EngineResult<PatternAnalysis> {
        let said = match self.ask(&book).await {
            Ok(said) => said,
            Err(error) => {
                by_the_rules(&book, Part::Patterns, error)?;
                Vec::new()
            }
        };
        Ok(LocalAnalysis.patterns(book).await?.map(|analysis| with(analysis, said)))
    }
}

/// What the rules see, and behind it what a model adds.
fn with(mut analysis: PatternAnalysis, said: Vec<MissingEntry>) -> PatternAnalysis {
    let mut known: BTreeSet<_> = analysis.entries_to_find.iter().map(MissingEntry::subject).collect();
    for missing in said {
        if known.insert(missing.subject()) {
            analysis.entries_to_find.push(missing);
        }
    }
    analysis
}

/// The entries that an answer says are missing, if they can be.
fn missing(answer: &Value, state: &BookState) -> Result<Vec<MissingEntry>, EngineError> {
    let listed = answer["missing"].as_array().map(Vec::as_slice).unwrap_or_default();
    if listed.len() > MOST_MISSING {
        let count = listed.len();
        return Err(EngineError::permanent(format!("{count} entries cannot be missing")));
    }
    Ok(listed.iter().filter_map(|said| missing_entry(said, state)).collect())
}

/// Whether two numbers are one, however they are written: `3` and `III`, but not `1.3` and `2.3`.
fn is_same_number(one: &str, other: &str) -> bool {
    let parts = |number: &str| -> Option<Vec<u32>> {
        number.split('.').map(|part| Numeral::parse(part).map(|numeral| numeral.value)).collect()
    };
    parts(one).is_some_and(|one| parts(other) == Some(one))
}

/// One entry, if its number is one, no entry has it already, and it has a place.
fn missing_entry(said: &Value, state: &BookState) -> Option<MissingEntry> {
    let number = said["number"].as_str()?.trim().trim_end_matches('.');
    let heading = said["heading"].as_str()?.trim();
    Numeral::parse(number.rsplit('.').next()?)?;
    let is_of_number = heading.split_whitespace().any(|word| word.trim_end_matches(['.', ':']) == number);
    if !is_of_number || heading.chars().count() > LONGEST_HEADING || heading.contains('\n') {
        return None;
    }
    let level = i32::try_from(said["level"].as_i64()?).ok().filter(|level| (1..=9).contains(level))?;
    let neighbour = |name: &str| -> Option<Option<i32>> {
        let Some(key) = said[name].as_str() else { return Some(None) };
        let ident: EntryIdent = key.parse().ok()?;
        Some(Some(state.toc_entry(&ident)?.actual_page?))
    };
    let last = state.book().map_or(1, |book| book.page_count.max(1));
    let (from_page, to_page) = match (neighbour("after")?, neighbour("before")?) {
        (Some(after), Some(before)) => (after, before),
        (Some(after), None) => (after, after.saturating_add(REACH).min(last)),
        (None, Some(before)) => (before.saturating_sub(REACH).max(1), before),
        // With no entry around it nothing implies it.
        (None, None) => return None,
    };
    // One that nobody has found a page for may be it as well.
    let may_be_there = |page: Option<i32>| page.is_none_or(|page| (from_page..=to_page).contains(&page));
    let has_it = state.toc_entries().values().any(|entry| {
        let known = entry.entry_number.as_deref().unwrap_or_default().trim_end_matches('.');
        is_same_number(known, number) && may_be_there(entry.actual_page)
    });
    if from_page > to_page || has_it {
        return None;
    }
    Some(MissingEntry {
        identifier: number.into(),
        level,
        level_name: None,
        heading: heading.into(),
        from_page,
        to_page,
    })
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{
        At, BookId, Operation, OperationEvent, Seq, Timestamp,
        persist::{LinkOutcome, NewBook, NewTocEntry, TocFound},
    };

    use super::*;
    use crate::persist_call::PersistCall;

    /// A book of a hundred pages whose entries 1, II and 4 begin on pages 10, nowhere and 40.
    fn book() -> BookState {
        let mut state = BookState::new(BookId::new("b").unwrap());
        let mut seq = Seq::ZERO;
        let mut at = || {
            seq = seq.next().unwrap();
            At { seq, now: Timestamp::from_nanos(1) }
        };
        for op in state.persist_book_record(&at(), NewBook { page_count: 100 }).unwrap() {
            state.apply(&op);
        }
        let entry = |number: &str| NewTocEntry {
            entry_number: Some(number.into()),
            title: format!("Title {number}").into(),
            level: 1,
            ..NewTocEntry::default()
        };
        let start = |operation| PersistCall::OpState(operation, OperationEvent::Start);
        let linked = |n, page| {
            PersistCall::TocEntryResult(EntryIdent::Ordinal(n), LinkOutcome::Linked { page, reason: None })
        };
        let calls = [
            start(Operation::TocFinder),
            PersistCall::TocFinderResult(TocFound { start_page: 2, end_page: 2, ..TocFound::default() }),
            start(Operation::TocExtract),
            PersistCall::TocEntries(["1", "II", "4"].map(entry).into()),
            start(Operation::TocLink),
            linked(0, 10),
            linked(2, 40),
        ];
        for call in calls {
            for op in call.ops(&state, &at()).unwrap() {
                state.apply(&op);
            }
        }
        state
    }

    #[test]
    fn an_entry_is_missing_where_a_number_says_so_and_nobody_has_it() {
        let state = book();
        let sought = |number: &str, heading: &str, after: Option<&str>, before: Option<&str>| {
            let said =
                json!({ "number": number, "heading": heading, "level": 1, "after": after, "before": before });
            let found = missing(&json!({ "missing": [said] }), &state).unwrap();
            found.first().map(|missing| (missing.identifier.to_string(), missing.from_page, missing.to_page))
        };
        let (first, last) = (Some("0000"), Some("0002"));
        assert_eq!(sought("3", "Chapter 3", first, last), Some(("3".to_owned(), 10, 40)));
        assert_eq!(sought("5.", "5.", last, None), Some(("5".to_owned(), 40, 60)));
        for (number, heading, after, before, why) in [
            ("2", "Chapter 2", first, last, "nobody knows where II is: it may be this one"),
            ("I", "I", first, last, "it is the first"),
            ("4", "4", first, last, "it is the last"),
            ("3", "Chapter 4", first, last, "the heading has another number"),
            ("Of Dragons", "Of Dragons", first, last, "no number"),
            ("3", "3", Some("0001"), last, "that has no page"),
            ("3", "3", last, first, "the other way round"),
            ("3", "3", None, None, "nowhere"),
        ] {
            assert_eq!(sought(number, heading, after, before), None, "{why}");
        }
        let many = json!({ "missing": vec![json!({}); MOST_MISSING + 1] });
        assert!(missing(&many, &state).unwrap_err().is_permanent());
    }
}
