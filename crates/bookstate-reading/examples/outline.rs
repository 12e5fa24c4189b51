//! Prints what the rules make of a book's file: its table of contents, or its chapters when it has none.
//!
//! `cargo run -p bookstate-reading --example outline book.pdf`

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use bookstate_reading::{
    source::{Source, SourceError},
    structure::{self, ChapterStart},
    toc::{BookText, FileFacts, Linker, extract, find},
};
use std::{path::Path, sync::Arc};

fn main() -> Result<(), SourceError> {
    for path in std::env::args_os().skip(1) {
        let source = Source::open(Path::new(&path))?;
        let pages = (1..=source.page_count()).map(|n| source.page_text(n).map(|page| Arc::from(page.text)));
        let book = BookText::with_file(pages.collect::<Result<_, _>>()?, FileFacts::of(&source));
        println!("{}: {} pages", Path::new(&path).display(), source.page_count());
        if let Some(range) = find(&book) {
            println!("contents on pages {} to {}", range.start_page, range.end_page);
            let entries = extract(&book, &range);
            let linker = Linker::new(&book, &entries, &range);
            for (i, entry) in entries.iter().enumerate() {
                let link = linker.link(i);
                let indent = "  ".repeat(entry.level.saturating_sub(1) as usize);
                let (printed, page) = (entry.printed_page.as_deref().unwrap_or("-"), link.page.unwrap_or(0));
                println!("{indent}{} | {printed} | page {page} | {}", entry.printed_title(), link.reason);
            }
        }
        let of_file = structure::from_outline(&book);
        let chapters = if of_file.is_empty() { structure::from_headings(&book, None) } else { of_file };
        let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
        println!("chapters without a printed contents");
        for (chapter, text) in chapters.iter().zip(structure::chapter_texts(&book, &starts)) {
            let indent = "  ".repeat(usize::try_from(chapter.level - 1).unwrap_or(0));
            let number = chapter.entry_number.as_deref().unwrap_or_default();
            let title = chapter.title.as_deref().unwrap_or_default();
            println!("{indent}{number} {title} | page {} | {} words", chapter.start_page, text.word_count);
        }
    }
    Ok(())
}
