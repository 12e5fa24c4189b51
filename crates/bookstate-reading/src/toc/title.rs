//! Titles: what of a printed title is its number.
//!
//! Invariant: a title's parts are slices of what the book prints; nothing is translated or corrected.

use super::numbers::{chinese, decimal, digit, roman};
use super::numerals::{KERAIA, Numeral};
use super::words::level_of_sign;
pub use super::words::level_of_word;

/// A printed title in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TitleParts<'a> {
    /// A word before the number that names the level: `Chapter`, `Kapitel`, `Глава`.
    pub word: Option<&'a str>,
    /// The number without what surrounds it: `3.1`, `IV`, `A`, `A.2`.
    pub number: Option<&'a str>,
    /// The title proper. Empty for a title that is nothing but a word and a number.
    pub rest: &'a str,
}

impl TitleParts<'_> {
    /// How deep the number reaches: 1 for `3`, 2 for `3.1`; `None` without a number.
    pub fn depth(&self) -> Option<u32> {
        self.number.map(|n| 1 + n.matches('.').count() as u32)
    }

    /// The number begins with digits, so that its depth tells the level.
    pub fn is_decimal(&self) -> bool {
        self.number.is_some_and(|n| n.starts_with(|c: char| digit(c).is_some()))
    }
}

/// Splits what a book prints as a title into word, number and rest.
///
/// A number is decimal (`3`, `3.1.`, `3)`), a capital letter (`A.1`, `A:`), or a capital roman number; it
/// must be followed by white space. Without a level word a lone capital letter counts only when punctuation
/// follows, or a wide gap, or further numbers (`A Tale` is a title, `A. Tale` has the number A). A word that
/// is no level word is accepted only when the number is set off by punctuation (`Übung 3: …`).
pub fn split_title(printed: &str) -> TitleParts<'_> {
    let text = printed.trim();
    let whole = TitleParts { word: None, number: None, rest: text };
    let after_sign = text.strip_prefix('§').map_or(text, str::trim_start);
    if let Some((number, tail)) = number_prefix(after_sign, false) {
        return TitleParts { word: None, number: Some(number), rest: tail };
    }
    let Some((word, tail)) = text.split_once(char::is_whitespace) else { return whole };
    let tail = tail.trim_start();
    // "CHAP. IV".
    let word = word.strip_suffix('.').filter(|word| level_of_word(word).is_some()).unwrap_or(word);
    let word_length = word.chars().count();
    if !(2..=14).contains(&word_length) || !word.chars().all(char::is_alphabetic) {
        return whole;
    }
    let level_word = level_of_word(word).is_some();
    if let Some((number, rest)) = letter_number(tail).filter(|_| level_word) {
        return TitleParts { word: Some(word), number: Some(number), rest };
    }
    match number_prefix(tail, level_word) {
        Some((number, rest)) if level_word || set_off(tail, number) => {
            TitleParts { word: Some(word), number: Some(number), rest }
        }
        _ => whole,
    }
}

/// A number in letters other than Latin ones, as it may stand behind a level word: `Α΄`, `ΙΒ΄`, the letter of an
/// appendix.
fn letter_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (letters, tail) = text.split_at_checked(end)?;
    let rest = tail.trim_start_matches(KERAIA);
    let one = letters.chars().count() == 1 && !letters.chars().any(char::is_lowercase);
    let signed = rest.len() < tail.len() && Numeral::parse(letters).is_some();
    let apart = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || ".:)—–".contains(c));
    let number = text.get(..text.len() - rest.len())?;
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || ".:)—–-".contains(c));
    (!letters.is_ascii() && apart && (one || signed)).then_some((number, rest))
}

fn set_off(text: &str, number: &str) -> bool {
    let after = text.get(number.len()..).unwrap_or_default().trim_start();
    after.starts_with(':') || after.starts_with("—") || after.starts_with('–')
}

/// The number at the start of `text` and what follows it. `after_word` allows what needs a word before it: a
/// bare capital or roman number, and nothing after the number.
fn number_prefix(text: &str, after_word: bool) -> Option<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '.' || digit(c).is_some();
    let end = text.find(|c: char| !part(c)).unwrap_or(text.len());
    let number = text.get(..end)?.trim_end_matches('.');
    if number.is_empty() || number.len() > 16 {
        return None;
    }
    let tail = text.get(number.len()..)?;
    let rest = tail.trim_start_matches(['.', ':', ')', ']', '—', '–', '-']);
    let punctuated = rest.len() < tail.len();
    let gap = rest.len() - rest.trim_start().len();
    let rest = rest.trim_start();
    // "IV — The Mill".
    let rest =
        rest.strip_prefix(['—', '–']).filter(|rest| rest.starts_with(' ')).map_or(rest, str::trim_start);
    if rest.is_empty() {
        let simple = decimal(number).is_some() || is_capital_roman(number) || number.len() == 1;
        return (after_word && simple && well_formed(number)).then_some((number, rest));
    }
    if gap == 0 && !(punctuated && tail.starts_with(['—', '–', ':'])) {
        return None;
    }
    if !well_formed(number) || !rest.chars().any(char::is_alphanumeric) {
        return None;
    }
    let lone_letter = number.len() == 1 && number.bytes().all(|b| b.is_ascii_uppercase());
    // "I Gnuplot" prints a number, "I was born" does not: a capital I needs a capital after it.
    let roman_start = is_capital_roman(number) && rest.starts_with(char::is_uppercase) && number != "C";
    let accepted = !lone_letter || after_word || punctuated || gap >= 2 || roman_start;
    accepted.then_some((number, rest))
}

fn is_capital_roman(number: &str) -> bool {
    number.bytes().all(|b| b.is_ascii_uppercase()) && roman(number).is_some_and(|v| v < 200)
}

/// `3`, `3.1.2`, `A`, `A.1`, `IV`, `IV.2`, `3a`.
fn well_formed(number: &str) -> bool {
    let mut parts = number.split('.');
    let first = parts.next().unwrap_or_default();
    let digits = |s: &str| decimal(s).is_some();
    let with_letter = |s: &str| {
        let head = s.trim_end_matches(|c: char| c.is_ascii_lowercase());
        head.len() + 1 >= s.len() && digits(head)
    };
    let letter = first.len() == 1 && first.bytes().all(|b| b.is_ascii_uppercase());
    (with_letter(first) || letter || is_capital_roman(first)) && parts.all(with_letter)
}

/// The value of a title's own number where it counts one series through a book: `3`, `III`, `Chapter 3`, `第三章`;
/// letters (`A`) come behind all others. `None` for deeper numbers.
pub(super) fn ordinal(title: &str) -> Option<u32> {
    if let Some(division) = division(title) {
        return Some(division.value);
    }
    let parts = split_title(title);
    let number = parts.number.filter(|n| !n.contains('.'))?;
    let letter = number.chars().next().filter(|c| number.len() == 1 && c.is_ascii_uppercase());
    let appendix = parts.word.and_then(level_of_word) == Some("appendix");
    match letter {
        Some(letter) if appendix || !matches!(letter, 'I' | 'V' | 'X') => Some(10_000 + u32::from(letter)),
        _ => decimal(number).or_else(|| roman(number)),
    }
}

/// A number glued to its title, `1.1The Elements`, apart from it; only a word with a capital shows where it begins.
pub(crate) fn split_glued(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| digit(c).is_none() && c != '.')?;
    let (number, title) = text.split_at_checked(end)?;
    let number = number.trim_end_matches('.');
    let mut letters = title.chars();
    let capital = match (letters.next()?, letters.next()?) {
        // A word of one letter: `2A Letter from the Mill`, but not `3D graphics`.
        ('A' | 'E' | 'I' | 'O' | 'U' | 'Y', ' ') => true,
        (first, second) => first.is_uppercase() && second.is_lowercase(),
    };
    (capital && well_formed(number) && letters.next().is_some()).then_some((number, title))
}

/// A division as Chinese, Japanese and Korean books count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Division<'a> {
    /// The number as printed.
    pub(crate) number: &'a str,
    /// Its value.
    pub(crate) value: u32,
    /// The sign that is counted, as printed: `章`, `화`.
    pub(crate) sign: &'a str,
    /// What it is in English.
    pub(crate) level_name: &'static str,
    /// What follows.
    pub(crate) rest: &'a str,
}

/// Reads `第三章 …`, `제3장 …`, `877화. …` at the start of a line.
pub(crate) fn division(line: &str) -> Option<Division<'_>> {
    let line = line.trim();
    if let Some(found) = sign_first(line) {
        return Some(found);
    }
    let ordinal = line.strip_prefix(['第', '제']);
    let (number, value, tail) = counted(ordinal.unwrap_or(line).trim_start())?;
    let tail = tail.trim_start();
    let sign = tail.chars().next()?;
    let level_name = level_of_sign(sign)?;
    let (sign, rest) = tail.split_at_checked(sign.len_utf8())?;
    // Without the word for an ordinal only a sign by itself counts: `三章` may be "three chapters".
    let (set_off, rest) = title_behind(rest);
    (set_off || ordinal.is_some()).then_some(Division { number, value, sign, level_name, rest })
}

/// Reads `卷一 …`: the sign before its number, which other text seldom begins with.
fn sign_first(line: &str) -> Option<Division<'_>> {
    let sign = line.chars().next()?;
    let level_name = level_of_sign(sign).filter(|name| matches!(*name, "volume" | "part"))?;
    let (sign, tail) = line.split_at_checked(sign.len_utf8())?;
    let (number, value, rest) = counted(tail.trim_start_matches('之'))?;
    let (set_off, rest) = title_behind(rest);
    set_off.then_some(Division { number, value, sign, level_name, rest })
}

/// The number at the start of a text, as it is written in East Asia, its value, and what follows.
fn counted(text: &str) -> Option<(&str, u32, &str)> {
    let is_number =
        |c: char| digit(c).is_some() || chinese(c.encode_utf8(&mut [0; 4])).is_some() || "十百千".contains(c);
    let end = text.find(|c: char| !is_number(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((number, decimal(number).or_else(|| chinese(number))?, rest))
}

/// The title behind what a division counts, and whether it is set off from it.
fn title_behind(rest: &str) -> (bool, &str) {
    let set_off = rest.is_empty() || rest.starts_with(|c: char| !c.is_alphanumeric());
    (set_off, rest.trim_start_matches(|c: char| c.is_whitespace() || ".．。:：、,-–—・".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, Option<&str>, &str) {
        let p = split_title(text);
        (p.word, p.number, p.rest)
    }

    #[test]
    fn numbers_are_split_off() {
        assert_eq!(parts("1 Introduction"), (None, Some("1"), "Introduction"));
        assert_eq!(parts(" 3.1.  Purpose "), (None, Some("3.1"), "Purpose"));
        assert_eq!(parts("A.2 Names"), (None, Some("A.2"), "Names"));
        assert_eq!(parts("I Gnuplot"), (None, Some("I"), "Gnuplot"));
        assert_eq!(parts("IV. Schluss"), (None, Some("IV"), "Schluss"));
        assert_eq!(parts("§ 12 Haftung"), (None, Some("12"), "Haftung"));
        assert_eq!(parts("Chapter 4: The End"), (Some("Chapter"), Some("4"), "The End"));
        assert_eq!(parts("Глава 2. Начало"), (Some("Глава"), Some("2"), "Начало"));
        assert_eq!(parts("CHAPTER XII"), (Some("CHAPTER"), Some("XII"), ""));
        assert_eq!(parts("Appendix B Tables"), (Some("Appendix"), Some("B"), "Tables"));
        assert_eq!(parts("Übung 3: Wörter"), (Some("Übung"), Some("3"), "Wörter"));
    }

    #[test]
    fn words_stay_in_the_title() {
        for title in [
            "A Tale of Two Cities",
            "I was born",
            "Using 2 threads",
            "3D graphics",
            "2.5",
            "C Programming",
            "Introduction",
            "Don",
            "x",
            "",
            "Chapter and verse",
            "Mild",
            "3rd party",
        ] {
            assert_eq!(parts(title), (None, None, title));
        }
    }

    #[test]
    fn numbers_of_other_scripts() {
        assert_eq!(parts("الفصل ١ الميناء"), (Some("الفصل"), Some("١"), "الميناء"));
        assert_eq!(parts("٣ الميناء"), (None, Some("٣"), "الميناء"));
        assert_eq!(parts("Κεφάλαιο Α΄ Το λιμάνι"), (Some("Κεφάλαιο"), Some("Α΄"), "Το λιμάνι"));
        assert_eq!(parts("Приложение Б. Таблицы"), (Some("Приложение"), Some("Б"), "Таблицы"));
        let of = |t| division(t).map(|d| (d.value, d.level_name, d.rest));
        assert_eq!(of("第一章 潮水退去的港口"), Some((1, "chapter", "潮水退去的港口")));
        assert_eq!(of("第 12 章 引き潮の港"), Some((12, "chapter", "引き潮の港")));
        assert_eq!(of("877화. 썰물의 항구"), Some((877, "chapter", "썰물의 항구")));
        assert_eq!(of("제3부 바다"), Some((3, "part", "바다")));
        assert_eq!((of("三人の男"), of("第一次世界大战"), of("章")), (None, None, None));
    }

    #[test]
    fn numbers_glued_to_titles() {
        assert_eq!(split_glued("1.1The Elements"), Some(("1.1", "The Elements")));
        assert_eq!(split_glued("12Hafen"), Some(("12", "Hafen")));
        assert_eq!(split_glued("2A Letter from it"), Some(("2", "A Letter from it")));
        assert_eq!(
            (split_glued("3D graphics"), split_glued("3rd party"), split_glued("12")),
            (None, None, None)
        );
    }

    #[test]
    fn depth_and_kind() {
        assert_eq!(split_title("3.1.2 x").depth(), Some(3));
        assert_eq!(split_title("Title").depth(), None);
        assert!(split_title("3.1 x").is_decimal());
        assert!(!split_title("A.1 x").is_decimal());
    }
}
