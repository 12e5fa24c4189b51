//! EPUB files: read back word for word, and looked at by `epubcheck`, which readers' makers agree on.

use super::super::fixture::{book, pages_only, plates, title_page, with_layout};
use super::*;
use crate::page::Page;
use crate::source::Source;
use bookstate_domain::LayoutKind;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for text in texts {
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    words
}

fn read(bytes: Vec<u8>) -> (Source, Vec<Page>) {
    let source = Source::from_bytes(Path::new("book.epub"), bytes).unwrap();
    let pages = (1..=source.page_count()).map(|n| source.page(n).unwrap()).collect();
    (source, pages)
}

#[test]
fn a_book_is_read_back_with_its_parts_and_facts() {
    let (source, pages) = read(epub(&book(), None, &[]));
    let navigation: Vec<_> =
        source.navigation().into_iter().map(|entry| (entry.title, entry.level)).collect();
    let expected = [("1 Loomings", 1), ("1.1 The Inn", 2), ("XV", 2)];
    assert_eq!(navigation, expected.map(|(title, level)| (title.to_owned(), level)));
    let info = source.info();
    assert_eq!(info.title.as_deref(), Some("Moby Dick"));
    assert_eq!(
        (info.author.as_deref(), info.publisher.as_deref()),
        (Some("Herman Melville"), Some("Harper"))
    );
    assert_eq!((info.published_year, info.isbn.as_deref()), (Some(1851), Some("urn:isbn:9780142437247")));
    let cover = source.resources().iter().find(|resource| resource.is_cover).unwrap();
    assert!(String::from_utf8_lossy(&cover.bytes).contains("Moby Dick"));
    let kinds: Vec<_> = pages.iter().flat_map(|page| &page.blocks).map(|block| block.kind.clone()).collect();
    assert!(kinds.contains(&crate::page::BlockKind::Footnote { mark: "*".into() }), "{kinds:?}");
}

#[test]
fn a_title_page_is_in_the_text_for_nothing_else_says_it_there() {
    let (_, pages) = read(epub(&title_page(), None, &[]));
    let text: String = pages.iter().map(Page::plain_text).collect();
    assert_eq!((text.matches("Moby Dick").count(), text.matches("Hawthorne").count()), (1, 1), "{text}");
    let markdown = super::super::markdown(&title_page());
    assert_eq!(markdown.matches("Moby Dick").count(), 1, "{markdown}");
}

#[test]
fn the_same_state_gives_the_same_bytes_and_the_cover_is_the_books() {
    assert_eq!(epub(&book(), None, &[]), epub(&book(), None, &[]));
    let picture = |media_type: &str| Resource {
        name: "c".into(),
        media_type: media_type.into(),
        bytes: b"\x89PNG...".to_vec().into(),
        is_cover: true,
    };
    let (source, _) = read(epub(&book(), Some(&picture("image/png")), &[]));
    assert_eq!(source.resources()[0].media_type, "image/png");
    let (source, _) = read(epub(&book(), Some(&picture("image/jpeg")), &[]));
    assert_eq!(source.resources()[0].media_type, "image/svg+xml", "it is no JPEG");
}

/// A picture of one pixel on a page.
fn figure(page: i32) -> Figure {
    const PIXEL: &str = "ffd8ffdb004300030202020202030202020303030304060404040404080606050609080a0a090809090a0c0f0c0a0b\
        0e0b09090d110d0e0f101011100a0c12131210130f101010ffc9000b080001000101011100ffcc000600101005ffda0008010100003f00d2\
        cf20ffd9";
    let byte = |at: usize| u8::from_str_radix(&PIXEL[at..at + 2], 16).unwrap();
    Figure { page, jpeg: (0..PIXEL.len()).step_by(2).map(byte).collect() }
}

#[test]
fn pictures_stand_where_their_pages_begin() {
    let state = plates();
    let mut content = content(&state, Above::Nothing).sections;
    place(&state, &mut content, &[figure(3), figure(1), figure(2), figure(9)]);
    let placed: Vec<_> = content[0].figures.iter().map(|placed| (placed.page, placed.before)).collect();
    assert_eq!(placed, [(1, 0), (3, 1), (2, 1), (9, 2)]);
    let bytes = epub(&state, None, &[figure(1), figure(2)]);
    let (source, pages) = read(bytes);
    assert_eq!(source.resources().iter().filter(|r| r.name.contains("figure-")).count(), 2);
    let (_, only) = read(epub(&BookState::new(state.book_id().clone()), None, &[figure(1)]));
    assert_eq!(only.len(), 1, "a book of nothing but pictures shows them");
    let text: String = pages.iter().map(Page::plain_text).collect();
    assert!(text.contains("first page") && text.contains("second one"), "{text}");
}

/// Every kind of block, and what is hard to write.
fn hard() -> BookState {
    let item = |depth, marker: &str| LayoutKind::Item { depth, marker: marker.into() };
    with_layout(&[
        (LayoutKind::Paragraph, "<system> & \"quotes\" ]]> \u{1} \u{ffff}"),
        (LayoutKind::Heading(2), "Deep <i>"),
        (item(1, "•"), "• inner first"),
        (item(0, "3."), "3. three"),
        (item(0, ""), "more"),
        (item(4, "(a)"), "(a) letter"),
        (LayoutKind::Quote(3), "deep"),
        (item(0, "•"), "• item"),
        (LayoutKind::Code { language: Some("a\"b".into()) }, "\n# x <y>\n\n  z"),
        (LayoutKind::Verse, "line\n  line"),
        (LayoutKind::Table, "a\tb\n1"),
        (LayoutKind::Break, "* * *"),
        (LayoutKind::Caption, "Figure"),
        (LayoutKind::Heading(9), "Deeper"),
    ])
}

/// The program, however it is installed: by itself, or as a Java archive without a starter.
fn epubcheck() -> Option<Command> {
    let starters: [&[&str]; 2] = [&["epubcheck"], &["java", "-jar", "/usr/share/java/epubcheck.jar"]];
    starters.into_iter().find_map(|starter| {
        let command = || {
            let mut command = Command::new(starter[0]);
            command.args(&starter[1..]);
            command
        };
        let answers = command().arg("--version").output().is_ok_and(|out| out.status.success());
        answers.then(command)
    })
}

#[test]
fn epubcheck_has_nothing_to_complain_of() {
    let folder = tempfile::tempdir().unwrap();
    let states = [("book", book()), ("hard", hard()), ("pages", pages_only()), ("plates", plates())];
    for (name, state) in states {
        let Some(mut command) = epubcheck() else {
            println!("skipped: epubcheck is not installed (apt-get install epubcheck)");
            return;
        };
        let path = folder.path().join(format!("{name}.epub"));
        let figures = if name == "plates" { vec![figure(1), figure(2)] } else { Vec::new() };
        std::fs::write(&path, epub(&state, None, &figures)).unwrap();
        let out = command.arg("--failonwarnings").arg(&path).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{name}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_word_is_read_back(texts in prop::collection::vec(r"[a-z0-9<>&;.*# é-]{0,30}[a-z]", 1..12), kinds in prop::collection::vec(0..7_u8, 12)) {
        let kind = |n: u8| match n {
            0 => LayoutKind::Heading(2),
            1 => LayoutKind::Item { depth: 0, marker: "".into() },
            2 => LayoutKind::Code { language: None },
            3 => LayoutKind::Quote(1),
            4 => LayoutKind::Verse,
            5 => LayoutKind::Table,
            _ => LayoutKind::Paragraph,
        };
        let blocks: Vec<(LayoutKind, &str)> =
            kinds.iter().zip(&texts).map(|(n, text)| (kind(*n), text.as_str())).collect();
        let state = with_layout(&blocks);
        let (_, pages) = read(epub(&state, None, &[]));
        let back: Vec<String> = pages.iter().map(Page::plain_text).collect();
        let said = blocks.iter().map(|(_, text)| *text).chain(std::iter::once("Chapter"));
        prop_assert_eq!(words(back.iter().map(String::as_str)), words(said));
    }
}
