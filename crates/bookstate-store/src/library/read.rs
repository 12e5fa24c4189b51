//! The one reading path: memory, else the local store, else a target. Of a book that a fleet shares and another machine
//! may have, what is here may be old: the targets are asked first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

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

/// How long a target may take to say where a book stands that is here too.
const LOOK: Duration = Duration::from_millis(300);

/// How long it may take for the book: what is here is an answer too.
const LOAD: Duration = Duration::from_secs(5);

impl Library {
    /// A book from memory when it is live, else from the local store, else from the first target that has
    /// it. `None` when nobody has it. Needs no remote target for a book that is here.
    ///
    /// Where books are written under a tenure only, and there is none of this one that holds, the target that has it from
    /// the last owner is first, if it is ahead of what is here.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The local store cannot be read, or nobody had the book and a target could not be asked.
    pub async fn read(&self, id: &BookId) -> Result<Option<Reading>, ReadError> {
        let owns = || self.tenure(id).is_some_and(|tenure| tenure.holds(Instant::now()));
        if self.requires_tenures()
            && !owns()
            && let Some(newer) = self.read_newer(id).await?
        {
            return Ok(Some(newer));
        }
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

    /// The copy of the last owner with the most commits, where that is not what is here. A target that does not answer is
    /// passed over.
    async fn read_newer(&self, id: &BookId) -> Result<Option<Reading>, ReadError> {
        let (local, book_id) = (self.0.local.clone(), id.clone());
        let here = tokio::task::spawn_blocking(move || local.book_sync(&book_id)).await;
        let here = here.map_err(|error| StoreError::Io { reason: error.to_string() })??;
        let mut best = here.map(|sync| (sync.epoch, sync.persisted_seq));
        let mut newer = None;
        let targets = self.0.targets.read().clone();
        for (target, connection) in targets {
            let found = tokio::time::timeout(LOOK, connection.book_sync(id)).await;
            let Ok(Ok(Some(found))) = found else { continue };
            let place = Some((found.epoch, found.persisted_seq));
            if place > best {
                (best, newer) = (place, Some((target, connection)));
            }
        }
        let Some((target, connection)) = newer else { return Ok(None) };
        let Ok(Ok(Some(stored))) = tokio::time::timeout(LOAD, connection.load_book(id)).await else {
            return Ok(None);
        };
        let snapshot = Arc::new(Snapshot { state: stored.state, seq: stored.sync.persisted_seq });
        Ok(Some(Reading { source: Source::Target(target), snapshot }))
    }
}
