//! A commit: the ops of one persist call, as the journal keeps them.

use serde::{Deserialize, Serialize};

use crate::{BookId, Seq, WriteOp};

/// The ops of one persist call: atomic, numbered per book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The book.
    #[serde(rename = "book")]
    pub book_id: BookId,
    /// Its number within the book.
    pub seq: Seq,
    /// The number of the book's commit before it. Usually `seq - 1`; more is missing when the book was
    /// imported from a target, or its seqs were moved above a target's.
    pub prev: Seq,
    /// What changed.
    pub ops: Vec<WriteOp>,
}
