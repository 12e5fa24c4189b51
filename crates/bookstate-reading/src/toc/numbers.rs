//! Printed page numbers: arabic and roman ones, of all scripts, and how they order.

use crate::text::roman::{SIGNS, to_roman};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The series a page number belongs to. Front matter in roman numbers comes before the arabic body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStyle {
    /// i, ii, iii, …
    Roman,
    /// 1, 2, 3, …
    Arabic,
}

/// A page number as a book prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNumber {
    /// Its series.
    pub style: NumberStyle,
    /// Where numbers start again in each chapter and say so, `3-7`: the chapter; letters (`A-7`) come behind
    /// digits. Else 0.
    pub section: u32,
    /// Its value within the series.
    pub value: u32,
}

/// No front matter is longer; a larger "roman number" is a word (mix, dim, mild).
const LARGEST_ROMAN: u32 = 399;
/// Sections that are letters begin here.
const LETTERS: u32 = 10_000;
/// Where the decimal digits of scripts begin.
const ZEROS: [u32; 26] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7ec,
];

impl PageNumber {
    /// Reads one to four digits of any one script, a roman number in one case, or a number of a section
    /// (`3-7`, `A-2`); anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 24 {
            return None;
        }
        if let Some((section, value)) = text.split_once(['-', '‑', '–']) {
            let section = section_number(section)?;
            return Some(Self { style: NumberStyle::Arabic, section, value: decimal(value)? });
        }
        if let Some(value) = decimal(text) {
            return Some(Self::arabic(value));
        }
        let one_case =
            text.bytes().all(|b| b.is_ascii_lowercase()) || text.bytes().all(|b| b.is_ascii_uppercase());
        let value = roman(text).filter(|v| one_case && *v <= LARGEST_ROMAN)?;
        Some(Self { style: NumberStyle::Roman, section: 0, value })
    }

    pub(super) const fn arabic(value: u32) -> Self {
        Self { style: NumberStyle::Arabic, section: 0, value }
    }
}

impl fmt::Display for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.section {
            0 => {}
            letter if letter > LETTERS => {
                let letter = char::from_u32(u32::from(b'A') + letter - LETTERS - 1).unwrap_or('?');
                write!(f, "{letter}-")?;
            }
            section => write!(f, "{section}-")?,
        }
        match self.style {
            NumberStyle::Arabic => write!(f, "{}", self.value),
            NumberStyle::Roman => f.write_str(&to_roman(self.value)),
        }
    }
}

fn section_number(text: &str) -> Option<u32> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(letter @ 'A'..='Z'), None) => Some(LETTERS + u32::from(letter) - u32::from('A') + 1),
        _ => decimal(text).filter(|n| (1..LETTERS).contains(n)),
    }
}

/// The value of a decimal digit in whatever script.
pub(super) fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let code = u32::from(c);
    ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| code - zero)
}

/// One to four decimal digits of one script.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let zero = |c: char| digit(c).map(|d| u32::from(c) - d);
    let script = text.chars().next().and_then(zero)?;
    let mut value = 0;
    for (i, c) in text.chars().enumerate() {
        if i >= 4 || zero(c) != Some(script) {
            return None;
        }
        value = value * 10 + digit(c)?;
    }
    Some(value)
}

/// A number in Chinese signs: `十二`, `二十`, `一百零三`, or sign by sign `一二三`.
#[must_use]
pub fn chinese(text: &str) -> Option<u32> {
    let value = |c: char| match c {
        '零' | '〇' | '○' => Some(0),
        '一' | '壹' | '元' => Some(1),
        '二' | '两' | '兩' | '贰' | '弐' => Some(2),
        '三' | '叁' | '参' => Some(3),
        '四' => Some(4),
        '五' => Some(5),
        '六' => Some(6),
        '七' => Some(7),
        '八' => Some(8),
        '九' => Some(9),
        _ => None,
    };
    let unit = |c: char| match c {
        '十' | '拾' => Some(10),
        '百' => Some(100),
        '千' => Some(1000),
        _ => None,
    };
    if text.is_empty() || text.chars().count() > 9 {
        return None;
    }
    if !text.chars().any(|c| unit(c).is_some()) {
        let mut out: u32 = 0;
        for c in text.chars() {
            out = out.checked_mul(10)?.checked_add(value(c)?)?;
        }
        return Some(out).filter(|_| text.chars().count() <= 4);
    }
    let (mut total, mut open): (u32, Option<u32>) = (0, None);
    for c in text.chars() {
        match (value(c), unit(c)) {
            (Some(v), _) => open = Some(v),
            (None, Some(u)) => {
                total = total.checked_add(open.take().unwrap_or(1).checked_mul(u)?)?;
            }
            (None, None) => return None,
        }
    }
    total.checked_add(open.unwrap_or(0))
}

/// The value of a well-formed roman number in either case, mixed or not.
pub(super) fn roman(text: &str) -> Option<u32> {
    // Every word of a book is asked: most have another letter at the first or second place.
    let of_numerals = |c: char| {
        matches!(c.to_ascii_lowercase(), 'i' | 'v' | 'x' | 'l' | 'c' | 'd' | 'm' | '\u{2160}'..='\u{217f}')
    };
    if text.is_empty() || text.len() > 15 || !text.chars().all(of_numerals) {
        return None;
    }
    let lower: String = text.chars().map(roman_letters).collect::<String>().to_ascii_lowercase();
    let (mut rest, mut value) = (lower.as_str(), 0);
    for (worth, digits) in SIGNS {
        while let Some(tail) = rest.strip_prefix(digits) {
            (rest, value) = (tail, value + worth);
        }
    }
    // Only the one way to write a number counts, so that words of these letters mostly do not.
    (rest.is_empty() && to_roman(value) == lower).then_some(value)
}

/// `Ⅳ` is written with one sign: as letters.
fn roman_letters(c: char) -> String {
    const SIGNS: [&str; 12] = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"];
    let at = match c {
        '\u{2160}'..='\u{216b}' => u32::from(c) - 0x2160,
        '\u{2170}'..='\u{217b}' => u32::from(c) - 0x2170,
        _ => return c.to_string(),
    };
    SIGNS.get(at as usize).map_or_else(|| c.to_string(), |s| (*s).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words() {
        let of = |t| PageNumber::parse(t).map(|n| (n.style, n.value));
        assert_eq!(of("12"), Some((NumberStyle::Arabic, 12)));
        assert_eq!(of("xiv"), Some((NumberStyle::Roman, 14)));
        assert_eq!(of("XIV"), Some((NumberStyle::Roman, 14)));
        for word in ["", "12345", "iiii", "vx", "Xi", "mix", "mild", "a", "1a", "½", "1-", "-1", "١2"] {
            assert_eq!(of(word), None, "{word}");
        }
    }

    #[test]
    fn digits_of_all_scripts() {
        let of = |t| PageNumber::parse(t).map(|n| n.value);
        for twelve in ["١٢", "۱۲", "१२", "১২", "๑๒", "１２"] {
            assert_eq!(of(twelve), Some(12), "{twelve}");
        }
        assert_eq!(chinese("十二"), Some(12));
        assert_eq!(chinese("二十"), Some(20));
        assert_eq!(chinese("一百零三"), Some(103));
        assert_eq!(chinese("一二三"), Some(123));
        assert_eq!(chinese("水"), None);
    }

    #[test]
    fn numbers_of_sections() {
        let of = |t| PageNumber::parse(t).map(|n| (n.section, n.value));
        assert_eq!(of("3-7"), Some((3, 7)));
        assert!(PageNumber::parse("12-3") < PageNumber::parse("A-1"));
        for text in ["3-7", "A-12"] {
            assert_eq!(PageNumber::parse(text).map(|n| n.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_roman_number_reads_back() {
        for value in 1..=LARGEST_ROMAN {
            let number = PageNumber { style: NumberStyle::Roman, section: 0, value };
            assert_eq!(PageNumber::parse(&number.to_string()), Some(number));
        }
    }

    #[test]
    fn front_matter_comes_first() {
        assert!(PageNumber::parse("xx") < PageNumber::parse("1"));
    }
}
