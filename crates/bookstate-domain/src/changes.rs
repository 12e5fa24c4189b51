//! What changed since when: the one answer to "what does a target lack".
//!
//! Each document has the seq of its last change, of its creation, and of each field's last change. So any
//! number of targets, each with its own watermark, are served from one structure that is bounded by the
//! number of documents; a batch is *computed* ([`Changes::since`]), never queued. The net effect of a run of
//! commits on one document is exactly one op: delete, put or patch.
//!
//! Deleted documents stay here (as seqs, without content) until [`Changes::forget`] is told that every
//! target has passed them.

use std::collections::HashMap;

use crate::{
    AnyKey, BookState, Effect, Op, Seq, WriteOp,
    collections::KeyVisitor,
    document::{Document, FieldSet},
};

/// When one document changed.
#[derive(Debug, Clone)]
struct Change {
    /// Its last change of any kind, a deletion included.
    last: Seq,
    /// Since when it exists in its present incarnation. A target whose watermark is older has no document,
    /// or an earlier incarnation of it: only a put makes that right, since a patch would leave fields of the
    /// earlier one in place.
    created: Seq,
    /// The last change of each field, by position; fields beyond the end never changed.
    fields: Vec<Seq>,
}

/// When the documents of one book changed, since [`floor`](Changes::floor).
///
/// ```
/// use bookstate_domain::{At, BookId, BookState, BookStatus, Changes, Seq, Since, Timestamp, persist::NewBook};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut book, mut changes) = (BookState::new(BookId::new("moby-dick")?), Changes::new(Seq::ZERO));
/// let mut seq = Seq::ZERO;
/// for status in [None, Some(BookStatus::Processing), Some(BookStatus::Complete)] {
///     seq = seq.next().ok_or("too many")?;
///     let at = At { seq, now: Timestamp::from_nanos(0) };
///     let ops = match status {
///         None => book.persist_book_record(&at, NewBook { page_count: 635 })?,
///         Some(status) => book.persist_book_status(&at, status, None)?,
///     };
///     for op in ops {
///         let effect = book.apply(&op);
///         changes.record(seq, op.key(), effect);
///     }
/// }
/// // Three commits changed one document: whoever has none of them lacks one op.
/// assert!(matches!(changes.since(Seq::ZERO, &book), Since::Ops(ops) if ops.len() == 1));
/// // What every target has is forgotten. Who comes with less is compared.
/// changes.forget(seq);
/// assert_eq!(changes.since(Seq::ZERO, &book), Since::TooOld);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Changes {
    floor: Seq,
    by_key: HashMap<AnyKey, Change>,
}

/// The answer of [`Changes::since`].
#[derive(Debug, Clone, PartialEq)]
pub enum Since {
    /// What a target at that watermark lacks, one op per document, in no particular order.
    Ops(Vec<WriteOp>),
    /// The watermark is older than what is remembered: compare documents instead.
    TooOld,
}

impl Changes {
    /// Nothing known of what happened up to and including `floor`.
    #[must_use]
    pub fn new(floor: Seq) -> Self {
        Self { floor, by_key: HashMap::new() }
    }

    /// The seq up to which (and including) nothing is remembered.
    #[must_use]
    pub const fn floor(&self) -> Seq {
        self.floor
    }

    /// Records what commit `seq` did to `key`. Seqs never go down.
    pub fn record(&mut self, seq: Seq, key: AnyKey, effect: Effect) {
        let set = match effect {
            Effect::NothingThere => return,
            Effect::Created => {
                self.by_key.insert(key, Change { last: seq, created: seq, fields: Vec::new() });
                return;
            }
            Effect::Removed => {
                self.by_key.insert(key, Change { last: seq, created: seq, fields: Vec::new() });
                return;
            }
            Effect::Changed(set) if set.is_empty() => return,
            Effect::Changed(set) => set,
        };
        let change = self.by_key.entry(key).or_insert_with(|| Change {
            last: seq,
            // It exists and nothing newer than the floor is known of its creation.
            created: self.floor,
            fields: Vec::new(),
        });
        change.last = seq;
        let highest = set.iter().last().map_or(0, |bit| bit as usize + 1);
        if change.fields.len() < highest {
            change.fields.resize(highest, Seq::ZERO);
        }
        for (bit, field) in (0u32..).zip(&mut change.fields) {
            if set.contains(bit) {
                *field = seq;
            }
        }
    }

    /// Marks a document as wholly changed at `seq`: what a reload knows (a row's `updated_seq`, a tombstone).
    pub fn record_whole(&mut self, seq: Seq, key: AnyKey) {
        self.by_key.insert(key, Change { last: seq, created: seq, fields: Vec::new() });
    }

    /// What a target at watermark `since` lacks, given the present `state`.
    #[must_use]
    pub fn since(&self, since: Seq, state: &BookState) -> Since {
        if since < self.floor {
            return Since::TooOld;
        }
        let ops = self.by_key.iter().filter(|(_, change)| change.last > since);
        Since::Ops(ops.filter_map(|(key, change)| key.visit(NetEffect { since, change, state })).collect())
    }

    /// How many documents a target at watermark `since` lacks.
    #[must_use]
    pub fn dirty_count(&self, since: Seq) -> usize {
        self.by_key.values().filter(|change| change.last > since).count()
    }

    /// Forgets what happened up to and including `passed`: every target has it.
    pub fn forget(&mut self, passed: Seq) {
        if passed > self.floor {
            self.by_key.retain(|_, change| change.last > passed);
            self.floor = passed;
        }
    }
}

struct NetEffect<'a> {
    since: Seq,
    change: &'a Change,
    state: &'a BookState,
}

impl KeyVisitor for NetEffect<'_> {
    type Out = Option<WriteOp>;
    fn visit<D: Document>(self, key: &D::Key) -> Option<WriteOp> {
        let Some(document) = D::table(self.state).get(key) else {
            return Some(D::write_op(Op::Delete { key: key.clone() }));
        };
        if self.change.created > self.since {
            return Some(D::write_op(Op::Upsert(document.clone())));
        }
        let mut set = FieldSet::EMPTY;
        for (bit, field) in (0u32..).zip(&self.change.fields) {
            if *field > self.since {
                set.insert(bit);
            }
        }
        (!set.is_empty())
            .then(|| D::write_op(Op::Update { key: key.clone(), patch: Box::new(document.patch(set)) }))
    }
}
