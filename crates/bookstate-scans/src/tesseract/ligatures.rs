//! Letters that old type joins, where the program takes them for another letter.
//!
//! The joined `ct` of books until about 1900 has an arc over it, so that it is taken for `ét` where the languages that a
//! page is read in have an `é`: `architeét`, `aétion`. An `é` between a vowel and a `t` is in no English word.

use crate::words::Word;

/// Sets the letters right that stand for a joined `ct`. `languages`: those that the page was read in, the main one
/// first; of other languages than English nothing is known.
pub(super) fn part(words: &mut [Word], languages: &str) {
    if languages.split('+').next() != Some("eng") {
        return;
    }
    for word in words {
        if let Some(text) = parted(&word.text) {
            word.text = text;
        }
    }
}

/// The word with its joined letters apart; `None`: it has none.
fn parted(word: &str) -> Option<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut out = letters.clone();
    for (n, window) in letters.windows(3).enumerate() {
        if let [before, 'é', 't'] = window
            && is_before_ct(*before, letters.get(n + 3..).unwrap_or_default())
            && let Some(letter) = out.get_mut(n + 1)
        {
            *letter = 'c';
        }
    }
    (out != letters).then(|| out.into_iter().collect())
}

/// Whether `ct` may follow this letter, where `after` follows the `t`. After `i` and `n` French words have `ét` too, but
/// not before all endings.
fn is_before_ct(letter: char, after: &[char]) -> bool {
    let rest: String = after.iter().take_while(|c| c.is_alphabetic()).collect();
    match letter.to_ascii_lowercase() {
        'a' | 'e' | 'o' | 'u' => !["ique", "iques"].contains(&rest.as_str()),
        'i' => !rest.starts_with(['é', 'è']) && !["e", "er", "es", "ent"].contains(&rest.as_str()),
        'n' => ["", "s", "ion", "ions", "ly", "ive"].contains(&rest.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_letters_are_told_from_french_ones() {
        for (read, meant) in [
            ("architeét", "architect"),
            ("Oét.,", "Oct.,"),
            ("produétions", "productions"),
            ("Viétoria", "Victoria"),
            ("distinétion", "distinction"),
            ("“aétors”", "“actors”"),
        ] {
            assert_eq!(parted(read).as_deref(), Some(meant));
        }
        for word in
            ["été", "société", "poétique", "magnétisme", "inquiéter", "Agrégé", "beauté", "action", "é", ""]
        {
            assert_eq!(parted(word), None, "{word}");
        }
    }
}
