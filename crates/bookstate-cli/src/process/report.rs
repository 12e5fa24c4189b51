//! What `process` says of each book: one line of JSON, or a row of the summary.

use std::path::PathBuf;

use bookstate_domain::{BookState, BookStatus, JobId, Seq};
use serde::Serialize;

use crate::{
    failure::Exit,
    table::{Column, Table},
};

/// How a file ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Its place on the command line.
    pub(super) place: usize,
    /// The file.
    pub(super) path: PathBuf,
    /// What it means for the exit code.
    pub(super) exit: Exit,
    /// The book, if the file is one.
    pub(super) line: Option<BookLine>,
}

impl Outcome {
    /// A file of which there is nothing to report.
    pub(super) const fn without_line(place: usize, path: PathBuf, exit: Exit) -> Self {
        Self { place, path, exit, line: None }
    }
}

/// What this run did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) commits: u32,
    pub(super) run: usize,
    pub(super) skipped: usize,
    pub(super) seconds: f64,
}

/// What became of a book.
#[derive(Debug, Serialize)]
pub(super) struct FinishedBook {
    pub(super) book_id: String,
    pub(super) job_id: Option<JobId>,
    pub(super) status: BookStatus,
    pub(super) status_reason: Option<String>,
    pub(super) pages: i32,
    pub(super) toc_found: bool,
    pub(super) toc_entries: usize,
    pub(super) toc_entries_linked: usize,
    pub(super) chapters: usize,
    pub(super) words: i64,
}

/// A book, as `process --json` prints it. The keys are a promise to scripts.
#[derive(Debug, Serialize)]
pub(super) struct BookLine {
    #[serde(flatten)]
    book: FinishedBook,
    commits: u32,
    persisted_seq: Seq,
    units_run: usize,
    units_skipped: usize,
    seconds: f64,
}

impl FinishedBook {
    /// The book of a state. `stopped` is why this run ended before the job was over.
    pub(super) fn of(state: &BookState, job_id: Option<JobId>, stopped: Option<String>) -> Self {
        let book = state.book();
        let entries = state.toc_entries();
        Self {
            book_id: state.book_id().to_string(),
            job_id,
            status: book.and_then(|book| book.status).unwrap_or(BookStatus::Ingested),
            status_reason: stopped.or_else(|| book?.status_reason.as_deref().map(str::to_owned)),
            pages: book.map_or(0, |book| book.page_count),
            toc_found: state.toc().is_some_and(|toc| toc.toc_found),
            toc_entries: entries.size(),
            toc_entries_linked: entries.values().filter(|entry| entry.actual_page.is_some()).count(),
            chapters: state.chapters().size(),
            words: state.chapters().values().map(|chapter| i64::from(chapter.word_count)).sum(),
        }
    }
}

impl BookLine {
    /// The line of a book, after what this run did.
    pub(super) fn new(book: FinishedBook, persisted_seq: Seq, run: Run) -> Self {
        Self {
            book,
            commits: run.commits,
            persisted_seq,
            units_run: run.run,
            units_skipped: run.skipped,
            // Microseconds are more than anybody reads.
            seconds: (run.seconds * 1e6).round() / 1e6,
        }
    }

    /// The book of the line.
    pub(super) const fn book(&self) -> &FinishedBook {
        &self.book
    }

    /// What the book's status means for the exit code.
    pub(super) const fn exit(&self) -> Exit {
        match self.book.status {
            BookStatus::Degraded => Exit::Degraded,
            BookStatus::Failed => Exit::Failed,
            _ => Exit::Ok,
        }
    }
}

/// The summary table of all files that are books.
pub(super) fn summary(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        Column::text("file", 12),
        Column::whole("book"),
        Column::text("status", 11).toned(),
        Column::count("pages").rank(1),
        Column::text("contents", 12).rank(2),
        Column::count("chapters").rank(3),
        Column::count("words").rank(4),
        Column::text("units", 6).rank(5),
        Column::count("commits").rank(7),
        Column::number("seconds").rank(6),
    ]);
    for outcome in outcomes {
        let Some(line) = &outcome.line else { continue };
        let name =
            outcome.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let book = line.book();
        let contents = match (book.toc_found, book.toc_entries) {
            (false, 0) => "none".to_owned(),
            (_, entries) => format!("{} of {entries} linked", book.toc_entries_linked),
        };
        let status = if outcome.exit == Exit::Interrupted { "interrupted" } else { book.status.as_str() };
        let units = match line.units_skipped {
            0 => line.units_run.to_string(),
            skipped => format!("{} (+{skipped} before)", line.units_run),
        };
        table.row([
            name,
            book.book_id.clone(),
            status.to_owned(),
            book.pages.to_string(),
            contents,
            book.chapters.to_string(),
            book.words.to_string(),
            units,
            line.commits.to_string(),
            format!("{:.2}", line.seconds),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{At, BookId, Timestamp, persist::NewBook};

    use super::*;

    #[test]
    fn the_keys_are_the_promised_ones() {
        let mut state = BookState::new(BookId::new("b-1").unwrap());
        let at = At { seq: Seq::new(1).unwrap(), now: Timestamp::from_nanos(0) };
        for op in state.persist_book_record(&at, NewBook { page_count: 3 }).unwrap() {
            state.apply(&op);
        }
        let run = Run { commits: 1, run: 2, skipped: 3, seconds: 0.123_456_789 };
        let book = FinishedBook::of(&state, None, Some("stopped".to_owned()));
        let line = BookLine::new(book, at.seq, run);
        let value = serde_json::to_value(&line).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let promised = "book_id job_id status status_reason pages toc_found toc_entries toc_entries_linked \
                        chapters words commits persisted_seq units_run units_skipped seconds";
        assert_eq!(keys, promised.split_whitespace().collect::<Vec<_>>());
        assert_eq!(value["pages"], 3);
        assert_eq!(value["status"], "ingested");
        assert_eq!(value["status_reason"], "stopped");
        assert_eq!(value["seconds"], 0.123_457);
    }
}
