//! The order of a batch's ops: content before the flags that vouch for it.
//!
//! An outside reader may look between two chunks. It must not see `ocr_complete` before the text, or a
//! finished structure before its chapters. So content goes first and flags last; flags that are withdrawn go
//! before the content that they vouched for. A Book that is put whole goes first, so that what belongs to it has
//! something to belong to, and if it vouches for anything it goes first without that, and as it is at the end.
//! (While a batch is under way the book is in flux anyway: `persisting_seq` differs from `persisted_seq`.)

use std::sync::Arc;

use bookstate_domain::{Book, BookStatus, Collection, Document, Op, OpVisitor, Patch, WriteOp, value::Value};

/// Where in a batch an op belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    NewBook,
    Withdrawal,
    Content,
    Page,
    Structure,
    Toc,
    Job,
    Book,
    Metric,
}

/// A batch in order; that among equals is by key, so that the same batch is always the same chunks. A Book that
/// vouches for something is there twice.
pub(crate) fn ordered(mut ops: Vec<WriteOp>) -> Vec<WriteOp> {
    let first: Vec<WriteOp> = ops.iter().filter_map(unfinished).collect();
    ops.extend(first);
    ops.sort_by_cached_key(|op| (rank(op), op.key()));
    ops
}

/// The put of a Book that vouches for something, without that.
fn unfinished(op: &WriteOp) -> Option<WriteOp> {
    let WriteOp::Book(Op::Upsert(book)) = op else { return None };
    vouches(book).then(|| {
        let mut unfinished = Book::clone(book);
        unfinished.metadata_complete = false;
        unfinished.structure_complete = false;
        unfinished.status = Some(BookStatus::Processing);
        WriteOp::Book(Op::Upsert(Arc::new(unfinished)))
    })
}

/// Whether a Book says that something is done.
fn vouches(book: &Book) -> bool {
    let is_done = matches!(book.status, Some(BookStatus::Complete | BookStatus::Degraded));
    is_done || book.metadata_complete || book.structure_complete
}

fn rank(op: &WriteOp) -> Rank {
    match op {
        WriteOp::Book(Op::Upsert(book)) if !vouches(book) => Rank::NewBook,
        _ => op.visit(RankOf),
    }
}

struct RankOf;

impl OpVisitor for RankOf {
    type Out = Rank;
    fn visit<D: Document>(self, op: &Op<D>) -> Rank {
        if let Op::Update { patch, .. } = op
            && withdraws::<D>(patch)
        {
            return Rank::Withdrawal;
        }
        match D::COLLECTION {
            Collection::OcrResult | Collection::AgentState => Rank::Content,
            Collection::Page => Rank::Page,
            Collection::TocEntry | Collection::Chapter => Rank::Structure,
            Collection::Toc => Rank::Toc,
            Collection::Job => Rank::Job,
            Collection::Metric => Rank::Metric,
            // Book, and any collection that is added and not yet placed.
            _ => Rank::Book,
        }
    }
}

/// Whether a patch takes back a flag (`…_complete`, `toc_found`) and sets none.
fn withdraws<D: Document>(patch: &D::Patch) -> bool {
    let is_flag = |name: &str| name.ends_with("_complete") || name == "toc_found";
    let mut withdrawn = false;
    for (name, value) in patch.values() {
        match value {
            Value::Bool(true) if is_flag(name) => return false,
            Value::Bool(false) if is_flag(name) => withdrawn = true,
            _ => {}
        }
    }
    withdrawn
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{At, BookId, BookKey, PageKey, Seq, Timestamp};

    use super::*;

    /// A reader between two chunks of a book that was complete before the process began.
    #[test]
    fn a_book_is_complete_after_its_content() {
        let at = At { seq: Seq::ZERO, now: Timestamp::from_nanos(0) };
        let book_id = BookId::new("b").unwrap();
        let mut book = BookKey { book_id: book_id.clone() }.document(&at);
        book.structure_complete = true;
        book.status = Some(BookStatus::Complete);
        let page = PageKey { book_id, page_num: 1 }.document(&at);
        let page = WriteOp::from(Op::Upsert(Arc::new(page)));
        let complete = WriteOp::from(Op::Upsert(Arc::new(book.clone())));
        let ordered = ordered(vec![complete.clone(), page.clone()]);
        assert_eq!((ordered.len(), &ordered[1], &ordered[2]), (3, &page, &complete));
        let WriteOp::Book(Op::Upsert(first)) = &ordered[0] else { panic!("{ordered:?}") };
        assert!(!vouches(first));
        // One that vouches for nothing goes once.
        let begun = WriteOp::from(Op::Upsert(first.clone()));
        assert_eq!(super::ordered(vec![page.clone(), begun.clone()]), [begun, page]);
    }
}
