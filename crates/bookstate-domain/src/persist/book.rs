//! Persist methods on the book itself.

use super::{Misuse, Ops};
use crate::{At, BookKey, BookPatch, BookState, BookStatus, Operation, OperationEvent, StructurePhase, Text};

/// A book as it is ingested.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewBook {
    /// How many pages the source has.
    pub page_count: i32,
}

/// What was found out about a book. Empty lists and `None` mean "not found".
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are those of Book")]
pub struct MetadataResult {
    pub title: Option<Text>,
    pub subtitle: Option<Text>,
    pub author: Option<Text>,
    pub authors: Vec<Text>,
    pub isbn: Option<Text>,
    pub lccn: Option<Text>,
    pub publisher: Option<Text>,
    pub publication_year: Option<i32>,
    pub language: Option<Text>,
    pub description: Option<Text>,
    pub subjects: Vec<Text>,
    pub cover_page: Option<i32>,
}

impl BookState {
    /// Creates the book's record.
    ///
    /// # Errors
    /// The book has one, or has no pages.
    pub fn persist_book_record(&self, at: &At, new: NewBook) -> Result<Ops, Misuse> {
        if self.book().is_some() {
            return Err(Misuse::BookExists);
        }
        if new.page_count < 1 {
            return Err(Misuse::BadRange { start: 1, end: 1, page_count: new.page_count });
        }
        let mut book = BookKey { book_id: self.book_id().clone() }.document(at);
        book.page_count = new.page_count;
        book.status = Some(BookStatus::Ingested);
        Ok(vec![super::put(self, book)])
    }

    /// Removes the book: every document that it has. Its commits are counted on, so that a book that is taken in again
    /// follows this one, and no target takes the one for the other.
    ///
    /// # Errors
    /// There is no book, or one of its jobs is active.
    pub fn persist_book_removed(&self, _: &At) -> Result<Ops, Misuse> {
        self.require_book()?;
        if let Some(job) = self.active_job() {
            return Err(Misuse::JobActive(job.job_id.clone()));
        }
        let nothing = Self::new(self.book_id().clone());
        Ok(self.documents().map(|document| nothing.whole(&document.key())).collect())
    }

    /// Sets where the book stands, and why.
    ///
    /// # Errors
    /// There is no book.
    pub fn persist_book_status(
        &self,
        _: &At,
        status: BookStatus,
        reason: Option<Text>,
    ) -> Result<Ops, Misuse> {
        self.require_book()?;
        let patch =
            BookPatch { status: Some(Some(status)), status_reason: Some(reason), ..BookPatch::default() };
        Ok(vec![self.update_book(patch)])
    }

    /// Sets the metadata fields and completes the operation. What was not found stays null.
    ///
    /// # Errors
    /// There is no book, the operation is not in progress, or the book has no such cover page.
    pub fn persist_metadata_result(&self, _: &At, result: MetadataResult) -> Result<Ops, Misuse> {
        let patch = self.book_patch(Operation::Metadata, OperationEvent::Complete)?;
        result.cover_page.map_or(Ok(()), |page| self.require_page(page))?;
        Ok(vec![self.update_book(BookPatch {
            title: Some(result.title),
            subtitle: Some(result.subtitle),
            author: Some(result.author),
            authors: Some(result.authors),
            isbn: Some(result.isbn),
            lccn: Some(result.lccn),
            publisher: Some(result.publisher),
            publication_year: Some(result.publication_year),
            language: Some(result.language),
            description: Some(result.description),
            subjects: Some(result.subjects),
            cover_page: Some(result.cover_page),
            ..patch
        })])
    }

    /// Takes an operation through an event: start, fail, interrupt. A reset is none of them, since it takes
    /// results and later operations with it: [`persist_reset`](Self::persist_reset).
    ///
    /// # Errors
    /// There is no book, the event is impossible in the operation's state, or it is a reset.
    pub fn persist_op_state(
        &self,
        at: &At,
        operation: Operation,
        event: OperationEvent,
    ) -> Result<Ops, Misuse> {
        self.require_book()?;
        if event == OperationEvent::Reset {
            return Err(Misuse::OperationFields(operation));
        }
        let patch = self.operation_patch(operation, event)?;
        Ok(vec![self.status_ops(at, patch)])
    }

    /// Completes an operation that has no result of its own.
    ///
    /// # Errors
    /// There is no book, or the operation is not in progress.
    pub fn persist_op_complete(&self, at: &At, operation: Operation) -> Result<Ops, Misuse> {
        self.persist_op_state(at, operation, OperationEvent::Complete)
    }

    /// Sets the phase of structure, and the counters to what there is of the chapters.
    ///
    /// # Errors
    /// There is no book, or structure is not in progress.
    pub fn persist_structure_phase(&self, _: &At, phase: StructurePhase) -> Result<Ops, Misuse> {
        self.require_structure()?;
        Ok(vec![self.structure_progress(&Vec::new(), phase)])
    }

    /// Completes structure with the totals of the finished book.
    ///
    /// # Errors
    /// There is no book, or structure is not in progress.
    pub fn persist_structure_result(&self, _: &At, paragraphs: i32) -> Result<Ops, Misuse> {
        let patch = self.book_patch(Operation::Structure, OperationEvent::Complete)?;
        let words: i64 = self.chapters().values().map(|c| i64::from(c.word_count)).sum();
        Ok(vec![self.update_book(BookPatch {
            structure_phase: Some(Some(StructurePhase::Finalize)),
            total_chapters: Some(i32::try_from(self.chapters().size()).unwrap_or(i32::MAX)),
            total_paragraphs: Some(paragraphs),
            total_words: Some(i32::try_from(words).unwrap_or(i32::MAX)),
            ..patch
        })])
    }
}
