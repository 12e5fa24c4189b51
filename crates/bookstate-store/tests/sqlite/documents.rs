//! Arbitrary documents of every collection, made from the field tables, so that a new field or collection is
//! covered without a change here. Only the words and the shapes of JSON that types insist on are listed.

use std::sync::Arc;

use bookstate_domain::document::{Column, Document, FieldSet};
use bookstate_domain::value::{Kind, Value, ValueError};
use bookstate_domain::{
    AgentType, BookState, BookStatus, Collection, CollectionVisitor, EntrySource, JobStatus, MatterType, Op,
    OpVisitor, StructurePhase, Timestamp, Variant, WriteOp,
};
use proptest::prelude::*;

use super::book_id;

/// Candidates for one column, in the order in which they are tried.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    number: i32,
    float: f64,
    truth: bool,
    list: Vec<String>,
    nanos: i128,
    null: bool,
    pick: usize,
}

fn cell() -> impl Strategy<Value = Cell> {
    let text = prop_oneof![
        any::<String>(),
        "[a-c]{0,2}",
        Just("it's \"quoted\"; DROP TABLE \"Page\"; --".to_owned()),
        Just("nul\0 and \u{10ffff}\r\n/".to_owned()),
        (3000..5000usize).prop_map(|length| "x".repeat(length)),
    ];
    let float = prop_oneof![-1e300..1e300, Just(0.0), Just(2.0), Just(f64::MIN_POSITIVE)];
    (
        text,
        prop_oneof![any::<i32>(), 0..4],
        float,
        any::<bool>(),
        prop::collection::vec(any::<String>(), 0..3),
        -60_000_000_000_000_000_000i128..250_000_000_000_000_000_000,
        prop::bool::weighted(0.2),
        any::<usize>(),
    )
        .prop_map(|(text, number, float, truth, list, nanos, null, pick)| Cell {
            text,
            number,
            float,
            truth,
            list,
            nanos,
            null,
            pick,
        })
}

impl Cell {
    fn candidates(&self, column: &Column) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.into());
        if column.name == "book_id" {
            return vec![text(book_id().as_str())];
        }
        if self.null && !column.key {
            return vec![Value::Null, text("")];
        }
        let mut candidates = match column.kind {
            // Keys have few values, so that they meet.
            Kind::Text if column.key => vec![text(&self.text.chars().take(60).collect::<String>())],
            Kind::Int if column.key => vec![Value::Int(i64::from(self.number.rem_euclid(4)))],
            Kind::Text => vec![text(&self.text)],
            Kind::Int => {
                vec![Value::Int(i64::from(self.number)), Value::Int(i64::from(self.number) & 0xffff)]
            }
            Kind::Float => vec![Value::Float(self.float)],
            Kind::Bool => vec![Value::Bool(self.truth)],
            Kind::TextList => vec![text(&serde_json::to_string(&self.list).unwrap())],
            Kind::Time => vec![text(&Timestamp::from_nanos(self.nanos).to_string())],
            Kind::Json => self.json().iter().map(|json| text(&json.to_string())).collect(),
        };
        if column.kind == Kind::Text {
            let mut words = words();
            let shift = self.pick % words.len();
            words.rotate_left(shift);
            candidates.extend(words.iter().map(|word| text(word)));
        }
        candidates.push(Value::Null);
        candidates
    }

    /// One JSON value of each type that a field has.
    fn json(&self) -> Vec<serde_json::Value> {
        let (text, n) = (&self.text, self.number);
        vec![
            serde_json::json!([{"level": n, "text": text, "line": 3}]),
            serde_json::json!({"entries": n, "levels": 2, "page_numbers": self.truth, "number_style": text, "note": ""}),
            serde_json::json!({"ocr": self.list, "analysis": text}),
            serde_json::json!({
                "patterns": [{"word": text, "style": "roman", "level": 1, "first": 1, "last": n}],
                "excluded_ranges": [],
                "entries_to_find": [],
                "reasoning": text,
            }),
        ]
    }
}

/// What fields with a limited vocabulary take.
fn words() -> Vec<&'static str> {
    let mut words = vec!["0007", "discovered:1_7", "validated:g/1", "orphan:3", "some-id", "ocr"];
    words.extend(BookStatus::ALL.iter().map(|word| word.as_str()));
    words.extend(StructurePhase::ALL.iter().map(|word| word.as_str()));
    words.extend(EntrySource::ALL.iter().map(|word| word.as_str()));
    words.extend(MatterType::ALL.iter().map(|word| word.as_str()));
    words.extend(JobStatus::ALL.iter().map(|word| word.as_str()));
    words.extend(Variant::ALL.iter().map(|word| word.as_str()));
    words.extend(AgentType::ALL.iter().map(|word| word.as_str()));
    words
}

/// The document of these cells: for each column its first candidate that the column's type takes.
fn build<D: Document>(cells: &[Cell]) -> D {
    let columns = D::COLUMNS.iter().zip(cells.iter().cycle());
    let candidates: Vec<_> = columns.map(|(column, cell)| cell.candidates(column)).collect();
    let mut chosen = vec![0; candidates.len()];
    loop {
        let row = candidates.iter().zip(&chosen).map(|(values, at)| values[*at].clone()).collect();
        match D::from_values(row) {
            Ok(document) => return document,
            Err(ValueError::WrongKind { field, found }) => {
                let at = D::COLUMNS.iter().position(|column| column.name == field).unwrap();
                chosen[at] += 1;
                let left = chosen[at] < candidates[at].len();
                assert!(
                    left,
                    "{}.{field} takes no candidate, the last was {found}: add words",
                    D::COLLECTION
                );
            }
            Err(error) => panic!("{error}"),
        }
    }
}

struct Puts<'a> {
    cells: &'a [Cell],
    only: Option<Collection>,
    puts: Vec<WriteOp>,
}

impl CollectionVisitor for Puts<'_> {
    fn visit<D: Document>(&mut self) {
        if self.only.is_none_or(|only| only == D::COLLECTION) {
            self.puts.push(D::write_op(Op::Upsert(Arc::new(build::<D>(self.cells)))));
        }
    }
}

fn puts(cells: &[Cell], only: Option<Collection>) -> Vec<WriteOp> {
    let mut puts = Puts { cells, only, puts: Vec::new() };
    Collection::each(&mut puts);
    puts.puts
}

/// One document of each collection, as puts.
pub(crate) fn one_of_each() -> impl Strategy<Value = Vec<WriteOp>> {
    prop::collection::vec(cell(), 40..48).prop_map(|cells| puts(&cells, None))
}

/// One step of a run: becomes an op when it meets a state.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    put: WriteOp,
    what: u8,
    pick: usize,
    fields: u64,
}

/// A step on any collection.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    // Fewer cells than columns: they are used again and again, shifted by their odd number.
    let cells = prop::collection::vec(cell(), 7);
    (cells, prop::sample::select(Collection::ALL), 0..6u8, any::<usize>(), any::<u64>()).prop_map(
        |(cells, collection, what, pick, fields)| {
            let put = puts(&cells, Some(collection)).remove(0);
            Step { put, what, pick, fields }
        },
    )
}

impl Step {
    /// The op: a put, a patch of a document that exists (a put if there is none), the deletion of a document
    /// that exists or, sometimes, of one that does not.
    pub(crate) fn op(&self, state: &BookState) -> WriteOp {
        self.put.visit(Choose { step: self, state })
    }
}

struct Choose<'a> {
    step: &'a Step,
    state: &'a BookState,
}

impl OpVisitor for Choose<'_> {
    type Out = WriteOp;
    fn visit<D: Document>(self, op: &Op<D>) -> WriteOp {
        let Op::Upsert(document) = op else { unreachable!() };
        let table = D::table(self.state);
        let existing = table.keys().nth(self.step.pick % table.size().max(1)).cloned();
        D::write_op(match (self.step.what, existing) {
            (0, _) => Op::Delete { key: document.key() },
            (1, Some(key)) => Op::Delete { key },
            (2 | 3, Some(key)) => {
                let mut fields = FieldSet::EMPTY;
                (0..64).filter(|bit| self.step.fields >> bit & 1 == 1).for_each(|bit| fields.insert(bit));
                Op::Update { key, patch: Box::new(document.patch(fields)) }
            }
            _ => op.clone(),
        })
    }
}
