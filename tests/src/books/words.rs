//! Words, sentences and titles from a seed, in two languages.
//!
//! The generator is SplitMix64, written out so that a new version of a random number crate changes no book.

/// The language of a made book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German, with umlauts in titles and text.
    German,
}

const ENGLISH_NOUNS: &[&str] = &[
    "harbour",
    "lantern",
    "river",
    "mountain",
    "garden",
    "library",
    "engine",
    "winter",
    "island",
    "letter",
    "market",
    "orchard",
    "bridge",
    "window",
    "journal",
    "station",
    "village",
    "forest",
    "kingdom",
    "measure",
    "signal",
    "tower",
    "voyage",
    "weather",
    "mirror",
    "compass",
    "cathedral",
    "merchant",
    "telegraph",
    "observatory",
    "manuscript",
    "archive",
    "barometer",
    "carpenter",
    "almanac",
    "lighthouse",
    "meadow",
    "quarry",
    "railway",
    "sextant",
];
const ENGLISH_ADJECTIVES: &[&str] = &[
    "quiet",
    "distant",
    "golden",
    "northern",
    "forgotten",
    "ordinary",
    "early",
    "hollow",
    "patient",
    "restless",
    "wooden",
    "silver",
    "narrow",
    "public",
    "hidden",
    "modern",
    "southern",
    "broken",
    "common",
    "remarkable",
];
const ENGLISH_VERBS: &[&str] = &[
    "carries",
    "remembers",
    "follows",
    "measures",
    "describes",
    "keeps",
    "changes",
    "leaves",
    "answers",
    "divides",
    "considers",
    "surrounds",
    "observes",
    "restores",
    "completes",
    "separates",
];
const GERMAN_NOUNS: &[&str] = &[
    "Hafen",
    "Brücke",
    "Gärten",
    "Bücherei",
    "Wälder",
    "Insel",
    "Märkte",
    "Fluss",
    "Türme",
    "Straße",
    "Schlüssel",
    "Winter",
    "Brief",
    "Dörfer",
    "Königreich",
    "Fenster",
    "Gemälde",
    "Leuchtturm",
    "Wörterbuch",
    "Kompass",
    "Mühle",
    "Händler",
    "Nächte",
    "Flügel",
    "Sternwarte",
    "Handschrift",
    "Gewölbe",
    "Eisenbahn",
    "Küste",
    "Häuser",
];
const GERMAN_ADJECTIVES: &[&str] = &[
    "stille",
    "ferne",
    "goldene",
    "nördliche",
    "vergessene",
    "gewöhnliche",
    "frühe",
    "hölzerne",
    "schöne",
    "späte",
    "große",
    "öffentliche",
    "südliche",
    "übrige",
    "kühne",
    "neue",
];
const GERMAN_VERBS: &[&str] = &[
    "trägt",
    "verändert",
    "beschreibt",
    "hält",
    "verlässt",
    "ergänzt",
    "begründet",
    "überquert",
    "erzählt",
    "prüft",
    "führt",
    "öffnet",
];

/// A source of words.
#[derive(Debug, Clone)]
pub(super) struct Words {
    state: u64,
    language: Language,
    used_titles: Vec<String>,
}

impl Words {
    pub(super) fn new(seed: u64, language: Language) -> Self {
        Self { state: seed, language, used_titles: Vec::new() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 when `bound` is 0).
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        let index = self.below(words.len());
        words.get(index).copied().unwrap_or_default()
    }

    pub(super) fn noun(&mut self) -> &'static str {
        self.pick(match self.language {
            Language::English => ENGLISH_NOUNS,
            Language::German => GERMAN_NOUNS,
        })
    }

    fn adjective(&mut self) -> &'static str {
        self.pick(match self.language {
            Language::English => ENGLISH_ADJECTIVES,
            Language::German => GERMAN_ADJECTIVES,
        })
    }

    fn verb(&mut self) -> &'static str {
        self.pick(match self.language {
            Language::English => ENGLISH_VERBS,
            Language::German => GERMAN_VERBS,
        })
    }

    /// A title that this source has not given before.
    pub(super) fn title(&mut self) -> String {
        for _ in 0..1000 {
            let title = self.any_title();
            if !self.used_titles.contains(&title) {
                self.used_titles.push(title.clone());
                return title;
            }
        }
        // Thousands of titles in: number them.
        let title = format!("{} {}", self.any_title(), self.used_titles.len());
        self.used_titles.push(title.clone());
        title
    }

    fn any_title(&mut self) -> String {
        let (a, adjective) = (self.noun(), self.adjective());
        let mut b = self.noun();
        while b == a {
            b = self.noun();
        }
        let kind = self.below(5);
        match self.language {
            Language::English => {
                let (a, b, adjective) = (capital(a), capital(b), capital(adjective));
                match kind {
                    0 => format!("The {adjective} {a}"),
                    1 => format!("{a} and {b}"),
                    2 => format!("No {a} without its {b}"),
                    3 => format!("How the {a} Became {adjective}"),
                    _ => format!("The {adjective} {a}: Its {b}, Its History and Its Use"),
                }
            }
            Language::German => match kind {
                0 => format!("{} {a}", capital(adjective)),
                1 => format!("{a} und {b}"),
                2 => format!("Über {a} ohne {b}"),
                3 => format!("{a} für {adjective} {b}"),
                _ => format!("{} {a} nebst einem Anhang über {b}", capital(adjective)),
            },
        }
    }

    /// A sentence with its full stop.
    pub(super) fn sentence(&mut self) -> String {
        let (article, and, of) = match self.language {
            Language::English => ("the", "and", "of the"),
            Language::German => ("der", "und", "mit der"),
        };
        let mut sentence = format!("{} {} {}", article, self.adjective(), self.noun());
        for _ in 0..1 + self.below(3) {
            let (verb, noun, other) = (self.verb(), self.noun(), self.noun());
            sentence.push_str(&match self.below(3) {
                0 => format!(" {verb} {article} {noun}"),
                1 => format!(" {verb} {article} {noun} {of} {other}"),
                _ => format!(" {verb} {article} {} {noun}, {and} {article} {other}", self.adjective()),
            });
        }
        sentence.push(' ');
        sentence.push_str(self.verb());
        sentence.push('.');
        capital(&sentence)
    }

    /// A paragraph of three to eight sentences.
    pub(super) fn paragraph(&mut self) -> String {
        let count = 3 + self.below(6);
        (0..count).map(|_| self.sentence()).collect::<Vec<_>>().join(" ")
    }

    /// A person's name.
    pub(super) fn person(&mut self) -> String {
        format!("{} {}", capital(self.adjective()), capital(self.noun()))
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Where a word may be divided: before a consonant that a vowel follows, three letters from either end.
pub(super) fn hyphenation(word: &str) -> Vec<usize> {
    let letters: Vec<char> = word.chars().collect();
    let vowel =
        |index: usize| letters.get(index).is_some_and(|c| "aeiouyäöü".contains(c.to_ascii_lowercase()));
    let letter = |index: usize| letters.get(index).is_some_and(|c| c.is_alphabetic());
    (3..letters.len().saturating_sub(2))
        .filter(|&at| {
            vowel(at - 1)
                && !vowel(at)
                && letter(at)
                && vowel(at + 1)
                && letter(at + 2)
                && letter(at - 2)
                && letters.iter().filter(|c| c.is_alphabetic()).count() >= 6
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_words_for_ever() {
        // The published first output of SplitMix64 for seed 0.
        assert_eq!(Words::new(0, Language::English).next(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn titles_are_distinct() {
        let mut words = Words::new(7, Language::German);
        let mut titles: Vec<_> = (0..500).map(|_| words.title()).collect();
        titles.sort();
        titles.dedup();
        assert_eq!(titles.len(), 500);
    }

    #[test]
    fn words_are_divided_before_a_syllable() {
        assert_eq!(hyphenation("barometer."), [4, 6]);
        assert_eq!(hyphenation("cat"), Vec::<usize>::new());
    }
}
