//! Pages of a PDF file, from its text layer.
//!
//! Invariants: a panic or an error of the PDF library concerns one page only and becomes that page's error;
//! pages are read in blocks of [`BLOCK`] on threads with deep stacks, and kept until they are taken; a page that asks
//! for more than its budget ends with the reason. Not here: rendering, images, OCR.

mod budget;
mod content;
#[cfg(test)]
mod content_tests;
mod decode;
mod destinations;
mod facts;
mod font;
mod glyphs;
mod labels;
mod links;
#[cfg(test)]
mod made;
#[cfg(test)]
mod made_tests;
mod names;
mod outline;
mod repair;
#[cfg(test)]
mod shape_tests;
mod strings;
mod style;

use super::{NavigationEntry, SourceError, SourceInfo};
use crate::page::{Page as BookPage, SetAside};
use content::Fonts;
use destinations::Destinations;
use glyphs::Collector;
use hayro_syntax::object::{Dict, ObjectIdentifier};
use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use labels::PageLabels;
use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

/// Pages that are read together: a thread with a deep stack is worth more than one page, and a large block makes its
/// first page wait.
const BLOCK: u32 = 16;
/// A file of more pages is no book.
const MOST_PAGES: u32 = 200_000;
/// Nested objects recurse in the library, deeper in damaged files than the 2 MiB of a worker thread allow.
const STACK_BYTES: usize = 64 << 20;

type PageResult = Result<BookPage, String>;

/// The pages of a block, without those that were taken; empty before it is read.
type Block = Vec<Option<Arc<PageResult>>>;

pub(super) struct PdfPages {
    pdf: Pdf,
    page_count: u32,
    fonts: Fonts,
    hidden: HashSet<ObjectIdentifier>,
    // A manual has thousands of named places: they are collected once, not for each block.
    destinations: OnceLock<Destinations>,
    labels: OnceLock<PageLabels>,
    blocks: Vec<Mutex<Block>>,
}

impl std::fmt::Debug for PdfPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PdfPages").field("page_count", &self.page_count).finish_non_exhaustive()
    }
}

impl PdfPages {
    pub(super) fn new(path: &Path, mut bytes: Vec<u8>) -> Result<Self, SourceError> {
        let broken = |reason: String| SourceError::Broken { path: path.into(), reason };
        if !repair::opens_in_bounds(&bytes) {
            return Err(broken("its objects unpack to more than any book's".to_owned()));
        }
        repair::blanks_behind_stream(&mut bytes);
        let pdf = on_deep_stack(|| catch_unwind(AssertUnwindSafe(|| Pdf::new(bytes))))
            .and_then(|caught| caught.map_err(|panic| panic_text(&*panic)))
            .map_err(broken)?
            .map_err(|e| load_error(path, e))?;
        let page_count = catch_unwind(AssertUnwindSafe(|| pdf.pages().len()))
            .map_err(|panic| broken(panic_text(&*panic)))?;
        let page_count = u32::try_from(page_count).unwrap_or(u32::MAX);
        if page_count > MOST_PAGES {
            return Err(broken(format!("it has {page_count} pages, and no book has {MOST_PAGES}")));
        }
        let hidden = on_deep_stack(|| {
            let catalog: Option<Dict<'_>> = pdf.xref().get(pdf.xref().root_id());
            catalog.map(|c| content::hidden_layers(&c)).unwrap_or_default()
        })
        .unwrap_or_default();
        let blocks = (0..page_count.div_ceil(BLOCK)).map(|_| Mutex::default()).collect();
        Ok(Self {
            pdf,
            page_count,
            fonts: Fonts::default(),
            hidden,
            destinations: OnceLock::new(),
            labels: OnceLock::new(),
            blocks,
        })
    }

    pub(super) fn page_count(&self) -> u32 {
        self.page_count
    }

    /// The page at a 0-based index; `None` beyond the last.
    pub(super) fn page(&self, index: u32) -> Option<Arc<PageResult>> {
        self.with_block(index, |page| page.clone()).flatten()
    }

    /// As [`PdfPages::page`], and it is not kept.
    pub(super) fn take(&self, index: u32) -> Option<Arc<PageResult>> {
        self.with_block(index, Option::take).flatten()
    }

    /// Gives `view` the page's place in its block, which is read when the page is not there. Whoever asks for a page of
    /// a block that is being read waits for it.
    fn with_block<T>(&self, index: u32, view: impl FnOnce(&mut Option<Arc<PageResult>>) -> T) -> Option<T> {
        let place = (index % BLOCK) as usize;
        let block = self.blocks.get((index / BLOCK) as usize)?;
        // Nothing panics under it but what is caught.
        let mut block = block.lock().unwrap_or_else(PoisonError::into_inner);
        if block.get(place).is_none_or(Option::is_none) {
            *block = self.read_block(index / BLOCK).into_iter().map(|page| Some(Arc::new(page))).collect();
        }
        block.get_mut(place).map(view)
    }

    pub(super) fn info(&self) -> SourceInfo {
        self.guarded(|| facts::info(&self.pdf)).unwrap_or_default()
    }

    pub(super) fn navigation(&self) -> Vec<NavigationEntry> {
        let destinations = self.destinations();
        self.guarded(|| outline::navigation(&self.pdf, destinations)).unwrap_or_default()
    }

    fn destinations(&self) -> &Destinations {
        let read = || self.guarded(|| Destinations::new(&self.pdf)).unwrap_or_default();
        self.destinations.get_or_init(read)
    }

    fn labels(&self) -> &PageLabels {
        let read = || self.guarded(|| PageLabels::new(&self.pdf)).unwrap_or_default();
        self.labels.get_or_init(read)
    }

    /// What the library panics on in the file's own description of itself is not there.
    fn guarded<T: Send>(&self, read: impl FnOnce() -> T + Send) -> Option<T> {
        on_deep_stack(|| catch_unwind(AssertUnwindSafe(read)).ok()).ok().flatten()
    }

    /// Reads a block with as many threads as there are processors: whoever waits for it can do nothing else, and the next
    /// one begins only when it is asked for.
    fn read_block(&self, block: u32) -> Vec<PageResult> {
        let first = block * BLOCK;
        let last = (first + BLOCK).min(self.page_count);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = (BLOCK as usize).div_ceil(threads);
        std::thread::scope(|scope| {
            let begun: Vec<_> = (first..last)
                .step_by(share)
                .map(|from| {
                    let pages = from..last.min(from.saturating_add(share as u32));
                    (pages.clone(), deep_thread(scope, || self.read_pages(pages)))
                })
                .collect();
            let ended = begun.into_iter().flat_map(|(pages, thread)| {
                let read = thread.and_then(|thread| thread.join().map_err(|panic| panic_text(&*panic)));
                read.unwrap_or_else(|reason| pages.map(|_| Err(reason.clone())).collect())
            });
            ended.collect()
        })
    }

    fn read_pages(&self, pages: Range<u32>) -> Vec<PageResult> {
        let (destinations, labels) = (self.destinations(), self.labels());
        let read = |index: u32| match self.pdf.pages().get(index as usize) {
            Some(page) => catch_unwind(AssertUnwindSafe(|| {
                let mut read = self.read_page(page, index + 1)?;
                read.label = labels.of(index);
                read.links = links::links(&self.pdf, page, destinations);
                Ok(read)
            }))
            .unwrap_or_else(|panic| Err(panic_text(&*panic))),
            None => Err("it is missing from the page tree".to_owned()),
        };
        pages.map(read).collect()
    }

    /// Everything of a page but its label and links.
    fn read_page(&self, page: &Page<'_>, number: u32) -> PageResult {
        let mut collector = Collector::default();
        content::follow(page, &self.fonts, &self.hidden, &mut collector).map_err(|over| over.to_string())?;
        let drawn = collector.into_drawn(page.render_dimensions());
        let aside = |(reason, text)| SetAside { page: number, reason, text };
        Ok(BookPage {
            size: Some(drawn.size),
            has_image: !drawn.pictures.is_empty() || drawn.is_mostly_unmapped,
            blocks: drawn.blocks,
            figures: drawn.pictures,
            set_aside: drawn.set_aside.into_iter().map(aside).collect(),
            ..BookPage::default()
        })
    }
}

/// Runs `work` on a thread of its own whose stack is deep enough for the library's recursion.
fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| deep_thread(scope, work)?.join().map_err(|panic| panic_text(&*panic)))
}

/// A thread with such a stack.
fn deep_thread<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, String> {
    std::thread::Builder::new()
        .name("bookstate-pdf".to_owned())
        .stack_size(STACK_BYTES)
        .spawn_scoped(scope, work)
        .map_err(|e| format!("no thread to read it: {e}"))
}

fn load_error(path: &Path, error: LoadPdfError) -> SourceError {
    let encrypted = |reason: &str| SourceError::Encrypted { path: path.into(), reason: reason.to_owned() };
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => encrypted("it needs a password"),
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => encrypted("unknown algorithm"),
        LoadPdfError::Decryption(DecryptionError::MissingIDEntry | DecryptionError::InvalidEncryption) => {
            encrypted("its encryption data is incomplete")
        }
        LoadPdfError::Invalid => {
            SourceError::Broken { path: path.into(), reason: "no page tree in it".to_owned() }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&'static str>().copied())
        .unwrap_or("no reason given");
    format!("the PDF library gave up: {}", text.lines().next().unwrap_or_default())
}
