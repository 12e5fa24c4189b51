//! Who reads the PDF files: bookstate itself, and other programs as they are used.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::books::without_hyphens;

/// Prints the text of a file, page by page.
const PYMUPDF: &str = "import sys, pymupdf\nfor page in pymupdf.open(sys.argv[1]): print(page.get_text())";
/// The same.
const DOCLING: &str = "\
import sys
from docling_parse.pdf_parser import DoclingPdfParser
for _, page in DoclingPdfParser().load(sys.argv[1]).iterate_pages():
    print('\\n'.join(line.text for line in page.textline_cells))";

/// Another program that reads PDF files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    PdfToText,
    PdfToTextLayout,
    PyMuPdf,
    DoclingParse,
}

impl Reader {
    /// All of them.
    pub(super) const ALL: [Self; 4] =
        [Self::PdfToText, Self::PdfToTextLayout, Self::PyMuPdf, Self::DoclingParse];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PdfToText => "pdftotext",
            Self::PdfToTextLayout => "pdftotext -layout",
            Self::PyMuPdf => "pymupdf",
            Self::DoclingParse => "docling-parse",
        }
    }
}

/// The programs, where they are.
pub(super) struct Programs {
    pub(super) bookstate: PathBuf,
    pub(super) python: PathBuf,
}

impl Programs {
    /// The text that `reader` makes of a file; `None` when it is not installed.
    ///
    /// # Errors
    /// It is installed and cannot read the file.
    pub(super) fn text(&self, reader: Reader, pdf: &Path) -> Result<Option<String>> {
        Ok(match reader {
            Reader::PdfToText => printed(Command::new("pdftotext").arg(pdf).arg("-"))?,
            Reader::PdfToTextLayout => printed(Command::new("pdftotext").arg("-layout").arg(pdf).arg("-"))?,
            Reader::PyMuPdf => self.python("pymupdf", PYMUPDF, pdf)?,
            Reader::DoclingParse => self.python("docling_parse", DOCLING, pdf)?,
        })
    }

    fn python(&self, module: &str, program: &str, pdf: &Path) -> Result<Option<String>> {
        let there = Command::new(&self.python)
            .args(["-c", &format!("import {module}")])
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        printed(Command::new(&self.python).args(["-c", program]).arg(pdf))
    }

    /// A book as the program exports it.
    ///
    /// # Errors
    /// The program cannot read it, or says no JSON.
    pub(super) fn export(&self, book: &Path) -> Result<Exported> {
        let data = tempfile::tempdir()?;
        let run = |arguments: &[&str]| -> Result<Vec<u8>> {
            let ran = Command::new(&self.bookstate)
                .args(arguments)
                .arg("--data-dir")
                .arg(data.path())
                .arg("--quiet")
                .stderr(Stdio::null())
                .output()
                .with_context(|| {
                    format!("{}: build it with `cargo build --release`", self.bookstate.display())
                })?;
            Ok(ran.stdout)
        };
        let json = |said: &[u8]| -> Result<Value> {
            serde_json::from_slice(said).with_context(|| format!("{} said no JSON", self.bookstate.display()))
        };
        let Some(path) = book.to_str() else { bail!("{} is no text", book.display()) };
        let done = json(&run(&["process", path, "--json"])?)?;
        let id = done["book_id"].as_str().context("no book")?.to_owned();
        let epub = data.path().join("book.epub");
        let Some(to) = epub.to_str() else { bail!("{} is no text", epub.display()) };
        run(&["export", &id, "--format", "epub", "--output", to])?;
        Ok(Exported { json: json(&run(&["export", &id, "--format", "json"])?)?, epub: std::fs::read(epub)? })
    }
}

/// A book as the program exports it.
pub(super) struct Exported {
    /// All documents.
    pub(super) json: Value,
    /// The book as EPUB.
    pub(super) epub: Vec<u8>,
}

/// The chapters of an exported book.
///
/// # Errors
/// There are none.
pub(super) fn chapters_in_order(exported: &Value) -> Result<Vec<&Value>> {
    let all = exported["documents"]["Chapter"].as_array().context("no chapters")?;
    let mut chapters: Vec<&Value> = all.iter().collect();
    chapters.sort_by_key(|chapter| chapter["sort_order"].as_i64());
    Ok(chapters)
}

/// The chapters of an exported book, and behind each what `wanted` wants of what was set aside; all notes at the
/// end, as for the other edition.
///
/// # Errors
/// It has no text.
pub(super) fn text_of(exported: &Value, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let (mut out, mut notes) = (String::new(), String::new());
    let add_to = |out: &mut String, value: &Value| {
        out.push_str(value.as_str().unwrap_or_default());
        out.push('\n');
    };
    for chapter in chapters_in_order(exported)? {
        let mut add = |value: &Value| add_to(&mut out, value);
        let list = |key: &str| chapter[key].as_array().into_iter().flatten();
        add(chapter.get("polished_text").unwrap_or(&chapter["mechanical_text"]));
        // The printed contents stand behind a title page and its reverse, mostly.
        let asides = list("set_aside").filter(|aside| aside["reason"].as_str().is_some_and(&wanted));
        asides.for_each(|aside| add(&aside["text"]));
        list("notes").for_each(|note| add_to(&mut notes, &note["text"]));
    }
    out.push_str(&notes);
    ensure!(!out.trim().is_empty(), "bookstate found no text");
    Ok(out)
}

/// What a program prints, hyphens at line ends undone; `None` when there is no such program.
fn printed(command: &mut Command) -> Result<Option<String>> {
    let ran = match command.stderr(Stdio::null()).output() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        ran => ran?,
    };
    ensure!(ran.status.success(), "{command:?} failed");
    Ok(Some(without_hyphens(&String::from_utf8_lossy(&ran.stdout))))
}
