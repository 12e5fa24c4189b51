//! Importing a book that only a target has: its copy becomes the local store's.

use bookstate_domain::Seq;

use super::{ImportError, Library};
use crate::target::{BookSync, Chunk, StoredBook};

impl Library {
    /// Writes a book that only a target has into the local store, whole. Blocks.
    ///
    /// Nobody creates or opens the book meanwhile: a book that was created beside an import would begin with seqs that
    /// the local store is past, and lose them.
    ///
    /// # Errors
    /// The book is here already, or the local store cannot be written.
    pub fn import_book(&self, stored: &StoredBook) -> Result<(), ImportError> {
        let book_id = stored.state.book_id();
        let _loading = self.0.loading.begin(book_id);
        if self.live(book_id).is_some() || self.0.local.book_sync(book_id)?.is_some() {
            return Err(ImportError::Exists { book_id: book_id.clone() });
        }
        // A copy in flux holds documents of the batch that was under way: seqs go on above that.
        let seq: Seq = stored.sync.persisted_seq.max(stored.sync.persisting_seq);
        // What was deleted before is not known here, so whoever has an older copy is compared.
        self.0.local.replace_book(&Chunk {
            book_id: book_id.clone(),
            expect: None,
            sync: BookSync {
                writer: self.writer(),
                start: stored.sync.start,
                epoch: stored.sync.epoch,
                write_no: 1,
                token: 0,
                persisting_seq: seq,
                persisted_seq: seq,
                parked: Vec::new(),
            },
            ops: stored.state.documents().collect(),
        })?;
        Ok(())
    }
}
