//! Pages as people name them: `10-20,33`.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// Numbers and ranges of pages, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageRanges(Vec<RangeInclusive<i32>>);

impl PageRanges {
    /// Whether the page is one of them.
    pub(crate) fn contains(&self, page: i32) -> bool {
        self.0.iter().any(|range| range.contains(&page))
    }
}

impl FromStr for PageRanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<i32>().ok().filter(|n| *n >= 1);
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = number(first).zip(number(last)).filter(|(first, last)| first <= last)?;
            Some(first..=last)
        };
        let ranges = text.split(',').map(range).collect::<Option<_>>();
        ranges.map(Self).ok_or_else(|| "pages are numbers and ranges, such as 10-20,33".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_numbers_and_ranges() {
        let pages: PageRanges = "10-20, 33".parse().unwrap();
        assert!(pages.contains(10) && pages.contains(20) && pages.contains(33));
        assert!(!pages.contains(9) && !pages.contains(21));
        for wrong in ["", "0", "3-1", "a", "1,,2", "-4", "5-"] {
            assert!(wrong.parse::<PageRanges>().is_err(), "{wrong}");
        }
    }
}
