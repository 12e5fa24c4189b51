//! What is a heading on a page, and what is not.

use super::*;
use crate::toc::BookText;
use proptest::prelude::*;

pub(super) fn page(text: &str) -> PageText {
    BookText::new(vec![text.into()]).page(1).unwrap().clone()
}

fn found(text: &str) -> Vec<(HeadingKind, u32, String)> {
    headings(&page(text)).into_iter().map(|h| (h.kind, h.level, h.text())).collect()
}

const PROSE: &str = "The quick brown fox jumps over the lazy dog and then, being tired, it sleeps\n\
                     until the sun is high above the hills and the dog has long since gone home.\n";

fn one(heading: &str) -> Vec<(HeadingKind, u32, String)> {
    found(&format!("{PROSE}\n{heading}\n\n{PROSE}\n{PROSE}"))
}

#[test]
fn each_kind() {
    use HeadingKind::*;
    assert_eq!(one("3.2 Title of it"), [(Decimal, 2, "3.2 Title of it".into())]);
    assert_eq!(one("3. Title"), [(Decimal, 1, "3 Title".into())]);
    assert_eq!(one("IV. Schluss"), [(Roman, 1, "IV Schluss".into())]);
    assert_eq!(one("CHAPTER 7"), [(Named, 1, "CHAPTER 7".into())]);
    assert_eq!(one("CHAPTER   IV"), [(Named, 1, "CHAPTER IV".into())]);
    assert_eq!(one("C H A P T E R   I V"), [(Named, 1, "CHAPTER IV".into())]);
    assert_eq!(one("_Chapter 7_"), [(Named, 1, "Chapter 7".into())]);
    assert_eq!(one("== The Mill =="), [(Capitals, 2, "The Mill".into())]);
    assert_eq!(one("IV — The Mill"), [(Roman, 1, "IV The Mill".into())]);
    assert_eq!(one("Kapitel 3: Das Ende"), [(Named, 1, "Kapitel 3 Das Ende".into())]);
    assert_eq!(one("Глава вторая"), [(Named, 1, "Глава вторая".into())]);
    assert_eq!(one("XIV"), [(Bare, 1, "XIV".into())]);
    assert_eq!(one("THE LAST OF ALL"), [(Capitals, 2, "THE LAST OF ALL".into())]);
    assert_eq!(one("A short line by itself"), [(Isolated, 3, "A short line by itself".into())]);
    assert_eq!(one("## Second level"), [(Markdown, 2, "Second level".into())]);
    assert_eq!(one("Underlined\n=========="), [(Markdown, 1, "Underlined".into())]);
}

#[test]
fn a_heading_of_several_lines_is_one() {
    let text = format!("              CHAPTER\n\n                  ONE\n\n      SCOPE OF IT\n\n{PROSE}");
    let all = headings(&page(&text));
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].first, all[0].last), (0, 2));
    assert_eq!(all[0].text(), "CHAPTER ONE SCOPE OF IT");
    assert_eq!(all[0].numeral.map(|n| n.value), Some(1));
}

#[test]
fn the_first_line_of_a_chapter_is_not_its_title() {
    assert_eq!(found(&format!("CHAPTER 1\n\n\n{PROSE}")), [(HeadingKind::Named, 1, "CHAPTER 1".into())]);
}

#[test]
fn a_short_first_line_of_prose_is_not_the_title_either() {
    let text =
        "CHAPTER 1\n\nNo one who had ever seen her in her infancy would\nhave supposed her born to be it.\n";
    assert_eq!(found(text), [(HeadingKind::Named, 1, "CHAPTER 1".into())]);
}

#[test]
fn a_wrapped_contents_entry_is_no_heading() {
    let text = "3.1 One ..... 5\n\n3.2 A title that is\n\nwrapped ..... 7\n\n3.3 Three ..... 9";
    assert_eq!(found(text), []);
}

#[test]
fn prose_lists_code_and_contents_have_no_headings() {
    for text in [
        "Chapter 3 describes how it is done, and then goes on to the rest of it.",
        "1. First do this\n\n2. Then do that\n\n3. At last do this",
        "# apt install it\n# apt remove it",
        "int main(void) {",
        "He said nothing.",
        "2.5 is a number, not a heading; 2.6 is another one.",
        "Introduction ........ 1\nChapter 1 ........... 5\nChapter 2 ........... 9",
        "and a line of lower case",
        "x = 3.2",
    ] {
        assert_eq!(one(text), [], "{text}");
    }
}

#[test]
fn comments_in_a_fenced_block_are_no_headings() {
    let text = format!("# Title\n\n{PROSE}\n```\n\n# Comment\n\n```\n\n{PROSE}");
    assert_eq!(found(&text), [(HeadingKind::Markdown, 1, "Title".into())]);
}

proptest! {
    #[test]
    fn any_page(text in "(?s)([A-Za-z0-9 .#=\\-\n]{0,30}|\\PC{0,20}|CHAPTER [IVX0-9]{0,3}\n|[0-9.]{1,6} [A-Z]\n){0,20}") {
        let page = page(&text);
        let mut after = 0;
        for heading in headings(&page) {
            prop_assert!(heading.first >= after && heading.last >= heading.first);
            prop_assert!(heading.last < page.lines.len());
            prop_assert!(heading.level >= 1);
            after = heading.last + 1;
        }
    }
}
