//! The operations of a book: their state machine, where their state is stored, and their limits.
//!
//! An operation's state is four fields of a document, `{prefix}_started/complete/failed/retries`; a page's
//! reading has its own (`ocr_complete`, `ocr_failed`, `ocr_retries`). When several flags are set, failed
//! outweighs complete, and complete outweighs started.

use crate::{Book, BookPatch, BookState, Op, Toc, TocPatch, WriteOp, value::word_enum};

word_enum! {
    /// An operation of a book. These are also the names that a reset takes.
    OperationName {
        /// Title, authors and the like.
        Metadata = "metadata",
        /// Where the table of contents is.
        TocFinder = "toc_finder",
        /// Its entries.
        TocExtract = "toc_extract",
        /// The entries' pages.
        TocLink = "toc_link",
        /// Entries that the printed table lacks, gaps, order.
        TocFinalize = "toc_finalize",
        /// Chapters.
        Structure = "structure",
        /// The pages' texts.
        Ocr = "ocr",
    }
}

word_enum! {
    /// An operation on the whole book: what has `started`, `complete`, `failed` and `retries` fields.
    Operation {
        /// Title, authors and the like.
        Metadata = "metadata",
        /// Where the table of contents is.
        TocFinder = "toc_finder",
        /// Its entries.
        TocExtract = "toc_extract",
        /// The entries' pages.
        TocLink = "toc_link",
        /// Entries that the printed table lacks, gaps, order.
        TocFinalize = "toc_finalize",
        /// Chapters.
        Structure = "structure",
    }
}

/// How often reading a page may fail.
pub const PAGE_RETRIES: i32 = 10;

impl Operation {
    /// How often it may fail before it has failed for good.
    #[must_use]
    pub const fn max_retries(self) -> i32 {
        3
    }
}

word_enum! {
    /// Where an operation stands.
    OperationState {
        /// It may start.
        NotStarted = "not_started",
        /// It is being worked on.
        InProgress = "in_progress",
        /// It is done.
        Complete = "complete",
        /// It failed for good.
        Failed = "failed",
    }
}

/// Where an operation stands, and how often it has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationStatus {
    /// The state.
    pub state: OperationState,
    /// Failures so far.
    pub retries: i32,
}

impl OperationStatus {
    /// Never run.
    pub const NOT_STARTED: Self = Self { state: OperationState::NotStarted, retries: 0 };

    /// Whether nothing more will happen to it: complete or failed for good.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self.state, OperationState::Complete | OperationState::Failed)
    }
}

/// The status that four stored fields mean.
const fn load(started: bool, complete: bool, failed: bool, retries: i32) -> OperationStatus {
    let state = match (failed, complete, started) {
        (true, _, _) => OperationState::Failed,
        (_, true, _) => OperationState::Complete,
        (_, _, true) => OperationState::InProgress,
        _ => OperationState::NotStarted,
    };
    OperationStatus { state, retries }
}

/// What may happen to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationEvent {
    /// Work begins.
    Start,
    /// The result is in.
    Complete,
    /// An attempt failed; at `max` failures it has failed for good.
    Fail {
        /// See [`Operation::max_retries`].
        max: i32,
    },
    /// A restart found it in progress: not a failure.
    Interrupt,
    /// As if it had never run.
    Reset,
}

/// An event that is impossible in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is impossible for an operation that is {state}")]
pub struct Impossible {
    /// The event.
    pub event: OperationEvent,
    /// The state.
    pub state: OperationState,
}

impl OperationStatus {
    /// The status after an event: the whole state machine.
    ///
    /// # Errors
    /// The event is impossible in this state.
    pub const fn after(self, event: OperationEvent) -> Result<Self, Impossible> {
        use OperationEvent as E;
        use OperationState as S;
        let state = match (event, self.state) {
            (E::Start, S::NotStarted) => S::InProgress,
            (E::Complete, S::InProgress) => S::Complete,
            (E::Interrupt, S::InProgress) => S::NotStarted,
            (E::Fail { max }, S::InProgress) => {
                let retries = self.retries.saturating_add(1);
                let state = if retries >= max { S::Failed } else { S::NotStarted };
                return Ok(Self { state, retries });
            }
            (E::Reset, _) => return Ok(Self::NOT_STARTED),
            _ => return Err(Impossible { event, state: self.state }),
        };
        Ok(Self { state, retries: self.retries })
    }
}

macro_rules! four_fields {
    ($set:ident, $patch:ty, $started:ident, $complete:ident, $failed:ident, $retries:ident) => {
        fn $set(patch: &mut $patch, status: OperationStatus) {
            patch.$started = Some(status.state == OperationState::InProgress);
            patch.$complete = Some(status.state == OperationState::Complete);
            patch.$failed = Some(status.state == OperationState::Failed);
            patch.$retries = Some(status.retries);
        }
    };
}
four_fields!(set_metadata, BookPatch, metadata_started, metadata_complete, metadata_failed, metadata_retries);
four_fields!(
    set_structure,
    BookPatch,
    structure_started,
    structure_complete,
    structure_failed,
    structure_retries
);
four_fields!(set_finder, TocPatch, finder_started, finder_complete, finder_failed, finder_retries);
four_fields!(set_extract, TocPatch, extract_started, extract_complete, extract_failed, extract_retries);
four_fields!(set_link, TocPatch, link_started, link_complete, link_failed, link_retries);
four_fields!(set_finalize, TocPatch, finalize_started, finalize_complete, finalize_failed, finalize_retries);

/// The document that holds an operation's fields, as a patch that further fields may join.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one persist call; a box would be the only allocation"
)]
pub(crate) enum StatusPatch {
    Book(BookPatch),
    Toc(TocPatch),
}

impl Operation {
    /// The patch that stores `status`.
    pub(crate) fn patch(self, status: OperationStatus) -> StatusPatch {
        let (mut book, mut toc) = (BookPatch::default(), TocPatch::default());
        match self {
            Self::Metadata => set_metadata(&mut book, status),
            Self::Structure => set_structure(&mut book, status),
            Self::TocFinder => set_finder(&mut toc, status),
            Self::TocExtract => set_extract(&mut toc, status),
            Self::TocLink => set_link(&mut toc, status),
            Self::TocFinalize => set_finalize(&mut toc, status),
        }
        match self {
            Self::Metadata | Self::Structure => StatusPatch::Book(book),
            _ => StatusPatch::Toc(toc),
        }
    }
}

impl BookState {
    /// The book's own document.
    #[must_use]
    pub fn book(&self) -> Option<&Book> {
        self.books().values().next().map(|book| &**book)
    }

    /// The table of contents' document.
    #[must_use]
    pub fn toc(&self) -> Option<&Toc> {
        self.tocs().values().next().map(|toc| &**toc)
    }

    /// Where an operation stands.
    #[must_use]
    pub fn operation(&self, operation: Operation) -> OperationStatus {
        let book = |read: fn(&Book) -> OperationStatus| self.book().map(read);
        let toc = |read: fn(&Toc) -> OperationStatus| self.toc().map(read);
        let status = match operation {
            Operation::Metadata => {
                book(|b| load(b.metadata_started, b.metadata_complete, b.metadata_failed, b.metadata_retries))
            }
            Operation::Structure => book(|b| {
                load(b.structure_started, b.structure_complete, b.structure_failed, b.structure_retries)
            }),
            Operation::TocFinder => {
                toc(|t| load(t.finder_started, t.finder_complete, t.finder_failed, t.finder_retries))
            }
            Operation::TocExtract => {
                toc(|t| load(t.extract_started, t.extract_complete, t.extract_failed, t.extract_retries))
            }
            Operation::TocLink => {
                toc(|t| load(t.link_started, t.link_complete, t.link_failed, t.link_retries))
            }
            Operation::TocFinalize => {
                toc(|t| load(t.finalize_started, t.finalize_complete, t.finalize_failed, t.finalize_retries))
            }
        };
        status.unwrap_or(OperationStatus::NOT_STARTED)
    }

    /// The ops that store `status`, with what else the patch of its document should set.
    pub(crate) fn status_ops(&self, at: &crate::At, patch: StatusPatch) -> WriteOp {
        match patch {
            StatusPatch::Book(patch) => self.update_book(patch),
            StatusPatch::Toc(patch) => self.upsert_toc(at, patch),
        }
    }

    pub(crate) fn update_book(&self, patch: BookPatch) -> WriteOp {
        let key = crate::BookKey { book_id: self.book_id().clone() };
        Op::<Book>::Update { key, patch: Box::new(patch) }.into()
    }

    /// Patches the ToC, or creates it: there is at most one, since the book is its key.
    pub(crate) fn upsert_toc(&self, at: &crate::At, patch: TocPatch) -> WriteOp {
        use crate::document::Document;
        let key = crate::TocKey { book_id: self.book_id().clone() };
        if self.toc().is_some() {
            return Op::<Toc>::Update { key, patch: Box::new(patch) }.into();
        }
        let mut toc = key.document(at);
        toc.apply(&patch);
        Op::Upsert(toc.into()).into()
    }
}
