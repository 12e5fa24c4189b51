//! The one reading path: memory, else the local store, else a target.

use std::sync::Arc;

use bookstate_domain::BookId;
use serde::Serialize;

use super::{Library, ReadError, Snapshot, TargetName};
use crate::sqlite::StoreError;

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The live book.
    Memory,
    /// The local store.
    Local,
    /// A target: another machine wrote the book.
    Target(TargetName),
}

/// A book that was read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where it comes from.
    pub source: Source,
    /// The book.
    pub snapshot: Arc<Snapshot>,
}

impl Library {
    /// A book from memory when it is live, else from the local store, else from the first target that has
    /// it. `None` when nobody has it. Needs no remote target for a book that is here.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The local store cannot be read, or nobody had the book and a target could not be asked.
    pub async fn read(&self, id: &BookId) -> Result<Option<Reading>, ReadError> {
        if let Some(snapshot) = self.active(id) {
            return Ok(Some(Reading { source: Source::Memory, snapshot }));
        }
        let (local, book_id) = (self.0.local.clone(), id.clone());
        let loaded = tokio::task::spawn_blocking(move || local.load_book(&book_id)).await;
        let stored = loaded.map_err(|error| StoreError::Io { reason: error.to_string() })??;
        if let Some(stored) = stored {
            let snapshot = Arc::new(Snapshot { state: stored.state, seq: stored.sync.persisted_seq });
            return Ok(Some(Reading { source: Source::Local, snapshot }));
        }
        // It may have become live, and even persisted, between the two looks.
        if let Some(snapshot) = self.active(id) {
            return Ok(Some(Reading { source: Source::Memory, snapshot }));
        }
        let targets = self.0.targets.read().clone();
        let mut failure = None;
        for (target, connection) in targets {
            match connection.load_book(id).await {
                Ok(Some(stored)) => {
                    let snapshot = Arc::new(Snapshot { state: stored.state, seq: stored.sync.persisted_seq });
                    return Ok(Some(Reading { source: Source::Target(target), snapshot }));
                }
                Ok(None) => {}
                Err(source) => failure = Some(ReadError::Target { target, source }),
            }
        }
        failure.map_or(Ok(None), Err)
    }
}
