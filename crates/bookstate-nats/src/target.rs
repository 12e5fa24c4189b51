//! The stream as a [`Target`].

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use async_nats::HeaderMap;
use async_trait::async_trait;
use bookstate_domain::BookId;
use bookstate_store::{BookSync, Chunk, Limits, StoredBook, Target, TargetError};
use futures_util::StreamExt;
use parking_lot::Mutex;

use crate::{
    compaction::{Growth, is_due},
    connection::{Connection, Open},
    failure::unavailable,
    known::{Known, KnownBook, Position},
    log::{Log, batch, reader},
    options::{NatsOptions, NatsUrlError},
    record::{Heads, payload},
};

/// What a chunk for a stream may hold: one message of the servers' default size, mostly. A document that is larger is
/// taken all the same.
pub const NATS_LIMITS: Limits = Limits { documents: 500, fields: usize::MAX, bytes: 500_000 };

/// A stream of NATS JetStream as a target.
///
/// Checkpoints are written by tasks of their own, so it must be used within a tokio runtime. A call whose future is
/// dropped may have been done.
#[derive(Debug, Clone)]
pub struct NatsTarget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    known: Known,
    /// Books of which a checkpoint is being written.
    compacting: Mutex<HashSet<BookId>>,
}

impl NatsTarget {
    /// A target. Nothing is sent before [`prepare`](Target::prepare).
    ///
    /// # Errors
    /// The address is not one of NATS servers.
    pub fn new(options: NatsOptions) -> Result<Self, NatsUrlError> {
        options.check()?;
        Ok(Self(Arc::new(Inner {
            connection: Connection::new(options),
            known: Known::default(),
            compacting: Mutex::default(),
        })))
    }

    /// Writes a checkpoint of a book in the background, unless that is being done.
    fn compact_soon(&self, id: &BookId) {
        if !self.0.compacting.lock().insert(id.clone()) {
            return;
        }
        let (inner, id) = (Arc::clone(&self.0), id.clone());
        // Nobody waits for it, and nothing is lost when it does not end.
        drop(tokio::spawn(async move {
            let done = async {
                let open = inner.connection.open().await?;
                inner.log(&open, &id).compact().await
            };
            match done.await {
                Ok(bytes) => inner.known.compacted(&id, bytes),
                Err(error) => {
                    tracing::debug!(book = %id, %error, "no checkpoint was written; the next chunk tries it")
                }
            }
            inner.compacting.lock().remove(&id);
        }));
    }
}

impl Inner {
    fn log<'a>(&'a self, open: &'a Open, id: &'a BookId) -> Log<'a> {
        Log { open, subjects: &self.connection.subjects, id }
    }

    /// What came of a call; what failed may do so since the stream is not there any more.
    async fn noted<T>(&self, done: Result<T, TargetError>) -> Result<T, TargetError> {
        if let Err(error) = &done {
            self.connection.failed(error).await;
        }
        done
    }

    /// Looks at the book's last message.
    async fn look(&self, open: &Open, id: &BookId) -> Result<Option<BookSync>, TargetError> {
        let tail = self.log(open, id).tail().await?;
        let Some((seq, sync)) = tail else {
            self.known.set(id, KnownBook::absent());
            return Ok(None);
        };
        let position = Position { seq, mark: Some(sync.mark()) };
        // What is known of its documents stays, when it is the one that was known.
        if self.known.position(id) != Some(position) {
            self.known.set(id, KnownBook::of_tail(seq, sync.clone()));
        }
        Ok(Some(sync))
    }

    /// Where the chunk goes, if its expectation holds.
    async fn position(&self, open: &Open, chunk: &Chunk) -> Result<Position, TargetError> {
        let holds = |position: &Position| position.mark == chunk.expect;
        if let Some(position) = self.known.position(&chunk.book_id).filter(holds) {
            return Ok(position);
        }
        self.look(open, &chunk.book_id).await?;
        self.known.position(&chunk.book_id).filter(holds).ok_or(TargetError::Mismatch)
    }

    /// What the book's log has grown to.
    async fn write(&self, open: &Open, chunk: &Chunk) -> Result<Growth, TargetError> {
        let id = &chunk.book_id;
        let mut position = self.position(open, chunk).await?;
        let written = match self.known.plan(id, position, &chunk.ops)? {
            Some(written) => written,
            None => {
                // It patches documents, and which there are is not known.
                let fold = self.log(open, id).fold().await?;
                self.known.set(id, fold.as_ref().map_or_else(KnownBook::absent, KnownBook::of_fold));
                position = self.position(open, chunk).await?;
                let changed = || unavailable("the book changes while it is looked at");
                self.known.plan(id, position, &chunk.ops)?.ok_or_else(changed)?
            }
        };
        let payload = payload(&chunk.ops)?;
        let (log, subject) = (self.log(open, id), self.connection.subjects.book(id));
        let seq = log.append(subject, position.seq, position.seq, &chunk.sync, &payload).await?;
        Ok(self.known.written(id, written, seq, &chunk.sync, payload.len()))
    }
}

#[async_trait]
impl Target for NatsTarget {
    fn limits(&self) -> Limits {
        NATS_LIMITS
    }

    async fn prepare(&self) -> Result<(), TargetError> {
        self.0.connection.prepare().await
    }

    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        let open = self.0.connection.open().await?;
        let found = self.0.look(&open, book_id).await;
        self.0.noted(found).await
    }

    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        if let Some(op) = chunk.ops.iter().find(|op| *op.book_id() != chunk.book_id) {
            let (key, book_id) = (op.key(), &chunk.book_id);
            return Err(TargetError::Refused { reason: format!("{key} is not of book {book_id}") });
        }
        let open = self.0.connection.open().await?;
        match self.0.write(&open, chunk).await {
            Ok(growth) if growth.removed => {
                // Now, while there is a program: its texts are not to stay.
                if let Err(error) = self.0.log(&open, &chunk.book_id).compact().await {
                    tracing::warn!(book = %chunk.book_id, %error, "messages of a book that was removed may stay");
                }
                Ok(())
            }
            Ok(growth) => {
                if is_due(growth) {
                    self.compact_soon(&chunk.book_id);
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error, TargetError::Ambiguous { .. } | TargetError::Mismatch) {
                    self.0.known.forget(&chunk.book_id);
                }
                self.0.noted(Err(error)).await
            }
        }
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        let open = self.0.connection.open().await?;
        let fold = self.0.log(&open, book_id).fold().await;
        let Some(fold) = self.0.noted(fold).await? else { return Ok(None) };
        self.0.known.set(book_id, KnownBook::of_fold(&fold));
        Ok(fold.sync.map(|sync| StoredBook { state: fold.state, sync }))
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        let open = self.0.connection.open().await?;
        let subjects = &self.0.connection.subjects;
        let reader = reader(&open, subjects.books(), 0, true).await?;
        let mut left = reader.cached_info().num_pending;
        // A book that is written meanwhile has another last message.
        let mut books = BTreeMap::new();
        while left > 0 {
            let mut messages = batch(&reader).await?;
            let before = left;
            while let Some(message) = messages.next().await {
                let message = message.map_err(|error| unavailable(&error))?;
                left = message.info().map_err(|error| unavailable(&error))?.pending;
                let heads = Heads::read(message.headers.as_ref().unwrap_or(&HeaderMap::new()))?;
                if let Some(id) = subjects.book_of(&message.subject) {
                    books.insert(id, heads.sync);
                }
            }
            if left == before {
                return Err(unavailable("the books' messages do not come"));
            }
        }
        Ok(books.into_iter().collect())
    }
}
