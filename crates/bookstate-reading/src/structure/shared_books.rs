//! The analysis on real books, where the folder with them exists; the results are printed.

use super::*;
use crate::metadata::metadata;
use crate::source::Source;
use crate::toc::BookText;
use bookstate_domain::persist::NewChapter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder with the books, or a loud line that it is not there.
fn books() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/books");
    if !folder.is_dir() {
        println!("SKIPPED: no folder ../shared/books beside the repository, so no real book was analysed");
        return None;
    }
    Some(folder)
}

fn read(folder: &Path, file: &str) -> (Source, Vec<Arc<str>>) {
    let source = Source::open(&folder.join(file)).unwrap();
    let text = |n| source.page_text(n).map(|p| p.text).unwrap_or_default();
    let pages = (1..=source.page_count()).map(|n| page_markdown(&text(n)).markdown).collect();
    (source, pages)
}

fn truth(folder: &Path, name: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join(format!("{name}.truth.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// All letters and digits of the chapters' texts are those of the book but for its printed contents.
fn assert_complete(book: &BookText, chapters: &[NewChapter]) {
    let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
    let ink = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let texts: String = chapter_texts(book, &starts).iter().map(|e| ink(&e.text)).collect();
    let lines = (1..=book.page_count()).flat_map(|n| {
        book.page(n).into_iter().flat_map(move |p| p.lines.iter().enumerate().map(move |(i, l)| (n, i, l)))
    });
    let lines = lines.filter(|(n, i, _)| !book.is_contents_line(*n, *i));
    assert_eq!(texts, lines.map(|(.., l)| ink(&l.text)).collect::<String>());
}

#[test]
fn a_novel_gives_its_chapters() {
    let Some(folder) = books() else { return };
    let (source, pages) = read(&folder, "northanger-abbey.txt");
    let book = BookText::new(pages.clone());
    let chapters = from_headings(&book, None);
    let titles: Vec<&str> = chapters.iter().skip(1).filter_map(|c| c.title.as_deref()).collect();
    assert_eq!(chapters[0].source.as_deref(), Some(FRONT_MATTER_SOURCE));
    let truth = truth(&folder, "northanger-abbey");
    let expected: Vec<&str> =
        truth["chapters"].as_array().unwrap().iter().map(|c| c["title"].as_str().unwrap()).collect();
    assert_eq!(titles, expected);
    assert_complete(&book, &chapters);
    let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
    for extract in chapter_texts(&book, &starts).iter().skip(1) {
        assert!(extract.text.starts_with("CHAPTER "), "{:.60}", extract.text);
    }
    let front: Vec<&str> = pages.iter().map(|p| &**p).collect();
    let said = metadata(&source.info(), &front);
    assert_eq!(said.title.as_deref(), Some("NORTHANGER ABBEY"));
    assert_eq!(said.author.as_deref(), Some("Jane Austen"));
    assert_eq!(said.language.as_deref(), Some("en"));
}

#[test]
#[cfg(feature = "pdf")]
fn a_manual_without_contents_gives_its_chapters() {
    let Some(folder) = books() else { return };
    let (_, pages) = read(&folder, "developers-reference-no-contents.pdf");
    let book = BookText::new(pages);
    let chapters = from_headings(&book, None);
    let found: Vec<(String, i64)> = chapters
        .iter()
        .skip(1)
        .map(|c| (crate::toc::normalise(c.title.as_deref().unwrap_or_default()), i64::from(c.start_page)))
        .collect();
    let truth = truth(&folder, "developers-reference-no-contents");
    let top = truth["outline"].as_array().unwrap().iter().filter(|e| e["level"] == 1);
    let expected: Vec<(String, i64)> = top
        .map(|e| (crate::toc::normalise(e["title"].as_str().unwrap()), e["page"].as_i64().unwrap()))
        .collect();
    assert_eq!(found, expected);
    assert_complete(&book, &chapters);
}
