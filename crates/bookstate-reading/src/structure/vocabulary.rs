//! The words of a book, to decide whether a hyphen at a line's end belongs to the word.
//!
//! Invariant: only words inside lines count, so that no broken word vouches for itself.

use crate::toc::BookText;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// In lower case and in order, each with how often it occurs.
    words: Vec<(String, u32)>,
    /// The book's language writes compounds in one word, so that a hyphen at a line's end is the printer's.
    joins_compounds: bool,
}

/// Hyphens at a line's end.
pub(super) const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{ad}'];

/// Conjunctions before which a hyphen stands for the rest of a word.
const CONJUNCTIONS: [&str; 22] = [
    "und", "oder", "bzw", "sowie", "and", "or", "et", "ou", "y", "e", "o", "en", "of", "och", "og", "eller",
    "ja", "tai", "и", "или", "i", "lub",
];

/// First parts of compounds that English writes with a hyphen.
const FIRST_PARTS: [&str; 14] = [
    "well", "self", "half", "ill", "all", "ex", "twenty", "thirty", "forty", "fifty", "sixty", "seventy",
    "eighty", "ninety",
];

/// Two words are forms of one when they differ in no more than so many letters at their ends, and agree in so many
/// behind the hyphen.
const ENDING: usize = 2;
const STEM: usize = 3;

/// Endings of words that are no words.
const SUFFIXES: [&str; 12] =
    ["ish", "ness", "less", "ful", "fully", "ing", "hood", "ship", "ment", "dom", "ist", "ism"];

impl Vocabulary {
    pub(super) fn of(book: &BookText) -> Self {
        let mut words: HashMap<String, u32> = HashMap::new();
        let pages = || (1..=book.page_count()).filter_map(|n| book.page(n));
        for line in pages().flat_map(|p| &p.lines) {
            let mut tokens = line.text.split_whitespace().peekable();
            // A line's first word may be the second half of one.
            tokens.next();
            while let Some(token) = tokens.next() {
                let word = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
                let broken = tokens.peek().is_none() && token.ends_with(HYPHENS);
                if broken || word.is_empty() {
                    continue;
                }
                let word = word.to_lowercase();
                // What opens or closes it stays outside, and the parts of `this/that` are words too.
                for part in word.split(['/', '—', '–', '…']).filter(|p| !p.is_empty()) {
                    match words.get_mut(part) {
                        Some(count) => *count = count.saturating_add(1),
                        None => _ = words.insert(part.to_owned(), 1),
                    }
                }
            }
        }
        let often = |of: &[&str]| of.iter().filter_map(|word| words.get(*word)).sum::<u32>();
        // Names and examples in an English book have some of these, too.
        let joins_compounds = often(&["und", "der", "het", "een", "och", "og", "ikke", "nicht"])
            > often(&["the", "of", "and", "la", "le", "les", "que"]);
        let mut words: Vec<(String, u32)> = words.into_iter().collect();
        words.sort_unstable();
        Self { words, joins_compounds }
    }

    /// "Wort-" before "und Zeilenabstände": the hyphen stands for the rest of a word, and a space follows it.
    pub(super) fn is_suspended(after: &str) -> bool {
        CONJUNCTIONS.contains(&after.trim_end_matches('.'))
    }

    /// What the hyphen between `before` (without it) and `after` becomes: nothing, or itself.
    pub(super) fn keeps_hyphen(&self, before: &str, after: &str) -> bool {
        let after = after.trim_end_matches(|c: char| !c.is_alphanumeric());
        let before = before.trim_start_matches(|c: char| !c.is_alphanumeric());
        if after.starts_with(|c: char| !c.is_lowercase()) {
            // A line of capitals breaks its words as any other.
            let capitals = |w: &str| w.chars().count() > 1 && w.chars().all(|c| !c.is_lowercase());
            return !(capitals(before) && capitals(after) && self.knows(&format!("{before}{after}")));
        }
        if before.ends_with(|c: char| !c.is_lowercase()) && before.chars().count() > 1 {
            return true;
        }
        // A path breaks at hyphens of its own only.
        if is_path(before) {
            return true;
        }
        let (joined, hyphenated) = (format!("{before}{after}"), format!("{before}-{after}"));
        let [as_one, as_two] = [&joined, &hyphenated].map(|word| self.count(word));
        if as_one > 0 || as_two > 0 {
            return as_two > as_one;
        }
        // "nicht-freie" where the book has "nicht-freier".
        if after.chars().count() >= STEM + ENDING {
            let [as_one, as_two] = [&joined, &hyphenated].map(|word| self.knows_form(word));
            if as_one != as_two {
                return as_two;
            }
        }
        // "state-of-the-" + "art": a word with hyphens goes on with one. No printer leaves a single letter.
        before.contains('-') || before.chars().count() == 1 || self.is_compound(before, after)
    }

    /// Two words that the book, or English, uses by themselves.
    fn is_compound(&self, before: &str, after: &str) -> bool {
        let suffix = SUFFIXES.contains(&after);
        if self.joins_compounds || suffix {
            return false;
        }
        if FIRST_PARTS.contains(&before.to_lowercase().as_str()) {
            return after.chars().count() >= 4;
        }
        let long = |w: &str| w.chars().count() >= 4;
        long(before) && long(after) && self.knows(before) && self.knows(after)
    }

    fn knows(&self, word: &str) -> bool {
        self.count(word) > 0
    }

    /// How often the book has the word within its lines.
    fn count(&self, word: &str) -> u32 {
        let word = word.to_lowercase();
        let place = self.words.binary_search_by(|(known, _)| known.cmp(&word));
        place.ok().and_then(|i| self.words.get(i)).map_or(0, |(_, count)| *count)
    }

    /// The book has the word with another ending.
    fn knows_form(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let length = word.chars().count();
        let stem: String = word.chars().take(length.saturating_sub(ENDING)).collect();
        let first = self.words.partition_point(|(known, _)| *known < stem);
        let beginning = self.words.iter().skip(first).take_while(|(known, _)| known.starts_with(&stem));
        beginning.into_iter().any(|(known, _)| known.chars().count() <= length + ENDING)
    }
}

/// What stands before a line's end is a part of a path or an address.
fn is_path(before: &str) -> bool {
    before.contains("://") || before.matches('/').count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_decides() {
        let book =
            BookText::new(vec!["a text with well-known words in it\nand further informa-\ntion ends".into()]);
        let words = Vocabulary::of(&book);
        let broken = Vocabulary::of(&BookText::new(vec!["some soft\u{2010}\nware here".into()]));
        assert!(!broken.knows("soft") && !broken.knows("ware"));
        assert!(words.keeps_hyphen("well", "known"));
        assert!(!words.keeps_hyphen("informa", "tion"));
        assert!(!words.keeps_hyphen("fur", "ther,"));
        assert!(words.keeps_hyphen("Jean", "Paul"));
        assert!(words.keeps_hyphen("PDF", "format"));
        assert!(words.keeps_hyphen("state-of-the", "art"));
        assert!(words.keeps_hyphen("x", "ray") && words.keeps_hyphen("twenty", "first"));
        assert!(!words.keeps_hyphen("self", "ish") && !words.keeps_hyphen("giv", "en"));
        assert!(Vocabulary::is_suspended("bzw."));
    }

    #[test]
    fn the_more_frequent_form_decides() {
        let page = "the non-free area and the non-free one and --nonfree for it\nund nicht mit nicht-freier Software hier";
        let words = Vocabulary::of(&BookText::new(vec![page.into()]));
        assert!(words.keeps_hyphen("non", "free"));
        assert!(words.keeps_hyphen("nicht", "freie,"));
        assert!(!words.keeps_hyphen("soft", "ware"));
    }

    #[test]
    fn a_few_german_words_make_no_german_book() {
        let page = "see the manual of the locale de und der Name\nan architecture that is independent of it";
        let words = Vocabulary::of(&BookText::new(vec![page.into()]));
        assert!(words.keeps_hyphen("architecture", "independent"));
    }

    #[test]
    fn a_path_breaks_at_its_own_hyphens() {
        let words = Vocabulary::default();
        assert!(words.keeps_hyphen("/usr/share/common", "licenses"));
        assert!(!words.keeps_hyphen("und/oder", "licenses"));
    }
}
