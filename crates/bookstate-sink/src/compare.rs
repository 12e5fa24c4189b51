//! What a target's copy of a book needs to become the book: the one healing mechanism.

use bookstate_domain::{BookState, CollectionVisitor, Document, Op, WriteOp, collections::Collection};

/// The ops that turn `theirs` into `ours`: puts for what is missing or differs, deletes for what should not
/// be there. Whole documents, never patches: what is there is not trusted field by field.
///
/// ```
/// use bookstate_domain::{At, BookId, BookState, Seq, Timestamp, persist::NewBook};
/// use bookstate_sink::compare;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ours = BookState::new(BookId::new("moby-dick")?);
/// let mut theirs = ours.clone();
/// let at = At { seq: Seq::ZERO, now: Timestamp::from_nanos(0) };
/// for op in ours.persist_book_record(&at, NewBook { page_count: 635 })? {
///     ours.apply(&op);
/// }
/// for op in compare(&ours, Some(&theirs)) {
///     theirs.apply(&op);
/// }
/// assert!(compare(&ours, Some(&theirs)).is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn compare(ours: &BookState, theirs: Option<&BookState>) -> Vec<WriteOp> {
    let Some(theirs) = theirs else { return ours.documents().collect() };
    let mut comparison = Comparison { ours, theirs, ops: Vec::new() };
    Collection::each(&mut comparison);
    comparison.ops
}

struct Comparison<'a> {
    ours: &'a BookState,
    theirs: &'a BookState,
    ops: Vec<WriteOp>,
}

impl CollectionVisitor for Comparison<'_> {
    fn visit<D: Document>(&mut self) {
        let (ours, theirs) = (D::table(self.ours), D::table(self.theirs));
        for (key, document) in ours {
            if theirs.get(key).is_none_or(|copy| **copy != **document) {
                self.ops.push(D::write_op(Op::Upsert(document.clone())));
            }
        }
        for key in theirs.keys().filter(|key| !ours.contains_key(key)) {
            self.ops.push(D::write_op(Op::Delete { key: key.clone() }));
        }
    }
}
