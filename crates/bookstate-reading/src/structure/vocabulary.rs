//! The words of a book, to decide whether a hyphen at a line's end belongs to the word.
//!
//! Invariant: only words inside lines count, so that no broken word vouches for itself.

use crate::toc::BookText;
use std::collections::HashSet;

#[derive(Debug, Default)]
pub(super) struct Vocabulary(HashSet<String>);

/// Hyphens at a line's end.
pub(super) const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{ad}'];

impl Vocabulary {
    pub(super) fn of(book: &BookText) -> Self {
        let mut words = HashSet::new();
        let pages = (1..=book.page_count()).filter_map(|n| book.page(n));
        for line in pages.flat_map(|p| &p.lines) {
            let mut tokens = line.text.split_whitespace().peekable();
            // A line's first word may be the second half of one.
            tokens.next();
            while let Some(token) = tokens.next() {
                let word = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
                let broken = tokens.peek().is_none() && token.ends_with(HYPHENS);
                if !broken && !word.is_empty() {
                    words.insert(word.to_lowercase());
                }
            }
        }
        Self(words)
    }

    /// "Wort-" before "und Zeilenabstände": the hyphen stands for the rest of a word, and a space follows it.
    pub(super) fn is_suspended(after: &str) -> bool {
        ["und", "oder", "bzw.", "and", "or", "et", "ou", "en", "of", "и", "или"].contains(&after)
    }

    /// What the hyphen between `before` (without it) and `after` becomes: nothing, or itself.
    pub(super) fn keeps_hyphen(&self, before: &str, after: &str) -> bool {
        let after = after.trim_end_matches(|c: char| !c.is_alphanumeric());
        let before = before.trim_start_matches(|c: char| !c.is_alphanumeric());
        if after.starts_with(|c: char| !c.is_lowercase()) || before.ends_with(|c: char| !c.is_lowercase()) {
            return true;
        }
        let knows = |word: String| self.0.contains(&word.to_lowercase());
        let (joined, hyphenated) = (knows(format!("{before}{after}")), knows(format!("{before}-{after}")));
        // "state-of-the-" + "art": a word with hyphens goes on with one.
        !joined && (hyphenated || before.contains('-'))
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
        assert!(!broken.0.contains("soft") && !broken.0.contains("ware"));
        assert!(words.keeps_hyphen("well", "known"));
        assert!(!words.keeps_hyphen("informa", "tion"));
        assert!(!words.keeps_hyphen("fur", "ther,"));
        assert!(words.keeps_hyphen("Jean", "Paul"));
        assert!(words.keeps_hyphen("PDF", "format"));
        assert!(words.keeps_hyphen("state-of-the", "art"));
    }
}
