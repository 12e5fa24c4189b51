//! Digits that the program reads in words: `1s` for `is`, `0f` for `of`.
//!
//! A word that begins with a digit and goes on in small letters is not printed in prose. It is put right where the page
//! itself shows which word it is: the word with letters that look alike stands elsewhere on it, and only one does.
//!
//! And roman numbers that it reads as words: `Il.` and `Ill.` at the beginning of a line, before a capital, are II and
//! III.

use std::collections::BTreeSet;

use crate::words::Word;

/// Letters that look like a digit.
const ALIKE: &[(char, &[char])] = &[('0', &['o']), ('1', &['i', 'l']), ('5', &['s']), ('8', &['s'])];

/// A word read with at least this confidence is one of the page's words.
const SURE: f32 = 0.8;

/// Endings of ordinal numbers.
const ORDINALS: &[&str] = &["st", "nd", "rd", "th", "o", "er", "re", "e", "de", "ste", "te"];

/// Puts words right in which a digit stands for a letter, or a letter for a digit.
pub(super) fn put_right(words: &mut [Word]) {
    put_romans_right(words);
    let candidates: Vec<(usize, Vec<String>)> =
        words.iter().enumerate().filter_map(|(n, word)| Some((n, meant(&word.text)?))).collect();
    if candidates.is_empty() {
        return;
    }
    let sure = words.iter().filter(|word| word.confidence >= SURE);
    let known: BTreeSet<String> = sure.map(|word| bare(&word.text).to_lowercase()).collect();
    for (n, meant) in candidates {
        let mut found = meant.into_iter().filter(|meant| known.contains(bare(meant)));
        if let (Some(text), None, Some(word)) = (found.next(), found.next(), words.get_mut(n)) {
            word.text = text;
        }
    }
}

/// Only on a page on which another line begins with a roman number: `Ill.` is Illinois, or an illustration, as well.
fn put_romans_right(words: &mut [Word]) {
    let is_roman = |word: &Word| {
        let number = word.text.strip_suffix('.').unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| "IVXLC".contains(c))
    };
    let mut line = None;
    let mut begins = words.iter().filter(|word| line.replace(word.line) != Some(word.line));
    if !begins.any(is_roman) {
        return;
    }
    let mut last = None;
    for n in 0..words.len() {
        let next = words.get(n + 1).map(|next| (next.line, next.text.starts_with(char::is_uppercase)));
        let Some(word) = words.get_mut(n) else { return };
        let begins = last.replace(word.line) != Some(word.line);
        let number = word.text.strip_suffix('.').unwrap_or_default();
        let is_misread = (2..=3).contains(&number.len()) && number.starts_with('I') && number.ends_with('l');
        let ones = number.chars().all(|c| c == 'I' || c == 'l');
        if begins && is_misread && ones && next == Some((word.line, true)) {
            word.text = word.text.replace('l', "I");
        }
    }
}

/// A word without what stands around it.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphanumeric())
}

/// What a word may be that begins with a digit and goes on in small letters; `None`: it is no such word.
fn meant(text: &str) -> Option<Vec<String>> {
    let word = bare(text);
    let digit = word.chars().next()?;
    let rest = word.get(digit.len_utf8()..)?;
    let (_, letters) = ALIKE.iter().find(|(alike, _)| *alike == digit)?;
    let is_word = !rest.is_empty() && rest.chars().all(char::is_lowercase) && !ORDINALS.contains(&rest);
    is_word.then(|| letters.iter().map(|letter| text.replacen(digit, &letter.to_string(), 1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Area;

    fn put_right_in(texts: &[&str]) -> String {
        let word = |text: &&str| Word {
            text: (*text).to_owned(),
            area: Area::default(),
            confidence: 0.9,
            line: 0,
            block: 0,
        };
        let mut words: Vec<Word> = texts.iter().map(word).collect();
        put_right(&mut words);
        words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_roman_number_at_the_beginning_of_a_line_is_one() {
        let put_right_in = |first: &str, texts: &[&str]| {
            let word = |line: u32, text: &str| Word {
                text: text.to_owned(),
                area: Area::default(),
                confidence: 0.9,
                line,
                block: 0,
            };
            let mut words = vec![word(0, first)];
            words.extend(texts.iter().map(|text| word(1, text)));
            put_right(&mut words);
            words.iter().skip(1).map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(put_right_in("I.", &["Il.", "FOUNDING", "A", "NATION"]), "II. FOUNDING A NATION");
        assert_eq!(put_right_in("IV.", &["Ill.", "The", "End"]), "III. The End");
        assert_eq!(put_right_in("Of", &["Ill.", "The", "End"]), "Ill. The End", "nothing else is numbered");
        assert_eq!(put_right_in("I.", &["Chicago,", "Ill.", "The", "End"]), "Chicago, Ill. The End");
        for line in [&["Ill.", "of"][..], &["Il", "Trovatore"], &["All.", "The"], &["Il."]] {
            assert_eq!(put_right_in("I.", line), line.join(" "));
        }
    }

    #[test]
    fn a_digit_is_the_letter_that_the_page_shows() {
        assert_eq!(put_right_in(&["It", "is", "what", "“1t", "1s.", "of", "0f"]), "It is what “it is. of of");
        assert_eq!(put_right_in(&["It", "1s"]), "It 1s", "nothing says what it is");
        assert_eq!(put_right_in(&["ist", "1st", "2nd", "10", "1", "1A", "x1s"]), "ist 1st 2nd 10 1 1A x1s");
        assert_eq!(put_right_in(&["ion", "lon", "1on"]), "ion lon 1on", "two words are meant");
    }
}
