//! The persist methods: the only way in which a book changes.
//!
//! Each is a pure function of the present state: it validates the call, and returns the write ops of one
//! commit. It changes nothing itself; whoever owns the state journals the ops and applies them
//! (`bookstate_store::BookHandle`). An impossible call is a [`Misuse`] and leaves everything as it is.
//! Derived counters (link progress, finalize progress) are computed here from the sets that they count,
//! inside the same commit, so that a resume cannot count twice.
//!
//! Every method takes [`At`](crate::At), the seq that its commit will have and the time. `docs/persist-methods.md` maps the
//! rows of ADR 010 to these methods.

mod agents;
mod book;
mod chapters;
mod finalize;
mod jobs;
mod pages;
mod toc;

pub use agents::{AgentRecord, AgentTrace};
pub use book::{MetadataResult, NewBook};
pub use chapters::{
    ChapterClassification, ChapterExtract, ChapterPolish, NewChapter, POLISH_RETRIES, PolishOutcome,
};
pub use finalize::{Discovery, FinalizeProgress, GapFix};
pub use jobs::{NewJob, UnitMetric};
pub use pages::PageReading;
pub(crate) use toc::SORT_STEP;
pub use toc::{LinkOutcome, NewTocEntry, TocFound};

use crate::{
    AnyKey, BookId, BookState, Impossible, JobId, OpShape, Operation, OperationEvent, OperationStatus,
    WriteOp, operation::StatusPatch, value::ValueError,
};

/// The largest commit, in bytes as the journal has it. Eight texts of the largest size are below it.
pub const MAX_COMMIT_BYTES: usize = 64 << 20;

/// The ops of one commit.
pub type Ops = Vec<WriteOp>;

/// A persist call that the book's state does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The book has no record yet.
    #[error("the book has no record yet: call persist_book_record first")]
    NoBook,
    /// The book has a record already.
    #[error("the book has a record already")]
    BookExists,
    /// The book does not have this page.
    #[error("there is no page {page}: the book has {page_count} pages")]
    NoSuchPage {
        /// The page asked for.
        page: i32,
        /// The pages that there are.
        page_count: i32,
    },
    /// The document that the call is about does not exist.
    #[error("there is no {0}")]
    NoSuchDocument(AnyKey),
    /// The operation's state does not allow it.
    #[error("operation {operation}: {source}")]
    Operation {
        /// The operation.
        operation: Operation,
        /// Why not.
        source: Impossible,
    },
    /// The operation's fields would change other than by its events or a whole reset.
    #[error(
        "operation {0} changes by its events (persist_op_state) and by persist_reset, not field by field"
    )]
    OperationFields(Operation),
    /// The pages are not a range within the book.
    #[error("pages {start} to {end} are not a range within {page_count} pages")]
    BadRange {
        /// First page.
        start: i32,
        /// Last page.
        end: i32,
        /// The pages that there are.
        page_count: i32,
    },
    /// A document of another book.
    #[error("{0} is of another book")]
    OtherBook(AnyKey),
    /// The same document twice in one call.
    #[error("{0} occurs twice in one call")]
    Twice(AnyKey),
    /// The provider's name stands for a person's corrections: see [`BookState::persist_page_correction`].
    #[error("the provider {0} stands for a person's corrections: an engine needs another name")]
    Reserved(crate::Provider),
    /// A job of the book is active.
    #[error("job {0} of this book is active: wait for it or cancel it first")]
    JobActive(JobId),
    /// A value that some target could not store.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The call's results are too large for one commit.
    #[error("a commit of {bytes} bytes is not possible, the limit is {MAX_COMMIT_BYTES}: make it in parts")]
    TooLarge {
        /// The commit's size, in bytes.
        bytes: usize,
    },
    /// An update of a document that does not exist: it would do nothing.
    #[error("there is no {0} to update: put it whole")]
    NothingToUpdate(AnyKey),
    /// The book has used up its seqs.
    #[error("the book has used up its 2147483647 seqs: import it under a new id")]
    SeqsUsedUp,
}

/// Refuses what is not of this book, or what some target could not store.
///
/// # Errors
/// The first op of another book, or the first value that breaks a limit.
pub fn check(book_id: &BookId, ops: &[WriteOp]) -> Result<(), Misuse> {
    for op in ops {
        if op.book_id() != book_id {
            return Err(Misuse::OtherBook(op.key()));
        }
        op.check()?;
    }
    Ok(())
}

/// Refuses updates of documents that exist neither in `state` nor by an earlier one of `ops`. In a replay they are
/// legal and do nothing; from a caller they are a mistake that nobody would notice.
///
/// # Errors
/// The first such update.
pub fn check_updates(state: &BookState, ops: &[WriteOp]) -> Result<(), Misuse> {
    let mut exists = std::collections::BTreeMap::new();
    for op in ops {
        let key = op.key();
        let does_exist = exists.get(&key).copied().unwrap_or_else(|| state.has(&key));
        let does_exist = match op.shape() {
            OpShape::Update if !does_exist => return Err(Misuse::NothingToUpdate(key)),
            OpShape::Upsert | OpShape::Update => true,
            OpShape::Delete => false,
        };
        exists.insert(key, does_exist);
    }
    Ok(())
}

impl BookState {
    /// The patch that takes `operation` through `event`.
    fn operation_patch(&self, operation: Operation, event: OperationEvent) -> Result<StatusPatch, Misuse> {
        let status = self.operation(operation).after(event);
        status.map(|s| operation.patch(s)).map_err(|source| Misuse::Operation { operation, source })
    }

    fn book_patch(&self, operation: Operation, event: OperationEvent) -> Result<crate::BookPatch, Misuse> {
        self.require_book()?;
        match self.operation_patch(operation, event)? {
            StatusPatch::Book(patch) => Ok(patch),
            StatusPatch::Toc(_) => Ok(crate::BookPatch::default()),
        }
    }

    fn toc_patch(&self, operation: Operation, event: OperationEvent) -> Result<crate::TocPatch, Misuse> {
        self.require_book()?;
        match self.operation_patch(operation, event)? {
            StatusPatch::Toc(patch) => Ok(patch),
            StatusPatch::Book(_) => Ok(crate::TocPatch::default()),
        }
    }

    fn require_book(&self) -> Result<&crate::Book, Misuse> {
        self.book().ok_or(Misuse::NoBook)
    }

    pub(crate) fn require_page(&self, page: i32) -> Result<(), Misuse> {
        let page_count = self.require_book()?.page_count;
        if (1..=page_count).contains(&page) { Ok(()) } else { Err(Misuse::NoSuchPage { page, page_count }) }
    }

    fn require_range(&self, start: i32, end: i32) -> Result<(), Misuse> {
        let page_count = self.require_book()?.page_count;
        let ok = 1 <= start && start <= end && end <= page_count;
        if ok { Ok(()) } else { Err(Misuse::BadRange { start, end, page_count }) }
    }

    fn require_status(&self, operation: Operation, event: OperationEvent) -> Result<OperationStatus, Misuse> {
        self.operation(operation).after(event).map_err(|source| Misuse::Operation { operation, source })
    }
}

/// Refuses a key that occurs twice.
fn distinct<D: crate::document::Document>(keys: impl Iterator<Item = D::Key>) -> Result<(), Misuse> {
    let mut seen = std::collections::BTreeSet::new();
    for key in keys {
        if !seen.insert(key.clone()) {
            return Err(Misuse::Twice(D::any_key(key)));
        }
    }
    Ok(())
}

/// A put that keeps the creation of the document that it replaces, if any.
fn put<D: crate::document::Document>(state: &BookState, mut document: D) -> WriteOp {
    if let Some(old) = D::table(state).get(&document.key()) {
        document.keep_creation(old);
    }
    D::write_op(crate::Op::Upsert(std::sync::Arc::new(document)))
}
