//! What is stored of a contents: its place, its shape and its entries.

use super::contents_page::Printed;
use super::numbers::NumberStyle;
use super::title::{level_of_word, split_title};
use serde::{Deserialize, Serialize};

/// The pages on which a book prints its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsRange {
    /// The first page, counted from 1.
    pub start_page: u32,
    /// The last page, inclusive.
    pub end_page: u32,
    /// What the contents look like.
    pub summary: ContentsSummary,
}

impl ContentsRange {
    /// Whether page `n` is one of them.
    pub fn contains(&self, n: u32) -> bool {
        (self.start_page..=self.end_page).contains(&n)
    }
}

/// Facts about a printed contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsSummary {
    /// The entries have page numbers.
    pub page_numbers: bool,
    /// Most entries have a number before their title.
    pub numbered: bool,
    /// Series of page numbers that occur, front matter first.
    pub styles: Vec<NumberStyle>,
    /// How many levels there are.
    pub levels: u32,
    /// How many entries there are.
    pub count: u32,
}

/// One entry of a contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsEntry {
    /// The number before the title, without what surrounds it: `3.1`, `IV`, `A`.
    pub entry_number: Option<String>,
    /// The title without that number, else as the book prints it; never empty. A title that is only a word
    /// and a number (`CHAPTER XII`) is kept whole.
    pub title: String,
    /// Its depth, 1 for the topmost.
    pub level: u32,
    /// The word before the number in lower case, in the book's language: `chapter`, `kapitel`, `глава`.
    pub level_name: Option<String>,
    /// The page number as printed.
    pub printed_page: Option<String>,
}

impl ContentsEntry {
    /// Number and title, as the book prints them one after the other.
    pub fn printed_title(&self) -> String {
        match (&self.level_name, &self.entry_number) {
            (Some(name), Some(number)) if !self.is_whole() => format!("{name} {number} {}", self.title),
            (None, Some(number)) => format!("{number} {}", self.title),
            _ => self.title.clone(),
        }
    }

    /// The title still contains word and number.
    fn is_whole(&self) -> bool {
        self.level_name.is_some() && split_title(&self.title).rest.is_empty()
    }

    pub(super) fn new(printed: &Printed, level: u32) -> Self {
        let parts = split_title(&printed.title);
        let title = if parts.rest.is_empty() { printed.title.trim() } else { parts.rest };
        let first_word = printed.title.split(|c: char| !c.is_alphabetic()).find(|w| !w.is_empty());
        // "Appendix: Tables" names its level without a number.
        let appendix = first_word.filter(|w| parts.number.is_none() && level_of_word(w) == Some("appendix"));
        let name = parts.word.or(appendix);
        Self {
            entry_number: parts.number.map(str::to_owned),
            title: title.to_owned(),
            level,
            level_name: name.filter(|w| level_of_word(w).is_some()).map(str::to_lowercase),
            printed_page: printed.printed.clone(),
        }
    }
}

impl ContentsSummary {
    pub(super) fn of(printed: &[Printed], levels: &[u32]) -> Self {
        let numbered = printed.iter().filter(|p| split_title(&p.title).number.is_some()).count();
        let mut styles: Vec<NumberStyle> = printed.iter().filter_map(|p| p.page.map(|n| n.style)).collect();
        styles.sort_unstable();
        styles.dedup();
        let mut distinct = levels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        Self {
            page_numbers: !styles.is_empty(),
            numbered: 2 * numbered > printed.len(),
            styles,
            levels: u32::try_from(distinct.len()).unwrap_or(u32::MAX),
            count: u32::try_from(printed.len()).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str) -> ContentsEntry {
        let printed =
            Printed { title: title.to_owned(), page: None, printed: None, indent: 0, on_page: 1, line: 0 };
        ContentsEntry::new(&printed, 1)
    }

    #[test]
    fn the_number_leaves_the_title() {
        let e = entry("Kapitel 3: Der Anfang");
        assert_eq!(e.entry_number.as_deref(), Some("3"));
        assert_eq!(e.title, "Der Anfang");
        assert_eq!(e.level_name.as_deref(), Some("kapitel"));
        assert_eq!(e.printed_title(), "kapitel 3 Der Anfang");
        assert_eq!(entry("1.2 Foo").printed_title(), "1.2 Foo");
    }

    #[test]
    fn a_title_is_never_empty() {
        let e = entry("CHAPTER XII");
        assert_eq!((e.title.as_str(), e.entry_number.as_deref()), ("CHAPTER XII", Some("XII")));
        assert_eq!(e.printed_title(), "CHAPTER XII");
    }

    #[test]
    fn an_appendix_without_number_names_its_level() {
        assert_eq!(entry("Appendix: Tables").level_name.as_deref(), Some("appendix"));
        assert_eq!(entry("Appendices and more").level_name, None);
    }
}
