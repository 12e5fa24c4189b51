//! Cuts a batch into chunks within a target's limits.

use std::collections::VecDeque;

use bookstate_domain::{Document, Op, OpVisitor, Patch, WriteOp, value::Value};
use bookstate_store::Limits;

/// The chunks of a batch, in order. At least one, so that a batch without ops still moves the watermark.
pub(crate) fn split(ops: Vec<WriteOp>, limits: Limits) -> VecDeque<Vec<WriteOp>> {
    let mut chunks = VecDeque::new();
    let (mut chunk, mut fields, mut bytes) = (Vec::new(), 0usize, 0usize);
    for op in ops {
        let (op_fields, op_bytes) = (op.field_count(), op.visit(BytesOf));
        let full = chunk.len() + 1 > limits.documents
            || fields.saturating_add(op_fields) > limits.fields
            || bytes.saturating_add(op_bytes) > limits.bytes;
        if full && !chunk.is_empty() {
            chunks.push_back(std::mem::take(&mut chunk));
            (fields, bytes) = (0, 0);
        }
        fields = fields.saturating_add(op_fields);
        bytes = bytes.saturating_add(op_bytes);
        chunk.push(op);
    }
    if !chunk.is_empty() || chunks.is_empty() {
        chunks.push_back(chunk);
    }
    chunks.iter_mut().for_each(once_each);
    chunks
}

/// A document that is there twice, since its first state is for those who look in between, is there once when nobody
/// can.
fn once_each(chunk: &mut Vec<WriteOp>) {
    let is_twice = chunk.split_first().is_some_and(|(first, others)| {
        matches!(first, WriteOp::Book(_)) && others.iter().any(|op| op.key() == first.key())
    });
    if is_twice {
        chunk.remove(0);
    }
}

/// Bytes of text that ops carry, roughly: what counters and limits count.
pub(crate) fn bytes(ops: &[WriteOp]) -> u64 {
    ops.iter().map(|op| op.visit(BytesOf) as u64).sum()
}

struct BytesOf;

impl OpVisitor for BytesOf {
    type Out = usize;
    fn visit<D: Document>(self, op: &Op<D>) -> usize {
        let size = |value: &Value| match value {
            Value::Text(text) => text.len(),
            _ => 8,
        };
        match op {
            Op::Upsert(document) => document.values().iter().map(size).sum(),
            Op::Update { patch, .. } => patch.values().iter().map(|(_, value)| size(value)).sum(),
            Op::Delete { .. } => 8,
        }
    }
}
