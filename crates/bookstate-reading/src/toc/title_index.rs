//! What the lines of a page are as titles: each line, and each two and three lines in a row.
//!
//! Invariants: titles are compared normalised, with and without their numbers; they are kept as places in the page's
//! text, because an index of each page of a book is in memory at once.

use super::same_title::{normalise, similar};
use super::title::{level_of_word, split_glued, split_title};
use std::ops::Range;

/// Lines that a title may have.
const MOST_LINES: usize = 3;

/// The titles of one page.
#[derive(Debug, Default)]
pub(super) struct TitleIndex {
    /// All of the page, normalised; behind it titles that are not in it as they are.
    text: String,
    /// How much of `text` is the page.
    page: usize,
    /// The titles in `text`, in the order of what they say.
    titles: Vec<Range<u32>>,
}

impl TitleIndex {
    /// The index of a page's lines, from top to bottom.
    pub(super) fn new<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let lines: Vec<(&str, String)> = lines.map(|line| (line, normalise(line))).collect();
        let text: String = lines.iter().map(|(_, normalised)| normalised.as_str()).collect();
        let mut index = Self { page: text.len(), text, titles: Vec::new() };
        let mut start = 0;
        for (i, (_, first)) in lines.iter().enumerate() {
            let (mut joined, mut end) = (String::new(), start);
            for (line, normalised) in lines.iter().skip(i).take(MOST_LINES) {
                // A title hyphenated at a line's end is the same title.
                if joined.ends_with('-') {
                    joined.pop();
                } else if !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(line);
                // What lies between lines is not compared.
                end += normalised.len();
                index.add(start..end);
                let parts = split_title(&joined);
                // A caption ("Figure 3: …") is no heading by what follows its number.
                let has_number = parts.rest.len() < joined.len();
                if has_number && parts.word.is_none_or(|w| level_of_word(w).is_some()) {
                    index.add_end(start..end, &normalise(parts.rest));
                }
                if let Some((_, title)) = split_glued(&joined) {
                    index.add_end(start..end, &normalise(title));
                }
            }
            start += first.len();
        }
        let Self { text, mut titles, page } = index;
        let says =
            |title: &Range<u32>| text.get(title.start as usize..title.end as usize).unwrap_or_default();
        titles.sort_unstable_by(|a, b| says(a).cmp(says(b)));
        titles.dedup_by(|a, b| says(a) == says(b));
        titles.shrink_to_fit();
        Self { text, page, titles }
    }

    /// Lines of the page are this title, to the letter.
    pub(super) fn has(&self, normalised: &str) -> bool {
        self.titles.binary_search_by(|title| self.says(title).cmp(normalised)).is_ok()
    }

    /// Lines of the page are this title but for a few characters.
    pub(super) fn has_similar(&self, normalised: &str) -> bool {
        normalised.len() >= 8 && self.titles.iter().any(|title| similar(self.says(title), normalised))
    }

    /// The page has the title somewhere in its text.
    pub(super) fn mentions(&self, normalised: &str) -> bool {
        self.text.get(..self.page).is_some_and(|page| page.contains(normalised))
    }

    fn says(&self, title: &Range<u32>) -> &str {
        self.text.get(title.start as usize..title.end as usize).unwrap_or_default()
    }

    fn add(&mut self, title: Range<usize>) {
        // A page of 4 GiB is not read at all.
        if let (Ok(start), Ok(end)) = (u32::try_from(title.start), u32::try_from(title.end))
            && start < end
        {
            self.titles.push(start..end);
        }
    }

    /// Adds what is mostly the end of `whole`.
    fn add_end(&mut self, whole: Range<usize>, title: &str) {
        if self.text.get(whole.clone()).is_some_and(|text| text.ends_with(title)) {
            self.add(whole.end - title.len()..whole.end);
        } else {
            let start = self.text.len();
            self.text.push_str(title);
            self.add(start..self.text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_titles_with_and_without_their_numbers() {
        let index = TitleIndex::new(["3.1 The Mill and", "the Riv-", "er", "Figure 3: A weir"].into_iter());
        for title in ["31themilland", "themilland", "themillandtheriver", "theriver", "er", "figure3aweir"] {
            assert!(index.has(title), "{title}");
        }
        for other in ["", "themill", "aweir", "31themillandtheriverfigure3aweir"] {
            assert!(!index.has(other), "{other}");
        }
        assert!(index.has_similar("themillandtheriwer") && !index.has_similar("er"));
        assert!(index.mentions("milland") && !index.mentions("weirer"));
    }

    #[test]
    fn a_title_that_is_no_end_of_its_line_is_kept_beside_the_page() {
        let mut index = TitleIndex::new(std::iter::once("mill"));
        index.add_end(0..4, "weir");
        assert_eq!((index.says(&(4..8)), index.mentions("weir")), ("weir", false));
    }
}
