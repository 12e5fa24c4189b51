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

/// A program that reads PDF files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The program of this repository: chapters and their notes.
    Bookstate,
    PdfToText,
    PdfToTextLayout,
    PyMuPdf,
    DoclingParse,
}

impl Reader {
    /// All of them, bookstate first.
    pub(super) const ALL: [Self; 5] =
        [Self::Bookstate, Self::PdfToText, Self::PdfToTextLayout, Self::PyMuPdf, Self::DoclingParse];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bookstate => "bookstate",
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
            Reader::Bookstate => Some(self.chapters(pdf)?),
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

    /// The printed contents, the chapters, and behind each its notes.
    fn chapters(&self, pdf: &Path) -> Result<String> {
        let data = tempfile::tempdir()?;
        let run = |arguments: &[&str]| -> Result<Value> {
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
            let text = String::from_utf8_lossy(&ran.stdout);
            serde_json::from_str(text.trim()).with_context(|| format!("{} said no JSON", arguments.join(" ")))
        };
        let Some(path) = pdf.to_str() else { bail!("{} is no text", pdf.display()) };
        let done = run(&["process", path, "--json"])?;
        let id = done["book_id"].as_str().context("no book")?.to_owned();
        let exported = run(&["export", &id, "--format", "json"])?;
        let all = exported["documents"]["Chapter"].as_array().context("no chapters")?;
        let mut chapters: Vec<&Value> = all.iter().collect();
        chapters.sort_by_key(|chapter| chapter["sort_order"].as_i64());
        let mut out = String::new();
        for chapter in chapters {
            let mut add = |value: &Value| {
                out.push_str(value.as_str().unwrap_or_default());
                out.push('\n');
            };
            let list = |key: &str| chapter[key].as_array().into_iter().flatten();
            list("set_aside")
                .filter(|aside| aside["reason"] == "contents")
                .for_each(|aside| add(&aside["text"]));
            add(chapter.get("polished_text").unwrap_or(&chapter["mechanical_text"]));
            list("notes").for_each(|note| add(&note["text"]));
        }
        ensure!(!out.trim().is_empty(), "bookstate found no text in {}", pdf.display());
        Ok(out)
    }
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
