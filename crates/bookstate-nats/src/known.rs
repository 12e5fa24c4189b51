//! What is believed of the books in the stream: the last message of each, and which documents it has.
//!
//! Only a belief: a chunk is published with it, and the stream refuses what does not follow its own last message.

use std::collections::{HashMap, HashSet};

use bookstate_domain::{AnyKey, BookId, OpShape, WriteOp};
use bookstate_store::{BookSync, TargetError, WriteMark};
use parking_lot::Mutex;

use crate::{
    compaction::Growth,
    fold::{Amount, Fold},
};

/// How many keys are remembered, of all books together, before books are forgotten.
const MOST_KEYS: usize = 500_000;

/// A book as it is believed to be.
#[derive(Debug)]
pub(crate) struct KnownBook {
    /// Its last message; 0 when it has none.
    pub(crate) seq: u64,
    /// Where it stands.
    pub(crate) sync: Option<BookSync>,
    /// Its documents; `None` when that is not known.
    pub(crate) keys: Option<HashSet<AnyKey>>,
    /// What was written since its last checkpoint, as far as it is known.
    pub(crate) since: Amount,
    /// The bytes of its last checkpoint, as far as they are known.
    pub(crate) base: usize,
}

impl KnownBook {
    /// A book that the stream does not have.
    pub(crate) fn absent() -> Self {
        Self { seq: 0, sync: None, keys: Some(HashSet::new()), since: Amount::default(), base: 0 }
    }

    /// A book of which only the last message was looked at.
    pub(crate) fn of_tail(seq: u64, sync: BookSync) -> Self {
        Self { seq, sync: Some(sync), keys: None, since: Amount::default(), base: 0 }
    }

    /// A book that was read whole.
    pub(crate) fn of_fold(fold: &Fold) -> Self {
        let keys = fold.state.documents().map(|op| op.key()).collect();
        let Fold { seq, ref sync, since, base, .. } = *fold;
        Self { seq, sync: sync.clone(), keys: Some(keys), since, base }
    }

    /// Where a chunk must be put.
    fn position(&self) -> Position {
        Position { seq: self.seq, mark: self.sync.as_ref().map(BookSync::mark) }
    }

    /// Which documents come and go with these ops; `None` when it is not known what there is.
    ///
    /// # Errors
    /// One of them patches a document that is not there.
    fn changes(&self, ops: &[WriteOp]) -> Result<Option<HashMap<AnyKey, bool>>, TargetError> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let mut changes = HashMap::new();
        for op in ops {
            let key = op.key();
            match op.shape() {
                OpShape::Upsert => drop(changes.insert(key, true)),
                OpShape::Delete => drop(changes.insert(key, false)),
                OpShape::Update => {
                    if !changes.get(&key).copied().unwrap_or_else(|| keys.contains(&key)) {
                        return Err(TargetError::Missing { key });
                    }
                }
            }
        }
        Ok(Some(changes))
    }
}

/// Where a chunk must be put: behind this message, which made this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) mark: Option<WriteMark>,
}

/// What a chunk does to what is known, once it is taken.
#[derive(Debug)]
pub(crate) struct Written {
    behind: u64,
    changes: Option<HashMap<AnyKey, bool>>,
}

/// What is known of each book.
#[derive(Debug, Default)]
pub(crate) struct Known {
    books: Mutex<HashMap<BookId, KnownBook>>,
}

impl Known {
    pub(crate) fn position(&self, id: &BookId) -> Option<Position> {
        self.books.lock().get(id).map(KnownBook::position)
    }

    /// What a chunk's ops will do, if they follow this position. `None` when more must be known first.
    ///
    /// # Errors
    /// One of them patches a document that is not there.
    pub(crate) fn plan(
        &self,
        id: &BookId,
        position: Position,
        ops: &[WriteOp],
    ) -> Result<Option<Written>, TargetError> {
        let books = self.books.lock();
        let Some(book) = books.get(id).filter(|book| book.position() == position) else { return Ok(None) };
        let changes = book.changes(ops)?;
        // A patch needs its document; and whether any is left behind a delete must be known.
        let all_puts = ops.iter().all(|op| op.shape() == OpShape::Upsert);
        Ok((changes.is_some() || all_puts).then_some(Written { behind: position.seq, changes }))
    }

    /// A chunk was taken. Returns what the book's log has grown to, when it has to be looked at.
    pub(crate) fn written(
        &self,
        id: &BookId,
        written: Written,
        seq: u64,
        sync: &BookSync,
        bytes: usize,
    ) -> Growth {
        let mut books = self.books.lock();
        // Another chunk may have been first to say what is known; this one's seq is then not the last.
        let Some(book) = books.get_mut(id).filter(|book| book.seq == written.behind) else {
            return Growth::default();
        };
        (book.seq, book.sync) = (seq, Some(sync.clone()));
        match (&mut book.keys, written.changes) {
            (Some(keys), Some(changes)) => {
                for (key, present) in changes {
                    let _: bool = if present { keys.insert(key) } else { keys.remove(&key) };
                }
            }
            (keys, _) => *keys = None,
        }
        book.since.add(bytes);
        let removed = book.keys.as_ref().is_some_and(HashSet::is_empty);
        Growth { since: book.since, base: book.base, removed }
    }

    /// A checkpoint was written.
    pub(crate) fn compacted(&self, id: &BookId, bytes: usize) {
        if let Some(book) = self.books.lock().get_mut(id) {
            (book.since, book.base) = (Amount::default(), bytes);
        }
    }

    pub(crate) fn set(&self, id: &BookId, book: KnownBook) {
        let mut books = self.books.lock();
        books.insert(id.clone(), book);
        let keys = |book: &KnownBook| book.keys.as_ref().map_or(0, HashSet::len);
        if books.values().map(keys).sum::<usize>() > MOST_KEYS {
            books.retain(|other, _| other == id);
        }
    }

    pub(crate) fn forget(&self, id: &BookId) {
        self.books.lock().remove(id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bookstate_domain::{At, Op, Page, PageKey, PagePatch, Seq, Timestamp};
    use bookstate_store::{StartId, WriterId};

    use super::*;

    fn id() -> BookId {
        BookId::new("b").unwrap()
    }

    fn key(page_num: i32) -> PageKey {
        PageKey { book_id: id(), page_num }
    }

    fn put(page_num: i32) -> WriteOp {
        let at = At { seq: Seq::ZERO, now: Timestamp::from_nanos(1) };
        Op::Upsert(Arc::new(key(page_num).document(&at))).into()
    }

    fn patch(page_num: i32) -> WriteOp {
        let patch = PagePatch { ocr_markdown: Some(Some("x".into())), ..PagePatch::default() };
        Op::<Page>::Update { key: key(page_num), patch: Box::new(patch) }.into()
    }

    fn delete(page_num: i32) -> WriteOp {
        Op::<Page>::Delete { key: key(page_num) }.into()
    }

    fn sync(write_no: u32) -> BookSync {
        BookSync {
            writer: WriterId([1; 16]),
            start: StartId(1),
            epoch: bookstate_store::Epoch::NONE,
            write_no,
            token: u64::from(write_no),
            persisting_seq: Seq::ZERO,
            persisted_seq: Seq::ZERO,
            parked: Vec::new(),
        }
    }

    /// Writes a chunk, as the stream would take it.
    fn write(known: &Known, seq: u64, ops: &[WriteOp]) -> Result<(), TargetError> {
        let position = known.position(&id()).unwrap();
        let written = known.plan(&id(), position, ops)?.expect("more must be known");
        known.written(&id(), written, seq, &sync(u32::try_from(seq).unwrap()), 10);
        Ok(())
    }

    #[test]
    fn a_patch_needs_a_document_that_is_there_or_comes_before_it() {
        let known = Known::default();
        known.set(&id(), KnownBook::absent());
        let missing = |page_num| Err(TargetError::Missing { key: AnyKey::Page(key(page_num)) });
        assert_eq!(write(&known, 1, &[patch(1)]), missing(1));
        assert_eq!(write(&known, 1, &[put(1), patch(1)]), Ok(()));
        assert_eq!(write(&known, 2, &[delete(1), patch(1)]), missing(1));
        assert_eq!(write(&known, 2, &[patch(1), put(2), delete(1)]), Ok(()));
        assert_eq!(write(&known, 3, &[patch(2)]), Ok(()));
        assert_eq!(write(&known, 4, &[patch(1)]), missing(1));
    }

    #[test]
    fn what_a_book_has_is_not_looked_up_for_puts() {
        let known = Known::default();
        known.set(&id(), KnownBook::of_tail(7, sync(1)));
        let position = known.position(&id()).unwrap();
        assert!(known.plan(&id(), position, &[patch(1)]).unwrap().is_none());
        assert!(known.plan(&id(), position, &[delete(1)]).unwrap().is_none());
        assert_eq!(write(&known, 8, &[put(1), put(2)]), Ok(()));
        // Also a document that was just put: what else there is is not known.
        let position = known.position(&id()).unwrap();
        assert!(known.plan(&id(), position, &[patch(1)]).unwrap().is_none());
    }

    #[test]
    fn of_two_chunks_in_one_place_the_later_word_changes_nothing() {
        let known = Known::default();
        known.set(&id(), KnownBook::absent());
        let position = known.position(&id()).unwrap();
        let [first, second] = [1, 2].map(|page| known.plan(&id(), position, &[put(page)]).unwrap().unwrap());
        known.written(&id(), first, 5, &sync(5), 10);
        known.written(&id(), second, 6, &sync(6), 10);
        assert_eq!(known.position(&id()), Some(Position { seq: 5, mark: Some(sync(5).mark()) }));
        // A plan for what is not the case any more is none.
        assert!(known.plan(&id(), position, &[]).unwrap().is_none());
    }
}
