//! Edits of a text that a model proposes: which are applied, and which are refused.
//!
//! Invariants: an edit applies where what it looks for stands exactly once, behind the edits before it; the text outside
//! of the edits stays byte for byte; the numbers of the text, its quotations, and its names as far as they can be
//! told from other words, are the same before and after.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use super::quotations::{is_quote, quotations, singles};

/// The longest piece of text that an edit may be about, in bytes.
const LONGEST: usize = 400;
/// So many characters may change in any edit, and in a long one this part of it.
const FREE_CHANGES: usize = 8;
const CHANGED: usize = 3;

/// An edit as a model proposes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposed {
    /// What stands there.
    pub(super) find: String,
    /// What it becomes.
    pub(super) replace: String,
}

/// Why an edit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Refusal {
    /// It changes nothing.
    Nothing,
    /// What it looks for is nowhere.
    Missing,
    /// What it looks for stands at several places.
    Ambiguous,
    /// It changes where a line or a paragraph ends.
    Lines,
    /// It changes a number.
    Numbers,
    /// It changes a name.
    Names,
    /// It changes a quotation, or where one begins or ends.
    Quotation,
    /// It is more than a correction.
    Rewrite,
}

/// An edited text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edited {
    /// The text.
    pub(super) text: String,
    /// Edits that were applied.
    pub(super) applied: usize,
    /// Those that were refused.
    pub(super) refused: BTreeMap<Refusal, usize>,
}

impl Edited {
    /// How many were refused.
    pub(super) fn refusals(&self) -> usize {
        self.refused.values().sum()
    }
}

/// What is known of a text's words, from a text around it that is as long as possible.
#[derive(Debug)]
pub(super) struct Known {
    /// Words that stand in lower case.
    lower: HashSet<String>,
    /// Words that stand with a capital letter within a sentence.
    capital: HashSet<String>,
}

impl Known {
    /// Of this text.
    pub(super) fn of(text: &str) -> Self {
        let mut known = Self { lower: HashSet::new(), capital: HashSet::new() };
        for Word { text: word, begins } in words(text) {
            if !is_capital(word) {
                known.lower.insert(word.to_owned());
            } else if !begins {
                known.capital.insert(word.to_owned());
            }
        }
        known
    }

    /// The names of a text: words with a capital letter, but for those at the beginning of a sentence that may be any.
    fn names<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let is_name = |word: &Word<'_>| {
            is_capital(word.text)
                && (!word.begins
                    || (self.capital.contains(word.text) && !self.lower.contains(&word.text.to_lowercase())))
        };
        words(text).filter(is_name).map(|word| word.text).collect()
    }
}

/// A word, and whether it begins a sentence.
struct Word<'t> {
    text: &'t str,
    begins: bool,
}

fn is_capital(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
}

fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut end = 0;
    let runs = text.split(|c: char| !c.is_alphabetic()).filter(|run| !run.is_empty());
    runs.map(move |run| {
        // What lies between two runs is what was split away.
        let at = text.get(end..).and_then(|rest| rest.find(run)).map_or(end, |offset| end + offset);
        let between = text.get(end..at).unwrap_or_default();
        let begins = end == 0 || between.contains(['.', '!', '?', ':', '\n']) || between.contains(is_quote);
        end = at + run.len();
        Word { text: run, begins }
    })
}

/// The numbers of a text, in order.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_numeric()).filter(|run| !run.is_empty())
}

/// What of a text's lines an edit must leave: how many there are, and which are empty.
fn lines(text: &str) -> impl Iterator<Item = (bool, bool)> {
    text.split('\n').map(|line| (line.is_empty(), line.trim().is_empty()))
}

/// A part of a text as it is, and as it would be.
fn replaced(text: &str, around: &Range<usize>, range: &Range<usize>, replace: &str) -> (String, String) {
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let (left, right) = (part(around.start, range.start), part(range.end, around.end));
    (part(around.start, around.end).to_owned(), format!("{left}{replace}{right}"))
}

/// The text with those of the edits that may be, one after the other. `known` is of the text, or of one that it is a
/// part of.
pub(super) fn edit(text: &str, proposed: &[Proposed], known: &Known) -> Edited {
    let mut edited = Edited { text: text.to_owned(), applied: 0, refused: BTreeMap::new() };
    for edit in proposed {
        match judge(&edited.text, edit, known) {
            Ok(range) => {
                edited.text.replace_range(range, &edit.replace);
                edited.applied += 1;
            }
            Err(refusal) => *edited.refused.entry(refusal).or_default() += 1,
        }
    }
    edited
}

/// Where an edit applies, if it may.
fn judge(text: &str, Proposed { find, replace }: &Proposed, known: &Known) -> Result<Range<usize>, Refusal> {
    if find == replace || find.is_empty() {
        return Err(Refusal::Nothing);
    }
    let start = text.find(find.as_str()).ok_or(Refusal::Missing)?;
    // From the next character on: two places may share a part.
    let next = start + text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    if text.get(next..).is_some_and(|rest| rest.contains(find.as_str())) {
        return Err(Refusal::Ambiguous);
    }
    let range = start..start + find.len();
    let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = text.get(range.end..).and_then(|after| after.find('\n'));
    let whole_lines = line_start..line_end.map_or(text.len(), |at| range.end + at);
    let (before, after) = replaced(text, &whole_lines, &range, replace);
    if !lines(&before).eq(lines(&after)) {
        return Err(Refusal::Lines);
    }
    let changed = changed(find, replace, start);
    let marks = |text: &str| text.chars().filter(|c| is_quote(*c)).collect::<Vec<_>>();
    if quotations(text).iter().any(|quotation| quotation.meets(&changed)) || marks(find) != marks(replace) {
        return Err(Refusal::Quotation);
    }
    let (before, after) = replaced(text, &widened(text, &range), &range, replace);
    if !singles(&before).eq(singles(&after)) {
        return Err(Refusal::Quotation);
    }
    if !numbers(&before).eq(numbers(&after)) {
        return Err(Refusal::Numbers);
    }
    if known.names(&before) != known.names(&after) {
        return Err(Refusal::Names);
    }
    // Comparing takes time by both lengths.
    if find.len() > LONGEST || replace.len() > 2 * LONGEST {
        return Err(Refusal::Rewrite);
    }
    let distance = strsim::levenshtein(find, replace);
    if distance > FREE_CHANGES.max(find.chars().count() / CHANGED) {
        return Err(Refusal::Rewrite);
    }
    Ok(range)
}

/// A range with the words around it: those at its ends are whole, and of the first and of the one behind it is known
/// whether they begin a sentence.
fn widened(text: &str, range: &Range<usize>) -> Range<usize> {
    let is_word = |token: &str| token.contains(char::is_alphabetic);
    let is_ink = |c: char| !c.is_whitespace();
    let mut before = text.get(..range.start).unwrap_or_default().trim_end_matches(is_ink);
    loop {
        let ink = before.trim_end();
        before = ink.trim_end_matches(is_ink);
        if ink.is_empty() || is_word(ink.get(before.len()..).unwrap_or_default()) {
            break;
        }
    }
    let mut after = text.get(range.end..).unwrap_or_default().trim_start_matches(is_ink);
    loop {
        let ink = after.trim_start();
        after = ink.trim_start_matches(is_ink);
        let token = ink.len() - after.len();
        if ink.is_empty() || is_word(ink.get(..token).unwrap_or_default()) {
            break;
        }
    }
    before.len()..text.len() - after.len()
}

/// The part of the text that an edit at `start` changes: without what its two sides have in common at their ends.
fn changed(find: &str, replace: &str, start: usize) -> Range<usize> {
    let same = |(a, b): &(char, char)| a == b;
    let prefix: usize = find.chars().zip(replace.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (find_rest, replace_rest) =
        (find.get(prefix..).unwrap_or_default(), replace.get(prefix..).unwrap_or_default());
    let ends = find_rest.chars().rev().zip(replace_rest.chars().rev());
    let suffix: usize = ends.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    start + prefix..start + find.len() - suffix
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::quotations::{in_double_marks, in_single_marks},
        *,
    };

    const TEXT: &str = "Tlie captain, Mr. Ahab, walked the deck in 1851 and counted tbe whales.\n\n\
                        “I saw tbree of them,” said Ahab. The mate saw two hun- dred and five.\n\n\
                        ‘Nor tbe otber,’ they said, and didnt like the captains\u{2019} tbird.";

    fn one(find: &str, replace: &str) -> Result<String, Refusal> {
        let proposed = Proposed { find: find.to_owned(), replace: replace.to_owned() };
        let edited = edit(TEXT, &[proposed], &Known::of(TEXT));
        match edited.refused.keys().next() {
            Some(refusal) => {
                assert_eq!((edited.text.as_str(), edited.applied), (TEXT, 0));
                Err(*refusal)
            }
            None => Ok(edited.text),
        }
    }

    #[test]
    fn what_reading_broke_may_be_corrected() {
        for (find, replace) in [
            ("Tlie captain", "The captain"),
            ("tbe whales", "the whales"),
            ("hun- dred", "hundred"),
            ("Ahab, walked", "Ahab walked"),
            ("didnt", "didn\u{2019}t"),
            ("captains\u{2019} tbird", "captains\u{2019} third"),
        ] {
            assert_eq!(one(find, replace), Ok(TEXT.replacen(find, replace, 1)), "{find}");
        }
    }

    #[test]
    fn what_an_edit_may_not_touch_is_refused() {
        for (find, replace, refusal) in [
            ("the deck", "the deck", Refusal::Nothing),
            ("", "x", Refusal::Nothing),
            ("the ship", "a ship", Refusal::Missing),
            ("Ahab", "Ahab!", Refusal::Ambiguous),
            ("in 1851", "in 1852", Refusal::Numbers),
            ("in 18", "in 18 ", Refusal::Numbers),
            ("Mr. Ahab", "Mr. Ahub", Refusal::Names),
            ("the deck", "the Deck", Refusal::Names),
            ("tbree", "three", Refusal::Quotation),
            ("“I saw", "I saw", Refusal::Quotation),
            ("them,” said", "them, said”", Refusal::Quotation),
            ("tbe otber", "the other", Refusal::Quotation),
            (",’ they", ", they", Refusal::Quotation),
            ("they said", "they ‘said", Refusal::Quotation),
            ("whales.\n\n", "whales. ", Refusal::Lines),
            ("walked the deck in", "was on his feet in", Refusal::Rewrite),
        ] {
            assert_eq!(one(find, replace), Err(refusal), "{find} to {replace}");
        }
    }

    #[test]
    fn a_place_that_was_edited_is_not_what_it_was() {
        let twice = [("tbe whales", "the whales"), ("counted tbe", "counted the"), ("Tlie", "The")];
        let proposed =
            twice.map(|(find, replace)| Proposed { find: find.to_owned(), replace: replace.to_owned() });
        let edited = edit(TEXT, &proposed, &Known::of(TEXT));
        assert_eq!((edited.applied, edited.refusals()), (2, 1));
        assert_eq!(edited.refused.get(&Refusal::Missing), Some(&1));
    }

    fn all_numbers(text: &str) -> Vec<String> {
        numbers(text).map(str::to_owned).collect()
    }

    fn all_quotes(text: &str) -> Vec<String> {
        in_double_marks(text).into_iter().map(|quotation| text[quotation.range].to_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is proposed: numbers, quotations and names are those of before, and each applied edit was applied.
        #[test]
        fn numbers_quotations_and_names_stay(
            text in "([a-c]{1,2}|[AB][ab]|[0-9]{1,2}|\"|'| |\\. |\n\n){1,40}",
            cuts in proptest::collection::vec((0usize..60, 1usize..6, "[a-cA 0-9\"'.]{0,5}"), 0..6),
        ) {
            let known = Known::of(&text);
            let proposed: Vec<Proposed> = cuts
                .into_iter()
                .filter_map(|(at, length, replace)| {
                    let find = text.get(at..(at + length).min(text.len()))?.to_owned();
                    Some(Proposed { find, replace })
                })
                .collect();
            let edited = edit(&text, &proposed, &known);
            prop_assert_eq!(edited.applied + edited.refusals(), proposed.len());
            prop_assert_eq!(all_numbers(&edited.text), all_numbers(&text));
            prop_assert_eq!(all_quotes(&edited.text), all_quotes(&text));
            for quotation in in_single_marks(&text) {
                let said = &text[quotation.range];
                prop_assert!(edited.text.contains(said), "{:?} is not in {:?}", said, edited.text);
            }
            prop_assert_eq!(known.names(&edited.text), known.names(&text), "{:?}", edited.text);
        }
    }
}
