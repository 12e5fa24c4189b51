//! What an agent can look up: the texts of the book's pages, in memory.
//!
//! Pure: the same pages give the same answers, so that what a tool said need not be stored before it is used.

use std::sync::Arc;

use bookstate_domain::{BookState, Text};
use bookstate_llm::answer::share_of;

/// Pages that a search names, each with a line.
const MOST_HITS: usize = 20;
/// Pages that a search without hits names.
const MOST_NEAR: usize = 5;
/// The most characters of a line.
const LINE_CHARS: usize = 160;
/// The most characters of a page: headings stand at its beginning.
const PAGE_CHARS: usize = 3_000;

/// A page.
#[derive(Debug)]
struct Page {
    text: Text,
    /// Its words in lower case, a space between them and at both ends.
    words: String,
}

/// The texts of a book's pages, with their words.
#[derive(Debug)]
pub(super) struct Texts(Vec<Page>);

impl Texts {
    /// Those of a book that is read to the end.
    pub(super) fn of(state: &BookState) -> Self {
        let last = state.book().map_or(0, |book| book.page_count);
        let text = |n| state.page(n).and_then(|page| page.ocr_markdown.clone()).unwrap_or_default();
        Self::new((1..=last).map(text))
    }

    fn new(texts: impl Iterator<Item = Text>) -> Self {
        Self(texts.map(|text| Page { words: words_of(&text), text }).collect())
    }
}

/// The pages of a book.
#[derive(Debug)]
pub(super) struct Pages {
    texts: Arc<Texts>,
    contents: Option<(i32, i32)>,
}

/// The words of a text in lower case, a space between them and at both ends.
fn words_of(text: &str) -> String {
    let mut words = String::from(" ");
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

impl Pages {
    /// These texts. Where the table of contents is, is as the book has it now: when it is looked for nobody knows.
    pub(super) fn of(state: &BookState, texts: Arc<Texts>) -> Self {
        let toc = state.toc().filter(|toc| toc.toc_found);
        Self { texts, contents: toc.and_then(|toc| Some((toc.start_page?, toc.end_page?))) }
    }

    /// What the book is, for the agent.
    pub(super) fn book_line(&self) -> String {
        let count = self.count();
        match self.contents {
            Some((first, last)) => {
                format!("The file has {count} pages. The table of contents is on pages {first} to {last}.\n")
            }
            None => format!("The file has {count} pages.\n"),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> i32 {
        i32::try_from(self.texts.0.len()).unwrap_or(i32::MAX)
    }

    /// Whether a page is of the table of contents.
    pub(super) fn is_contents(&self, page: i32) -> bool {
        self.contents.is_some_and(|(first, last)| (first..=last).contains(&page))
    }

    fn page(&self, number: i32) -> Option<&Page> {
        self.texts.0.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Which part of a title's words stand on a page, 0 to 1.
    pub(super) fn share_on(&self, title: &str, number: i32) -> f64 {
        self.page(number).map_or(0.0, |page| share_of(title, &page.text))
    }

    /// The beginning of a page's first line with words; empty where it has none.
    pub(super) fn first_line(&self, number: i32) -> String {
        let text = self.page(number).map_or("", |page| &page.text);
        let first = text.lines().find(|line| line.contains(char::is_alphanumeric));
        beginning(first.unwrap_or_default().trim(), LINE_CHARS)
    }

    /// That there is no such page, for the agent.
    pub(super) fn no_page(&self, number: i64) -> String {
        format!("There is no page {number}: the file has pages 1 to {}.", self.count())
    }

    /// The tool `load_page`.
    pub(super) fn load(&self, number: i64) -> String {
        let Some(page) = i32::try_from(number).ok().and_then(|number| self.page(number)) else {
            return self.no_page(number);
        };
        if page.text.trim().is_empty() {
            return format!("Page {number} has no text.");
        }
        let text = beginning(&page.text, PAGE_CHARS);
        let cut = if text.len() < page.text.len() { "\n[…]" } else { "" };
        format!("=== page {number} ===\n{text}{cut}")
    }

    /// The tool `grep_pages`.
    pub(super) fn grep(&self, query: &str) -> String {
        let sought = words_of(query);
        let sought_words: Vec<&str> = sought.split_whitespace().collect();
        if sought_words.is_empty() {
            return "The query has no words.".to_owned();
        }
        let numbered = || (1i32..).zip(&self.texts.0);
        let hits: Vec<_> = numbered().filter(|(_, page)| page.words.contains(&sought)).collect();
        let named = |(number, page): &(i32, &Page)| {
            format!("\npage {number}: {}", best_line(&page.text, &sought_words))
        };
        if !hits.is_empty() {
            let lines: String = hits.iter().take(MOST_HITS).map(named).collect();
            let more = match hits.len().saturating_sub(MOST_HITS) {
                0 => String::new(),
                more => format!("\nand {more} more"),
            };
            return format!("{} pages have {query:?}:{lines}{more}", hits.len());
        }
        let count = |page: &Page| count_in(&page.words, &sought_words);
        let mut near: Vec<_> =
            numbered().map(|(number, page)| (count(page), (number, page))).filter(|(n, _)| *n > 0).collect();
        near.sort_by_key(|(count, (number, _))| (std::cmp::Reverse(*count), *number));
        let all = sought_words.len();
        let lines = near
            .iter()
            .take(MOST_NEAR)
            .map(|(count, hit)| format!("{} ({count} of {all} words)", named(hit)));
        format!("No page has {query:?}. Pages with some of its words:{}", lines.collect::<String>())
    }
}

/// How many of these words are among others.
fn count_in(words: &str, sought: &[&str]) -> usize {
    sought.iter().filter(|word| words.contains(&format!(" {word} "))).count()
}

/// The line with the most of these words, the first of them if there are several.
fn best_line(text: &str, sought: &[&str]) -> String {
    let lines = text.lines().map(|line| (count_in(&words_of(line), sought), line));
    // Of equals `max_by_key` takes the last one.
    let best = lines.rev().max_by_key(|(count, _)| *count).map_or("", |(_, line)| line.trim());
    beginning(best, LINE_CHARS)
}

/// The first characters of a text.
pub(super) fn beginning(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pages(texts: &[&str]) -> Pages {
        let texts = Texts::new(texts.iter().map(|text| Text::from(*text)));
        Pages { texts: Arc::new(texts), contents: Some((2, 2)) }
    }

    #[test]
    fn words_are_found_whatever_stands_between_them() {
        let book = pages(&[
            "The Har-\nbours",
            "Contents\n1 The Harbours ..... 3",
            "# 1. The\nHARBOURS\n\nof old",
            "",
        ]);
        let found = book.grep("the harbours");
        assert_eq!(found, "2 pages have \"the harbours\":\npage 2: 1 The Harbours ..... 3\npage 3: # 1. The");
        assert!(
            book.grep("harbours lanterns").starts_with("No page has"),
            "{}",
            book.grep("harbours lanterns")
        );
        assert!(book.grep("harbours lanterns").contains("page 2: 1 The Harbours ..... 3 (1 of 2 words)"));
        assert_eq!(book.grep(" - "), "The query has no words.");
        assert_eq!(book.load(4), "Page 4 has no text.");
        assert_eq!(book.load(5), "There is no page 5: the file has pages 1 to 4.");
        assert!(book.load(3).starts_with("=== page 3 ===\n# 1. The"));
        assert!((book.share_on("The Harbours", 3) - 1.0).abs() < 1e-9 && book.is_contents(2));
    }

    proptest! {
        /// Whatever is asked has an answer, always the same, and a bounded one.
        #[test]
        fn tools_are_functions_of_the_pages(
            texts in proptest::collection::vec("[a-c \n.]{0,80}", 0..60),
            query in "[a-d .]{0,12}",
            number in any::<i64>(),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (one, other) = (pages(&texts), pages(&texts));
            prop_assert_eq!(one.grep(&query), other.grep(&query));
            prop_assert!(one.grep(&query).len() < MOST_HITS * (LINE_CHARS + 60) + 200);
            for number in [number, number % 60] {
                prop_assert_eq!(one.load(number), other.load(number));
            }
        }
    }
}
