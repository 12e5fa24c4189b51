//! Headings that count with a word of the book's own: `CANTO IV`, `Stave One`, `Letter 3: To my brother`, and days of
//! a diary.
//!
//! Invariant: decides on one line by itself. Any word counts; that it counts chapters is shown by the series only,
//! see `series`.

use crate::toc::{Numeral, NumeralStyle, level_of_word};

/// A word and its number at the start of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    pub(super) word: &'a str,
    pub(super) number: &'a str,
    pub(super) numeral: Numeral,
    /// What follows: the title, mostly empty.
    pub(super) rest: &'a str,
}

/// Words that count other things than chapters: captions, sentences of mathematics, pages.
const OTHERS: &[&str] = &[
    "figure",
    "fig",
    "table",
    "tab",
    "plate",
    "map",
    "chart",
    "diagram",
    "photo",
    "image",
    "illustration",
    "exhibit",
    "equation",
    "eq",
    "example",
    "listing",
    "exercise",
    "problem",
    "question",
    "answer",
    "solution",
    "theorem",
    "lemma",
    "definition",
    "proposition",
    "corollary",
    "remark",
    "proof",
    "axiom",
    "note",
    "footnote",
    "step",
    "item",
    "box",
    "page",
    "pages",
    "number",
    "no",
    "version",
    "line",
    "verse",
    "option",
    "case",
    "phase",
    "type",
    "class",
    "level",
    "stage",
    "abbildung",
    "abb",
    "tabelle",
    "bild",
    "tafel",
    "karte",
    "beispiel",
    "aufgabe",
    "satz",
    "bemerkung",
    "anmerkung",
    "seite",
    "gleichung",
    "schritt",
    "рисунок",
    "рис",
    "таблица",
    "пример",
    "теорема",
    "лемма",
    "задача",
    "шаг",
    "figura",
    "tabla",
    "tableau",
    "tabella",
    "exemple",
    "ejemplo",
    "esempio",
    "exercice",
    "ejercicio",
    "figuur",
    "tabel",
];

/// Reads a line that begins with a word and a number, or an ordinal and a word.
pub(super) fn counted(line: &str) -> Option<Counted<'_>> {
    let line = line.trim();
    if let Some(found) = signed(line) {
        return Some(found);
    }
    let spelled = |word: &str| Numeral::parse(word).is_some_and(|n| n.style == NumeralStyle::Word);
    // "The First Night" counts as "First Night" does.
    let article = line.strip_prefix("The ").or_else(|| line.strip_prefix("THE "));
    let line = article.filter(|t| t.split(' ').next().is_some_and(spelled)).unwrap_or(line);
    let (first, tail) = line.split_once(char::is_whitespace)?;
    let tail = tail.trim_start();
    let is_word = |word: &str| {
        let length = word.chars().count();
        !word.eq_ignore_ascii_case("the")
            && (2..=20).contains(&length)
            && word.chars().all(char::is_alphabetic)
            && !word.starts_with(char::is_lowercase)
            && level_of_word(word).is_none()
            && !OTHERS.contains(&word.to_lowercase().as_str())
    };
    let ordinal = Numeral::parse(first).filter(|n| n.style == NumeralStyle::Word);
    if ordinal.is_none() && is_word(first) {
        // "Fit the First" counts as "Fit One" does.
        let article = ["the ", "The ", "THE "].iter().find_map(|the| tail.strip_prefix(the));
        let number =
            |t: &&str| t.split(|c: char| !c.is_alphanumeric() && c != '-').next().is_some_and(spelled);
        let tail = article.filter(number).unwrap_or(tail);
        // "Interview #3".
        let tail = tail.strip_prefix(['#', '№']).map_or(tail, str::trim_start);
        let end = tail.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(tail.len());
        let (number, rest) = tail.split_at_checked(end)?;
        let numeral = Numeral::parse(number).filter(|n| n.style != NumeralStyle::Letter && n.value < 2000)?;
        let small = number.starts_with(char::is_lowercase);
        let title = rest.trim_start_matches(|c: char| c.is_whitespace() || ":.,-–—)".contains(c)).trim_end();
        let set_off = rest.is_empty() || rest.starts_with(|c: char| !c.is_whitespace());
        let capital = title.starts_with(|c: char| !c.is_lowercase());
        // "June 12" and "Psalm 12 is" are told by the series.
        return (!small && (set_off || capital)).then_some(Counted {
            word: first,
            number,
            numeral,
            rest: title,
        });
    }
    // "Third Letter", "Erster Gesang", and nothing behind it but a title that is set off.
    let numeral = ordinal?;
    let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
    let (word, rest) = tail.split_at_checked(end)?;
    let set_off = rest.is_empty() || rest.starts_with([':', '.', '–', '—']);
    let rest = rest.trim_start_matches([':', '.', '–', '—', ' ']);
    (is_word(word) && set_off && !first.starts_with(char::is_lowercase)).then_some(Counted {
        word,
        number: first,
        numeral,
        rest,
    })
}

/// `#3 Title`, `№ 3`: a sign for "number", digits, and a title or nothing.
fn signed(line: &str) -> Option<Counted<'_>> {
    let tail =
        ["#", "№", "No. ", "NO. ", "Nr. ", "Nº ", "N° "].iter().find_map(|sign| line.strip_prefix(sign))?;
    let sign = line.get(..line.len() - tail.len())?.trim_end();
    let tail = tail.trim_start();
    let end = tail.find(|c: char| !c.is_numeric()).unwrap_or(tail.len());
    let (number, rest) = tail.split_at_checked(end)?;
    let numeral = Numeral::parse(number).filter(|n| n.value < 2000)?;
    let title = rest.trim_start_matches(|c: char| c.is_whitespace() || ":.,-–—)".contains(c)).trim_end();
    let apart = rest.is_empty() || title.len() < rest.len();
    let capital = title.starts_with(|c: char| !c.is_lowercase()) || title.is_empty();
    (apart && capital).then_some(Counted { word: sign, number, numeral, rest: title })
}

/// Beginnings of the names of months, in the order of the year.
const MONTHS: [&[&str]; 12] = [
    &["january", "jan", "januar", "janvier", "enero", "gennaio", "января", "январь", "janeiro", "januari"],
    &[
        "february",
        "feb",
        "februar",
        "février",
        "febrero",
        "febbraio",
        "февраля",
        "февраль",
        "fevereiro",
        "februari",
    ],
    &["march", "mar", "märz", "mars", "marzo", "марта", "март", "março", "maart"],
    &["april", "apr", "avril", "abril", "aprile", "апреля", "апрель"],
    &["may", "mai", "mayo", "maggio", "мая", "май", "maio", "mei"],
    &["june", "jun", "juni", "juin", "junio", "giugno", "июня", "июнь", "junho"],
    &["july", "jul", "juli", "juillet", "julio", "luglio", "июля", "июль", "julho"],
    &["august", "aug", "août", "agosto", "августа", "август", "augustus"],
    &["september", "sept", "sep", "septembre", "septiembre", "settembre", "сентября", "сентябрь", "setembro"],
    &["october", "oct", "oktober", "octobre", "octubre", "ottobre", "октября", "октябрь", "outubro", "okt"],
    &["november", "nov", "novembre", "noviembre", "ноября", "ноябрь", "novembro"],
    &[
        "december",
        "dec",
        "dezember",
        "décembre",
        "diciembre",
        "dicembre",
        "декабря",
        "декабрь",
        "dezembro",
        "dez",
    ],
];

/// The day of a diary that a short line names, as a number that rises through the year: `3 May. Bistritz.`.
pub(super) fn day(line: &str) -> Option<u32> {
    if line.chars().count() > 60 {
        return None;
    }
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    if !(2..=8).contains(&words.len()) {
        return None;
    }
    let month = words.iter().take(4).find_map(|word| {
        let lower = word.to_lowercase();
        MONTHS.iter().position(|names| names.contains(&lower.as_str()))
    })?;
    let day = words.iter().take(5).find_map(|word| {
        let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
        digits.parse::<u32>().ok().filter(|d| (1..=31).contains(d) && digits.len() <= 2)
    })?;
    u32::try_from(month).ok().map(|month| month * 32 + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_word_counts() {
        let of = |line| counted(line).map(|c| (c.word, c.numeral.value, c.rest));
        assert_eq!(of("CANTO IV"), Some(("CANTO", 4, "")));
        assert_eq!(of("STAVE ONE"), Some(("STAVE", 1, "")));
        assert_eq!(of("EPISODE 3: The Harbour"), Some(("EPISODE", 3, "The Harbour")));
        assert_eq!(of("Letter 2. To my brother"), Some(("Letter", 2, "To my brother")));
        assert_eq!(of("Third Letter"), Some(("Letter", 3, "")));
        assert_eq!(of("Fit the Third: The Snark"), Some(("Fit", 3, "The Snark")));
        assert_eq!(of("#3 The Mill"), Some(("#", 3, "The Mill")));
        assert_eq!(of("№ 3"), Some(("№", 3, "")));
        assert_eq!(of("Interview #3"), Some(("Interview", 3, "")));
        assert_eq!(of("No. 3. The Mill"), Some(("No.", 3, "The Mill")));
        assert_eq!(of("THE THIRD NIGHT"), Some(("NIGHT", 3, "")));
        assert_eq!((of("#include"), of("Call the police")), (None, None));
        for line in
            ["Figure 3: A boat", "Chapter 7", "letter 3", "In 1990 he", "Call me", "One boat more", ""]
        {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn days_of_a_diary() {
        assert_eq!(day("3 May. Bistritz."), Some(4 * 32 + 3));
        assert_eq!(day("Monday, June 12th"), Some(5 * 32 + 12));
        assert!(day("12. Dezember 1880") > day("2. Dezember"));
        assert_eq!((day("He came in May"), day("May"), day("12")), (None, None, None));
    }
}
