//! What the program made of ink that is no print: specks, pictures, the other side showing through.
//!
//! Invariant: what is doubtful stays, as doubtful; only what cannot be a word goes. A page on which nothing is left
//! that is surely a word is blank.

use crate::words::{Area, Word};

/// A word with less confidence than this is not read but guessed.
const GUESSED: f32 = 0.35;
/// A line whose words have less than this on the mean is no line of text, unless one of its words is sure.
const DOUBTFUL_LINE: f32 = 0.45;
/// A word with at least this is surely one.
const SURE: f32 = 0.75;
/// And one of two letters with this.
const SURE_OF_TWO: f32 = 0.9;

/// Takes out what is no print. `letter`: the height of the page's letters in the words' pixels, 0 when unknown.
pub(super) fn remove(words: &mut Vec<Word>, letter: f32, pictures: &[Area]) {
    let noise: Vec<bool> = words
        .iter()
        .enumerate()
        .map(|(n, word)| is_noise(word, letter, pictures) && !(is_short(word) && is_between(words, n)))
        .collect();
    let mut noise = noise.into_iter();
    words.retain(|_| noise.next() != Some(true));
    let lines: Vec<(u32, bool)> = lines(words);
    let keep = |line: u32| lines.iter().find(|(number, _)| *number == line).is_some_and(|(_, keep)| *keep);
    words.retain(|word| keep(word.line));
    if is_blank(words) {
        words.clear();
    }
}

/// Letters and digits of a text.
fn signs(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

fn is_short(word: &Word) -> bool {
    signs(&word.text) == 1
}

/// Whether a word stands between two that are surely words of its line: `I` and `a` are read with little confidence.
fn is_between(words: &[Word], n: usize) -> bool {
    let is_sure = |other: Option<usize>| {
        let (word, other) = (words.get(n), other.and_then(|other| words.get(other)));
        other.is_some_and(|other| {
            word.is_some_and(|word| word.line == other.line)
                && other.confidence >= SURE
                && signs(&other.text) >= 2
        })
    };
    is_sure(n.checked_sub(1)) && is_sure(Some(n + 1))
}

fn is_noise(word: &Word, letter: f32, pictures: &[Area]) -> bool {
    let signs = signs(&word.text);
    let (width, height) = (word.area.width(), word.area.height());
    if letter > 0.0 {
        // Letters where there is no more than a line or a row of dots; one sign as large as a picture.
        if signs > 0 && height < 0.35 * letter {
            return true;
        }
        if height > 8.0 * letter && word.confidence < SURE {
            return true;
        }
        // More letters than can stand there.
        if signs > 2 && width < 0.15 * letter * signs as f32 {
            return true;
        }
    }
    if signs == 0 {
        return word.confidence < 0.6;
    }
    let in_picture = pictures.iter().any(|picture| word.area.covered_by(picture) > 0.6);
    word.confidence < GUESSED && (in_picture || signs <= 1)
}

/// Every line by its number, and whether it is kept.
fn lines(words: &[Word]) -> Vec<(u32, bool)> {
    let mut lines: Vec<(u32, f32, f32, bool)> = Vec::new();
    for word in words {
        let letters = word.text.chars().count() as f32;
        let two = || word.text.chars().filter(|c| c.is_alphabetic()).count() == 2;
        let sure =
            (word.confidence >= SURE && signs(&word.text) >= 3) || (word.confidence >= SURE_OF_TWO && two());
        match lines.iter_mut().rev().find(|line| line.0 == word.line) {
            Some(line) => {
                line.1 += letters * word.confidence;
                line.2 += letters;
                line.3 |= sure;
            }
            None => lines.push((word.line, letters * word.confidence, letters, sure)),
        }
    }
    let keep = |(line, confidence, letters, sure): (u32, f32, f32, bool)| {
        (line, sure || confidence >= DOUBTFUL_LINE * letters)
    };
    lines.into_iter().map(keep).collect()
}

/// Whether nothing of what is left is surely a word or a number.
fn is_blank(words: &[Word]) -> bool {
    let sure = words.iter().filter(|word| word.confidence >= SURE && signs(&word.text) >= 2);
    let letters: usize = sure.map(|word| signs(&word.text)).sum();
    let all: usize = words.iter().map(|word| signs(&word.text)).sum();
    // A page with one short number is a page with its number.
    let number = words.len() <= 2
        && words.iter().any(|word| {
            word.confidence >= 0.6 && word.text.chars().any(|c| c.is_ascii_digit()) && word.text.len() <= 5
        });
    !number && (letters < 3 || letters * 5 < all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, confidence: f32, line: u32, height: f32) -> Word {
        let area = Area { x0: 0.0, y0: 0.0, x1: 20.0 * text.len() as f32, y1: height };
        Word { text: text.to_owned(), area, confidence, line, block: 0 }
    }

    #[test]
    fn a_page_of_guesses_is_blank() {
        let mut words = vec![word("ee", 0.4, 0, 20.0), word("wa", 0.5, 0, 20.0), word("tlie", 0.6, 1, 20.0)];
        remove(&mut words, 20.0, &[]);
        assert!(words.is_empty(), "{words:?}");
    }

    #[test]
    fn doubtful_words_among_sure_ones_stay() {
        let mut words = vec![word("Rottiére", 0.3, 0, 20.0), word("chamber", 0.96, 0, 20.0)];
        remove(&mut words, 20.0, &[]);
        assert_eq!(words.len(), 2);
    }

    #[test]
    fn a_line_with_one_short_word_that_is_sure_stays() {
        let title = [("Worpb", 0.3), ("on", 0.93), ("Vernis-Marrin", 0.1)];
        let mut words = title.map(|(text, sure)| word(text, sure, 0, 20.0)).to_vec();
        words.push(word("Voltaire", 0.96, 1, 20.0));
        remove(&mut words, 20.0, &[]);
        assert_eq!(words.len(), 4);
    }

    #[test]
    fn a_short_word_within_a_line_stays_and_a_speck_at_its_end_goes() {
        let line = |texts: [(&str, f32); 4]| texts.map(|(text, sure)| word(text, sure, 0, 20.0)).to_vec();
        let mut words = line([("when", 0.9), ("I", 0.3), ("was", 0.9), ("c", 0.3)]);
        remove(&mut words, 20.0, &[]);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["when", "I", "was"]);
    }

    #[test]
    fn letters_in_a_row_of_dots_go() {
        let mut words = vec![word("chamber", 0.96, 0, 20.0), word("eee", 0.9, 0, 4.0)];
        remove(&mut words, 20.0, &[]);
        assert_eq!(words.len(), 1);
    }

    #[test]
    fn a_page_number_alone_is_a_page_number() {
        let mut words = vec![word("17", 0.9, 0, 20.0)];
        remove(&mut words, 20.0, &[]);
        assert_eq!(words.len(), 1);
    }
}
