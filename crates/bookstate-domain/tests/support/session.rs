//! A book under test: persist calls in turn, and in words what each of them writes.

use bookstate_domain::{
    At, BookState, Misuse, Op, OpVisitor, Operation, OperationEvent, Seq, Timestamp,
    document::{Document, Patch},
    persist::{NewBook, NewTocEntry, Ops, TocFound, check},
};

pub(crate) struct Session {
    pub(crate) state: BookState,
    number: u32,
}

struct InWords;

impl OpVisitor for InWords {
    type Out = String;
    fn visit<D: Document>(self, op: &Op<D>) -> String {
        let key = D::any_key(op.key());
        match op {
            Op::Upsert(_) => format!("put {key}"),
            Op::Delete { .. } => format!("delete {key}"),
            Op::Update { patch, .. } => {
                let fields: Vec<_> = patch.values().into_iter().map(|(name, _)| name).collect();
                format!("patch {key}: {}", fields.join(" "))
            }
        }
    }
}

impl Session {
    /// A book id without any document.
    pub(crate) fn nothing() -> Self {
        Self { state: BookState::new("b".parse().unwrap()), number: 0 }
    }

    /// A book of ten pages.
    pub(crate) fn book() -> Self {
        let mut session = Self::nothing();
        session.writes(|s, at| s.persist_book_record(at, NewBook { page_count: 10 }));
        session
    }

    /// A book of ten pages, with these operations complete: each with its smallest result.
    pub(crate) fn with(complete: &[Operation]) -> Self {
        let mut session = Self::book();
        for operation in complete {
            session.start(*operation);
            session.writes(|s, at| match operation {
                Operation::TocFinder => s.persist_toc_finder_result(
                    at,
                    TocFound { start_page: 1, end_page: 2, ..TocFound::default() },
                ),
                Operation::TocExtract => s.persist_toc_entries(at, entries(&["One", "Two", "Three"])),
                operation => s.persist_op_complete(at, *operation),
            });
        }
        session
    }

    pub(crate) fn at(&self) -> At {
        At { seq: Seq::new(self.number + 1).unwrap(), now: Timestamp::from_nanos(i128::from(self.number)) }
    }

    /// A call that is possible: what it writes, in words. Its ops are applied.
    pub(crate) fn writes(
        &mut self,
        call: impl FnOnce(&BookState, &At) -> Result<Ops, Misuse>,
    ) -> Vec<String> {
        let ops = call(&self.state, &self.at()).unwrap();
        check(self.state.book_id(), &ops).unwrap();
        self.number += 1;
        ops.iter().for_each(|op| {
            self.state.apply(op);
        });
        ops.iter().map(|op| op.visit(InWords)).collect()
    }

    /// A call that is not possible, and why.
    pub(crate) fn refuses(&self, call: impl FnOnce(&BookState, &At) -> Result<Ops, Misuse>) -> Misuse {
        call(&self.state, &self.at()).unwrap_err()
    }

    pub(crate) fn start(&mut self, operation: Operation) {
        self.writes(|s, at| s.persist_op_state(at, operation, OperationEvent::Start));
    }
}

pub(crate) fn entries(titles: &[&str]) -> Vec<NewTocEntry> {
    let new = |title: &&str| NewTocEntry { title: (*title).into(), level: 1, ..NewTocEntry::default() };
    titles.iter().map(new).collect()
}

/// Whether a call was refused because of the operation's state.
pub(crate) fn wrong_state(misuse: &Misuse, expected: Operation) -> bool {
    matches!(misuse, Misuse::Operation { operation, .. } if *operation == expected)
}
