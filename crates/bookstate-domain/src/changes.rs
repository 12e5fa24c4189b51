//! What changed since when: the one answer to "what does a target lack".
//!
//! A log of which commit created, deleted or changed which fields of which document, in the order of the commits. So
//! any number of targets, each with its own watermark, are served from one structure; a batch is *computed* from the
//! end of the log behind a watermark ([`Changes::since`]), never queued. The net effect of a run of commits on one
//! document is exactly one op: delete, put or patch.
//!
//! [`record`](Changes::record) is on the path of every persist call, so it appends and looks nothing up. The log is
//! bounded by the documents and their fields all the same: when it has doubled, what later events outweigh is left
//! out. Its full parts are shared between copies, so that a copy is cheap, and whoever answers what a target lacks
//! can do it on a copy, without the lock of the book.
//!
//! Deleted documents stay here (as seqs, without content) until [`Changes::forget`] is told that every
//! target has passed them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::{
    AnyKey, BookState, Effect, Op, Seq, WriteOp,
    collections::KeyVisitor,
    document::{Document, FieldSet},
};

/// Events in a shared part of the log.
const PART: usize = 64;

/// The log is not looked through for what can be left out before it has so many parts.
const FEW_PARTS: usize = 16;

/// What one commit did to one document.
#[derive(Debug, Clone)]
struct Event {
    seq: Seq,
    key: AnyKey,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// It was created or deleted. A target that has not passed this has no document, or an earlier incarnation of
    /// it: only a put makes that right, since a patch would leave fields of the earlier one in place.
    Whole,
    /// These fields were set.
    Fields(FieldSet),
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
    /// Full parts of the log, oldest first, none of them empty.
    parts: VecDeque<Arc<Vec<Event>>>,
    /// The end of the log, shorter than a part.
    end: Vec<Event>,
    /// At so many parts the log is looked through for what can be left out.
    many: usize,
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
        Self { floor, parts: VecDeque::new(), end: Vec::new(), many: FEW_PARTS }
    }

    /// What a reload knows: the documents that changed above `floor`, deleted ones included, each wholly at the seq of
    /// its last change. What is not above the floor is passed over.
    #[must_use]
    pub fn reloaded(floor: Seq, changed: impl IntoIterator<Item = (AnyKey, Seq)>) -> Self {
        let mut changed: Vec<_> = changed.into_iter().filter(|(_, seq)| *seq > floor).collect();
        changed.sort_unstable_by_key(|(_, seq)| *seq);
        let mut changes = Self::new(floor);
        for (key, seq) in changed {
            changes.push(Event { seq, key, what: What::Whole });
        }
        changes
    }

    /// The seq up to which (and including) nothing is remembered.
    #[must_use]
    pub const fn floor(&self) -> Seq {
        self.floor
    }

    /// Records what commit `seq` did to `key`. Seqs never go down.
    pub fn record(&mut self, seq: Seq, key: AnyKey, effect: Effect) {
        let what = match effect {
            Effect::NothingThere => return,
            Effect::Created | Effect::Removed => What::Whole,
            Effect::Changed(set) if set.is_empty() => return,
            Effect::Changed(set) => What::Fields(set),
        };
        self.push(Event { seq, key, what });
        if self.parts.len() >= self.many {
            self.leave_out();
        }
    }

    fn push(&mut self, event: Event) {
        self.end.push(event);
        if self.end.len() == PART {
            let full = std::mem::replace(&mut self.end, Vec::with_capacity(PART));
            self.parts.push_back(Arc::new(full));
        }
    }

    /// Leaves out what later events outweigh: no answer changes.
    fn leave_out(&mut self) {
        /// What later events say of a document.
        #[derive(Default)]
        struct Later {
            whole: bool,
            fields: FieldSet,
        }
        let mut later: HashMap<&AnyKey, Later> = HashMap::new();
        let mut kept = Vec::new();
        for event in self.events(self.floor).rev() {
            let later = later.entry(&event.key).or_default();
            let what = match event.what {
                _ if later.whole => continue,
                What::Whole => {
                    later.whole = true;
                    What::Whole
                }
                What::Fields(set) => {
                    let rest = set.without(later.fields);
                    if rest.is_empty() {
                        continue;
                    }
                    later.fields = later.fields.with(rest);
                    What::Fields(rest)
                }
            };
            kept.push(Event { seq: event.seq, key: event.key.clone(), what });
        }
        let mut changes = Self::new(self.floor);
        kept.into_iter().rev().for_each(|event| changes.push(event));
        changes.many = FEW_PARTS.max(2 * changes.parts.len());
        *self = changes;
    }

    /// The events behind a watermark, in order.
    fn events(&self, since: Seq) -> impl DoubleEndedIterator<Item = &Event> {
        let passed = self.passed_parts(since);
        let parts = self.parts.range(passed..).flat_map(|part| part.iter());
        parts.chain(&self.end).filter(move |event| event.seq > since)
    }

    /// How many parts have nothing behind a watermark.
    fn passed_parts(&self, since: Seq) -> usize {
        self.parts.partition_point(|part| part.last().is_none_or(|event| event.seq <= since))
    }

    /// What happened behind a watermark only: a copy that costs little, to be asked later or elsewhere what
    /// [`since`](Self::since) that watermark is lacking.
    #[must_use]
    pub fn behind(&self, since: Seq) -> Self {
        let floor = since.max(self.floor);
        Self {
            floor,
            parts: self.parts.range(self.passed_parts(floor)..).cloned().collect(),
            end: self.end.iter().filter(|event| event.seq > floor).cloned().collect(),
            many: self.many,
        }
    }

    /// What a target at watermark `since` lacks, given the present `state`.
    #[must_use]
    pub fn since(&self, since: Seq, state: &BookState) -> Since {
        if since < self.floor {
            return Since::TooOld;
        }
        let mut net: HashMap<&AnyKey, What> = HashMap::new();
        for event in self.events(since) {
            net.entry(&event.key).and_modify(|what| *what = what.then(event.what)).or_insert(event.what);
        }
        Since::Ops(net.into_iter().map(|(key, what)| key.visit(NetEffect { what, state })).collect())
    }

    /// How many documents a target at watermark `since` lacks.
    #[must_use]
    pub fn dirty_count(&self, since: Seq) -> usize {
        self.events(since).map(|event| &event.key).collect::<HashSet<_>>().len()
    }

    /// Forgets what happened up to and including `passed`: every target has it.
    pub fn forget(&mut self, passed: Seq) {
        if passed <= self.floor {
            return;
        }
        self.floor = passed;
        self.parts.drain(..self.passed_parts(passed));
        self.end.drain(..self.end.partition_point(|event| event.seq <= passed));
        self.many = self.many.min(FEW_PARTS.max(2 * self.parts.len()));
    }
}

impl What {
    /// Both, one after the other.
    fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Fields(earlier), Self::Fields(later)) => Self::Fields(earlier.with(later)),
            _ => Self::Whole,
        }
    }
}

struct NetEffect<'a> {
    what: What,
    state: &'a BookState,
}

impl KeyVisitor for NetEffect<'_> {
    type Out = WriteOp;
    fn visit<D: Document>(self, key: &D::Key) -> WriteOp {
        let Some(document) = D::table(self.state).get(key) else {
            return D::write_op(Op::Delete { key: key.clone() });
        };
        match self.what {
            What::Whole => D::write_op(Op::Upsert(document.clone())),
            What::Fields(set) => {
                D::write_op(Op::Update { key: key.clone(), patch: Box::new(document.patch(set)) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Book, BookId, BookKey, Page, PageKey};

    fn seq(number: u32) -> Seq {
        Seq::new(number).unwrap()
    }

    fn fields(bits: &[u32]) -> Effect {
        let mut set = FieldSet::EMPTY;
        bits.iter().for_each(|bit| set.insert(*bit));
        Effect::Changed(set)
    }

    /// Many commits on few documents, nothing forgotten: a target that is down for days.
    #[test]
    fn what_is_remembered_is_bounded_by_the_documents() {
        let book_id = BookId::new("b").unwrap();
        let book = Book::any_key(BookKey { book_id: book_id.clone() });
        let page = |page_num| Page::any_key(PageKey { book_id: book_id.clone(), page_num });
        let mut changes = Changes::new(Seq::ZERO);
        let count = |changes: &Changes| changes.events(Seq::ZERO).count();
        for number in 1..=200_000 {
            changes.record(seq(number), book.clone(), fields(&[number % 3, 5]));
            changes.record(seq(number), page(1 + (number % 50).cast_signed()), fields(&[number % 2]));
            if number % 1000 == 0 {
                assert!(count(&changes) <= FEW_PARTS * PART, "{}", count(&changes));
            }
        }
        assert_eq!(changes.dirty_count(Seq::ZERO), 51);
        assert_eq!(changes.dirty_count(seq(199_999)), 2);
        // What is left is exact: the field that changed last, and no other.
        changes.leave_out();
        let last: Vec<_> = changes.events(seq(199_999)).collect();
        assert!(matches!(last[0].what, What::Fields(set) if set.iter().eq([200_000 % 3, 5])), "{last:?}");
    }

    #[test]
    fn a_copy_shares_the_full_parts_and_has_nothing_from_before_the_watermark() {
        let book_id = BookId::new("b").unwrap();
        let mut changes = Changes::new(Seq::ZERO);
        for number in 1..=900 {
            let key = PageKey { book_id: book_id.clone(), page_num: number };
            changes.record(seq(number.cast_unsigned()), Page::any_key(key), Effect::Created);
        }
        let copy = changes.behind(seq(700));
        assert_eq!((copy.dirty_count(seq(700)), copy.dirty_count(Seq::ZERO)), (200, 900 - 700 / 64 * 64));
        assert!(copy.parts.iter().all(|part| changes.parts.iter().any(|whole| Arc::ptr_eq(whole, part))));
        let state = BookState::new(book_id);
        assert_eq!(copy.since(seq(699), &state), Since::TooOld);
        changes.forget(seq(800));
        assert_eq!((changes.dirty_count(seq(800)), changes.floor()), (100, seq(800)));
        assert_eq!(changes.behind(seq(700)).since(seq(700), &state), Since::TooOld);
    }
}
