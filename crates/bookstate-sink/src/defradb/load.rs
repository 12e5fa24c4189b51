//! Reading: where books stand, and whole books.
//!
//! A book is read by one request with one root field per collection: one transaction, so that the copy is
//! consistent in itself.

use std::{fmt, sync::Arc};

use bookstate_domain::{BookId, BookState, Op};
use bookstate_store::{BookSync, StoredBook, TargetError};

use super::{
    compose::{Answer, Ask, Batch, ComposeError},
    failure::shortened,
    operations::{self, EachCollection, Operations},
    wire::StoredSync,
};

/// Reads one collection's rows out of an answer.
type ReadInto = Box<dyn Fn(&mut Answer, &mut BookState) -> Result<(), TargetError> + Send + Sync>;

/// A request for a whole book.
pub(super) struct LoadRequest {
    /// The operations.
    pub(super) batch: Batch,
    book_id: BookId,
    sync: Ask<StoredSync>,
    collections: Vec<ReadInto>,
}

impl fmt::Debug for LoadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadRequest").field("book_id", &self.book_id).finish_non_exhaustive()
    }
}

impl LoadRequest {
    /// Of this book.
    pub(super) fn new(book_id: &BookId) -> Result<Self, ComposeError> {
        let mut batch = Batch::default();
        let sync = operations::find_sync(&mut batch, book_id)?;
        let mut request = Self { batch, book_id: book_id.clone(), sync, collections: Vec::new() };
        operations::each(&mut request)?;
        Ok(request)
    }

    /// The book in an answer; none when the node does not have it.
    pub(super) fn book(&self, mut answer: Answer) -> Result<Option<StoredBook>, TargetError> {
        let Some((_, sync)) = syncs(&mut answer, self.sync)?.into_iter().next() else { return Ok(None) };
        let mut state = BookState::new(self.book_id.clone());
        for read in &self.collections {
            read(&mut answer, &mut state)?;
        }
        Ok(Some(StoredBook { state, sync }))
    }
}

impl EachCollection for LoadRequest {
    fn visit<D: Operations>(&mut self) -> Result<(), ComposeError> {
        let ask = D::load(&mut self.batch, &self.book_id)?;
        self.collections.push(Box::new(move |answer, state| {
            for row in answer.rows(ask).map_err(|error| not_ours(D::COLLECTION.as_str(), &error))? {
                let key = row.document.key().to_string();
                if key != row.key {
                    let document = format!("{}/{}", D::COLLECTION, row.key);
                    return Err(not_ours(&document, &format!("its fields are those of {key}")));
                }
                state.apply(&D::write_op(Op::Upsert(Arc::new(row.document))));
            }
            Ok(())
        }));
        Ok(())
    }
}

/// The sync documents in an answer.
pub(super) fn syncs(
    answer: &mut Answer,
    ask: Ask<StoredSync>,
) -> Result<Vec<(BookId, BookSync)>, TargetError> {
    let rows = answer.rows(ask).map_err(|error| not_ours("BookSync", &error))?;
    rows.into_iter().map(|row| row.sync().map_err(|error| not_ours("BookSync", &error))).collect()
}

fn not_ours(what: &str, found: &dyn fmt::Display) -> TargetError {
    let found = shortened(&found.to_string());
    TargetError::Unusable {
        reason: format!("{} was not written by bookstate: {found}; remove it from the node", shortened(what)),
    }
}
