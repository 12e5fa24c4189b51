//! The words of a book, to decide whether a hyphen at a line's end belongs to the word.
//!
//! Invariant: only words inside lines count, so that no broken word vouches for itself.

use crate::toc::BookText;
use std::collections::HashSet;

#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// In lower case.
    words: HashSet<String>,
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

/// Endings of words that are no words.
const SUFFIXES: [&str; 12] =
    ["ish", "ness", "less", "ful", "fully", "ing", "hood", "ship", "ment", "dom", "ist", "ism"];

impl Vocabulary {
    pub(super) fn of(book: &BookText) -> Self {
        let mut words = HashSet::new();
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
                    if !words.contains(part) {
                        words.insert(part.to_owned());
                    }
                }
            }
        }
        let german = ["und", "der", "het", "een", "och", "og", "ikke", "nicht"];
        let joins_compounds = german.iter().filter(|w| words.contains(**w)).count() >= 2;
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
        let (joined, hyphenated) =
            (self.knows(&format!("{before}{after}")), self.knows(&format!("{before}-{after}")));
        if joined || hyphenated {
            return !joined;
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
        self.words.contains(&word.to_lowercase())
    }
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
        assert!(!broken.words.contains("soft") && !broken.words.contains("ware"));
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
}
