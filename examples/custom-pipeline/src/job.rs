//! The job: what is left to do follows from the book's state, so resuming after a crash is starting.
//!
//! Requests run at once, results are persisted one by one by the one task that has the book's handle. Nothing here
//! waits for a database: `persist_*` are plain functions, and return when the journal and memory have the result.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bookstate_domain::{
    BookState, BookStatus, Provider,
    persist::{NewBook, PageReading},
};
use bookstate_store::{BookHandle, PersistError, Receipt};
use tokio::task::JoinSet;

use crate::{
    Failure,
    service::{Busy, Service},
};

/// The provider of the pages as they are.
pub const ORIGINAL: &str = "original";
/// The provider of the translated pages. To the book it is one more reading of the same page.
pub const TRANSLATION: &str = "pig-latin";

/// Requests that run at once.
const AT_ONCE: usize = 4;
const PAGES: i32 = 40;

/// What a run did.
#[derive(Debug, Default)]
pub struct Counts {
    pub translated: usize,
    /// Pages that an earlier run had translated.
    pub found: usize,
}

/// The translation of one book.
#[derive(Debug)]
pub struct Job {
    book: BookHandle,
    service: Arc<Service>,
    /// Dies after so many pages, as if it were killed: for trying out what happens.
    die_after: Option<usize>,
}

impl Job {
    /// A job on a book that may be new.
    pub fn new(book: BookHandle, service: Service, die_after: Option<usize>) -> Self {
        Self { book, service: Arc::new(service), die_after }
    }

    /// Does what is left to do.
    ///
    /// # Errors
    /// A result that was not accepted. What was accepted stays.
    pub async fn run(self) -> Result<Counts, Failure> {
        let providers: [Provider; 2] = [ORIGINAL.parse()?, TRANSLATION.parse()?];
        let [original, translation] = &providers;
        if self.book.snapshot().state.book().is_none() {
            self.book.persist_book_record(NewBook { page_count: PAGES })?;
        }
        for page_num in missing(&self.book.snapshot().state, original) {
            self.book.persist_page_extract(page_num)?;
            self.book.persist_ocr_result(reading(page_num, original, text_of(page_num)), &providers)?;
        }
        self.book.persist_book_status(BookStatus::Processing, None)?;

        let snapshot = self.book.snapshot();
        let mut waiting = VecDeque::from(missing(&snapshot.state, translation));
        let found = usize::try_from(PAGES)?.saturating_sub(waiting.len());
        let mut counts = Counts { found, ..Counts::default() };
        let mut requests = JoinSet::new();
        loop {
            while requests.len() < AT_ONCE
                && let Some(page_num) = waiting.pop_front()
            {
                let service = self.service.clone();
                let text = snapshot.state.ocr_result(page_num, original).and_then(|page| page.text.clone());
                let text = text.ok_or("a page has no text")?;
                requests.spawn(async move { (page_num, service.translate(page_num, &text).await) });
            }
            let Some(answered) = requests.join_next().await else { break };
            match answered? {
                (page_num, Ok(text)) => {
                    let result = reading(page_num, translation, text);
                    accepted(|| self.book.persist_ocr_result(result.clone(), &providers)).await?;
                    counts.translated += 1;
                    if self.die_after == Some(counts.translated) {
                        // No destructor runs, nothing is flushed or closed: as with `kill -9`.
                        std::process::abort();
                    }
                }
                (page_num, Err(Busy)) => waiting.push_back(page_num),
            }
        }
        self.book.persist_book_status(BookStatus::Complete, None)?;
        Ok(counts)
    }
}

/// The pages that have no reading by a provider, in order.
fn missing(state: &BookState, provider: &Provider) -> Vec<i32> {
    (1..=PAGES).filter(|page_num| state.ocr_result(*page_num, provider).is_none()).collect()
}

fn reading(page_num: i32, provider: &Provider, text: String) -> PageReading {
    let (provider, text) = (provider.clone(), text.into());
    PageReading { page_num, provider, text, confidence: None, header: None, footer: None }
}

/// A full disk passes, and the result was paid for: the call is made again until there is room. Every other error
/// ends the run.
async fn accepted(call: impl Fn() -> Result<Receipt, PersistError>) -> Result<Receipt, PersistError> {
    loop {
        match call() {
            Err(PersistError::JournalFull) => tokio::time::sleep(Duration::from_secs(1)).await,
            outcome => return outcome,
        }
    }
}

/// The text of a made-up page.
fn text_of(page_num: i32) -> String {
    format!("this is page {page_num} of a tale that nobody has read to the end")
}
