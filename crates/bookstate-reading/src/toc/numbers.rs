//! Printed page numbers: arabic and roman ones, and how they order.

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
    /// Its value within the series.
    pub value: u32,
}

/// No front matter is longer; a larger "roman number" is a word (mix, dim, mild).
const LARGEST_ROMAN: u32 = 399;

impl PageNumber {
    /// Reads one to four digits or a roman number in one case; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        if (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            let value = text.parse().ok()?;
            return Some(Self { style: NumberStyle::Arabic, value });
        }
        let one_case =
            text.bytes().all(|b| b.is_ascii_lowercase()) || text.bytes().all(|b| b.is_ascii_uppercase());
        let value = roman(text).filter(|v| one_case && *v <= LARGEST_ROMAN)?;
        Some(Self { style: NumberStyle::Roman, value })
    }
}

impl fmt::Display for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            NumberStyle::Arabic => write!(f, "{}", self.value),
            NumberStyle::Roman => f.write_str(&to_roman(self.value)),
        }
    }
}

const ROMAN: [(u32, &str); 13] = [
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];

/// The value of a well-formed roman number in either case.
pub(super) fn roman(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 12 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (mut rest, mut value) = (lower.as_str(), 0);
    for (worth, digits) in ROMAN {
        while let Some(tail) = rest.strip_prefix(digits) {
            (rest, value) = (tail, value + worth);
        }
    }
    // Only the one way to write a number counts, so that words of these letters mostly do not.
    (rest.is_empty() && to_roman(value) == lower).then_some(value)
}

fn to_roman(mut value: u32) -> String {
    let mut out = String::new();
    for (worth, digits) in ROMAN {
        while value >= worth {
            out.push_str(digits);
            value -= worth;
        }
    }
    out
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
        for word in ["", "12345", "iiii", "vx", "Xi", "mix", "mild", "a", "1a", "½"] {
            assert_eq!(of(word), None, "{word}");
        }
    }

    #[test]
    fn every_roman_number_reads_back() {
        for value in 1..=LARGEST_ROMAN {
            let number = PageNumber { style: NumberStyle::Roman, value };
            assert_eq!(PageNumber::parse(&number.to_string()), Some(number));
        }
    }

    #[test]
    fn front_matter_comes_first() {
        assert!(PageNumber::parse("xx") < PageNumber::parse("1"));
    }
}
