//! The order of a batch's ops: content before the flags that vouch for it.
//!
//! An outside reader may look between two chunks. It must not see `ocr_complete` before the text, or a
//! finished structure before its chapters. So content goes first and flags last; flags that are withdrawn go
//! before the content that they vouched for; a new Book is created first, so that what belongs to it has
//! something to belong to. (While a batch is under way the book is in flux anyway: `persisting_seq` differs
//! from `persisted_seq`.)

use bookstate_domain::{Collection, Document, Op, OpVisitor, Patch, WriteOp, value::Value};

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

/// Sorts a batch; the order among equals is by key, so that the same batch is always the same chunks.
pub(crate) fn sort(ops: &mut [WriteOp]) {
    ops.sort_by_cached_key(|op| (op.visit(RankOf), op.key()));
}

struct RankOf;

impl OpVisitor for RankOf {
    type Out = Rank;
    fn visit<D: Document>(self, op: &Op<D>) -> Rank {
        match op {
            Op::Upsert(_) if D::COLLECTION == Collection::Book => return Rank::NewBook,
            Op::Update { patch, .. } if withdraws::<D>(patch) => return Rank::Withdrawal,
            _ => {}
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
