//! The ADR's `StateStore`: what code that works on a book needs of wherever its state is kept.
//!
//! For projects that bring their own documents' logic: reads, fire-and-forget writes, and one method that
//! waits, for records made outside a job. [`BookHandle`] is the real one; [`MemoryStateStore`] applies at
//! once and keeps nothing, so that tests are deterministic.

use std::sync::Arc;

use async_trait::async_trait;
use bookstate_domain::{
    BookId, BookState, Misuse, Seq, WriteOp,
    persist::{check, check_updates},
};
use parking_lot::Mutex;

use crate::library::{BookHandle, PersistError, Receipt, Snapshot, TargetName};

/// See the module documentation.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// The book as it is now.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// One change, accepted when this returns.
    ///
    /// # Errors
    /// See [`PersistError`]; nothing has changed then.
    fn send(&self, op: WriteOp) -> Result<Receipt, PersistError> {
        self.send_many(vec![op])
    }

    /// Several changes in one commit, accepted when this returns. An update of a document that does not exist is
    /// refused, since it would do nothing and nobody would know.
    ///
    /// # Errors
    /// See [`PersistError`]; nothing has changed then.
    fn send_many(&self, ops: Vec<WriteOp>) -> Result<Receipt, PersistError>;

    /// One change, in the local store when this returns. For records made outside a job, never in a hot path.
    ///
    /// Cancel safe in that the change stays accepted.
    ///
    /// # Errors
    /// See [`PersistError`]; nothing has changed then.
    async fn upsert_and_wait(&self, op: WriteOp) -> Result<Receipt, PersistError>;
}

#[async_trait]
impl StateStore for BookHandle {
    fn snapshot(&self) -> Arc<Snapshot> {
        Self::snapshot(self)
    }

    fn send_many(&self, ops: Vec<WriteOp>) -> Result<Receipt, PersistError> {
        self.commit(|state, _| {
            check(state.book_id(), &ops)?;
            check_updates(state, &ops)?;
            Ok(ops)
        })
    }

    async fn upsert_and_wait(&self, op: WriteOp) -> Result<Receipt, PersistError> {
        let receipt = self.send(op)?;
        self.persisted(receipt.seq, &TargetName::local()).await;
        Ok(receipt)
    }
}

/// A book in memory and nowhere else.
///
/// ```
/// use bookstate_domain::{At, BookId, Misuse, Timestamp, persist::NewBook};
/// use bookstate_store::{MemoryStateStore, PersistError, Receipt, StateStore};
///
/// /// Code of a project, which does not know where the book is kept.
/// fn begin(store: &dyn StateStore, now: Timestamp) -> Result<Receipt, PersistError> {
///     let snapshot = store.snapshot();
///     let at = At { seq: snapshot.seq.next().ok_or(Misuse::SeqsUsedUp)?, now };
///     store.send_many(snapshot.state.persist_book_record(&at, NewBook { page_count: 635 })?)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStateStore::new(BookId::new("moby-dick")?);
/// begin(&store, Timestamp::from_nanos(0))?;
/// assert_eq!(store.snapshot().state.book().map(|book| book.page_count), Some(635));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryStateStore {
    inner: Mutex<Snapshot>,
}

impl MemoryStateStore {
    /// A book without any document.
    #[must_use]
    pub fn new(book_id: BookId) -> Self {
        Self { inner: Mutex::new(Snapshot { state: BookState::new(book_id), seq: Seq::ZERO }) }
    }
}

#[async_trait]
impl StateStore for MemoryStateStore {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.inner.lock().clone())
    }

    fn send_many(&self, ops: Vec<WriteOp>) -> Result<Receipt, PersistError> {
        let mut inner = self.inner.lock();
        if ops.is_empty() {
            return Ok(Receipt { seq: inner.seq });
        }
        check(inner.state.book_id(), &ops)?;
        check_updates(&inner.state, &ops)?;
        inner.seq = inner.seq.next().ok_or(Misuse::SeqsUsedUp)?;
        for op in &ops {
            inner.state.apply(op);
        }
        Ok(Receipt { seq: inner.seq })
    }

    async fn upsert_and_wait(&self, op: WriteOp) -> Result<Receipt, PersistError> {
        self.send(op)
    }
}
