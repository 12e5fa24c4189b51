//! Many books out of one: the same documents under other ids.

use anyhow::Result;
use bookstate_domain::{BookId, WriteOp};

use super::standard_book::StandardBook;

/// A book that others are made of.
#[derive(Debug)]
pub(super) struct Original {
    id: String,
    commits: String,
    documents: String,
}

impl Original {
    pub(super) fn of(book: &StandardBook) -> Result<Self> {
        let documents: Vec<WriteOp> = book.state.documents().collect();
        Ok(Self {
            id: book.state.book_id().to_string(),
            commits: serde_json::to_string(&book.commits)?,
            documents: serde_json::to_string(&documents)?,
        })
    }

    /// The commits of a book that is like it.
    pub(super) fn commits(&self, id: &BookId) -> Result<Vec<Vec<WriteOp>>> {
        // The id is that of the file's content, so nothing else looks like it.
        Ok(serde_json::from_str(&self.commits.replace(&self.id, id.as_str()))?)
    }

    /// The documents of a book that is like it.
    pub(super) fn documents(&self, id: &BookId) -> Result<Vec<WriteOp>> {
        Ok(serde_json::from_str(&self.documents.replace(&self.id, id.as_str()))?)
    }
}
