//! Paragraphs, hyphens, and that no line gets lost.

use super::*;
use bookstate_domain::ChapterSubject;
use proptest::prelude::*;

fn book(pages: &[&str]) -> BookText {
    BookText::new(pages.iter().map(|p| (*p).into()).collect())
}

fn start(i: i32, title: &str, page: u32) -> ChapterStart {
    ChapterStart {
        subject: ChapterSubject::Orphan(i),
        number: None,
        title: Some(title.into()),
        page,
        source: None,
    }
}

fn all(pages: &[&str]) -> String {
    chapter_texts(&book(pages), &[start(1, "", 1)])[0].text.to_string()
}

#[test]
fn lines_and_pages_join_to_paragraphs() {
    let text = all(&[
        "The first line of a para-\ngraph goes on and on and on and\non over the",
        "page break. And ends.\n\nNext.",
    ]);
    assert_eq!(
        text,
        "The first line of a paragraph goes on and on and on and on over the page break. And ends.\n\nNext."
    );
}

#[test]
fn real_hyphens_stay() {
    assert_eq!(all(&["the Franco-\nPrussian war"]), "the Franco-Prussian war");
    assert_eq!(
        all(&["a well-known thing here\nand a well-\nknown one"]),
        "a well-known thing here and a well-known one"
    );
    assert_eq!(all(&["die Wort-\nund Zeilenabstände"]), "die Wort- und Zeilenabstände");
    assert_eq!(all(&["soft\u{ad}\nware is soft"]), "software is soft");
    assert_eq!(all(&["numbers 1-\n2 are\na list -\nlike this"]), "numbers 1-2 are a list - like this");
}

#[test]
fn an_indent_or_a_short_line_begins_a_paragraph() {
    let text =
        all(&["A full line of text that goes up to the margin here.\n  An indented one begins the\nsecond."]);
    assert_eq!(paragraph_count(&text), 2, "{text}");
    let text = all(&[
        "A full line of text that goes up to the margin, and on,\nand ends.\nThe next one begins here and it is as long as the first",
    ]);
    assert_eq!(paragraph_count(&text), 2, "{text}");
}

#[test]
fn lists_and_code_keep_their_lines() {
    assert_eq!(
        all(&["• one item that is\n  longer than a line\n• two"]),
        "• one item that is longer than a line\n\n• two"
    );
    let prose = "A long line of ordinary prose that fills the whole width of the page as prose does.";
    let text = all(&[&format!("{prose}\n\n  if x:\n      y()\n\n{prose}")]);
    assert_eq!(text, format!("{prose}\n\nif x:\n    y()\n\n{prose}"));
}

#[test]
fn a_title_of_two_lines_is_one_heading() {
    let pages =
        ["5.9 Moving, removing and re-\nintroducing of packages\n\nSome operations are not automatic."];
    let mut chapter = start(1, "Moving, removing and reintroducing of packages", 1);
    chapter.number = Some("5.9".into());
    let text = &chapter_texts(&book(&pages), &[chapter])[0];
    assert_eq!(
        &*text.text,
        "5.9 Moving, removing and reintroducing of packages\n\nSome operations are not automatic."
    );
    assert!(matches!(text.layout.as_deref(), Some([LayoutBlock { kind: LayoutKind::Heading(_), .. }, _])));
}

/// A page of lines with their indents, set in type of one width or not.
fn set(lines: &[(usize, &str, bool)]) -> String {
    let line = |(indent, text, _): &(usize, &str, bool)| crate::toc::Line {
        number: 0,
        indent: *indent,
        text: (*text).to_owned(),
    };
    let mut kept: Vec<crate::toc::Line> = lines.iter().map(line).collect();
    (0..).zip(&mut kept).for_each(|(number, line)| line.number = number);
    let of = |monospace: bool| LineType { monospace, size: 10.0, ..LineType::default() };
    let types: Vec<LineType> = lines.iter().map(|(.., monospace)| of(*monospace)).collect();
    let page = PageText { lines: kept.clone(), types, ..PageText::default() };
    let words = Vocabulary::of(&book(&[]));
    let mut out = Paragraphs::new(&words);
    add_page(&mut out, &page, &kept, &[], 0..kept.len(), 0);
    out.close();
    out.done.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn type_of_one_width_tells_code_from_text() {
    let first = "The value of it can be set, as with plot(x, y, pch = 3), and argu-";
    let prose =
        [(2, first, false), (0, "ments without a name are told by their place in the call; thus", false)];
    let whole = "The value of it can be set, as with plot(x, y, pch = 3), and arguments without a name are told by \
                 their place in the call; thus";
    assert_eq!(set(&prose), whole, "a word is cut: no code, where no type tells");
    let mut lines = prose.to_vec();
    lines.extend([(4, "> f(x)", true), (4, "[1] 2", true), (0, "prints a number.", false)]);
    assert_eq!(set(&lines), format!("{whole}\n\n> f(x)\n[1] 2\n\nprints a number."));
}

#[test]
fn a_page_is_split_at_the_heading() {
    let pages = ["1.1 One\n\nalpha beta", "gamma\n\n1.2 Two\n\ndelta"];
    let texts = chapter_texts(&book(&pages), &[start(1, "One", 1), start(2, "Two", 2)]);
    assert_eq!(&*texts[0].text, "1.1 One\n\nalpha beta gamma");
    assert_eq!(&*texts[1].text, "1.2 Two\n\ndelta");
    assert_eq!(texts[0].word_count, 5);
}

#[test]
fn words_and_paragraphs_are_counted() {
    assert_eq!(word_count("one — two3, * four"), 3);
    assert_eq!(paragraph_count("a\n\nb\n\n"), 2);
    assert_eq!(paragraph_count(""), 0);
}

/// Letters and digits only: what must be the same however lines are joined.
fn ink(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

proptest! {
    #[test]
    fn every_line_is_in_exactly_one_chapter(
        pages in prop::collection::vec("(?s)([A-D]{1,2}\n|\n|  [a-z]{1,9}-?\n|[a-zäß .;=]{0,40}\n|• [a-z ]{1,20}\n){0,8}", 1..6),
        chapters in prop::collection::vec((1u32..7, "[A-D]{1,2}"), 1..8),
    ) {
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let book = book(&pages);
        let mut starts: Vec<_> = (0..).zip(&chapters).map(|(i, (page, title))| start(i, title, *page)).collect();
        starts.sort_by_key(|s| s.page);
        let together: String = chapter_texts(&book, &starts).iter().map(|e| ink(&e.text)).collect();
        let first = locate(&book, &starts)[0];
        let rest: String = (first.page..=book.page_count())
            .filter_map(|n| book.page(n).map(|p| (n, p)))
            .flat_map(|(n, p)| p.lines.iter().skip(if n == first.page { first.line } else { 0 }))
            .map(|l| ink(&l.text))
            .collect();
        prop_assert_eq!(together, rest);
    }

    #[test]
    fn any_text(text in "(?s)(.|[ \n•a-z-]){0,300}") {
        let text = all(&[&text]);
        prop_assert!(!text.contains("\n\n\n"));
        prop_assert_eq!(text.trim_end(), &text);
    }
}
