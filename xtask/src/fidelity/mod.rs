//! `cargo xtask fidelity`: how much of a PDF book's text arrives, measured against an edition of the same sources.
//!
//! The books are those of Debian packages that have both (`r-doc-pdf`, `r-doc-html`, `developers-reference` in three
//! languages, `debian-paketmanagement-buch`). The measure is words in order: recall is the share of the edition's words
//! that a reader gives, precision the share of its words that the edition has. Both editions differ by themselves
//! (numbers of pages, the printed contents, notes at other places), so the figures of other readers on the same
//! files stand beside ours, from the same run.

mod books;
mod differences;
mod editions;
mod readers;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::words_in_order::in_order;
use books::{Book, words};
use readers::{Exported, Programs, Reader, text_of};

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

impl Score {
    fn of(edition: &[String], text: &[String]) -> Self {
        let same = in_order(edition, text) as f64;
        Self { recall: same / edition.len().max(1) as f64, precision: same / text.len().max(1) as f64 }
    }
}

/// Reads all books and writes the table to `out`.
///
/// # Errors
/// No book is installed, one cannot be read, another reader is ahead of ours in one of the figures, the editions of a
/// book differ in their tables of contents by more than is known, or words are lost in an EPUB file.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let mut all = Book::all(&options.share);
    all.retain(|book| options.books.is_empty() || options.books.iter().any(|name| name == book.name));
    ensure!(!all.is_empty(), "no such book below {}: install the packages", options.share.display());
    let programs = Programs { bookstate: options.bin.clone(), python: options.python.clone() };
    let mut wrong: Vec<String> = Vec::new();
    writeln!(out, "{:24} {:>6}  {:17}  recall precision", "book", "words", "read by")?;
    for book in all {
        let edition = book.words()?;
        let read = programs.export(&book.pdf)?;
        // The printed contents are in the editions, too.
        let text = words(&text_of(&read.json, |reason| reason == "contents")?);
        let ours = Score::of(&edition, &text);
        let line = |reader: &str, Score { recall, precision }: Score| {
            let (name, count) = (book.name, edition.len());
            format!("{name:24} {count:>6}  {reader:17}  {recall:.4}  {precision:.4}")
        };
        writeln!(out, "{}", line("bookstate", ours))?;
        for reader in Reader::ALL.into_iter().filter(|_| !options.alone) {
            let Some(text) = programs.text(reader, &book.pdf)? else {
                writeln!(out, "{:24} {:>6}  {:17}  is not installed", book.name, "", reader.name())?;
                continue;
            };
            let theirs = Score::of(&edition, &words(&text));
            writeln!(out, "{}", line(reader.name(), theirs))?;
            if ours.recall < theirs.recall || ours.precision < theirs.precision {
                wrong.push(format!("{} is ahead in {}", reader.name(), book.name));
            }
        }
        if options.details {
            list(&edition, &text, out)?;
        }
        wrong.extend(compare_editions(&programs, &book, &read, options.details, out)?);
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

/// The PDF edition beside the other: what is wrong with them.
fn compare_editions(
    programs: &Programs,
    book: &Book,
    read: &Exported,
    details: bool,
    out: &mut dyn std::io::Write,
) -> Result<Vec<String>> {
    let other = programs.export(&book.edition)?;
    let contents = editions::compare(&read.json, &other.json)?;
    let (pdf, edition, same) = contents.counts;
    writeln!(out, "  contents: {pdf} entries in the PDF, {edition} in the other edition, {same} the same")?;
    if details {
        contents.differing.iter().try_for_each(|entry| writeln!(out, "    {entry}"))?;
    }
    let lost = editions::lost_on_the_way(programs, &other.json, &other.epub)?;
    let count: usize = lost.iter().map(|(_, count)| count).sum();
    writeln!(out, "  the other edition as EPUB, read again: {count} words lost")?;
    if details {
        lost.iter().try_for_each(|(word, count)| writeln!(out, "    {count} × {word}"))?;
    }
    let mut wrong = Vec::new();
    if pdf.max(edition) - same > book.known {
        wrong.push(format!("the tables of contents of {} differ", book.name));
    }
    if count > 0 {
        wrong.push(format!("{count} words of {} are lost in its EPUB file", book.name));
    }
    Ok(wrong)
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
