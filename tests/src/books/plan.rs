//! The headings of a book, in order, before anything has a page.
//!
//! Chapters are spread evenly over the parts, sections over the chapters, subsections over the sections.

use super::builder::Book;
use super::words::{Language, Words};
use crate::typeset::roman;

/// What a heading opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Preface,
    Part,
    Chapter,
    Section,
    Subsection,
    Bibliography,
    Index,
}

/// A heading as it will be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) kind: Kind,
    /// The depth from 1.
    pub(super) level: u32,
    /// "IV", "2", "2.1"; none for unnumbered books and for what is never numbered.
    pub(super) number: Option<String>,
    pub(super) title: String,
}

impl Heading {
    /// Number and title as one line.
    pub(super) fn full_title(&self) -> String {
        match &self.number {
            Some(number) => format!("{number} {}", self.title),
            None => self.title.clone(),
        }
    }
}

/// The headings of `book` from preface to index.
pub(super) fn headings(book: &Book, words: &mut Words) -> Vec<Heading> {
    let mut headings = Vec::new();
    let mut add = |kind, level, number: Option<String>, title: String| {
        headings.push(Heading { kind, level, number: number.filter(|_| book.numbered), title });
    };
    let [preface, bibliography, index] = match book.language {
        Language::English => ["Preface", "Bibliography", "Index"],
        Language::German => ["Vorwort", "Literaturverzeichnis", "Stichwortverzeichnis"],
    };
    if book.preface {
        add(Kind::Preface, 1, None, preface.to_owned());
    }
    let top = u32::from(book.parts > 0);
    let mut part = 0;
    let mut section_count = 0;
    for chapter in 1..=book.chapters {
        while part < book.parts && (chapter - 1) * book.parts >= part * book.chapters {
            part += 1;
            add(Kind::Part, 1, Some(roman(part).to_uppercase()), words.title());
        }
        add(Kind::Chapter, top + 1, Some(chapter.to_string()), words.title());
        for section in 1..=share(book.sections, book.chapters, chapter) {
            section_count += 1;
            add(Kind::Section, top + 2, Some(format!("{chapter}.{section}")), words.title());
            for subsection in 1..=share(book.subsections, book.sections, section_count) {
                let number = format!("{chapter}.{section}.{subsection}");
                add(Kind::Subsection, top + 3, Some(number), words.title());
            }
        }
    }
    if book.back_matter {
        add(Kind::Bibliography, 1, None, bibliography.to_owned());
        add(Kind::Index, 1, None, index.to_owned());
    }
    headings
}

/// How many of `total` fall to the `nth` (from 1) of `holders`.
fn share(total: u32, holders: u32, nth: u32) -> u32 {
    let upto = |n: u32| (u64::from(total) * u64::from(n)).checked_div(u64::from(holders)).unwrap_or(0);
    u32::try_from(upto(nth) - upto(nth.saturating_sub(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_asked_for_is_there_and_numbered_in_order() {
        let book = Book::new("b").parts(3).chapters(7).sections(20).subsections(11);
        let headings = headings(&book, &mut Words::new(1, Language::English));
        let count = |kind| headings.iter().filter(|h| h.kind == kind).count();
        assert_eq!([Kind::Part, Kind::Chapter, Kind::Section, Kind::Subsection].map(count), [3, 7, 20, 11]);
        let numbers = |kind| -> Vec<_> {
            headings.iter().filter(|h| h.kind == kind).filter_map(|h| h.number.clone()).collect()
        };
        assert_eq!(numbers(Kind::Part), ["I", "II", "III"]);
        assert_eq!(numbers(Kind::Section).first().map(String::as_str), Some("1.1"));
        assert_eq!(numbers(Kind::Chapter), ["1", "2", "3", "4", "5", "6", "7"]);
    }
}
