//! `cargo xtask fidelity`: how much of a PDF book's text arrives, measured against an edition of the same sources.
//!
//! The books are those of Debian packages that have both (`r-doc-pdf`, `r-doc-html`, `developers-reference` in three
//! languages, `debian-paketmanagement-buch`). The measure is words in order: recall is the share of the edition's words
//! that a reader gives, precision the share of its words that the edition has. Both editions differ by themselves
//! (numbers of pages, the printed contents, notes at other places), so the figures of other readers on the same
//! files stand beside ours, from the same run.

mod books;
mod differences;
mod readers;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::words_in_order::in_order;
use books::{Book, words};
use readers::{Programs, Reader};

/// What `fidelity` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these books
    books: Vec<String>,
    /// Folder that the packages put their files in
    #[arg(long, default_value = "/usr/share")]
    share: PathBuf,
    /// The program to measure
    #[arg(long, default_value = "target/release/bookstate")]
    bin: PathBuf,
    /// A Python that may have pymupdf and docling-parse
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Only our own reading
    #[arg(long)]
    alone: bool,
    /// List the words that differ, by class
    #[arg(long)]
    details: bool,
}

/// How a book was read.
#[derive(Debug, Clone, Copy)]
struct Score {
    recall: f64,
    precision: f64,
}

/// Reads all books and writes the table to `out`.
///
/// # Errors
/// No book is installed, one cannot be read, or another reader is ahead of ours in one of the figures.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let mut all = Book::all(&options.share);
    all.retain(|book| options.books.is_empty() || options.books.iter().any(|name| name == book.name));
    ensure!(!all.is_empty(), "no such book below {}: install the packages", options.share.display());
    let programs = Programs { bookstate: options.bin.clone(), python: options.python.clone() };
    let mut behind: Vec<String> = Vec::new();
    writeln!(out, "{:24} {:>6}  {:17}  recall precision", "book", "words", "read by")?;
    for book in all {
        let edition = book.words()?;
        let mut ours: Option<Score> = None;
        for reader in Reader::ALL {
            if options.alone && reader != Reader::Bookstate {
                continue;
            }
            let Some(text) = programs.text(reader, &book.pdf)? else {
                writeln!(out, "{:24} {:>6}  {:17}  is not installed", book.name, "", reader.name())?;
                continue;
            };
            let text = words(&text);
            let same = in_order(&edition, &text) as f64;
            let score =
                Score { recall: same / edition.len() as f64, precision: same / text.len().max(1) as f64 };
            let Score { recall, precision } = score;
            let (name, count) = (book.name, edition.len());
            writeln!(out, "{name:24} {count:>6}  {:17}  {recall:.4}  {precision:.4}", reader.name())?;
            match ours {
                None => ours = Some(score),
                Some(ours) if ours.recall < recall || ours.precision < precision => {
                    behind.push(format!("{name} ({})", reader.name()));
                }
                Some(_) => {}
            }
            if options.details && reader == Reader::Bookstate {
                list(&edition, &text, out)?;
            }
        }
    }
    ensure!(behind.is_empty(), "ahead of ours: {}", behind.join(", "));
    Ok(())
}

fn list(edition: &[String], text: &[String], out: &mut dyn std::io::Write) -> Result<()> {
    for (class, of) in differences::differences(edition, text) {
        writeln!(out, "  {}: {} words", class.name(), of.words)?;
        let mut examples: Vec<(String, usize)> = of.examples.into_iter().collect();
        examples.sort_by_key(|(example, count)| std::cmp::Reverse((*count, example.len())));
        for (example, count) in examples.into_iter().take(40) {
            writeln!(out, "    {count} × {example}")?;
        }
    }
    Ok(())
}
