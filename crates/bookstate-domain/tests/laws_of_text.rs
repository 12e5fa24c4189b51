//! The laws of what is written and read back: rows, JSON, MessagePack with named fields, keys as text; and
//! what an older or a newer record means.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "support/strategies.rs"]
mod strategies;

use std::collections::{BTreeMap, BTreeSet};

use bookstate_domain::{
    AgentStateKey, AgentType, AnyKey, Book, BookPatch, ChapterKey, ChapterSubject, Collection,
    CollectionVisitor, Commit, EntryIdent, MetricKey, OcrResultKey, Op, PageKey, Seq, TocEntryKey, WriteOp,
    document::{Document, DocumentKey, FieldSet, MAX_KEY_BYTES, Patch},
    value::{Kind, MAX_TEXT_BYTES, Value},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde::{Serialize, de::DeserializeOwned};
use strategies::{BOOK, document, empty, fold, pools, run, seq};

fn json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn msgpack<T: Serialize + DeserializeOwned>(value: &T) -> T {
    rmp_serde::from_slice(&rmp_serde::to_vec_named(value).unwrap()).unwrap()
}

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_commit_survives_json_and_messagepack(ops in run(12), number in 1..1000usize) {
        let commit = Commit { book_id: BOOK.parse().unwrap(), seq: seq(number), prev: seq(number - 1), ops };
        prop_assert_eq!(&json(&commit), &commit);
        prop_assert_eq!(&msgpack(&commit), &commit);
    }

    /// A float is the same bits after JSON: a target that answers in JSON must not differ for ever.
    #[test]
    fn a_float_survives_json(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        prop_assert_eq!(json(&float).to_bits(), float.to_bits());
    }

    /// Whatever text is read as a key is that key's only text.
    #[test]
    fn only_canonical_text_is_a_key(
        collection in 0..Collection::ALL.len(),
        book in "[a-zA-Z0-9_-]{0,3}",
        rest in prop_oneof![
            "(/[-+]?[0-9]{1,5}){1,2}", "/(discovered:|validated:|orphan:)?[-+]?[0-9]{0,4}_?[a-z/_]{0,3}",
            "/(toc_finder|gap_investigator|Toc_finder)/.{0,4}", "(/[a-z/]{0,3}){0,3}", "(/.{0,3}){0,2}",
        ],
    ) {
        let text = format!("{}/{book}{rest}", Collection::ALL[collection]);
        if let Ok(key) = text.parse::<AnyKey>() {
            prop_assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn a_key_is_read_from_its_text(key in key()) {
        let text = key.to_string();
        prop_assert_eq!(text.parse::<AnyKey>(), Ok(key.clone()));
        prop_assert_eq!(&key.collection().key(&key.key_text()), &Ok(key.clone()));
        prop_assert_eq!(&json(&key), &key);
        prop_assert_eq!(&msgpack(&key), &key);
    }

    #[test]
    fn different_keys_have_different_texts(a in key(), b in key()) {
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
    }
}

fn ident() -> impl Strategy<Value = EntryIdent> {
    prop_oneof![
        prop_oneof![0..3u32, any::<u32>()].prop_map(EntryIdent::Ordinal),
        (-2..3i32, "[0-9_/:]{0,2}|.{0,4}")
            .prop_map(|(level, id)| EntryIdent::Discovered { level, identifier: id.into() }),
        "[0-9-]{0,3}|.{0,4}".prop_map(|gap| EntryIdent::Validated { gap: gap.into() }),
    ]
}

/// Keys with parts of every form, beyond those of the pools.
fn key() -> impl Strategy<Value = AnyKey> {
    let book = || "[a-zA-Z0-9_-]{1,3}".prop_map(|id| id.parse().unwrap());
    let subject = || "[a-z/_:]{0,4}|.{0,4}";
    prop_oneof![
        (book(), prop_oneof![1..3i32, any::<i32>()])
            .prop_map(|(book_id, page_num)| AnyKey::Page(PageKey { book_id, page_num })),
        (book(), any::<i32>(), "[a-z0-9_-]{1,3}").prop_map(|(book_id, page_num, provider)| {
            AnyKey::OcrResult(OcrResultKey { book_id, page_num, provider: provider.parse().unwrap() })
        }),
        (book(), ident()).prop_map(|(book_id, ident)| AnyKey::TocEntry(TocEntryKey { book_id, ident })),
        (
            book(),
            prop_oneof![
                ident().prop_map(ChapterSubject::Entry),
                any::<i32>().prop_map(ChapterSubject::Orphan)
            ]
        )
            .prop_map(|(book_id, subject)| AnyKey::Chapter(ChapterKey { book_id, subject })),
        (book(), 0..AgentType::ALL.len(), subject()).prop_map(|(book_id, agent, subject)| {
            AnyKey::AgentState(AgentStateKey {
                book_id,
                agent_type: AgentType::ALL[agent],
                subject: subject.into(),
            })
        }),
        (book(), "[a-z]{1,2}", subject()).prop_map(|(book_id, job, unit)| {
            AnyKey::Metric(MetricKey { book_id, job_id: job.parse().unwrap(), unit: unit.into() })
        }),
    ]
}

#[test]
fn texts_that_are_almost_keys_are_refused() {
    for text in [
        "",
        "Page",
        "Page/",
        "Page/b",
        "Page/b/",
        "Page/b/01",
        "Page/b/+1",
        "Page/b/-0",
        "Page/b/1/2",
        "page/b/1",
        "Page/b /1",
        "Page/../1",
        "Page//1",
        "ToC/b/1",
        "Toc/b",
        "TocEntry/b/7",
        "TocEntry/b/00007",
        "TocEntry/b/discovered:01_x",
        "TocEntry/b/discovered:1",
        "TocEntry/b/orphan:1",
        "Chapter/b/orphan:01",
        "Chapter/b/orphan:",
        "AgentState/b/nobody/book",
        "Job/b/a b",
        "OcrResult/b/1",
        "Metric/b/job",
    ] {
        assert!(text.parse::<AnyKey>().is_err(), "{text:?} was read as {:?}", text.parse::<AnyKey>());
    }
    for text in [
        "Book/b",
        "Page/b/1",
        "ToC/b",
        "TocEntry/b/0007",
        "TocEntry/b/12345",
        "TocEntry/b/discovered:1_",
        "TocEntry/b/validated:3/4",
        "Chapter/b/orphan:-1",
        "AgentState/b/toc_finder/",
        "Metric/b/job/ocr/3/p",
    ] {
        assert_eq!(text.parse::<AnyKey>().map(|key| key.to_string()).as_deref(), Ok(text));
    }
}

#[test]
fn a_key_too_long_for_a_target_is_refused() {
    let key = |n: usize| {
        AnyKey::AgentState(AgentStateKey {
            book_id: BOOK.parse().unwrap(),
            agent_type: AgentType::TocFinder,
            subject: "x".repeat(n).into(),
        })
    };
    let room = MAX_KEY_BYTES - "b/toc_finder/".len();
    assert_eq!(empty().whole(&key(room)).check(), Ok(()));
    assert!(empty().whole(&key(room + 1)).check().is_err());
}

/// A document of every collection, many times.
struct EachDocument<F>(F);

trait DocumentLaw {
    fn check<D: Document>(&self, document: &D);
}

impl<F: DocumentLaw> CollectionVisitor for EachDocument<F> {
    fn visit<D: Document>(&mut self) {
        let (mut runner, strategy) = (TestRunner::deterministic(), document::<D>());
        for _ in 0..config().cases {
            self.0.check(&strategy.new_tree(&mut runner).unwrap().current());
        }
    }
}

struct RowsRoundTrip;

impl DocumentLaw for RowsRoundTrip {
    fn check<D: Document>(&self, document: &D) {
        let row = document.values();
        assert_eq!(row.len(), D::COLUMNS.len());
        for (value, column) in row.iter().zip(D::COLUMNS) {
            assert!(column.nullable || *value != Value::Null, "{}.{} is null", D::COLLECTION, column.name);
        }
        assert_eq!(&D::from_values(row.clone()).unwrap(), document);
        assert_eq!(D::from_values(row.clone()).unwrap().values(), row, "a row has one form");
        assert_eq!(D::any_key(document.key()).collection(), D::COLLECTION);
        assert_eq!(document.key().book_id(), document.book_id());
        assert!(D::from_values(row[1..].to_vec()).is_err());
    }
}

#[test]
fn a_document_is_read_back_from_its_row() {
    Collection::each(&mut EachDocument(RowsRoundTrip));
}

struct PatchesDistinguish;

impl DocumentLaw for PatchesDistinguish {
    fn check<D: Document>(&self, document: &D) {
        let null = with_key_of(document);
        let columns: Vec<_> = D::COLUMNS.iter().filter(|column| !column.key).collect();
        assert_eq!(json(&D::Patch::default()), D::Patch::default());
        for (bit, column) in (0u32..).zip(columns) {
            let mut one = FieldSet::EMPTY;
            one.insert(bit);
            for patch in [document.patch(one), null.patch(one)] {
                assert_eq!(patch.fields(), one, "{}", column.name);
                assert_eq!(patch.values().len(), 1);
                for back in [json(&patch), msgpack(&patch)] {
                    assert_eq!(back, patch, "{}.{}", D::COLLECTION, column.name);
                }
                // A present null is written, or it would be absent.
                let text = serde_json::to_value(&patch).unwrap();
                assert_eq!(text.as_object().unwrap().keys().collect::<Vec<_>>(), [column.name]);
                let mut changed = document.clone();
                changed.apply(&patch);
                let mut differs = document.changed(&changed).iter();
                assert!(differs.all(|changed| changed == bit));
            }
            if column.nullable {
                let mut changed = document.clone();
                changed.apply(&null.patch(one));
                let at = D::COLUMNS.iter().position(|c| c.name == column.name).unwrap();
                assert_eq!(changed.values()[at], Value::Null, "null empties the field");
            }
        }
    }
}

/// A document with this key, and no value in any other field.
fn with_key_of<D: Document>(document: &D) -> D {
    let row = document.values().into_iter().zip(D::COLUMNS);
    D::from_values(row.map(|(value, column)| if column.key { value } else { Value::Null }).collect()).unwrap()
}

#[test]
fn absent_null_and_value_are_three_things_in_a_patch() {
    Collection::each(&mut EachDocument(PatchesDistinguish));
}

struct OldAndNewRecords;

impl DocumentLaw for OldAndNewRecords {
    fn check<D: Document>(&self, document: &D) {
        let keys = D::COLUMNS.iter().filter(|column| column.key).map(|column| column.name);
        let mut record = serde_json::to_value(document).unwrap();
        let fields = record.as_object_mut().unwrap();

        // Older: only the key. What is missing reads as the default; so does an explicit null.
        let kept: serde_json::Map<_, _> = keys.map(|name| (name.to_owned(), fields[name].clone())).collect();
        let bare: D = serde_json::from_value(kept.clone().into()).unwrap();
        assert_eq!(bare, with_key_of(document));
        let mut nulls = kept;
        for column in D::COLUMNS.iter().filter(|column| !column.key) {
            nulls.insert(column.name.to_owned(), serde_json::Value::Null);
        }
        assert_eq!(serde_json::from_value::<D>(nulls.into()).unwrap(), bare);

        // Newer: a field of tomorrow is passed over. Whoever would lose it refuses the file by its version.
        fields.insert("field_of_tomorrow".to_owned(), serde_json::json!({ "a": [1] }));
        assert_eq!(&serde_json::from_value::<D>(record.clone()).unwrap(), document);
        let packed = rmp_serde::to_vec_named(&record).unwrap();
        assert_eq!(&rmp_serde::from_slice::<D>(&packed).unwrap(), document);
        let patch: D::Patch = serde_json::from_str(r#"{"field_of_tomorrow":1}"#).unwrap();
        assert!(patch.is_empty());
    }
}

#[test]
fn an_older_record_reads_as_defaults_and_a_newer_field_is_passed_over() {
    Collection::each(&mut EachDocument(OldAndNewRecords));
}

/// The text of a commit, so that a change of it is noticed: journals hold it.
#[test]
fn a_commit_is_written_like_this() {
    let key = bookstate_domain::BookKey { book_id: BOOK.parse().unwrap() };
    let patch = BookPatch { title: Some(None), page_count: Some(3), ..BookPatch::default() };
    let commit = Commit {
        book_id: BOOK.parse().unwrap(),
        seq: Seq::new(2).unwrap(),
        prev: Seq::new(1).unwrap(),
        ops: vec![
            Op::<Book>::Update { key: key.clone(), patch: Box::new(patch) }.into(),
            Op::<Book>::Delete { key }.into(),
        ],
    };
    let text = r#"{"book":"b","seq":2,"prev":1,"ops":[{"Book":{"update":{"key":"b","patch":{"title":null,"page_count":3}}}},{"Book":{"delete":{"key":"b"}}}]}"#;
    assert_eq!(serde_json::to_string(&commit).unwrap(), text);
    assert_eq!(serde_json::from_str::<Commit>(text).unwrap(), commit);
}

/// Per column, whether a value beyond the limits was there to be refused.
#[derive(Default)]
struct ValuesAreLimited(BTreeMap<String, bool>);

impl CollectionVisitor for ValuesAreLimited {
    fn visit<D: Document>(&mut self) {
        let pools = pools::<D>();
        let row: Vec<Value> = pools.iter().map(|pool| pool[0].clone()).collect();
        for ((i, column), pool) in D::COLUMNS.iter().enumerate().zip(&pools) {
            // A part of a key is read by rules of its own; a truth or a time has no limit.
            let mut tried = column.key || matches!(column.kind, Kind::Bool | Kind::Time);
            for value in beyond_the_limits(column.kind, pool) {
                let mut row = row.clone();
                row[i] = value;
                match D::from_values(row) {
                    Ok(document) => {
                        assert!(
                            document.check().is_err(),
                            "{}.{} is not limited",
                            D::COLLECTION,
                            column.name
                        );
                        tried = true;
                    }
                    // A word, a part of a key: only what it knows. Or an integer of 33 bits, which none can be.
                    Err(_) => tried |= column.kind == Kind::Int || !column.words.is_empty(),
                }
            }
            self.0.insert(format!("{}.{}", D::COLLECTION, column.name), tried);
        }
    }
}

/// Values of a kind that no target may be asked to store, by the pattern of some that it may.
fn beyond_the_limits(kind: Kind, pool: &[Value]) -> Vec<Value> {
    let limit = MAX_TEXT_BYTES;
    let text = |text: String| Value::Text(text.into());
    match kind {
        Kind::Text => vec![text("x".repeat(limit + 1))],
        Kind::Int => vec![Value::Int(i64::from(i32::MAX) + 1)],
        Kind::Float => vec![Value::Float(f64::NAN)],
        // The last has few bytes in its texts and many in what is stored.
        Kind::TextList => {
            [vec!["x".repeat(limit)], vec!["x".repeat(limit / 2); 2], vec!["\"".repeat(limit / 2)]]
                .map(|texts| text(serde_json::to_string(&texts).unwrap()))
                .into()
        }
        Kind::Json => pool.iter().flat_map(with_long_texts).map(text).collect(),
        Kind::Bool | Kind::Time => Vec::new(),
    }
}

/// The JSON texts that are `value` with one of its texts too long.
fn with_long_texts(value: &Value) -> Vec<String> {
    let Value::Text(json) = value else { return Vec::new() };
    let texts: BTreeSet<String> = json.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let replaced = texts.iter().map(|text| json.replace(&format!(":\"{text}\""), &format!(":\"{long}\"")));
    replaced.filter(|changed| changed.len() > MAX_TEXT_BYTES).take(2).collect()
}

#[test]
fn what_no_target_could_store_is_refused() {
    let mut limited = ValuesAreLimited::default();
    Collection::each(&mut limited);
    let untried: Vec<_> = limited.0.iter().filter(|(_, tried)| !**tried).map(|(name, _)| name).collect();
    assert!(untried.is_empty(), "nothing beyond the limits was tried in {untried:?}");
}

/// The field tables have no two columns of one name, and begin with the key, `created_at`, `created_seq`.
#[test]
fn field_tables_are_in_order() {
    for collection in Collection::ALL {
        let columns = collection.columns();
        let names: BTreeMap<_, _> = columns.iter().map(|column| (column.name, column)).collect();
        assert_eq!(names.len(), columns.len(), "{collection}");
        let keys = columns.iter().take_while(|column| column.key).count();
        assert_eq!(columns.iter().filter(|column| column.key).count(), keys);
        assert_eq!((columns[0].name, columns[0].indexed), ("book_id", true));
        assert_eq!((columns[keys].name, columns[keys + 1].name), ("created_at", "created_seq"));
    }
}

#[test]
fn a_state_holds_what_its_ops_name() {
    let mut runner = TestRunner::deterministic();
    let ops = run(40).new_tree(&mut runner).unwrap().current();
    let state = fold(&empty(), &ops);
    for op in state.documents() {
        assert_eq!(state.whole(&op.key()), op);
        assert!(matches!(op.key().collection(), c if Collection::ALL.contains(&c)));
    }
    let gone = ops.iter().map(WriteOp::key).filter(|key| !state.documents().any(|op| op.key() == *key));
    for key in gone {
        assert_eq!(state.whole(&key).field_count(), 1, "a delete");
    }
}
