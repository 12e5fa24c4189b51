//! The books that are there twice, as PDF and as an edition made of the same sources, and their words.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bookstate_reading::page::BlockKind;
use bookstate_reading::source::Source;
use unicode_normalization::UnicodeNormalization;

/// A book: its name, its PDF and its other edition, both below the folder of the packages, and by how many entries the
/// tables of contents of both are known to differ.
const BOOKS: [(&str, &str, &str, usize); 8] = [
    ("R-lang", "R/doc/manual/R-lang.pdf", "R/doc/manual/R-lang.html", 0),
    ("R-ints", "R/doc/manual/R-ints.pdf", "R/doc/manual/R-ints.html", 0),
    ("R-admin", "R/doc/manual/R-admin.pdf", "R/doc/manual/R-admin.html", 0),
    ("R-exts", "R/doc/manual/R-exts.pdf", "R/doc/manual/R-exts.html", 0),
    (
        "developers-reference",
        "developers-reference/developers-reference.pdf",
        "developers-reference/developers-reference.epub",
        // Its title page is an entry of the EPUB file.
        1,
    ),
    (
        "developers-reference-de",
        "developers-reference/de/developers-reference.pdf",
        "developers-reference/de/developers-reference.epub",
        // Its title page is an entry of the EPUB file.
        1,
    ),
    (
        "developers-reference-fr",
        "developers-reference/fr/developers-reference.pdf",
        "developers-reference/fr/developers-reference.epub",
        // Its title page is an entry of the EPUB file.
        1,
    ),
    (
        "debian-paketmanagement",
        "doc/debian-paketmanagement-buch/debian-paketmanagement.pdf",
        "doc/debian-paketmanagement-buch/debian-paketmanagement.epub",
        // Its preface has 20 entries in the EPUB file and none in the PDF, whose own outline has the other 697; the index
        // has another name.
        21,
    ),
];

/// A book that is installed.
pub(super) struct Book {
    pub(super) name: &'static str,
    pub(super) pdf: PathBuf,
    pub(super) edition: PathBuf,
    /// So many entries of the tables of contents are known to differ.
    pub(super) known: usize,
}

impl Book {
    /// The books that are there below `share`.
    pub(super) fn all(share: &Path) -> Vec<Self> {
        let book = |(name, pdf, edition, known): (&'static str, &str, &str, usize)| Self {
            name,
            pdf: share.join(pdf),
            edition: share.join(edition),
            known,
        };
        BOOKS.into_iter().map(book).filter(|b| b.pdf.exists() && b.edition.exists()).collect()
    }

    /// The words of its other edition, those of notes last: a file for screens has them at its end.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn words(&self) -> Result<Vec<String>> {
        let source = Source::open(&self.edition)
            .with_context(|| format!("the edition {} of {}", self.edition.display(), self.name))?;
        let (mut text, mut notes) = (Vec::new(), Vec::new());
        for n in 1..=source.page_count() {
            let mut page = source.page(n)?;
            let mut of_page = page.clone();
            of_page.blocks.retain(|block| matches!(block.kind, BlockKind::Footnote { .. }));
            page.blocks.retain(|block| !matches!(block.kind, BlockKind::Footnote { .. }));
            text.extend(words(&page.plain_text()));
            notes.extend(words(&of_page.plain_text()));
        }
        text.append(&mut notes);
        Ok(text)
    }
}

/// The words of a text: letters and digits, small.
pub(super) fn words(text: &str) -> Vec<String> {
    let plain: String = text.nfkc().filter(|c| *c != '\u{ad}').collect();
    let split = plain.split(|c: char| !c.is_alphanumeric() && c != '_');
    split.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// A text of lines with the words whole that a hyphen at a line's end cuts.
pub(super) fn without_hyphens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let next = line.trim_start();
        match out.strip_suffix("-\n").map(str::len) {
            Some(stem) if next.starts_with(char::is_lowercase) => {
                out.truncate(stem);
                out.push_str(next);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_small_and_whole() {
        assert_eq!(words("The ﬁle_name, (Größe)!"), ["the", "file_name", "größe"]);
        assert_eq!(without_hyphens("a hy-\n  phen\nand A-\nB"), "a hyphen\nand A-\nB\n");
    }
}
