//! The engines `text-layer` and `local` on small books: the whole pipeline, offline, and its resumption.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod fake;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bookstate_domain::{BookState, Engines, JobStatus, Priority, Variant};
use bookstate_jobs::{
    JobEnd, JobReport, JobRequest, Scheduler, SchedulerConfig, UnitLog, engines::EngineCatalog, ingest,
};
use bookstate_store::{Library, LibraryConfig};
use fake::{assert_nothing_ran_twice, canonical, running, state, unit_events};

const CHAPTERS: [(&str, usize); 5] = [
    ("The Harbour", 4),
    ("A Letter", 9),
    ("Across the Moor", 14),
    ("The Lighthouse", 20),
    ("Home Again", 26),
];
const PAGES: usize = 30;

/// A made-up book: a title page, contents on page 2, five chapters, running feet.
fn novel() -> String {
    let mut pages = vec![String::new(); PAGES];
    pages[0] = "\n\n        THE MOOR\n\n        by Jane Example\n".into();
    let lines =
        (1..).zip(CHAPTERS).map(|(n, (title, page))| format!("{n}. {title} {} {page}", ".".repeat(40)));
    pages[1] = format!("        Contents\n\n{}\n", lines.collect::<Vec<_>>().join("\n"));
    for (n, page) in pages.iter_mut().enumerate().skip(2) {
        if let Some((i, (title, _))) = CHAPTERS.iter().enumerate().find(|(_, (_, start))| *start == n + 1) {
            page.push_str(&format!("\n{}. {title}\n\n", i + 1));
        }
        for line in 0..12 {
            let begin = format!("Line {line} of leaf {n} tells of wind, of rain and of the sea");
            page.push_str(&format!("{begin} be-\nhind the hills of M{n}l{line}w.\n"));
        }
        page.push_str(&format!("\n        {}\n", n + 1));
    }
    pages.join("\u{c}")
}

struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("units.jsonl")
    }

    fn open(&self) -> (Library, Scheduler) {
        let library = Library::open(LibraryConfig::new(self.dir.path().join("data"))).unwrap().0;
        let config = SchedulerConfig {
            unit_log: Some(Arc::new(UnitLog::open(&self.log()).unwrap())),
            min_free_bytes: 0,
            ..SchedulerConfig::default()
        };
        (library.clone(), Scheduler::new(library, EngineCatalog::local(), config))
    }

    async fn run(&self, file: &Path) -> (BookState, JobReport) {
        let (library, scheduler) = self.open();
        let book = ingest(&library, file).await.unwrap();
        let report = running(scheduler.start(&book.book_id, request()).await.unwrap()).wait().await;
        (state(&library, &book.book_id), report)
    }
}

fn request() -> JobRequest {
    JobRequest {
        variant: Variant::Standard,
        engines: Engines { ocr: vec!["text-layer".into()], analysis: "local".into() },
        options: None,
        reset: None,
        priority: Priority::Bulk,
    }
}

#[tokio::test]
async fn a_book_with_contents_gets_linked_entries_and_chapters_with_text() {
    let desk = Desk::new();
    let (book, report) = desk.run(&desk.file("moor.txt", novel().as_bytes())).await;
    assert_eq!(report.end, JobEnd::Over { status: JobStatus::Completed, reason: None });
    let links: Vec<_> = book
        .ordered_entries()
        .iter()
        .map(|e| (e.title.clone().unwrap().to_string(), e.actual_page.unwrap()))
        .collect();
    let expected: Vec<_> =
        CHAPTERS.iter().map(|(title, page)| ((*title).to_owned(), i32::try_from(*page).unwrap())).collect();
    assert_eq!(links, expected);
    let chapters = book.ordered_chapters();
    assert_eq!(chapters.len(), 6, "five chapters, and what stands before them");
    let chapters = &chapters[1..];
    assert!(chapters.iter().all(|c| c.polish_complete && c.matter_type.is_some() && c.word_count > 100));
    let letter = chapters[1].text().unwrap();
    assert!(
        letter.contains("leaf 8") && letter.contains("leaf 12") && !letter.contains("leaf 13"),
        "{letter}"
    );
    assert!(letter.contains("behind the hills") && !letter.contains("be-\n"), "{letter}");
    let totals = book.book().unwrap();
    assert_eq!(totals.total_chapters, 6);
    assert!(totals.total_words > 1000 && totals.total_paragraphs > 0);
    assert_eq!(totals.language.as_deref(), Some("en"));
    // Written about once each: nothing but pages, readings, entries, chapters, a handful of others.
    assert!(
        book.document_count() - book.metrics().size() <= 2 * PAGES + 5 + 6 + 4,
        "{}",
        book.document_count()
    );
}

#[test]
fn an_interrupted_book_ends_as_an_undisturbed_one() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let undisturbed = Desk::new();
    let (expected, whole) = runtime().block_on(async {
        let (book, report) = undisturbed.run(&undisturbed.file("moor.txt", novel().as_bytes())).await;
        (canonical(&book), report)
    });
    for lines in [20, 75, 150, 180, 196, 204, 212] {
        let desk = Desk::new();
        let file = desk.file("moor.txt", novel().as_bytes());
        let first = runtime();
        first.block_on(async {
            let (library, scheduler) = desk.open();
            let book = ingest(&library, &file).await.unwrap();
            let job = running(scheduler.start(&book.book_id, request()).await.unwrap());
            while unit_events(&desk.log()).len() < lines && !job.progress.borrow().is_over() {
                tokio::task::yield_now().await;
            }
        });
        first.shutdown_timeout(Duration::from_secs(10));
        let (end, units) = runtime().block_on(async {
            let (library, scheduler) = desk.open();
            let book = ingest(&library, &file).await.unwrap();
            let units = match scheduler.start(&book.book_id, request()).await.unwrap() {
                bookstate_jobs::Started::Running(job) => {
                    let report = job.wait().await;
                    report.units.run + report.units.skipped
                }
                // The machine was faster than the kill.
                bookstate_jobs::Started::NothingToDo { .. } => whole.units.run,
            };
            (canonical(&state(&library, &book.book_id)), units)
        });
        assert_eq!(end, expected, "killed behind line {lines}");
        assert_eq!(units, whole.units.run, "killed behind line {lines}");
        assert_nothing_ran_twice(&desk.log());
    }
}

#[tokio::test]
async fn a_book_without_contents_gets_its_chapters_from_headings() {
    let desk = Desk::new();
    let chapter =
        |n: usize| format!("CHAPTER {n}\n\n{}\n\n", "It rained all day, and nobody came. ".repeat(80));
    let text: String = (1..=6).map(chapter).collect();
    let (book, report) = desk.run(&desk.file("rain.txt", text.as_bytes())).await;
    assert_eq!(report.end, JobEnd::Over { status: JobStatus::Completed, reason: None });
    assert!(!book.toc().unwrap().toc_found);
    assert_eq!(book.chapters().size(), 6);
}

/// A page without text that draws an image, and a blank one.
fn scan() -> Vec<u8> {
    let page = |contents: usize, resources: &str| {
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents {contents} 0 R/Resources<<{resources}>>>>"
        )
    };
    let stream =
        |dict: &str, data: &str| format!("<<{dict}/Length {}>>stream\n{data}\nendstream", data.len());
    let image = "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8";
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>".to_owned(),
        page(5, "/XObject<</Im0 7 0 R>>"),
        page(6, ""),
        stream("", "q 200 0 0 200 0 0 cm /Im0 Do Q"),
        stream("", "q Q"),
        stream(image, "x"),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        offsets.push(file.len());
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let xref = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for offset in offsets {
        file.push_str(&format!("{offset:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer<</Size {}/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF\n", objects.len() + 1));
    file.into_bytes()
}

#[tokio::test]
async fn a_scanned_page_says_that_an_ocr_engine_is_needed_and_a_blank_one_is_fine() {
    let desk = Desk::new();
    let (book, report) = desk.run(&desk.file("scan.pdf", &scan())).await;
    let JobEnd::Over { status, reason } = report.end else { panic!("{report:?}") };
    assert_eq!(status, JobStatus::Failed, "no page can be read");
    let reason = reason.unwrap();
    assert!(
        reason.contains("1 of 2 pages could not be read, the first is page 1: no text layer"),
        "{reason}"
    );
    assert!(reason.contains("an OCR engine is needed"), "{reason}");
    assert!(book.page(1).unwrap().ocr_failed && !book.page(2).unwrap().ocr_failed);
    assert_eq!(book.page(2).unwrap().ocr_markdown.as_deref(), Some(""));
}
