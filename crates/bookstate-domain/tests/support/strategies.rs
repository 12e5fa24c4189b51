//! Strategies for documents and ops of every collection, from the field tables alone, so that a new field
//! or collection is covered without a change here.
//!
//! Each column has a pool: the values of [`candidates`] that the document takes there. Keys have few values,
//! so that the ops of a run meet each other.

use std::sync::LazyLock;

use bookstate_domain::{
    BookState, Collection, CollectionVisitor, Op, Seq, WriteOp,
    document::{Document, FieldSet},
    value::{Kind, Value, ValueError},
};
use proptest::{
    prelude::*,
    sample::Index,
    strategy::{SBoxedStrategy, Union},
};

/// The book of every document here.
pub(crate) const BOOK: &str = "b";

/// Values to try in a column of a kind. A new enum or JSON type needs its words or texts here; a test says so.
fn candidates(kind: Kind) -> Vec<Value> {
    let texts: &[&str] = match kind {
        Kind::Text => &[
            "b",
            "x",
            "",
            "a/b",
            "ß \"\u{1f4d6}\"\n",
            "0000",
            "0012",
            "discovered:2_7",
            "discovered:-1_a_b/c",
            "validated:3-9",
            "orphan:4",
            "ingested",
            "complete",
            "build",
            "polish",
            "front_matter",
            "body",
            "toc_finder",
            "gap_investigator",
            "standard",
            "ocr-only",
            "queued",
            "failed",
            "metadata",
            "ocr",
            "pattern",
            "done",
            "extracted",
            "discovered",
        ],
        Kind::Time => &["2026-11-25T00:00:00.000000001Z", "1969-07-20T20:17:40Z", "-009999-01-02T01:59:59Z"],
        Kind::TextList => &["[]", "[\"a\"]", "[\"a\",\"\",\"ü\"]"],
        Kind::Json => &[
            "[]",
            r#"[{"level":1,"text":"A","line":0},{"level":2,"text":"","line":-1}]"#,
            r#"{"ocr":["one","two"],"analysis":"local"}"#,
            r#"{"ocr":[],"analysis":""}"#,
            r#"{"entries":3,"levels":2,"page_numbers":true,"number_style":"roman","note":"n"}"#,
            r#"{"entries":0,"levels":0,"page_numbers":false,"number_style":"","note":""}"#,
            r#"{"patterns":[{"word":"Chapter","style":"roman","level":1,"first":1,"last":9}],
                "excluded_ranges":[{"start_page":1,"end_page":2,"reason":"r"}],
                "entries_to_find":[{"identifier":"7","level":1,"level_name":null,"heading":"Chapter 7",
                    "from_page":3,"to_page":9}],
                "gaps":[{"key":"3-9","from_page":3,"to_page":9}],"reasoning":""}"#,
            r#"{"patterns":[],"excluded_ranges":[],"entries_to_find":[],"reasoning":"none"}"#,
            r#"[["paragraph",1],[{"code":{"language":"rust"}},4]]"#,
            r#"[{"mark":"1","text":"A note.","page":3,"at":2},{"mark":"","text":"n","page":4}]"#,
            r#"[{"provider":"one","retries":3},{"provider":"two","retries":10}]"#,
            r#"[{"page":3,"reason":"running_head","text":"A HEAD"}]"#,
        ],
        Kind::Int | Kind::Float | Kind::Bool => &[],
    };
    let mut values = vec![Value::Null];
    values.extend(texts.iter().map(|text| Value::Text((*text).into())));
    match kind {
        Kind::Int => values.extend([0, 1, 2, i64::from(i32::MAX), -3, i64::from(i32::MIN)].map(Value::Int)),
        Kind::Float => {
            let floats = [0.5, -0.0, 0.1 + 0.2, 1.0 / 3.0, 2.2e-308, f64::MAX, 1e-7 / 3.0];
            values.extend(floats.map(Value::Float));
        }
        Kind::Bool => values.extend([true, false].map(Value::Bool)),
        _ => {}
    }
    values
}

/// The values that `D` takes, column by column.
pub(crate) fn pools<D: Document>() -> Vec<Vec<Value>> {
    let mut row = vec![Value::Null; D::COLUMNS.len()];
    let mut pools = Vec::new();
    for (i, column) in D::COLUMNS.iter().enumerate() {
        let mut pool = candidates(column.kind);
        pool.retain(|value| {
            row[i] = value.clone();
            !matches!(D::from_values(row.clone()),
                Err(ValueError::WrongKind { field, .. }) if field == column.name)
        });
        if column.name == "book_id" {
            pool = vec![Value::Text(BOOK.into())];
        } else if column.key {
            pool.retain(|value| *value != Value::Null);
            pool.truncate(3);
        }
        row[i] = pool.first().expect("a column takes some candidate").clone();
        pools.push(pool);
    }
    pools
}

/// A document of one collection.
pub(crate) fn document<D: Document>() -> SBoxedStrategy<D> {
    let pools = pools::<D>();
    prop::collection::vec(any::<Index>(), pools.len())
        .prop_map(move |picks| {
            let row = pools.iter().zip(picks).map(|(pool, pick)| pick.get(pool).clone()).collect();
            D::from_values(row).expect("a row from the pools is a document")
        })
        .sboxed()
}

/// A set of fields of one collection.
pub(crate) fn fields<D: Document>() -> impl Strategy<Value = FieldSet> {
    let columns = D::COLUMNS.iter().filter(|column| !column.key).count();
    prop::collection::vec(any::<bool>(), columns).prop_map(|chosen| {
        let mut set = FieldSet::EMPTY;
        (0u32..).zip(chosen).filter(|(_, yes)| *yes).for_each(|(bit, _)| set.insert(bit));
        set
    })
}

fn op<D: Document>() -> SBoxedStrategy<WriteOp> {
    prop_oneof![
        3 => document::<D>().prop_map(|document| D::write_op(Op::Upsert(document.into()))),
        4 => (document::<D>(), fields::<D>()).prop_map(|(document, set)| D::write_op(Op::Update {
            key: document.key(),
            patch: Box::new(document.patch(set)),
        })),
        2 => document::<D>().prop_map(|document| D::write_op(Op::Delete { key: document.key() })),
    ]
    .sboxed()
}

struct EveryOp(Vec<SBoxedStrategy<WriteOp>>);

impl CollectionVisitor for EveryOp {
    fn visit<D: Document>(&mut self) {
        self.0.push(op::<D>());
    }
}

/// Per collection. Made once: filling the pools takes longer than a case.
static OPS: LazyLock<Vec<SBoxedStrategy<WriteOp>>> = LazyLock::new(|| {
    let mut every = EveryOp(Vec::new());
    Collection::each(&mut every);
    every.0
});

/// Ops of one collection, or of all of them.
pub(crate) fn ops_of(collection: usize) -> SBoxedStrategy<WriteOp> {
    match OPS.get(collection) {
        Some(one) => one.clone(),
        None => Union::new(OPS.iter().cloned()).sboxed(),
    }
}

/// A run of ops. Often of one collection only, where ops meet each other more.
pub(crate) fn run(length: usize) -> impl Strategy<Value = Vec<WriteOp>> {
    (0..2 * Collection::ALL.len()).prop_flat_map(move |c| prop::collection::vec(ops_of(c), 0..length))
}

/// The state after these ops, from `start`.
pub(crate) fn fold<'a>(start: &BookState, ops: impl IntoIterator<Item = &'a WriteOp>) -> BookState {
    let mut state = start.clone();
    for op in ops {
        state.apply(op);
    }
    state
}

/// A book without documents.
pub(crate) fn empty() -> BookState {
    BookState::new(BOOK.parse().expect("an id"))
}

/// The seq of this number.
pub(crate) fn seq(number: usize) -> Seq {
    Seq::new(u32::try_from(number).expect("a small number")).expect("a seq")
}
