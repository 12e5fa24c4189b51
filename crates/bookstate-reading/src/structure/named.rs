//! Headings that name their level: `CHAPTER 7`, `Kapitel 3: Titel`, `Erstes Kapitel`, `Part Two`.
//!
//! Invariant: decides on one line by itself; whether the line stands like a heading is the caller's question.

use crate::toc::{Division, Numeral, NumeralStyle, division, level_of_word, split_title};

/// A line that begins with a level word and a number, in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'a> {
    /// The English name of the level.
    pub(super) level_name: &'static str,
    /// The level word as printed.
    pub(super) word: &'a str,
    /// The number as printed.
    pub(super) number: &'a str,
    /// The number's value.
    pub(super) numeral: Numeral,
    /// What follows: the title, mostly empty.
    pub(super) rest: &'a str,
}

/// Reads a line that is a named heading or begins like one.
pub(super) fn named(line: &str) -> Option<Named<'_>> {
    let line = line.trim();
    if let Some(found) = division(line) {
        let style =
            if found.number.contains(char::is_numeric) { NumeralStyle::Arabic } else { NumeralStyle::Word };
        let numeral = Numeral { style, value: found.value };
        let Division { number, sign: word, level_name, rest, .. } = found;
        return Some(Named { level_name, word, number, numeral, rest });
    }
    let caseless = line.chars().next().is_some_and(|c| c.is_alphabetic() && !c.is_lowercase());
    if !caseless && !line.starts_with(char::is_uppercase) && !line.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    word_first(line).or_else(|| number_first(line))
}

/// The English level name of a line that is a level word and nothing else: `CHAPTER` above its number.
pub(super) fn lone_word(line: &str) -> Option<&'static str> {
    let word = line.trim().trim_end_matches([':', '.']);
    word.starts_with(char::is_uppercase).then(|| level_of_word(word)).flatten()
}

fn word_first(line: &str) -> Option<Named<'_>> {
    let (word, tail) = line.split_once(char::is_whitespace)?;
    let level_name = level_of_word(word.trim_end_matches('.'))?;
    let tail = tail.trim_start();
    let parts = split_title(line);
    if let (Some(word), Some(number)) = (parts.word, parts.number) {
        let numeral = numeral_of(number, level_name)?;
        return Some(Named { level_name, word, number, numeral, rest: title(parts.rest) });
    }
    // "Chapter the First" counts as "Chapter One" does. Spelled out, in one or two words.
    let tail = ["the ", "The ", "THE "].iter().find_map(|article| tail.strip_prefix(article)).unwrap_or(tail);
    let mut ends = tail.match_indices(|c: char| c.is_whitespace() || matches!(c, ':' | '.' | ','));
    let first = ends.next().map_or(tail.len(), |(i, _)| i);
    let second = ends.next().map_or(tail.len(), |(i, _)| i);
    for end in [second, first] {
        let (Some(number), Some(rest)) = (tail.get(..end), tail.get(end..)) else { continue };
        if let Some(numeral) = Numeral::parse(number) {
            return Some(Named { level_name, word, number, numeral, rest: title(rest) });
        }
    }
    None
}

/// `Erstes Kapitel`, `The Second Part`, `3. Teil: Titel`.
fn number_first(line: &str) -> Option<Named<'_>> {
    let line = line.strip_prefix("The ").or_else(|| line.strip_prefix("THE ")).unwrap_or(line);
    let (number, tail) = line.split_once(char::is_whitespace)?;
    let digits = number.strip_suffix('.');
    let number = digits.unwrap_or(number);
    let numeral = Numeral::parse(number)?;
    // "2 Part" is a heading with the number 2; "2. Teil" names its level, as "Zweiter Teil" does.
    let spelled = numeral.style == NumeralStyle::Word;
    if !spelled && digits.is_none() {
        return None;
    }
    let tail = tail.trim_start();
    let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
    let (word, rest) = (tail.get(..end)?, tail.get(end..)?);
    let level_name = level_of_word(word)?;
    let set_off = rest.is_empty() || rest.starts_with([':', '.', '–', '—', ' ']);
    let titled = !rest.starts_with(' ') || rest.trim_start().starts_with(['–', '—', '-']);
    // "1. kapitola" and nothing else is no sentence.
    let capital = word.starts_with(char::is_uppercase) || rest.is_empty();
    (set_off && titled && capital).then(|| Named { level_name, word, number, numeral, rest: title(rest) })
}

/// The value of a printed number; a dotted one by its last part. Appendices count in letters.
fn numeral_of(number: &str, level_name: &str) -> Option<Numeral> {
    let last = number.rsplit('.').next().unwrap_or(number);
    if level_name == "appendix"
        && let Some(letter) = Numeral::as_letter(last)
    {
        return Some(letter);
    }
    Numeral::parse(last).or_else(|| Numeral::parse(last.trim_end_matches(|c: char| c.is_ascii_lowercase())))
}

fn title(rest: &str) -> &str {
    rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '.' | '-' | '–' | '—' | ','))
        .trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(&'static str, u32, &str)> {
        named(line).map(|n| (n.level_name, n.numeral.value, n.rest))
    }

    #[test]
    fn words_and_numbers_in_either_order() {
        assert_eq!(read("CHAPTER 7"), Some(("chapter", 7, "")));
        assert_eq!(read("Chapter Twenty-One: The End"), Some(("chapter", 21, "The End")));
        assert_eq!(read("Chapter Twenty One"), Some(("chapter", 21, "")));
        assert_eq!(read("Kapitel IV. Schluss"), Some(("chapter", 4, "Schluss")));
        assert_eq!(read("Erstes Kapitel"), Some(("chapter", 1, "")));
        assert_eq!(read("3. Teil: Ende"), Some(("part", 3, "Ende")));
        assert_eq!(read("The Second Part"), Some(("part", 2, "")));
        assert_eq!(read("1. kapitola"), Some(("chapter", 1, "")));
        assert_eq!(read("Första kapitlet"), Some(("chapter", 1, "")));
        assert_eq!(read("CHAPTER THE FIRST"), Some(("chapter", 1, "")));
        assert_eq!(read("卷一 港口"), Some(("volume", 1, "港口")));
        assert_eq!(read("Ch. 4: The Mill"), Some(("chapter", 4, "The Mill")));
        assert_eq!(read("פרק ב"), Some(("chapter", 2, "")));
        assert_eq!(read("Глава первая"), Some(("chapter", 1, "")));
        assert_eq!(read("Appendix C Tables"), Some(("appendix", 3, "Tables")));
        assert_eq!(read("第三章 點燈人"), Some(("chapter", 3, "點燈人")));
        assert_eq!(read("الفصل ٣ الميناء"), Some(("chapter", 3, "الميناء")));
        assert_eq!(lone_word("CHAPTER"), Some("chapter"));
    }

    #[test]
    fn prose_is_not_named() {
        for line in [
            "chapter 7",
            "Chapter and verse",
            "First part of it",
            "2 Part of it",
            "2 Part: it",
            "Section",
            "One book more",
            "",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(lone_word("part"), None);
    }
}
