//! `cargo xtask conservation DIR...`: that every word of every book arrives, once.
//!
//! The books are files, or folders of them. Each goes from its file to chapters by the rules of the pipeline; nothing
//! is stored. The words of its pages are compared with those of its chapters, notes and what was set aside.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bookstate_domain::EntryIdent;
use bookstate_domain::persist::ChapterExtract;
use bookstate_reading::page::Page;
use bookstate_reading::source::Source;
use bookstate_reading::structure::{self, Account, ChapterStart, EntryFacts};
use bookstate_reading::toc::{BookText, Linker, extract, find};

/// What `conservation` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Books, or folders of books
    #[arg(required = true, value_name = "DIR")]
    places: Vec<PathBuf>,
    /// How many words of each book are named
    #[arg(long, default_value_t = 12)]
    name: usize,
}

/// Endings of files that are books.
const ENDINGS: [&str; 9] = ["pdf", "epub", "html", "htm", "xhtml", "md", "markdown", "txt", "text"];

/// Looks at all books.
///
/// # Errors
/// A word of a book is lost or added, a folder cannot be read, or there is no book.
pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<()> {
    let mut books = Vec::new();
    for place in &options.places {
        books_in(place, &mut books)?;
    }
    let (mut read, mut wrong) = (0, Vec::new());
    for path in &books {
        let source = match Source::open(path) {
            Ok(source) => source,
            Err(error) => {
                writeln!(out, "not read  {error}")?;
                continue;
            }
        };
        read += 1;
        let account = account(&source);
        writeln!(out, "{:>8} words {:>5} wrong  {}", account.words, account.wrong(), path.display())?;
        if account.wrong() > 0 {
            wrong.push(path.display().to_string());
            for (what, words) in [("lost", &account.lost), ("added", &account.added)] {
                let named: Vec<String> =
                    words.iter().take(options.name).map(|(word, n)| format!("{word} ×{n}")).collect();
                if !named.is_empty() {
                    writeln!(out, "         {what}: {} ({} in all)", named.join(", "), words.len())?;
                }
            }
        }
    }
    anyhow::ensure!(read > 0, "there is no book: check the path");
    anyhow::ensure!(
        wrong.is_empty(),
        "words are unaccounted for in {} of {read} books: {}",
        wrong.len(),
        wrong.join(", ")
    );
    writeln!(out, "{read} books, every word of each accounted for")?;
    Ok(())
}

pub(crate) fn books_in(place: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    if !place.is_dir() {
        out.push(place.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> =
        std::fs::read_dir(place)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    inside.sort();
    for path in inside {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() || ENDINGS.contains(&ending) {
            books_in(&path, out)?;
        }
    }
    Ok(())
}

/// A book's pages against its chapters. A page that cannot be read has no words.
pub(crate) fn account(source: &Source) -> Account {
    let pages: Vec<Page> = (1..=source.page_count()).filter_map(|n| source.page(n).ok()).collect();
    structure::account(&pages, &chapters(source))
}

/// The texts of a book's chapters, as the pipeline makes them.
fn chapters(source: &Source) -> Vec<ChapterExtract> {
    let book = structure::book_text(source);
    let chapters = structure::skeleton(&book, &entries(&book), None);
    let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
    structure::chapter_texts(&book, &starts)
}

fn entries(book: &BookText) -> Vec<EntryFacts> {
    let Some(range) = find(book) else { return Vec::new() };
    let entries = extract(book, &range);
    let linker = Linker::new(book, &entries, &range);
    let fact = |(i, entry): (usize, &bookstate_reading::toc::ContentsEntry)| EntryFacts {
        ident: EntryIdent::Ordinal(u32::try_from(i).unwrap_or(u32::MAX)),
        number: entry.entry_number.as_deref().map(Into::into),
        title: Some(entry.title.as_str().into()),
        level: i32::try_from(entry.level).unwrap_or(1),
        level_name: entry.level_name.as_deref().map(Into::into),
        page: linker.link(i).page,
    };
    entries.iter().enumerate().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_with_every_word_passes_and_a_folder_without_books_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { places: vec![folder.path().to_owned()], name: 3 };
        assert!(run(&options, &mut Vec::new()).is_err(), "nothing was looked at");
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(
            folder.path().join("in/a.md"),
            "# One\n\nText[^1].\n\n[^1]: Note.\n\n# Two\n\n- more\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("a.json"), "{}").unwrap();
        let mut out = Vec::new();
        run(&options, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("1 books, every word"));
    }
}
