//! The language of a text, by its commonest small words.
//!
//! Invariant: no answer rather than a wrong one: a text that is too short, or whose words belong to several
//! profiles about equally, has none.

type Profile = (&'static str, &'static [&'static str]);

/// ISO 639-1 code and words that are common in the language and rare in its neighbours.
const PROFILES: &[Profile] = &[
    (
        "en",
        &[
            "the", "and", "of", "to", "is", "that", "it", "was", "with", "for", "this", "are", "be", "as",
            "not", "you",
        ],
    ),
    (
        "de",
        &[
            "der", "die", "und", "das", "ist", "nicht", "ein", "eine", "den", "mit", "dem", "zu", "auf",
            "für", "wird", "sich",
        ],
    ),
    (
        "fr",
        &[
            "le", "les", "et", "des", "est", "une", "dans", "que", "pour", "qui", "pas", "au", "sur", "du",
            "il", "ce",
        ],
    ),
    (
        "es",
        &[
            "el", "los", "las", "y", "que", "una", "por", "con", "para", "del", "se", "es", "lo", "como",
            "su", "más",
        ],
    ),
    (
        "it",
        &[
            "il", "di", "che", "è", "per", "un", "della", "con", "non", "sono", "gli", "del", "nel", "una",
            "alla", "si",
        ],
    ),
    (
        "pt",
        &[
            "o", "os", "as", "que", "não", "uma", "com", "para", "do", "da", "em", "por", "mais", "dos",
            "ao", "foi",
        ],
    ),
    (
        "nl",
        &[
            "de", "het", "een", "van", "en", "is", "dat", "niet", "op", "te", "zijn", "voor", "met", "aan",
            "er", "ook",
        ],
    ),
    (
        "ru",
        &[
            "и",
            "что",
            "с",
            "как",
            "это",
            "по",
            "из",
            "к",
            "от",
            "или",
            "вы",
            "его",
            "если",
            "чтобы",
            "но",
            "также",
        ],
    ),
    (
        "uk",
        &[
            "і",
            "що",
            "та",
            "як",
            "це",
            "з",
            "із",
            "до",
            "від",
            "або",
            "є",
            "він",
            "які",
            "цей",
            "але",
            "також",
        ],
    ),
    (
        "pl",
        &[
            "i", "w", "nie", "na", "się", "że", "z", "do", "jest", "to", "jak", "dla", "od", "przez", "są",
            "po",
        ],
    ),
    (
        "cs",
        &[
            "a", "se", "v", "na", "je", "že", "s", "z", "do", "pro", "ale", "jako", "které", "by", "jsou",
            "není",
        ],
    ),
    (
        "sv",
        &[
            "och", "att", "det", "som", "en", "är", "på", "för", "av", "den", "med", "inte", "till", "har",
            "ett", "om",
        ],
    ),
];

/// Fewer words are too few.
const FEWEST_WORDS: usize = 60;

/// A text that quotes another language has so many different small words of it, and one word in a hundred is one.
const FEWEST_QUOTED: usize = 8;

/// The ISO 639-1 code of the language that most of `texts` is in.
pub fn language<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut counts = [0usize; PROFILES.len()];
    let (mut words, mut cyrillic) = (0usize, 0usize);
    for word in
        texts.into_iter().flat_map(|t| t.split(|c: char| !c.is_alphabetic())).filter(|w| !w.is_empty())
    {
        words += 1;
        cyrillic += usize::from(is_cyrillic(word));
        let lower = word.to_lowercase();
        for (count, (_, profile)) in counts.iter_mut().zip(PROFILES) {
            *count += usize::from(profile.contains(&lower.as_str()));
        }
    }
    // Names and commands in Latin letters within a Russian text do not make it English, nor the other way round.
    let script = cyrillic * 2 > words;
    let in_script = |p: &Profile| p.1.first().is_some_and(|w| is_cyrillic(w)) == script;
    let of_script = || counts.iter().zip(PROFILES).filter(|(_, profile)| in_script(profile));
    let (best, language) = of_script().max_by_key(|(count, _)| **count)?;
    let second = of_script().filter(|(_, p)| p.0 != language.0).map(|(c, _)| *c).max().unwrap_or(0);
    // One word in twenty, and half as many again as the next language has.
    (words >= FEWEST_WORDS && best * 20 >= words && best * 2 >= second * 3).then_some(language.0)
}

/// The language, as ISO 639-1 code, that much is quoted in within `texts`, which are mostly in the language `main`: French
/// names and footnotes in an English book. Told by how many different small words it has: some single ones are words of
/// other languages too.
pub fn quoted_language<'a>(texts: impl IntoIterator<Item = &'a str>, main: &str) -> Option<&'static str> {
    let own = PROFILES.iter().find(|(language, _)| *language == main).map_or(&[][..], |(_, words)| *words);
    let mut words = 0usize;
    let mut found = [(0usize, 0u32); PROFILES.len()];
    for word in
        texts.into_iter().flat_map(|t| t.split(|c: char| !c.is_alphabetic())).filter(|w| !w.is_empty())
    {
        words += 1;
        let lower = word.to_lowercase();
        if lower.chars().count() < 2 || own.contains(&lower.as_str()) {
            continue;
        }
        for ((count, which), (_, profile)) in found.iter_mut().zip(PROFILES) {
            if let Some(place) = profile.iter().position(|small| *small == lower) {
                *count += 1;
                *which |= 1 << place;
            }
        }
    }
    let different = |which: u32| usize::try_from(which.count_ones()).unwrap_or(0);
    let others = || found.iter().zip(PROFILES).filter(|(_, (language, _))| *language != main);
    let ((count, which), (language, _)) = others().max_by_key(|((_, which), _)| different(*which))?;
    let next = others().filter(|(_, (other, _))| other != language).map(|((_, w), _)| different(*w)).max();
    let is_clear = 2 * different(*which) >= 3 * next.unwrap_or(0);
    (is_clear && different(*which) >= FEWEST_QUOTED && count * 100 >= words).then_some(*language)
}

fn is_cyrillic(word: &str) -> bool {
    word.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sentence: &str) -> Option<&'static str> {
        language([sentence.repeat(10).as_str()])
    }

    #[test]
    fn sentences() {
        assert_eq!(
            of("It was the best of times and it was the worst of times for all of them. "),
            Some("en")
        );
        assert_eq!(of("Das ist nicht der Anfang und auch nicht das Ende der Geschichte. "), Some("de"));
        assert_eq!(of("Il est dans la maison et les enfants sont dans le jardin pour jouer. "), Some("fr"));
        assert_eq!(of("El perro y los gatos que viven en una casa con las niñas por el río. "), Some("es"));
        assert_eq!(of("Il cane che non è nel giardino della casa con gli altri. "), Some("it"));
        assert_eq!(of("Он не знал, что это и как с этим быть, и вот он на пути. "), Some("ru"));
        assert_eq!(of("Het is niet de man van het huis en dat is ook een van de dingen. "), Some("nl"));
    }

    #[test]
    fn a_text_with_words_of_another_script() {
        assert_eq!(
            of("Если вы это и из the package to the archive для сборки пакета чтобы он вышел. "),
            Some("ru")
        );
    }

    #[test]
    fn what_is_quoted_in_another_language() {
        let english = "It was the best of times and it was the worst of times for all of them. ".repeat(10);
        let french =
            "Que sur les murs du salon et au mur des chambres il est une dame qui pense, dans le parc. ";
        let quoting = english.clone() + french;
        assert_eq!(language([quoting.as_str()]), Some("en"));
        assert_eq!(quoted_language([quoting.as_str()], "en"), Some("fr"));
        assert_eq!(quoted_language([english.as_str()], "en"), None);
        // Names have few different small words, however often they are there.
        let names = english.clone() + &"the Hotel du Parc et des Alpes ".repeat(20);
        assert_eq!(quoted_language([names.as_str()], "en"), None);
        assert_eq!(
            quoted_language([french, english.repeat(20).as_str()], "en"),
            None,
            "a sentence in a book"
        );
    }

    #[test]
    fn too_little_or_no_language() {
        assert_eq!(language(["the cat and the dog"]), None);
        assert_eq!(of("x y z foo bar baz int char void "), None);
        assert_eq!(language([]), None);
    }
}
