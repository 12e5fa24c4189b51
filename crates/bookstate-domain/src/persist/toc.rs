//! Persist methods on the table of contents and its entries.

use std::sync::Arc;

use super::{Misuse, Ops};
use crate::{
    At, BookPatch, BookState, EntryIdent, Json, Op, Operation, OperationEvent, StructureSummary, Text,
    TocEntry, TocEntryKey, TocEntryPatch, TocPatch, WriteOp, document::Document,
};

/// A table of contents that was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TocFound {
    /// Its first page.
    pub start_page: i32,
    /// Its last page.
    pub end_page: i32,
    /// What was learned of its form.
    pub summary: StructureSummary,
}

/// An entry as it is printed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewTocEntry {
    /// Its number as printed, `3.2`.
    pub entry_number: Option<Text>,
    /// Its title, without the number.
    pub title: Text,
    /// 1 is the highest.
    pub level: i32,
    /// What its level is called.
    pub level_name: Option<Text>,
    /// The page number as printed.
    pub printed_page_number: Option<Text>,
}

/// How looking for an entry's page ended.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkOutcome {
    /// It begins on this page.
    Linked {
        /// The page of the source, 1-based.
        page: i32,
        /// How it was found.
        reason: Option<Text>,
    },
    /// It is nowhere in the book: settled without a page.
    NotFound {
        /// Why not.
        reason: Text,
    },
    /// The attempt failed; at the limit it is settled without a page.
    Failed {
        /// What happened.
        reason: Text,
    },
}

/// Steps of `sort_order`, so that an entry found later has room between two others.
pub(crate) const SORT_STEP: i32 = 100;

impl BookState {
    /// The entries in their order: by `sort_order`, then key.
    #[must_use]
    pub fn ordered_entries(&self) -> Vec<&Arc<TocEntry>> {
        let mut entries: Vec<_> = self.toc_entries().values().collect();
        entries.sort_by_key(|entry| entry.sort_order);
        entries
    }

    /// An entry, by what identifies it.
    #[must_use]
    pub fn toc_entry(&self, ident: &EntryIdent) -> Option<&Arc<TocEntry>> {
        self.toc_entries().get(&self.entry_key(ident))
    }

    pub(super) fn entry_key(&self, ident: &EntryIdent) -> TocEntryKey {
        TocEntryKey { book_id: self.book_id().clone(), ident: ident.clone() }
    }

    pub(super) fn require_entry(&self, ident: &EntryIdent) -> Result<&Arc<TocEntry>, Misuse> {
        self.toc_entry(ident).ok_or_else(|| Misuse::NoSuchDocument(TocEntry::any_key(self.entry_key(ident))))
    }

    pub(super) fn update_entry(&self, ident: &EntryIdent, patch: TocEntryPatch) -> WriteOp {
        Op::<TocEntry>::Update { key: self.entry_key(ident), patch: Box::new(patch) }.into()
    }

    /// Sets fields of the table of contents, creating it when there is none. Its creation stays.
    ///
    /// # Errors
    /// There is no book, the page range is not one, or the patch would change an operation's fields.
    pub fn persist_toc_record(&self, at: &At, patch: TocPatch) -> Result<Ops, Misuse> {
        self.require_book()?;
        let patch = TocPatch { created_at: None, created_seq: None, ..patch };
        let op = self.upsert_toc(at, patch);
        let mut after = self.clone();
        after.apply(&op);
        if let Some(changed) = Operation::ALL.iter().find(|o| self.operation(**o) != after.operation(**o)) {
            return Err(Misuse::OperationFields(*changed));
        }
        // A range may come in two calls, so each of its ends is checked with what is there already.
        match after.toc().map(|toc| (toc.start_page, toc.end_page)) {
            Some((Some(start), Some(end))) => self.require_range(start, end)?,
            Some((Some(page), None) | (None, Some(page))) => self.require_page(page)?,
            Some((None, None)) | None => {}
        }
        Ok(vec![op])
    }

    /// The finder has found the table.
    ///
    /// # Errors
    /// The finder is not in progress, or the page range is not one.
    pub fn persist_toc_finder_result(&self, at: &At, found: TocFound) -> Result<Ops, Misuse> {
        let patch = self.toc_patch(Operation::TocFinder, OperationEvent::Complete)?;
        self.require_range(found.start_page, found.end_page)?;
        let patch = TocPatch {
            toc_found: Some(true),
            start_page: Some(Some(found.start_page)),
            end_page: Some(Some(found.end_page)),
            structure_summary: Some(Some(Json::from(found.summary))),
            ..patch
        };
        Ok(vec![self.upsert_toc(at, patch)])
    }

    /// The finder is sure that the book has no table of contents: a valid result.
    ///
    /// # Errors
    /// The finder is not in progress.
    pub fn persist_toc_finder_no_result(&self, at: &At) -> Result<Ops, Misuse> {
        let patch = self.toc_patch(Operation::TocFinder, OperationEvent::Complete)?;
        let patch = TocPatch {
            toc_found: Some(false),
            start_page: Some(None),
            end_page: Some(None),
            structure_summary: Some(None),
            ..patch
        };
        Ok(vec![self.upsert_toc(at, patch)])
    }

    /// The printed entries, in order; they replace those of an earlier extraction. Completes the operation.
    ///
    /// # Errors
    /// toc_extract is not in progress.
    pub fn persist_toc_entries(&self, at: &At, entries: Vec<NewTocEntry>) -> Result<Ops, Misuse> {
        let done = self.toc_patch(Operation::TocExtract, OperationEvent::Complete)?;
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut ops: Ops = Vec::with_capacity(entries.len() + 1);
        for (ordinal, new) in (0..count).zip(entries) {
            let ident = EntryIdent::Ordinal(ordinal);
            let mut entry = self.entry_key(&ident).document(at);
            entry.entry_number = new.entry_number;
            entry.title = Some(new.title);
            entry.level = new.level;
            entry.level_name = new.level_name;
            entry.printed_page_number = new.printed_page_number;
            entry.source = Some(ident.source());
            entry.sort_order =
                i32::try_from(ordinal).unwrap_or(i32::MAX).saturating_add(1).saturating_mul(SORT_STEP);
            ops.push(super::put(self, entry));
        }
        for key in self.toc_entries().keys() {
            if matches!(key.ident, EntryIdent::Ordinal(n) if n >= count) {
                ops.push(Op::<TocEntry>::Delete { key: key.clone() }.into());
            }
        }
        ops.push(self.upsert_toc(at, done));
        Ok(ops)
    }

    /// An entry's page, and the link progress that follows.
    ///
    /// # Errors
    /// toc_link is not in progress, or there is no such entry or page.
    pub fn persist_toc_entry_link(
        &self,
        at: &At,
        ident: &EntryIdent,
        page: i32,
        reason: Option<Text>,
    ) -> Result<Ops, Misuse> {
        self.persist_toc_entry_result(at, ident, LinkOutcome::Linked { page, reason })
    }

    /// How looking for an entry's page ended, and the link progress that follows.
    ///
    /// # Errors
    /// toc_link is not in progress, or there is no such entry or page.
    pub fn persist_toc_entry_result(
        &self,
        _: &At,
        ident: &EntryIdent,
        outcome: LinkOutcome,
    ) -> Result<Ops, Misuse> {
        self.require_book()?;
        // Any event that is possible only while in progress asks whether it is.
        self.require_status(Operation::TocLink, OperationEvent::Interrupt)?;
        let entry = self.require_entry(ident)?;
        let patch = match outcome {
            LinkOutcome::Linked { page, reason } => {
                self.require_page(page)?;
                TocEntryPatch {
                    actual_page: Some(Some(page)),
                    link_page: Some(Some(page)),
                    link_failed: Some(false),
                    link_reason: Some(reason),
                    ..TocEntryPatch::default()
                }
            }
            LinkOutcome::NotFound { reason } => TocEntryPatch {
                actual_page: Some(None),
                link_page: Some(None),
                link_failed: Some(true),
                link_reason: Some(Some(reason)),
                ..TocEntryPatch::default()
            },
            LinkOutcome::Failed { reason } => {
                let retries = entry.link_retries.saturating_add(1);
                let at_limit = retries >= Operation::TocLink.max_retries();
                TocEntryPatch {
                    link_retries: Some(retries),
                    // A late failure, behind a result, takes nothing back.
                    link_failed: Some(entry.link_failed || (entry.actual_page.is_none() && at_limit)),
                    link_reason: Some(Some(reason)),
                    ..TocEntryPatch::default()
                }
            }
        };
        let mut after = (**entry).clone();
        after.apply(&patch);
        let settled_others =
            self.toc_entries().values().filter(|e| e.ident != *ident && e.is_link_settled()).count();
        let done = settled_others + usize::from(after.is_link_settled());
        let progress = self.link_progress(self.toc_entries().size(), done);
        Ok(vec![self.update_entry(ident, patch), progress])
    }

    /// How many entries are to be linked, and how many are settled.
    ///
    /// # Errors
    /// There is no book.
    pub fn persist_toc_link_progress(&self, _: &At) -> Result<Ops, Misuse> {
        self.require_book()?;
        let done = self.toc_entries().values().filter(|e| e.is_link_settled()).count();
        Ok(vec![self.link_progress(self.toc_entries().size(), done)])
    }

    fn link_progress(&self, total: usize, done: usize) -> WriteOp {
        let count = |n: usize| Some(i32::try_from(n).unwrap_or(i32::MAX));
        self.update_book(BookPatch {
            toc_link_entries_total: count(total),
            toc_link_entries_done: count(done),
            ..BookPatch::default()
        })
    }
}

impl TocEntry {
    /// Whether nothing more will be done to find its page.
    #[must_use]
    pub const fn is_link_settled(&self) -> bool {
        self.actual_page.is_some() || self.link_failed
    }

    /// Whether looking for its page failed again and again, so that nobody knows whether it is in the book. An entry that
    /// was looked for and is nowhere is none.
    #[must_use]
    pub const fn is_link_given_up(&self) -> bool {
        self.actual_page.is_none()
            && self.link_failed
            && self.link_retries >= Operation::TocLink.max_retries()
    }
}
