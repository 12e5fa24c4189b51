//! `cargo xtask scan-score DIR`: how well scanned books are read, beside the program tesseract alone and `ocrmypdf`.
//!
//! DIR holds a folder per book: `NNNN.png|tif|jpg` is a page image, `NNNN.gt.txt` its proofread text. Each book goes
//! through the main job; the same pages are read by the other two in the same run. The measure is words in order:
//! recall is the share of the proofread words that were read, precision the share of the read words that are right.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use bookstate_domain::{BookState, Engines, Priority, Variant};
use bookstate_jobs::{JobRequest, Scheduler, SchedulerConfig, Started, engines::EngineCatalog, ingest};
use bookstate_store::{Library, LibraryConfig};
use unicode_normalization::UnicodeNormalization;

use crate::words_in_order::in_order;

/// What `scan-score` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder with a folder per book
    dir: PathBuf,
    /// Only these books
    #[arg(long)]
    book: Vec<String>,
    /// Only every n-th page
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Only our own reading
    #[arg(long)]
    alone: bool,
    /// Fail when less of a book is read, of its words or of what is read as such
    #[arg(long, default_value_t = 0.0)]
    least: f64,
}

/// How a book was read.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    recall: f64,
    precision: f64,
    seconds: f64,
}

/// Scores all books and writes the table to `out`.
///
/// # Errors
/// The folder cannot be read, holds no book, a book cannot be processed, or is read too badly.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let mut books: Vec<PathBuf> = std::fs::read_dir(&options.dir)
        .with_context(|| format!("cannot read {}", options.dir.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    books.sort();
    writeln!(out, "{:36} {:>6} {:>15}  recall precision seconds", "book", "words", "read by")?;
    let (mut scored, mut too_little) = (0, Vec::new());
    for book in books {
        let name = book.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !options.book.is_empty() && !options.book.contains(&name) {
            continue;
        }
        let pages = Page::all(&book, options.every)?;
        if pages.is_empty() {
            continue;
        }
        scored += 1;
        let truth: String = pages.iter().map(|page| page.truth.as_str()).collect();
        let truth = words(&truth);
        let mut line = |by: &str, score: Score| {
            let Score { recall, precision, seconds } = score;
            writeln!(
                out,
                "{name:36} {:>6} {by:>15}  {recall:.4}    {precision:.4} {seconds:7.1}",
                truth.len()
            )
        };
        let (ours, languages) = ours(&pages, &truth)?;
        for (by, score) in ours {
            line(by, score)?;
            if score.recall.min(score.precision) < options.least {
                too_little.push(name.clone());
            }
        }
        if !options.alone {
            line("tesseract", plain(&pages, &truth, &languages)?)?;
            match ocrmypdf(&pages, &truth, &languages)? {
                Some(score) => line("ocrmypdf", score)?,
                None => writeln!(out, "{name:36} ocrmypdf is not installed")?,
            }
        }
    }
    if scored == 0 {
        bail!("no book in {} could be scored: check the path", options.dir.display());
    }
    if !too_little.is_empty() {
        bail!("less than {} of {} is read as it should be", options.least, too_little.join(", "));
    }
    Ok(())
}

struct Page {
    image: PathBuf,
    truth: String,
}

impl Page {
    fn all(book: &Path, every: usize) -> Result<Vec<Self>> {
        let mut pages = BTreeMap::new();
        for entry in std::fs::read_dir(book)? {
            let image = entry?.path();
            let truth = image.with_extension("gt.txt");
            let is_truth = image.extension().is_some_and(|extension| extension == "txt");
            if !is_truth && truth.exists() {
                let truth = std::fs::read_to_string(&truth)? + "\n";
                pages.insert(image.clone(), Self { image, truth });
            }
        }
        let skip = every / 2;
        Ok(pages.into_values().skip(skip).step_by(every.max(1)).collect())
    }
}

/// A book through the main job: what its pages and what its chapters have, and the languages that were found.
fn ours(pages: &[Page], truth: &[String]) -> Result<(Vec<(&'static str, Score)>, String)> {
    let folder = tempfile::tempdir()?;
    let images = folder.path().join("images");
    std::fs::create_dir(&images)?;
    for page in pages {
        std::os::unix::fs::symlink(
            page.image.canonicalize()?,
            images.join(page.image.file_name().unwrap_or_default()),
        )?;
    }
    let began = Instant::now();
    let data = folder.path().join("data");
    let state = tokio::runtime::Runtime::new()?.block_on(processed(&data, &images))?;
    let seconds = began.elapsed().as_secs_f64();
    let page_texts: String = state
        .pages()
        .values()
        .filter_map(|page| page.ocr_markdown.as_deref())
        .map(|text| format!("{text}\n"))
        .collect();
    let chapters = state.ordered_chapters();
    let book: String = chapters.iter().filter_map(|c| c.text()).map(|text| format!("{text}\n")).collect();
    let languages = languages(&data).unwrap_or_else(|| "eng".to_owned());
    let score = |text: &str| Score { seconds, ..score(truth, &words(text)) };
    Ok((vec![("pages", score(&page_texts)), ("book", score(&book))], languages))
}

async fn processed(data: &Path, images: &Path) -> Result<BookState> {
    let (library, _) = Library::open(LibraryConfig::new(data))?;
    let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
    let book = ingest(&library, images).await?;
    let request = JobRequest {
        variant: Variant::Standard,
        engines: Engines { ocr: vec!["text-layer".into(), "tesseract".into()], analysis: "local".into() },
        options: None,
        reset: None,
        priority: Priority::Bulk,
    };
    match scheduler.start(&book.book_id, request).await? {
        Started::Running(job) => {
            let report = job.wait().await;
            anyhow::ensure!(report.units.failed == 0, "{} units failed", report.units.failed);
        }
        Started::NothingToDo { .. } => {}
    }
    let handle = library.open_book(&book.book_id, "scan-score")?;
    Ok(handle.snapshot().state.clone())
}

/// The languages that the words of a page say it was read with.
fn languages(data: &Path) -> Option<String> {
    let sources = std::fs::read_dir(data.join("sources")).ok()?;
    let words =
        sources.filter_map(|entry| entry.ok().map(|entry| entry.path())).find(|path| path.is_dir())?;
    let languages = |page: std::io::Result<std::fs::DirEntry>| {
        let value: serde_json::Value =
            serde_json::from_slice(&std::fs::read(page.ok()?.path()).ok()?).ok()?;
        Some(value.get("languages")?.as_str()?.to_owned())
    };
    std::fs::read_dir(words).ok()?.find_map(languages)
}

/// The program alone, two processes at once.
fn plain(pages: &[Page], truth: &[String], languages: &str) -> Result<Score> {
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let next = Mutex::new(pages.iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().ok().and_then(|mut next| next.next());
                    let Some((n, page)) = taken else { return };
                    let ran = Command::new("tesseract")
                        .arg(&page.image)
                        .arg(folder.path().join(n.to_string()))
                        .args(["-l", languages])
                        .env("OMP_THREAD_LIMIT", "1")
                        .stderr(Stdio::null())
                        .status();
                    // A page that it cannot read is a page without words.
                    drop(ran);
                }
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let read = |n| std::fs::read_to_string(folder.path().join(format!("{n}.txt"))).unwrap_or_default();
    let text: String = (0..pages.len()).map(read).collect();
    Ok(Score { seconds, ..score(truth, &words(&text)) })
}

/// `ocrmypdf` as people use it; `None`: it is not installed.
fn ocrmypdf(pages: &[Page], truth: &[String], languages: &str) -> Result<Option<Score>> {
    if Command::new("ocrmypdf").arg("--version").output().is_err() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let mut text = String::new();
    for page in pages {
        let sidecar = folder.path().join("text.txt");
        drop(std::fs::remove_file(&sidecar));
        let ran = Command::new("ocrmypdf")
            .args(["-l", languages, "--image-dpi", "200", "--deskew", "--output-type", "pdf", "--sidecar"])
            .arg(&sidecar)
            .arg(&page.image)
            .arg(folder.path().join("out.pdf"))
            .stderr(Stdio::null())
            .status()?;
        if ran.success() {
            text.push_str(&std::fs::read_to_string(&sidecar).unwrap_or_default());
            text.push('\n');
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Some(Score { seconds, ..score(truth, &words(&text)) }))
}

/// The words of a text: letters and digits, small, old letters as new ones, hyphens at line ends joined.
fn words(text: &str) -> Vec<String> {
    let mut plain: String = text.nfkc().collect();
    for (old, new) in [("ſ", "s"), ("ꝛ", "r"), ("aͤ", "ä"), ("oͤ", "ö"), ("uͤ", "ü")] {
        plain = plain.replace(old, new);
    }
    let mut joined = String::new();
    for line in plain.lines().map(str::trim) {
        match line.strip_suffix(['-', '⸗', '¬', '=', '\u{ad}']) {
            Some(start) => joined.push_str(start),
            None => {
                joined.push_str(line);
                joined.push('\n');
            }
        }
    }
    let split = joined.split(|c: char| !c.is_alphanumeric());
    split.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn score(truth: &[String], read: &[String]) -> Score {
    let same = in_order(truth, read) as f64;
    let share = |all: usize| same / all.max(1) as f64;
    Score { recall: share(truth.len()), precision: share(read.len()), seconds: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_order_are_counted() {
        let split = |text: &str| words(text);
        assert_eq!(score(&split("a b c d"), &split("a b x")).recall, 0.5);
        assert_eq!(split("oft-\nmals Maſſe"), ["oftmals", "masse"]);
    }
}
