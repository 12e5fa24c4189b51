//! A chunk as one request.
//!
//! The compare-and-set goes first. Then, collection by collection, what is new as one list, what is there op
//! by op with the fields that change, and what goes as one list. The order within a request does not matter
//! otherwise, since all of it is one transaction. Every operation but a delete ends the transaction when the
//! node is not as expected, so that a chunk is applied whole or not at all.

use std::collections::{HashMap, HashSet};

use bookstate_domain::{AnyKey, BookId, Document, Op, OpVisitor, WriteOp, document::FieldSet};
use bookstate_store::Chunk;

use super::{
    compose::{Answer, Ask, Batch, ComposeError},
    operations::{self, EachCollection, Operations},
    wire::{Found, NewDocument, SyncChange, Written, WrittenSync},
};

/// How many keys are looked up by one operation.
const KEYS_PER_FIND: usize = 100;

/// A request that writes a chunk, and what its answer has to hold.
#[derive(Debug)]
pub(super) struct ChunkRequest {
    /// The operations.
    pub(super) batch: Batch,
    sync: Ask<WrittenSync>,
    rows: Vec<(Ask<Written>, Vec<String>)>,
}

impl ChunkRequest {
    /// The request for a chunk. Documents that are `present` are put in place; all others are new, and get nonces
    /// if asked for.
    pub(super) fn new(chunk: &Chunk, present: &HashSet<AnyKey>, nonces: bool) -> Result<Self, ComposeError> {
        let mut batch = Batch::default();
        let sync = match chunk.expect {
            None => {
                let add = SyncChange::add(&chunk.book_id, &chunk.sync, rand::random());
                operations::add_sync(&mut batch, add)?
            }
            Some(expect) => {
                let change = SyncChange::change(&chunk.sync);
                operations::move_sync(&mut batch, &chunk.book_id, expect, change)?
            }
        };
        let mut writing = Writing { chunk, present, nonces, batch, rows: Vec::new(), ops: 0 };
        operations::each(&mut writing)?;
        let Writing { batch, rows, ops, .. } = writing;
        if ops != chunk.ops.len() {
            return Err(ComposeError::Shape("no operations for some collection of the chunk"));
        }
        Ok(Self { batch, sync, rows })
    }

    /// Whether the answer says that all was written.
    pub(super) fn is_answered_by(
        &self,
        mut answer: Answer,
        book_id: &BookId,
    ) -> Result<bool, serde_json::Error> {
        let sync = answer.rows(self.sync)?;
        let mut all = sync.len() == 1 && sync.iter().all(|row| row.book_id == *book_id);
        for (ask, keys) in &self.rows {
            let rows = answer.rows(*ask)?;
            let written: HashSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
            all &= rows.len() == keys.len() && keys.iter().all(|key| written.contains(key.as_str()));
        }
        Ok(all)
    }
}

struct Writing<'a> {
    chunk: &'a Chunk,
    present: &'a HashSet<AnyKey>,
    nonces: bool,
    batch: Batch,
    rows: Vec<(Ask<Written>, Vec<String>)>,
    ops: usize,
}

impl EachCollection for Writing<'_> {
    fn visit<D: Operations>(&mut self) -> Result<(), ComposeError> {
        let book_id = &self.chunk.book_id;
        let (mut new, mut new_keys, mut changes, mut gone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for op in self.chunk.ops.iter().filter_map(D::of) {
            self.ops += 1;
            let key = op.key();
            let text = key.to_string();
            match op {
                Op::Upsert(document) if self.present.contains(&D::any_key(key)) => {
                    changes.push((text, document.patch(FieldSet::ALL)));
                }
                Op::Upsert(document) => {
                    new.push(NewDocument::new(document.clone(), self.nonces.then(rand::random)));
                    new_keys.push(text);
                }
                Op::Update { patch, .. } => changes.push((text, D::Patch::clone(patch))),
                Op::Delete { .. } => gone.push(text),
            }
        }
        if !new.is_empty() {
            self.rows.push((D::add(&mut self.batch, new)?, new_keys));
        }
        for (key, fields) in changes {
            let ask = D::update(&mut self.batch, book_id, key.clone(), fields)?;
            self.rows.push((ask, vec![key]));
        }
        if !gone.is_empty() {
            D::delete(&mut self.batch, book_id, gone)?;
        }
        Ok(())
    }
}

/// A request that asks for documents by their keys.
#[derive(Debug, Default)]
pub(super) struct LookUp {
    /// The operations.
    pub(super) batch: Batch,
    wanted: HashSet<AnyKey>,
    asked: Vec<(Ask<Found>, HashMap<String, AnyKey>)>,
}

impl LookUp {
    /// Asks for these documents.
    pub(super) fn new(keys: impl IntoIterator<Item = AnyKey>) -> Result<Self, ComposeError> {
        let mut look_up = Self { wanted: keys.into_iter().collect(), ..Self::default() };
        operations::each(&mut look_up)?;
        Ok(look_up)
    }

    /// The documents that are there, each with the book that the node has it in.
    pub(super) fn found(
        &self,
        mut answer: Answer,
    ) -> Result<Vec<(AnyKey, Option<String>)>, serde_json::Error> {
        let mut found = Vec::new();
        for (ask, keys) in &self.asked {
            for row in answer.rows(*ask)? {
                if let Some(key) = keys.get(&row.key) {
                    found.push((key.clone(), row.book_id));
                }
            }
        }
        Ok(found)
    }
}

impl EachCollection for LookUp {
    fn visit<D: Operations>(&mut self) -> Result<(), ComposeError> {
        let ours = self.wanted.iter().filter(|key| key.collection() == D::COLLECTION);
        let keys: Vec<(String, AnyKey)> = ours.map(|key| (key.key_text(), key.clone())).collect();
        for keys in keys.chunks(KEYS_PER_FIND) {
            let keys: HashMap<String, AnyKey> = keys.iter().cloned().collect();
            let ask = D::find(&mut self.batch, keys.keys().cloned().collect())?;
            self.asked.push((ask, keys));
        }
        Ok(())
    }
}

/// What an op does to its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpKind {
    /// Replaces or creates it.
    Put,
    /// Changes it; it has to be there.
    Patch,
    /// Removes it.
    Delete,
}

impl OpKind {
    /// What `op` does.
    pub(super) fn of(op: &WriteOp) -> Self {
        op.visit(OpKindOf)
    }
}

struct OpKindOf;

impl OpVisitor for OpKindOf {
    type Out = OpKind;
    fn visit<D: Document>(self, op: &Op<D>) -> OpKind {
        match op {
            Op::Upsert(_) => OpKind::Put,
            Op::Update { .. } => OpKind::Patch,
            Op::Delete { .. } => OpKind::Delete,
        }
    }
}
