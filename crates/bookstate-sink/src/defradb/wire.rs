//! What goes to the node and comes back, as types: the domain's own documents and patches, with what DefraDB
//! needs beside them.
//!
//! A document goes out with what is not null, a patch with what changes: absent, null and value stay three
//! different things. Every document has its key as a text of its own, since the node finds nothing by two
//! fields. It gets a nonce when the node has deleted the same content before, since it takes that never again: a
//! rare case, because every creation has a seq of its own, and a field costs time in every document.

use std::sync::Arc;

use bookstate_domain::{AnyKey, BookId, Document, Seq};
use bookstate_store::{BookSync, Epoch, StartId};
use serde::{Deserialize, Serialize};

/// A document to be added.
#[derive(Debug, Serialize)]
#[serde(bound = "")]
pub(super) struct NewDocument<D: Document> {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(flatten)]
    document: Arc<D>,
}

impl<D: Document> NewDocument<D> {
    /// A nonce is new for every attempt.
    pub(super) fn new(document: Arc<D>, nonce: Option<u64>) -> Self {
        let key = document.key().to_string();
        Self {
            parent_key: parent_key::<D>(&key),
            key,
            nonce: nonce.map(|nonce| format!("{nonce:016x}")),
            document,
        }
    }
}

/// The key of a document's parent, when it has one beside its book: the key without its last part.
fn parent_key<D: Document>(key: &str) -> Option<String> {
    let parts = D::COLUMNS.iter().filter(|column| column.key).count();
    // Only the last part may hold a slash.
    let (end, _) = key.match_indices('/').nth(parts.checked_sub(2)?)?;
    if parts > 2 { key.get(..end).map(str::to_owned) } else { None }
}

/// What changes in a document.
pub(super) type Changes<D> = <D as Document>::Patch;

/// A row of what was written.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    /// Its key.
    pub(super) key: String,
}

/// A row of a look-up.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    /// Its key.
    pub(super) key: String,
    /// Its book; another one's, or none, when the document is not ours.
    pub(super) book_id: Option<String>,
}

/// A document as the node holds it.
#[derive(Debug, Deserialize)]
#[serde(bound = "")]
pub(super) struct Stored<D: Document> {
    /// Its key, as a text of its own.
    pub(super) key: String,
    /// The document.
    #[serde(flatten)]
    pub(super) document: D,
}

/// A [`BookSync`] as it is written. Its book and nonce never change.
#[derive(Debug, Serialize)]
pub(super) struct SyncChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    book_id: Option<BookId>,
    writer: String,
    start: String,
    epoch: u32,
    write_no: u32,
    token: String,
    persisting_seq: Seq,
    persisted_seq: Seq,
    parked: Vec<AnyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl SyncChange {
    /// Of a book that the node does not have.
    pub(super) fn add(book_id: &BookId, sync: &BookSync, nonce: u64) -> Self {
        let nonce = Some(format!("{nonce:016x}"));
        Self { book_id: Some(book_id.clone()), nonce, ..Self::change(sync) }
    }

    /// Of a book that the node has.
    pub(super) fn change(sync: &BookSync) -> Self {
        Self {
            book_id: None,
            writer: sync.writer.to_string(),
            start: token_text(sync.start.0),
            epoch: sync.epoch.0,
            write_no: sync.write_no,
            token: token_text(sync.token),
            persisting_seq: sync.persisting_seq,
            persisted_seq: sync.persisted_seq,
            parked: sync.parked.clone(),
            nonce: None,
        }
    }
}

/// A token as the node holds it: its numbers have 32 bits.
pub(super) fn token_text(token: u64) -> String {
    format!("{token:016x}")
}

/// A row of what was written of a [`BookSync`].
#[derive(Debug, Deserialize)]
pub(super) struct WrittenSync {
    /// Its book.
    pub(super) book_id: BookId,
}

/// A [`BookSync`] as the node holds it.
#[derive(Debug, Deserialize)]
pub(super) struct StoredSync {
    /// Its book.
    pub(super) book_id: BookId,
    writer: String,
    start: Option<String>,
    epoch: Option<u32>,
    write_no: u32,
    token: String,
    persisting_seq: Seq,
    persisted_seq: Seq,
    parked: Option<Vec<AnyKey>>,
}

impl StoredSync {
    /// What it says.
    ///
    /// # Errors
    /// In words: a value that no version of ours writes.
    pub(super) fn sync(self) -> Result<(BookId, BookSync), String> {
        let number = |text: &str| {
            u64::from_str_radix(text, 16)
                .map_err(|error| format!("the token of book {}: {error}", self.book_id))
        };
        let token = number(&self.token)?;
        // None: an older version wrote it last.
        let start = self.start.as_deref().map(number).transpose()?.unwrap_or_default();
        let sync = BookSync {
            writer: self.writer.parse()?,
            start: StartId(start),
            // None: no version that knows epochs wrote it.
            epoch: Epoch(self.epoch.unwrap_or_default()),
            write_no: self.write_no,
            token,
            persisting_seq: self.persisting_seq,
            persisted_seq: self.persisted_seq,
            parked: self.parked.unwrap_or_default(),
        };
        Ok((self.book_id, sync))
    }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{AgentState, OcrResult, Page};

    use super::*;

    #[test]
    fn a_parent_is_the_key_without_its_last_part_unless_that_is_the_book() {
        assert_eq!(parent_key::<Page>("b/7"), None);
        assert_eq!(parent_key::<OcrResult>("b/7/tesseract").as_deref(), Some("b/7"));
        assert_eq!(parent_key::<AgentState>("b/toc_finder/a/b").as_deref(), Some("b/toc_finder"));
    }
}
