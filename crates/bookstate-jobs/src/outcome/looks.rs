//! What becomes of looks for entries that the contents lack.
//!
//! Looks that run at once do not see what the others find. What two of them found is stored twice, whoever was faster, and
//! goes when all have looked: the first one stays, in the order in which the entries are to be found.

use bookstate_domain::{AgentType, BookState, EntryIdent, Text, TocEntry};

use crate::{persist_call::PersistCall, unit::Work};

/// A title of fewer words may end another one by chance.
const FEWEST_WORDS: usize = 2;

/// The call that stores that a look failed.
pub(super) fn failed(work: &Work, reason: Text) -> Option<PersistCall> {
    let (agent_type, subject, _): (AgentType, Text, u32) = work.agent()?;
    Some(PersistCall::LookFailed(agent_type, subject, reason))
}

/// The entries that were found although they are in the table, or were found before.
pub(super) fn found_again(state: &BookState) -> Vec<EntryIdent> {
    let sought = state.pattern_analysis().map(|analysis| analysis.entries_to_find.iter());
    let found = sought.into_iter().flatten().filter_map(|missing| {
        let ident = EntryIdent::Discovered { level: missing.level, identifier: missing.identifier.clone() };
        state.toc_entry(&ident).map(|entry| &**entry)
    });
    let mut known: Vec<&TocEntry> =
        state.toc_entries().values().map(|entry| &**entry).filter(|entry| entry.ident.is_printed()).collect();
    let mut again = Vec::new();
    for entry in found {
        match known.iter().any(|other| is_same(other, entry)) {
            true => again.push(entry.ident.clone()),
            false => known.push(entry),
        }
    }
    again
}

/// Whether two entries begin on one page with the same words, or one with some in front of them, such as its number.
fn is_same(one: &TocEntry, other: &TocEntry) -> bool {
    let words = |entry: &TocEntry| -> Vec<String> {
        let title = entry.title.as_deref().unwrap_or_default();
        let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let (one_words, other_words) = (words(one), words(other));
    let ends = |long: &[String], short: &[String]| short.len() >= FEWEST_WORDS && long.ends_with(short);
    one.actual_page == other.actual_page
        && (one_words == other_words || ends(&one_words, &other_words) || ends(&other_words, &one_words))
}
