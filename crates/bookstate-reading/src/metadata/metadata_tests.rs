//! Metadata from title pages, imprints and the file's own entries.

use super::*;
use proptest::prelude::*;

fn of(pages: &[&str]) -> MetadataResult {
    metadata(&SourceInfo::default(), pages)
}

#[test]
fn a_novel_in_plain_text() {
    let book = of(&[
        "NORTHANGER ABBEY\n\n\nby\n\nJane Austen (1803)\n\n\n\nADVERTISEMENT\n\nThis little work was finished.",
    ]);
    assert_eq!(book.title.as_deref(), Some("NORTHANGER ABBEY"));
    assert_eq!(book.author.as_deref(), Some("Jane Austen"));
    assert_eq!(book.publication_year, Some(1803));
    assert_eq!((book.isbn, book.publisher, book.language, book.subtitle), (None, None, None, None));
}

#[test]
fn a_markdown_heading_is_a_title_of_one_word_too() {
    assert_eq!(
        of(&["# Walden\n\nWhen I wrote the following pages, I lived alone."]).title.as_deref(),
        Some("Walden")
    );
    assert_eq!(of(&["# Chapter 1\n\nWhen I wrote the following pages."]).title, None);
}

#[test]
fn an_imprint() {
    let imprint = "Copyright © 1999–2022 The Team\nPublished by Example House Ltd.\nISBN 978-3-16-148410-0\n\
                   Library of Congress Control Number: 2004012345";
    let book = of(&["A Title\nand What It Is About\n\nJohn Doe", imprint]);
    assert_eq!(book.title.as_deref(), Some("A Title"));
    assert_eq!(book.subtitle.as_deref(), Some("and What It Is About"));
    assert_eq!(book.publication_year, Some(2022));
    assert_eq!(book.publisher.as_deref(), Some("Example House Ltd"));
    assert_eq!(book.isbn.as_deref(), Some("9783161484100"));
    assert_eq!(book.lccn.as_deref(), Some("2004012345"));
    assert_eq!(book.author, None, "a name without \"by\" may be anything");
}

#[test]
fn the_file_is_believed_unless_a_program_speaks() {
    let info = |title: &str, author: &str| SourceInfo {
        title: Some(title.into()),
        author: Some(author.into()),
        ..SourceInfo::default()
    };
    let page = "The Real Title\n\nby Jane Doe";
    let book = metadata(&info("Good Title: With a Subtitle", "Ann Author, Bob Writer"), &[page]);
    assert_eq!(book.title.as_deref(), Some("Good Title"));
    assert_eq!(book.subtitle.as_deref(), Some("With a Subtitle"));
    assert_eq!(book.authors, ["Ann Author".into(), "Bob Writer".into()] as [Text; 2]);
    for (title, author) in [("untitled", "user"), ("Microsoft Word - a.doc", "root"), ("book.tex", "Real")] {
        let book = metadata(&info(title, author), &[page]);
        assert_eq!(book.title.as_deref(), Some("The Real Title"), "{title}");
        assert_eq!(book.author.as_deref(), Some("Jane Doe"), "{author}");
    }
}

#[test]
fn wrong_numbers_are_no_isbn() {
    assert_eq!(of(&["ISBN 978-3-16-148410-1"]).isbn, None);
    assert_eq!(of(&["ISBN 0-306-40615-3"]).isbn, None);
    assert_eq!(of(&["ISBN 0-306-40615-2"]).isbn.as_deref(), Some("0306406152"));
    assert_eq!(of(&["ISBN-10: 0-8044-2957-X"]).isbn.as_deref(), Some("080442957X"));
    assert_eq!(of(&["ISBN 0-306-40615-2\nISBN 978-0-306-40615-7"]).isbn.as_deref(), Some("9780306406157"));
}

#[test]
fn a_book_that_begins_with_text_has_no_title() {
    assert_eq!(of(&["Chapter 1\n\nIt was a dark night."]).title, None);
    assert_eq!(of(&["It was a dark night, and rain fell.\nIt fell and fell."]).title, None);
    assert_eq!(of(&[]).title, None);
}

proptest! {
    #[test]
    fn any_text(pages in prop::collection::vec("(?s)(.{0,40}|by [A-Z][a-z]{1,9}\n|ISBN [0-9X -]{0,20}|© [0-9, -]{0,12}){0,6}", 0..4)) {
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let book = of(&pages);
        prop_assert!(book.publication_year.is_none_or(|y| (1400..2100).contains(&y)));
        prop_assert!(book.isbn.is_none_or(|n| n.len() == 10 || n.len() == 13));
    }
}

#[test]
fn the_header_of_a_library_says_title_author_and_language() {
    let page = "The Project Gutenberg eBook of The Quiet Harbour\n\nTitle: The Quiet Harbour\n        Or, a Tale\n\nAuthor: Ann Author\n\n\
                Language: German\n\n*** START OF THE PROJECT GUTENBERG EBOOK ***\n\nDER STILLE HAFEN\n\nvon Ann Author\n";
    let said = metadata(&SourceInfo::default(), &[page]);
    assert_eq!(said.title.as_deref(), Some("The Quiet Harbour Or, a Tale"));
    assert_eq!(said.author.as_deref(), Some("Ann Author"));
    assert_eq!(said.language.as_deref(), Some("de"));
}

#[test]
fn a_title_over_two_lines_is_one() {
    let page = "A HISTORY OF THE\nQUIET HARBOUR\n\nby Ann Author\n";
    assert_eq!(
        metadata(&SourceInfo::default(), &[page]).title.as_deref(),
        Some("A HISTORY OF THE QUIET HARBOUR")
    );
}
