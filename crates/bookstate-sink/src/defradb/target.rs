//! A DefraDB node as a [`Target`].

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use bookstate_domain::{AnyKey, BookId, WriteOp};
use bookstate_store::{BookSync, Chunk, Limits, StoredBook, Target, TargetError};

use super::{
    chunk::{ChunkRequest, LookUp, OpKind},
    client::Client,
    compose::{Answer, Batch, ComposeError, Composer},
    failure::{CallError, Meaning, meaning, shortened},
    known::Known,
    load::{self, LoadRequest},
    operations,
    options::{DefraOptions, DefraUrlError},
    prepare, probe, replication,
    schema::{SCHEMA, Wanted},
};

/// What a request to a DefraDB 1.0 node may hold: its cost grows with its square.
pub const DEFRADB_LIMITS: Limits = Limits { documents: 10, fields: 100, bytes: 2_000_000 };

/// How often a chunk is made anew because the node has other documents than was believed.
const MOST_ATTEMPTS: usize = 3;

/// A DefraDB node as a target.
#[derive(Debug)]
pub struct DefraTarget {
    client: Client,
    composer: Composer,
    wanted: Wanted,
    known: Known,
    /// The node had our collections when it was last asked.
    ready: AtomicBool,
    /// It was said that the node is of another version.
    told: AtomicBool,
    /// It was said that the node's collections are replicated.
    told_of_replication: AtomicBool,
}

impl DefraTarget {
    /// A target. Nothing is sent before [`prepare`](Target::prepare).
    ///
    /// # Errors
    /// The URL or the token cannot be used.
    pub fn new(options: &DefraOptions) -> Result<Self, DefraUrlError> {
        let client = Client::new(options)?;
        let wanted = Wanted::parse(SCHEMA).map_err(|error| DefraUrlError::Client(error.to_string()))?;
        Ok(Self {
            client,
            composer: Composer::default(),
            wanted,
            known: Known::default(),
            ready: AtomicBool::new(false),
            told: AtomicBool::new(false),
            told_of_replication: AtomicBool::new(false),
        })
    }

    /// Checks the set-up, unless it was there the last time: a node may have been replaced by an empty one.
    async fn ready(&self) -> Result<(), TargetError> {
        if self.ready.load(Ordering::Acquire) { Ok(()) } else { self.prepare().await }
    }

    async fn send(&self, batch: &Batch) -> Result<Result<Answer, CallError>, TargetError> {
        let answer = self.client.graphql(batch.request(&self.composer).map_err(defect)?).await;
        if let Err(CallError::Errors(text)) = &answer
            && meaning(text) == Meaning::NoSchema
        {
            self.ready.store(false, Ordering::Release);
        }
        Ok(answer)
    }

    async fn read(&self, batch: &Batch) -> Result<Answer, TargetError> {
        self.ready().await?;
        self.send(batch).await?.map_err(CallError::of_read)
    }

    /// Which of the chunk's documents the node has, as far as the chunk depends on it. `look_up_patched`: also those
    /// that it patches, which are believed to be there otherwise.
    async fn documents_at_node(
        &self,
        chunk: &Chunk,
        look_up_patched: bool,
    ) -> Result<HashSet<AnyKey>, TargetError> {
        let mut present = HashSet::new();
        let mut unknown = Vec::new();
        for op in &chunk.ops {
            let key = op.key();
            match (OpKind::of(op), self.known.has(&key)) {
                (OpKind::Put, Some(true)) => drop(present.insert(key)),
                (OpKind::Put, Some(false)) | (OpKind::Delete, _) => {}
                (OpKind::Put, None) => unknown.push(key),
                (OpKind::Patch, _) if look_up_patched => unknown.push(key),
                (OpKind::Patch, _) => {}
            }
        }
        if unknown.is_empty() {
            return Ok(present);
        }
        let look_up = LookUp::new(unknown).map_err(defect)?;
        let answer = self.read(&look_up.batch).await?;
        for (key, book) in look_up.found(answer).map_err(|error| unreadable(&error))? {
            if book.as_deref() != Some(chunk.book_id.as_str()) {
                let whose =
                    book.map_or_else(|| "no book".to_owned(), |book| format!("book {}", shortened(&book)));
                let reason = format!("the node has a document {key} of {whose}: remove it there");
                return Err(TargetError::Refused { reason });
            }
            present.insert(key);
        }
        if look_up_patched {
            let is_missing = |op: &&WriteOp| OpKind::of(op) == OpKind::Patch && !present.contains(&op.key());
            if let Some(op) = chunk.ops.iter().find(is_missing) {
                return Err(TargetError::Missing { key: op.key() });
            }
        }
        Ok(present)
    }

    /// Sends a chunk, and makes it anew when the node has other documents than was believed.
    async fn write(&self, chunk: &Chunk) -> Result<(), TargetError> {
        let mut nonces = false;
        for attempt in 0..MOST_ATTEMPTS {
            let present = self.documents_at_node(chunk, attempt > 0).await?;
            let request = ChunkRequest::new(chunk, &present, nonces).map_err(defect)?;
            match self.send(&request.batch).await? {
                Ok(answer) => {
                    let whole = request.is_answered_by(answer, &chunk.book_id);
                    if !whole.map_err(|error| unreadable(&error))? {
                        let reason = "the answer does not tell of every document".to_owned();
                        return Err(TargetError::Ambiguous { reason });
                    }
                    return Ok(());
                }
                Err(CallError::Errors(text)) => match meaning(&text) {
                    Meaning::OtherDocuments => self.known.forget(&chunk.book_id),
                    Meaning::SameContent => {
                        nonces = true;
                        self.known.forget(&chunk.book_id);
                    }
                    _ => return Err(CallError::Errors(text).of_write()),
                },
                Err(error) => return Err(error.of_write()),
            }
        }
        Err(TargetError::Unavailable {
            reason: "the node's documents change while they are written".to_owned(),
        })
    }
}

/// A defect of the program, not of the node: it stays until there is another program.
fn defect(error: ComposeError) -> TargetError {
    TargetError::Unusable { reason: format!("a request cannot be made: {error}") }
}

fn unreadable(error: &serde_json::Error) -> TargetError {
    TargetError::Ambiguous { reason: format!("the answer cannot be read: {}", shortened(&error.to_string())) }
}

#[async_trait]
impl Target for DefraTarget {
    fn limits(&self) -> Limits {
        DEFRADB_LIMITS
    }

    async fn prepare(&self) -> Result<(), TargetError> {
        let difference = prepare::prepare(&self.client, &self.wanted).await?;
        probe::probe(&self.client, &self.composer).await?;
        if let Some(how) = difference
            && !self.told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                node = self.client.base(),
                how,
                "the node is not DefraDB 1.0, which this was tested with; it does what is relied on, and is used"
            );
        }
        if !self.told_of_replication.load(Ordering::Relaxed) {
            let collections = replication::replicated(&self.client, &self.wanted).await;
            if !collections.is_empty() && !self.told_of_replication.swap(true, Ordering::Relaxed) {
                let collections: Vec<_> = collections.iter().map(String::as_str).collect();
                tracing::warn!(
                    node = self.client.base(),
                    collections = collections.join(", "),
                    "the node replicates bookstate's collections with other nodes; what bookstate relies on holds in \
                     one node only: replicate nothing, and make each further node a target of its own"
                );
            }
        }
        self.ready.store(true, Ordering::Release);
        Ok(())
    }

    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        let mut batch = Batch::default();
        let ask = operations::find_sync(&mut batch, book_id).map_err(defect)?;
        let mut answer = self.read(&batch).await?;
        Ok(load::syncs(&mut answer, ask)?.into_iter().next().map(|(_, sync)| sync))
    }

    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        if let Some(op) = chunk.ops.iter().find(|op| *op.book_id() != chunk.book_id) {
            let (key, book_id) = (op.key(), &chunk.book_id);
            return Err(TargetError::Refused { reason: format!("{key} is not of book {book_id}") });
        }
        let _writing = self.client.writing().await;
        self.ready().await?;
        if chunk.expect.is_none() && !self.known.knows(&chunk.book_id) {
            self.known.set(&chunk.book_id, HashSet::new());
        }
        let written = self.write(chunk).await;
        match &written {
            Ok(()) => self.known.written(&chunk.book_id, &chunk.ops),
            Err(TargetError::Ambiguous { .. } | TargetError::Mismatch) => self.known.forget(&chunk.book_id),
            Err(_) => {}
        }
        written
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        let request = LoadRequest::new(book_id).map_err(defect)?;
        let answer = self.read(&request.batch).await?;
        let book = request.book(answer)?;
        if let Some(book) = &book {
            self.known.set(book_id, book.state.documents().map(|op| op.key()).collect());
        }
        Ok(book)
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        let mut batch = Batch::default();
        let ask = operations::list_sync(&mut batch).map_err(defect)?;
        let mut answer = self.read(&batch).await?;
        load::syncs(&mut answer, ask)
    }
}
