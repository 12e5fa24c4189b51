//! What a book's messages make. Pure.

use bookstate_domain::{BookId, BookState, WriteOp};
use bookstate_store::BookSync;

/// A book's messages up to one of them, folded.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    pub(crate) state: BookState,
    /// Where the book stands; none before its first message.
    pub(crate) sync: Option<BookSync>,
    /// The last message.
    pub(crate) seq: u64,
    /// What was folded since the checkpoint, or the beginning.
    pub(crate) since: Amount,
    /// The bytes of the checkpoint.
    pub(crate) base: usize,
}

/// An amount of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Amount {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }
}

/// A message is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Behind this one.
    pub(crate) after: u64,
}

impl Fold {
    /// Nothing.
    pub(crate) fn new(book_id: BookId) -> Self {
        let state = BookState::new(book_id);
        Self { state, sync: None, seq: 0, since: Amount::default(), base: 0 }
    }

    /// Begins with a checkpoint, which covers the messages up to `seq`.
    pub(crate) fn begin(book_id: BookId, seq: u64, sync: BookSync, ops: &[WriteOp], bytes: usize) -> Self {
        let mut fold = Self { sync: Some(sync), seq, base: bytes, ..Self::new(book_id) };
        fold.apply(ops);
        fold
    }

    /// The next message. One that a checkpoint covers is passed over; one that follows none begins the book anew.
    pub(crate) fn next(
        &mut self,
        seq: u64,
        behind: u64,
        sync: BookSync,
        ops: &[WriteOp],
        bytes: usize,
    ) -> Result<(), Hole> {
        if seq <= self.seq {
            return Ok(());
        }
        if behind == 0 {
            // Written when the book had no message: what a checkpoint covers was purged by somebody.
            *self = Self::new(self.state.book_id().clone());
        } else if behind != self.seq {
            return Err(Hole { after: self.seq });
        }
        self.apply(ops);
        (self.seq, self.sync) = (seq, Some(sync));
        self.since.add(bytes);
        Ok(())
    }

    fn apply(&mut self, ops: &[WriteOp]) {
        for op in ops {
            self.state.apply(op);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bookstate_domain::{At, Op, Page, PageKey, PagePatch, Seq, Timestamp};
    use bookstate_store::{StartId, WriterId};
    use proptest::prelude::*;

    use super::*;

    fn id() -> BookId {
        BookId::new("b").unwrap()
    }

    /// Message `n` of a log, with ops of its own.
    fn message(n: u64, pages: &[i32]) -> (u64, BookSync, Vec<WriteOp>) {
        let sync = BookSync {
            writer: WriterId([1; 16]),
            start: StartId(1),
            epoch: bookstate_store::Epoch::NONE,
            write_no: u32::try_from(n).unwrap(),
            token: n,
            persisting_seq: Seq::ZERO,
            persisted_seq: Seq::ZERO,
            parked: Vec::new(),
        };
        let at = At { seq: Seq::ZERO, now: Timestamp::from_nanos(1) };
        let op = |page: &i32| -> WriteOp {
            let key = PageKey { book_id: id(), page_num: page.abs() + 1 };
            match page {
                ..0 => Op::<Page>::Delete { key }.into(),
                0..3 => Op::Upsert(Arc::new(key.document(&at))).into(),
                _ => {
                    let text = Some(Some(format!("{n} {page}").as_str().into()));
                    let patch = PagePatch { ocr_markdown: text, ..PagePatch::default() };
                    Op::<Page>::Update { key, patch: Box::new(patch) }.into()
                }
            }
        };
        (n, sync, pages.iter().map(op).collect())
    }

    /// Folds messages onto `fold`; each is behind the one before it in the whole log.
    fn fold_all(mut fold: Fold, log: &[(u64, u64, BookSync, Vec<WriteOp>)]) -> Result<Fold, Hole> {
        for (seq, behind, sync, ops) in log {
            fold.next(*seq, *behind, sync.clone(), ops, 1)?;
        }
        Ok(fold)
    }

    proptest! {
        /// Whatever a checkpoint covers, and however many covered messages are left, the book is the same; and a message
        /// that is missing behind it is a hole.
        #[test]
        fn a_checkpoint_and_what_follows_it_make_the_book(
            written in prop::collection::vec(prop::collection::vec(-6..8_i32, 0..4), 1..12),
            gaps in prop::collection::vec(1..4_u64, 12),
            covers in 0..12_usize,
            left in 0..12_usize,
            missing in 0..12_usize,
        ) {
            let (mut log, mut seq) = (Vec::new(), 0);
            for (pages, gap) in written.iter().zip(gaps) {
                let behind = seq;
                // Numbers between belong to other books.
                seq += gap;
                let (_, sync, ops) = message(seq, pages);
                log.push((seq, behind, sync, ops));
            }
            let whole = fold_all(Fold::new(id()), &log).unwrap();
            prop_assert_eq!(whole.since.messages, log.len());
            let covers = covers % log.len();
            let covered = fold_all(Fold::new(id()), &log[..=covers]).unwrap();
            let ops: Vec<_> = covered.state.documents().collect();
            let (at, sync) = (covered.seq, covered.sync.clone().unwrap());
            let begin = || Fold::begin(id(), at, sync.clone(), &ops, 7);
            let left = left.min(covers);
            let again = fold_all(begin(), &log[left..]).unwrap();
            prop_assert_eq!(&again.state, &whole.state);
            prop_assert_eq!((again.seq, &again.sync), (whole.seq, &whole.sync));
            prop_assert_eq!((again.since.messages, again.base), (log.len() - 1 - covers, 7));
            // Written anew when nothing was there: what the checkpoint has does not count.
            let anew = (seq + 9, 0, sync.clone(), message(seq + 9, &[2]).2);
            let fresh = fold_all(Fold::new(id()), std::slice::from_ref(&anew)).unwrap();
            prop_assert_eq!(&fold_all(begin(), &[anew]).unwrap().state, &fresh.state);
            // One that is not there, and is not covered; the last one is missed by who looked at the end.
            let missing = covers + 1 + missing;
            if missing + 1 < log.len() {
                let mut log = log.clone();
                let after = log[missing - 1].0;
                log.remove(missing);
                prop_assert_eq!(fold_all(begin(), &log).unwrap_err(), Hole { after });
            }
        }
    }
}
