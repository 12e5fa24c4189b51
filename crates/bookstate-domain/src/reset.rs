//! Resets: an operation, and what follows from it, as if it had never run. One commit.

use std::collections::BTreeSet;

use crate::{
    AgentType, At, BookPatch, BookState, BookStatus, EntryIdent, OcrResultPatch, Op, Operation,
    OperationName, OperationStatus, Page, PagePatch, Provider, TocEntryPatch, TocPatch, WriteOp,
    document::{Document, Patch},
    operation::StatusPatch,
    persist::{Misuse, Ops},
};

impl OperationName {
    /// What is reset with it, itself first: its input is gone.
    #[must_use]
    pub fn cascade(self) -> Vec<Operation> {
        use Operation as O;
        let from = |first: O| {
            let chain = [O::TocFinder, O::TocExtract, O::TocLink, O::TocFinalize, O::Structure];
            chain.into_iter().skip_while(|o| *o != first).collect::<Vec<_>>()
        };
        match self {
            Self::Metadata => vec![O::Metadata],
            Self::TocFinder => from(O::TocFinder),
            Self::TocExtract => from(O::TocExtract),
            Self::TocLink => from(O::TocLink),
            Self::TocFinalize => from(O::TocFinalize),
            Self::Structure => vec![O::Structure],
            Self::Ocr => [vec![O::Metadata], from(O::TocFinder)].concat(),
        }
    }
}

/// What a reset collects: one patch per document, and what goes.
#[derive(Debug, Default)]
struct Reset {
    book: BookPatch,
    toc: TocPatch,
    entries: TocEntryPatch,
    drop_entries: bool,
    drop_found_entries: bool,
    drop_chapters: bool,
    agents: Vec<AgentType>,
}

impl Reset {
    fn add(&mut self, operation: Operation) {
        match operation.patch(OperationStatus::NOT_STARTED) {
            StatusPatch::Book(patch) => self.book.merge(patch),
            StatusPatch::Toc(patch) => self.toc.merge(patch),
        }
        match operation {
            Operation::Metadata => self.book.merge(BookPatch {
                title: Some(None),
                subtitle: Some(None),
                author: Some(None),
                authors: Some(Vec::new()),
                isbn: Some(None),
                lccn: Some(None),
                publisher: Some(None),
                publication_year: Some(None),
                language: Some(None),
                description: Some(None),
                subjects: Some(Vec::new()),
                cover_page: Some(None),
                ..BookPatch::default()
            }),
            Operation::TocFinder => {
                self.toc.merge(TocPatch {
                    toc_found: Some(false),
                    start_page: Some(None),
                    end_page: Some(None),
                    structure_summary: Some(None),
                    ..TocPatch::default()
                });
                self.agents.push(AgentType::TocFinder);
            }
            Operation::TocExtract => self.drop_entries = true,
            Operation::TocLink => {
                self.entries.merge(TocEntryPatch {
                    actual_page: Some(None),
                    link_page: Some(None),
                    link_retries: Some(0),
                    link_failed: Some(false),
                    link_reason: Some(None),
                    ..TocEntryPatch::default()
                });
                self.book.merge(BookPatch {
                    toc_link_entries_total: Some(0),
                    toc_link_entries_done: Some(0),
                    ..BookPatch::default()
                });
                self.agents.push(AgentType::TocEntryFinder);
            }
            Operation::TocFinalize => {
                self.toc.merge(TocPatch { finalize_phase: Some(None), ..TocPatch::default() });
                self.book.merge(BookPatch {
                    pattern_analysis_json: Some(None),
                    finalize_entries_total: Some(0),
                    finalize_entries_complete: Some(0),
                    finalize_entries_found: Some(0),
                    finalize_gaps_total: Some(0),
                    finalize_gaps_complete: Some(0),
                    finalize_gaps_fixes: Some(0),
                    ..BookPatch::default()
                });
                self.drop_found_entries = true;
                self.agents.extend([AgentType::ChapterFinder, AgentType::GapInvestigator]);
            }
            Operation::Structure => {
                self.book.merge(BookPatch {
                    structure_phase: Some(None),
                    structure_chapters_total: Some(0),
                    structure_chapters_extracted: Some(0),
                    structure_chapters_polished: Some(0),
                    structure_polish_failed: Some(0),
                    total_chapters: Some(0),
                    total_paragraphs: Some(0),
                    total_words: Some(0),
                    ..BookPatch::default()
                });
                self.drop_chapters = true;
            }
        }
    }
}

fn delete<D: Document>(key: D::Key) -> WriteOp {
    D::write_op(Op::Delete { key })
}

/// A patch of `document`, without the fields that have their value already; `None` when nothing is left.
fn narrowed<D: Document>(document: &D, patch: &D::Patch) -> Option<WriteOp> {
    let mut after = document.clone();
    after.apply(patch);
    let fields = document.changed(&after);
    (!fields.is_empty())
        .then(|| D::write_op(Op::Update { key: document.key(), patch: Box::new(after.patch(fields)) }))
}

fn ingested_again() -> BookPatch {
    BookPatch { status: Some(Some(BookStatus::Ingested)), status_reason: Some(None), ..BookPatch::default() }
}

/// A page as it was before it was read; `None` when it is so already.
fn unread(page: &Page) -> Option<WriteOp> {
    if !page.extract_complete {
        // Only a page that is extracted has something left; no document announces a page.
        return Some(delete::<Page>(page.key()));
    }
    let patch = PagePatch {
        ocr_markdown: Some(None),
        headings: Some(None),
        header: Some(None),
        footer: Some(None),
        ocr_complete: Some(false),
        ocr_retries: Some(0),
        provider_retries: Some(None),
        ocr_failed: Some(false),
        failure_reason: Some(None),
        ..PagePatch::default()
    };
    narrowed(page, &patch)
}

impl BookState {
    /// Resets an operation with its whole cascade: results, retries, counters, phases, cached analyses. The
    /// book is `ingested` again, until a job takes it up.
    ///
    /// # Errors
    /// There is no book, or one of its jobs is active.
    pub fn persist_reset(&self, _: &At, operation: OperationName) -> Result<Ops, Misuse> {
        let book = self.book().ok_or(Misuse::NoBook)?;
        if let Some(job) = self.active_job() {
            return Err(Misuse::JobActive(job.job_id.clone()));
        }
        let mut reset = Reset { book: ingested_again(), ..Reset::default() };
        operation.cascade().into_iter().for_each(|o| reset.add(o));

        let mut ops = Ops::new();
        ops.extend(narrowed(book, &reset.book));
        if operation == OperationName::Ocr {
            ops.extend(self.pages().values().filter_map(|page| unread(page)));
            // What a person wrote is no engine's result.
            let engines = self.ocr_results().keys().filter(|key| key.provider.as_str() != Provider::PERSON);
            ops.extend(engines.map(|key| delete::<crate::OcrResult>(key.clone())));
        }
        self.undo_operations(&reset, &mut ops);
        Ok(ops)
    }

    /// Pages are to be read again, and all that was made of the book's pages is undone. Readings stay, since they may
    /// have been paid for, but for those of `provider`, which is to read again; without it, those that the pages
    /// lack are made up. A page that a person corrected keeps its text.
    ///
    /// # Errors
    /// There is no book, one of its jobs is active, or it has no such page.
    pub fn persist_reread(&self, _: &At, pages: Vec<i32>, provider: Option<Provider>) -> Result<Ops, Misuse> {
        let book = self.book().ok_or(Misuse::NoBook)?;
        if let Some(job) = self.active_job() {
            return Err(Misuse::JobActive(job.job_id.clone()));
        }
        let pages: BTreeSet<i32> = pages.into_iter().collect();
        for page in &pages {
            self.require_page(*page)?;
        }
        let mut reset = Reset { book: ingested_again(), ..Reset::default() };
        OperationName::Ocr.cascade().into_iter().for_each(|o| reset.add(o));
        let mut ops = Ops::new();
        ops.extend(narrowed(book, &reset.book));
        ops.extend(pages.iter().filter_map(|n| self.page(*n)).filter_map(|page| unread(page)));
        if let Some(provider) = &provider {
            // The reader that is asked for stands in for others only where they are in doubt.
            let doubted = OcrResultPatch { confidence: Some(Some(0.0)), ..OcrResultPatch::default() };
            for result in self.ocr_results().values().filter(|result| pages.contains(&result.page_num)) {
                if result.provider == *provider {
                    ops.push(delete::<crate::OcrResult>(result.key()));
                } else if result.provider.as_str() != Provider::PERSON {
                    ops.extend(narrowed(&**result, &doubted));
                }
            }
        }
        self.undo_operations(&reset, &mut ops);
        Ok(ops)
    }

    /// The ops that undo what the operations of a reset left, pages aside.
    fn undo_operations(&self, reset: &Reset, ops: &mut Ops) {
        if reset.agents.contains(&AgentType::TocFinder) {
            // A book whose finder never ran has no ToC document.
            ops.extend(self.tocs().keys().map(|key| delete::<crate::Toc>(key.clone())));
        } else {
            ops.extend(self.toc().and_then(|toc| narrowed(toc, &reset.toc)));
        }
        for entry in self.toc_entries().values() {
            let found = !entry.ident.is_printed();
            if reset.drop_entries || (reset.drop_found_entries && found) {
                ops.push(delete::<crate::TocEntry>(entry.key()));
            } else {
                ops.extend(narrowed(&**entry, &self.without_finalize(entry, reset)));
            }
        }
        if reset.drop_chapters {
            ops.extend(self.chapters().keys().map(|key| delete::<crate::Chapter>(key.clone())));
        }
        for agent in self.agent_states().values().filter(|a| reset.agents.contains(&a.agent_type)) {
            ops.push(delete::<crate::AgentState>(agent.key()));
        }
    }

    /// What a reset does to a printed entry: finalize put the entries in another order, and corrected pages.
    fn without_finalize(&self, entry: &crate::TocEntry, reset: &Reset) -> TocEntryPatch {
        let mut patch = reset.entries.clone();
        if let (true, EntryIdent::Ordinal(n)) = (reset.drop_found_entries, &entry.ident) {
            let place = i32::try_from(*n).unwrap_or(i32::MAX).saturating_add(1);
            patch.sort_order = Some(place.saturating_mul(crate::persist::SORT_STEP));
            // With the link reset too there is no page to go back to.
            patch.actual_page = patch.link_page.map_or(Some(entry.link_page), Some);
        }
        patch
    }
}
