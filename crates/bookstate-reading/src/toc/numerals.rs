//! The number of a heading: arabic, roman, spelled out, or a letter.
//!
//! Invariant: a text is read in one style only; `parse` gives nothing for what could be an ordinary word.

use super::numbers::{NumberStyle, PageNumber, chinese};

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumeralStyle {
    /// 1, 2, 3
    Arabic,
    /// I, II, III
    Roman,
    /// One, Two, Three
    Word,
    /// A, B, C
    Letter,
}

impl NumeralStyle {
    /// Its name, as stored in a numbering pattern.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arabic => "arabic",
            Self::Roman => "roman",
            Self::Word => "word",
            Self::Letter => "letter",
        }
    }
}

/// A number with the way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numeral {
    /// How it is written.
    pub style: NumeralStyle,
    /// Its value; 1 for the letter A.
    pub value: u32,
}

impl Numeral {
    /// Reads a number without what surrounds it: `12`, `XII`, `twelve`, `B`. A single letter that is a roman digit
    /// is read as roman; see [`Numeral::as_letter`].
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(number) = PageNumber::parse(text).filter(|n| n.section == 0) {
            let style = match number.style {
                NumberStyle::Arabic => NumeralStyle::Arabic,
                NumberStyle::Roman => NumeralStyle::Roman,
            };
            return Some(Self { style, value: number.value });
        }
        if let Some(value) = chinese(text).filter(|_| !text.is_ascii()) {
            return Some(Self { style: NumeralStyle::Word, value });
        }
        if let Some(value) = spelled(text).or_else(|| greek(text)).or_else(|| hebrew(text)) {
            return Some(Self { style: NumeralStyle::Word, value });
        }
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(letter @ 'A'..='Z'), None) => {
                Some(Self { style: NumeralStyle::Letter, value: u32::from(letter) - u32::from('A') + 1 })
            }
            _ => None,
        }
    }

    /// The same text as a letter, when it is one roman digit that could be.
    pub fn as_letter(text: &str) -> Option<Self> {
        let letter = text.chars().next().filter(|c| text.len() == 1 && c.is_ascii_uppercase())?;
        Some(Self { style: NumeralStyle::Letter, value: u32::from(letter) - u32::from('A') + 1 })
    }

    /// The number as it is written in its style; spelled-out numbers as digits.
    pub fn write(self) -> String {
        match self.style {
            NumeralStyle::Arabic | NumeralStyle::Word => self.value.to_string(),
            NumeralStyle::Roman => PageNumber { style: NumberStyle::Roman, section: 0, value: self.value }
                .to_string()
                .to_uppercase(),
            NumeralStyle::Letter => u8::try_from(self.value)
                .ok()
                .filter(|v| (1..=26).contains(v))
                .map_or_else(|| self.value.to_string(), |v| char::from(b'A' + v - 1).to_string()),
        }
    }
}

/// Spelled-out numbers from one on, cardinal and ordinal forms of one number in one row.
const SPELLED: &[&[&str]] = &[
    &[
        "one",
        "first",
        "primeiro",
        "primeira",
        "första",
        "الأول",
        "اول",
        "الأولى",
        "eins",
        "ein",
        "erste",
        "erster",
        "erstes",
        "un",
        "une",
        "premier",
        "première",
        "uno",
        "una",
        "primero",
        "primera",
        "primo",
        "prima",
        "één",
        "eerste",
        "один",
        "первая",
        "первый",
        "первое",
    ],
    &[
        "two",
        "second",
        "andra",
        "الثاني",
        "دوم",
        "الثانية",
        "zwei",
        "zweite",
        "zweiter",
        "zweites",
        "deux",
        "deuxième",
        "seconde",
        "dos",
        "segundo",
        "segunda",
        "due",
        "secondo",
        "seconda",
        "twee",
        "tweede",
        "два",
        "вторая",
        "второй",
        "второе",
    ],
    &[
        "three",
        "third",
        "terceiro",
        "terceira",
        "tredje",
        "الثالث",
        "سوم",
        "الثالثة",
        "drei",
        "dritte",
        "dritter",
        "drittes",
        "trois",
        "troisième",
        "tres",
        "tercero",
        "tercera",
        "tre",
        "terzo",
        "terza",
        "drie",
        "derde",
        "три",
        "третья",
        "третий",
        "третье",
    ],
    &[
        "four",
        "fourth",
        "fjärde",
        "الرابع",
        "چهارم",
        "الرابعة",
        "vier",
        "vierte",
        "vierter",
        "viertes",
        "quatre",
        "quatrième",
        "cuatro",
        "cuarto",
        "cuarta",
        "quattro",
        "quarto",
        "quarta",
        "vierde",
        "четыре",
        "четвёртая",
        "четвертая",
        "четвёртый",
        "четвертый",
    ],
    &[
        "five",
        "fifth",
        "femte",
        "الخامس",
        "پنجم",
        "الخامسة",
        "fünf",
        "fünfte",
        "fünfter",
        "fünftes",
        "cinq",
        "cinquième",
        "cinco",
        "quinto",
        "quinta",
        "cinque",
        "vijf",
        "vijfde",
        "пять",
        "пятая",
        "пятый",
        "пятое",
    ],
    &[
        "six",
        "sixth",
        "sjätte",
        "السادس",
        "ششم",
        "السادسة",
        "sechs",
        "sechste",
        "sechster",
        "sechstes",
        "sixième",
        "seis",
        "sexto",
        "sexta",
        "sei",
        "sesto",
        "sesta",
        "zes",
        "zesde",
        "шесть",
        "шестая",
        "шестой",
        "шестое",
    ],
    &[
        "seven",
        "seventh",
        "sétimo",
        "sjunde",
        "السابع",
        "هفتم",
        "السابعة",
        "sieben",
        "siebte",
        "siebter",
        "siebtes",
        "siebentes",
        "sept",
        "septième",
        "siete",
        "séptimo",
        "sette",
        "settimo",
        "zeven",
        "zevende",
        "семь",
        "седьмая",
        "седьмой",
        "седьмое",
    ],
    &[
        "eight",
        "eighth",
        "oitavo",
        "åttonde",
        "الثامن",
        "هشتم",
        "الثامنة",
        "acht",
        "achte",
        "achter",
        "achtes",
        "huit",
        "huitième",
        "ocho",
        "octavo",
        "otto",
        "ottavo",
        "achtste",
        "восемь",
        "восьмая",
        "восьмой",
        "восьмое",
    ],
    &[
        "nine",
        "ninth",
        "nionde",
        "التاسع",
        "نهم",
        "التاسعة",
        "neun",
        "neunte",
        "neunter",
        "neuntes",
        "neuf",
        "neuvième",
        "nueve",
        "noveno",
        "nove",
        "nono",
        "negen",
        "negende",
        "девять",
        "девятая",
        "девятый",
        "девятое",
    ],
    &[
        "ten",
        "tenth",
        "tionde",
        "العاشر",
        "دهم",
        "العاشرة",
        "zehn",
        "zehnte",
        "zehnter",
        "zehntes",
        "dix",
        "dixième",
        "diez",
        "décimo",
        "dieci",
        "decimo",
        "tien",
        "tiende",
        "десять",
        "десятая",
        "десятый",
        "десятое",
    ],
    &["eleven", "eleventh", "elf", "elfte", "elftes", "onze", "onzième", "once", "undici", "одиннадцатая"],
    &[
        "twelve",
        "twelfth",
        "zwölf",
        "zwölfte",
        "zwölftes",
        "douze",
        "douzième",
        "doce",
        "dodici",
        "двенадцатая",
    ],
    &["thirteen", "thirteenth", "dreizehn", "dreizehntes", "treize", "trece", "tredici", "тринадцатая"],
    &["fourteen", "fourteenth", "vierzehn", "vierzehntes", "quatorze", "catorce", "четырнадцатая"],
    &["fifteen", "fifteenth", "fünfzehn", "fünfzehntes", "quinze", "quince", "quindici", "пятнадцатая"],
    &["sixteen", "sixteenth", "sechzehn", "sechzehntes", "seize", "dieciséis", "sedici", "шестнадцатая"],
    &["seventeen", "seventeenth", "siebzehn", "siebzehntes", "diecisiete", "diciassette", "семнадцатая"],
    &["eighteen", "eighteenth", "achtzehn", "achtzehntes", "dieciocho", "diciotto", "восемнадцатая"],
    &["nineteen", "nineteenth", "neunzehn", "neunzehntes", "diecinueve", "diciannove", "девятнадцатая"],
    &["twenty", "twentieth", "zwanzig", "zwanzigstes", "vingt", "veinte", "venti", "двадцатая"],
];

/// English tens, to which a unit may follow.
const TENS: [(&str, u32); 8] = [
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

/// A number in Greek letters: `Α΄`, `ιβ'`, up to `νθ`. The sign for six is also written `ΣΤ` or `Σ`.
fn greek(text: &str) -> Option<u32> {
    let letters = text.trim_end_matches(KERAIA).to_lowercase();
    if letters.is_empty() || letters.chars().count() > 3 {
        return None;
    }
    let tens = ["ι", "κ", "λ", "μ", "ν"];
    let units = ["α", "β", "γ", "δ", "ε", "ϛ", "ζ", "η", "θ"];
    let place = |signs: &[&str], sign: &str| signs.iter().position(|s| *s == sign).map(|at| at + 1);
    let first = letters.chars().next()?;
    let ten = place(&tens, first.encode_utf8(&mut [0; 4])).unwrap_or(0);
    let rest = if ten > 0 { letters.get(first.len_utf8()..)? } else { letters.as_str() };
    let unit = match rest {
        "" => 0,
        "στ" | "σ" | "ς" => 6,
        unit => place(&units, unit)?,
    };
    u32::try_from(10 * ten + unit).ok()
}

/// A number in Hebrew letters: `ג`, `י״ב`.
fn hebrew(text: &str) -> Option<u32> {
    let value = |c: char| "אבגדהוזחט".chars().chain("יכלמנ".chars()).position(|letter| letter == c);
    let letters: Vec<char> = text.chars().filter(|c| !matches!(c, '׳' | '״' | '\'' | '"')).collect();
    if letters.is_empty() || letters.len() > 2 {
        return None;
    }
    let worth = |at: usize| if at < 9 { at + 1 } else { 10 * (at - 8) };
    let values: Vec<usize> = letters.iter().map(|c| value(*c).map(worth)).collect::<Option<_>>()?;
    let falls = values.first() > values.last() || values.len() == 1 || values.first() == Some(&9);
    falls.then(|| u32::try_from(values.iter().sum::<usize>()).ok()).flatten()
}

/// The signs that make letters a number in Greek print.
pub(super) const KERAIA: [char; 6] = ['΄', 'ʹ', '\u{384}', '\'', '’', '´'];

fn spelled(text: &str) -> Option<u32> {
    // The longest is "четырнадцатая"; what is much longer is no number and not worth lower-casing.
    if text.len() > 40 {
        return None;
    }
    let lower = text.to_lowercase();
    let simple = |word: &str| {
        let row = SPELLED.iter().position(|words| words.contains(&word))?;
        u32::try_from(row + 1).ok()
    };
    if let Some(value) = simple(&lower) {
        return Some(value);
    }
    for (tens, value) in TENS {
        if let Some(rest) = lower.strip_prefix(tens) {
            let unit = rest.strip_prefix(['-', ' ', '‐', '‑']);
            return match unit {
                Some(unit) => simple(unit).filter(|u| *u < 10).map(|u| value + u),
                None => rest.is_empty().then_some(value),
            };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(NumeralStyle, u32)> {
        Numeral::parse(text).map(|n| (n.style, n.value))
    }

    #[test]
    fn each_style() {
        assert_eq!(read("12"), Some((NumeralStyle::Arabic, 12)));
        assert_eq!(read("XII"), Some((NumeralStyle::Roman, 12)));
        assert_eq!(read("TWELVE"), Some((NumeralStyle::Word, 12)));
        assert_eq!(read("Twenty-One"), Some((NumeralStyle::Word, 21)));
        assert_eq!(read("forty two"), Some((NumeralStyle::Word, 42)));
        assert_eq!(read("Erstes"), Some((NumeralStyle::Word, 1)));
        assert_eq!(read("третья"), Some((NumeralStyle::Word, 3)));
        assert_eq!(read("B"), Some((NumeralStyle::Letter, 2)));
        assert_eq!(read("C"), Some((NumeralStyle::Roman, 100)));
        assert_eq!(Numeral::as_letter("C").map(|n| n.value), Some(3));
        assert_eq!(read("Α΄"), Some((NumeralStyle::Word, 1)));
        assert_eq!(read("ΙΣΤ΄"), Some((NumeralStyle::Word, 16)));
        assert_eq!(read("ט״ו"), Some((NumeralStyle::Word, 15)));
        assert_eq!(read("الثالث"), Some((NumeralStyle::Word, 3)));
        for word in ["Το", "μ΄α", "", "twentyish", "mixed", "Bb", "twenty-eleven", "3.1"] {
            assert_eq!(read(word), None, "{word}");
        }
    }

    #[test]
    fn written_numbers_read_back() {
        for style in [NumeralStyle::Arabic, NumeralStyle::Roman] {
            for value in 1..200 {
                let numeral = Numeral { style, value };
                assert_eq!(Numeral::parse(&numeral.write()), Some(numeral));
            }
        }
    }
}
