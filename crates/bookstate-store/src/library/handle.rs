//! The handle of a book's one writer, with a plain function per persist method.
//!
//! None of the `persist_*` functions waits for a database or an fsync (but under policy `always`); none is
//! async. Their error must be handled: it means that nothing has changed.

use std::{sync::Arc, time::Instant};

use bookstate_domain::{
    AgentType, At, BookId, BookState, BookStatus, EntryIdent, FinalizePhase, Gap, Heading, JobId, JobStatus,
    Misuse, Operation, OperationEvent, OperationName, Ops, PatternAnalysis, Provider, Seq, StructurePhase,
    Text, TocPatch,
    persist::{
        AgentRecord, ChapterClassification, ChapterExtract, ChapterPolish, Discovery, GapFix, LinkOutcome,
        MetadataResult, NewBook, NewChapter, NewJob, NewTocEntry, PageReading, TocFound, UnitMetric,
    },
};

use super::{Library, PersistError, Snapshot, TargetName, Tenure, live::LiveBook};
use crate::journal::{Poisoned, SyncPolicy};

/// A commit was accepted: it is in memory and in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its number within the book. When the call changed nothing, the number of the last commit.
    pub seq: Seq,
}

/// The right to write a book. There is at most one per book; it ends when the handle is dropped.
#[derive(Debug)]
pub struct BookHandle {
    library: Library,
    book: Arc<LiveBook>,
    id: BookId,
    /// Under which the book was opened: a later one is not this handle's.
    tenure: Option<Tenure>,
}

impl BookHandle {
    pub(super) fn new(library: Library, book: Arc<LiveBook>, id: BookId, tenure: Option<Tenure>) -> Self {
        Self { library, book, id, tenure }
    }

    /// The tenure under which the book was opened; `None` where no fleet shares books. When it ends, nothing more is
    /// accepted by this handle, also when the book is granted anew.
    #[must_use]
    pub const fn tenure(&self) -> Option<&Tenure> {
        self.tenure.as_ref()
    }

    /// The book.
    #[must_use]
    pub fn id(&self) -> &BookId {
        &self.id
    }

    /// The book as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.book.snapshot()
    }

    /// Commits what `build` makes of the present state. The `persist_*` functions are this with a method of
    /// [`BookState`]; other projects may bring their own. `build` runs under the book's lock: keep it pure and
    /// short, and let it use the state that it is given. If it asks its own book for anything (this handle, the
    /// library), it waits for itself for ever; debug builds panic instead.
    ///
    /// ```
    /// # use bookstate_domain::{BookId, BookStatus, persist::NewBook};
    /// # use bookstate_store::{Library, LibraryConfig};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let (library, _) = Library::open(LibraryConfig::new(folder.path()))?;
    /// # let book = library.create_book(&BookId::new("moby-dick")?, "example")?;
    /// # book.persist_book_record(NewBook { page_count: 2 })?;
    /// // Two changes that nobody may see apart: one commit, one record of the journal.
    /// let receipt = book.commit(|state, at| {
    ///     let mut ops = state.persist_page_extract(at, 1)?;
    ///     ops.extend(state.persist_book_status(at, BookStatus::Processing, None)?);
    ///     Ok(ops)
    /// })?;
    /// assert_eq!(receipt.seq.get(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`PersistError`]; nothing has changed then, but for one of them.
    pub fn commit(
        &self,
        build: impl FnOnce(&BookState, &At) -> Result<Ops, Misuse>,
    ) -> Result<Receipt, PersistError> {
        let shared = &self.library.0;
        let began = Instant::now();
        let committed = self.book.commit(&shared.journal, &*shared.clock, self.tenure.as_ref(), build);
        let committed = committed.and_then(|(receipt, position)| {
            if let Some(position) = position.filter(|_| shared.policy == SyncPolicy::Always) {
                let synced = shared.journal.wait_synced(position);
                synced.map_err(|poisoned| not_synced(receipt, &poisoned))?;
            }
            Ok(receipt)
        });
        shared.calls.observe(began.elapsed());
        let receipt = committed?;
        if shared.policy == SyncPolicy::Os {
            // Under the other policies the journal's sync thread wakes whoever waits for commits.
            shared.changed.notify_waiters();
        }
        Ok(receipt)
    }

    /// Waits until everything committed so far is synced to disk. Not for a hot path.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The journal is poisoned.
    pub async fn durable(&self) -> Result<(), Poisoned> {
        self.library.0.journal.synced(self.book.position()).await
    }

    /// Waits until a target has the book up to `seq`, parked documents aside. Not for a hot path. Waits for
    /// ever when the target never comes.
    ///
    /// Cancel safe.
    pub async fn persisted(&self, seq: Seq, target: &TargetName) {
        loop {
            let passed = self.book.passed.notified();
            tokio::pin!(passed);
            // Registered before the check, so that a move in between is not missed.
            passed.as_mut().enable();
            if self.book.watermark(target) >= seq {
                return;
            }
            passed.await;
        }
    }
}

fn not_synced(receipt: Receipt, poisoned: &Poisoned) -> PersistError {
    PersistError::NotSynced { seq: receipt.seq, reason: poisoned.reason.to_string() }
}

impl Drop for BookHandle {
    fn drop(&mut self) {
        self.book.drop_writer();
        self.library.retire(&self.id);
    }
}

macro_rules! persist_methods {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {
        impl BookHandle {
            $(
                #[doc = concat!("See [`BookState::", stringify!($name), "`].")]
                ///
                /// # Errors
                /// See [`PersistError`]; nothing has changed then.
                pub fn $name(&self, $($arg: $ty),*) -> Result<Receipt, PersistError> {
                    self.commit(|state, at| state.$name(at, $($arg),*))
                }
            )*
        }
    };
}

persist_methods! {
    persist_book_record(new: NewBook);
    persist_book_removed();
    persist_book_status(status: BookStatus, reason: Option<Text>);
    persist_metadata_result(result: MetadataResult);
    persist_op_state(operation: Operation, event: OperationEvent);
    persist_op_complete(operation: Operation);
    persist_structure_phase(phase: StructurePhase);
    persist_structure_result(paragraphs: i32);
    persist_page_extract(page_num: i32);
    persist_ocr_result(reading: PageReading, providers: &[Provider]);
    persist_ocr_markdown(page_num: i32, markdown: Text, headings: Vec<Heading>);
    persist_page_failure(page_num: i32, provider: Option<&Provider>, reason: Text, for_good: bool);
    persist_toc_record(patch: TocPatch);
    persist_toc_finder_result(found: TocFound);
    persist_toc_finder_no_result();
    persist_toc_entries(entries: Vec<NewTocEntry>);
    persist_toc_entry_link(ident: &EntryIdent, page: i32, reason: Option<Text>);
    persist_toc_entry_result(ident: &EntryIdent, outcome: LinkOutcome);
    persist_toc_link_progress();
    persist_finalize_phase(phase: FinalizePhase);
    persist_finalize_progress();
    persist_pattern_analysis(analysis: PatternAnalysis);
    persist_gaps(gaps: Vec<Gap>);
    persist_discovered_entry(discovery: Discovery);
    persist_gap_fix(gap: &Gap, fix: GapFix);
    persist_entry_order();
    persist_chapter_skeleton(chapters: Vec<NewChapter>);
    persist_chapter_extracts(extracts: Vec<ChapterExtract>);
    persist_chapter_classifications(classifications: Vec<ChapterClassification>);
    persist_chapter_polish(polishes: Vec<ChapterPolish>);
    persist_new_agent_state(records: Vec<AgentRecord>);
    persist_agent_removed(agent_type: AgentType, subject: &Text);
    persist_job_record(new: NewJob);
    persist_job_status(job_id: &JobId, status: JobStatus, reason: Option<Text>);
    persist_metric(job_id: &JobId, unit: UnitMetric);
    persist_reset(operation: OperationName);
    persist_reread(pages: Vec<i32>, provider: Option<Provider>);
    persist_page_correction(page_num: i32, text: Text, headings: Vec<Heading>);
}
