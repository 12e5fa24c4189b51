//! Letters that old type joins, where the program takes them for another letter.
//!
//! The joined `ct` of books until about 1900 has an arc over it, so that it is taken for `ét` where the languages that a
//! page is read in have an `é`: `architeét`, `aétion`.

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

/// How English words go on behind a `ct` that stands after a vowel or an `n`. French words with `ét` there go on
/// otherwise: `inquiétude`, `propriétaire`, `poétique`.
const ENDINGS: &[&str] = &[
    "", "s", "ed", "ing", "ion", "ions", "ional", "ioned", "ive", "ives", "ively", "ly", "ness", "or", "ors",
    "ory", "ories", "ural", "ure", "ures", "ual", "ually", "ober", "oria", "orian",
];

/// Whether `ct` may follow this letter, where `after` follows the `t`.
fn is_before_ct(letter: char, after: &[char]) -> bool {
    let rest: String = after.iter().take_while(|c| c.is_alphabetic()).collect();
    "aeioun".contains(letter.to_ascii_lowercase()) && ENDINGS.contains(&rest.as_str())
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
        let french = [
            "été",
            "société",
            "poétique",
            "magnétisme",
            "inquiéter",
            "inquiétude",
            "propriétaire",
            "variétés",
            "piété",
            "désuétude",
            "poétesse",
            "génétique",
            "Agrégé",
            "beauté",
            "é",
            "",
        ];
        for word in french.into_iter().chain(["action"]) {
            assert_eq!(parted(word), None, "{word}");
        }
    }
}
