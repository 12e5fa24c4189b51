//! Write ops: what a commit is made of.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    BookId, Seq, Table, Timestamp,
    document::{Document, DocumentKey, FieldSet, MAX_KEY_BYTES, Patch},
    value::ValueError,
};

/// What a persist method needs from outside: the seq that its commit will have, and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The commit's seq.
    pub seq: Seq,
    /// The time of the call.
    pub now: Timestamp,
}

/// A change of one document. In memory and journal it is what happened; in a batch it is the net effect
/// for one key: put (`Upsert`), patch (`Update`) or delete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "", rename_all = "lowercase")]
pub enum Op<D: Document> {
    /// The whole document: a field that is null here is null afterwards.
    Upsert(Arc<D>),
    /// Some fields; nothing happens when the document does not exist.
    Update {
        /// The document's key.
        key: D::Key,
        /// The fields that change.
        patch: Box<D::Patch>,
    },
    /// The document goes; nothing happens when it does not exist.
    Delete {
        /// The document's key.
        key: D::Key,
    },
}

/// What sort of change an op is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpShape {
    /// See [`Op::Upsert`].
    Upsert,
    /// See [`Op::Update`].
    Update,
    /// See [`Op::Delete`].
    Delete,
}

/// What applying an op did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The document did not exist and does now.
    Created,
    /// These fields were set.
    Changed(FieldSet),
    /// The document existed and does not now.
    Removed,
    /// There was nothing to update or delete: legal in a replay.
    NothingThere,
}

impl<D: Document> Op<D> {
    /// The document's key.
    pub fn key(&self) -> D::Key {
        match self {
            Self::Upsert(document) => document.key(),
            Self::Update { key, .. } | Self::Delete { key } => key.clone(),
        }
    }

    /// What sort of change it is.
    pub const fn shape(&self) -> OpShape {
        match self {
            Self::Upsert(_) => OpShape::Upsert,
            Self::Update { .. } => OpShape::Update,
            Self::Delete { .. } => OpShape::Delete,
        }
    }

    /// The book that the document belongs to.
    pub fn book_id(&self) -> &BookId {
        match self {
            Self::Upsert(document) => document.book_id(),
            Self::Update { key, .. } | Self::Delete { key } => key.book_id(),
        }
    }

    /// Applies the op to its collection. Total: it never fails.
    pub fn apply(&self, table: &mut Table<D>) -> Effect {
        match self {
            Self::Upsert(document) => {
                let key = document.key();
                let effect =
                    table.get(&key).map_or(Effect::Created, |old| Effect::Changed(old.changed(document)));
                table.insert_mut(key, document.clone());
                effect
            }
            Self::Update { key, patch } => {
                let Some(old) = table.get(key) else { return Effect::NothingThere };
                let mut document = (**old).clone();
                document.apply(patch);
                table.insert_mut(key.clone(), Arc::new(document));
                Effect::Changed(patch.fields())
            }
            Self::Delete { key } => {
                if table.remove_mut(key) {
                    Effect::Removed
                } else {
                    Effect::NothingThere
                }
            }
        }
    }

    /// Whether every target can store it.
    ///
    /// # Errors
    /// The first field that breaks a limit, or the key's length.
    pub fn check(&self) -> Result<(), ValueError> {
        let bytes = self.key().to_string().len();
        if bytes > MAX_KEY_BYTES {
            return Err(ValueError::TooLong { field: "key", bytes });
        }
        match self {
            Self::Upsert(document) => document.check(),
            Self::Update { patch, .. } => patch.check(),
            Self::Delete { .. } => Ok(()),
        }
    }

    /// How many fields it carries: what a request to a database costs.
    pub fn field_count(&self) -> usize {
        match self {
            Self::Upsert(_) => D::COLUMNS.len(),
            Self::Update { patch, .. } => patch.fields().iter().count(),
            Self::Delete { .. } => 1,
        }
    }
}
