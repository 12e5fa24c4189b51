//! The queries of docs/querying.md, run against a node that has a book.

use std::{collections::BTreeMap, sync::Arc};

use bookstate_domain::{
    At, BookId, BookKey, ChapterKey, ChapterSubject, Document, EntryIdent, Heading, JobKey, MetricKey,
    OcrResultKey, Op, PageKey, TocEntryKey, TocKey, WriteOp,
};
use bookstate_sink::defradb::{DefraOptions, DefraTarget};
use bookstate_store::{BookSync, Chunk, Target, WriterId};
use bookstate_tests::node::Node;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../docs/querying.md");

/// The GraphQL blocks, by the name of their query.
fn queries() -> BTreeMap<String, String> {
    let blocks = PAGE.split("```graphql\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let named = |(query, _): (&str, &str)| {
        let name = query.trim_start().strip_prefix("query ").unwrap();
        let end = name.find(|letter: char| !letter.is_alphanumeric()).unwrap();
        (name[..end].to_owned(), query.to_owned())
    };
    blocks.map(named).collect()
}

fn put<D: Document>(mut document: D, change: impl FnOnce(&mut D)) -> WriteOp {
    change(&mut document);
    D::write_op(Op::Upsert(Arc::new(document)))
}

/// Documents of every collection that the page asks for.
fn book(book_id: &BookId) -> Vec<WriteOp> {
    let at = At {
        seq: "1".parse::<u32>().unwrap().try_into().unwrap(),
        now: "2026-11-25T01:02:03Z".parse().unwrap(),
    };
    let id = || book_id.clone();
    let ident = EntryIdent::Ordinal(1);
    let job = || "job-1".parse().unwrap();
    let mut ops = vec![
        put(BookKey { book_id: id() }.document(&at), |book| book.title = Some("A Book".into())),
        put(TocKey { book_id: id() }.document(&at), |toc| toc.start_page = Some(3)),
        put(TocEntryKey { book_id: id(), ident: ident.clone() }.document(&at), |entry| {
            entry.title = Some("One".into())
        }),
        put(ChapterKey { book_id: id(), subject: ChapterSubject::Entry(ident) }.document(&at), |chapter| {
            chapter.title = Some("One".into());
        }),
        put(JobKey { book_id: id(), job_id: job() }.document(&at), |job| job.started_at = Some(at.now)),
        put(MetricKey { book_id: id(), job_id: job(), unit: "ocr/1".into() }.document(&at), |metric| {
            metric.cost_usd = Some(0.25);
        }),
    ];
    for page_num in 1..=3 {
        ops.push(put(PageKey { book_id: id(), page_num }.document(&at), |page| {
            page.ocr_markdown = Some(format!("text of {page_num}").into());
            page.headings = Some(vec![Heading { level: 1, text: "One".into(), line: 1 }].into());
            page.ocr_complete = page_num < 3;
        }));
        let key = OcrResultKey { book_id: id(), page_num, provider: "text-layer".parse().unwrap() };
        ops.push(put(key.document(&at), |read| read.confidence = Some(0.5)));
    }
    ops
}

async fn write(target: &DefraTarget, book_id: &BookId) {
    let seq = 1u32.try_into().unwrap();
    let sync = BookSync {
        start: bookstate_store::StartId::default(),
        epoch: bookstate_store::Epoch::NONE,
        writer: WriterId([1; 16]),
        write_no: 1,
        token: 1,
        persisting_seq: seq,
        persisted_seq: seq,
        parked: Vec::new(),
    };
    let chunk = Chunk { book_id: book_id.clone(), expect: None, sync, ops: book(book_id) };
    target.write_chunk(&chunk).await.unwrap();
}

#[tokio::test]
async fn the_queries_of_the_manual_give_what_it_says() {
    let node = Node::throwaway().unwrap();
    let target = DefraTarget::new(&DefraOptions::new(node.url())).unwrap();
    target.prepare().await.unwrap();
    for id in ["a-book", "another"] {
        write(&target, &id.parse().unwrap()).await;
    }
    let variables = json!({"book": "a-book", "page": "a-book/2", "job": "a-book/job-1"});
    let mut answers = BTreeMap::new();
    for (name, query) in queries() {
        let data = node.client().graphql(&query, &variables);
        let data = data.unwrap_or_else(|error| panic!("{name}: {error}"));
        for (field, rows) in data.as_object().unwrap() {
            assert!(rows.as_array().is_some_and(|rows| !rows.is_empty()), "{name}: no {field}");
        }
        answers.insert(name, data);
    }
    let rows = |name: &str, field: &str| answers[name][field].as_array().unwrap().len();
    assert_eq!((rows("Books", "Book"), rows("Books", "BookSync")), (2, 2));
    let whole = &answers["WholeBook"];
    assert_eq!(whole["Book"][0]["title"], "A Book");
    let numbers: Vec<&Value> =
        whole["Page"].as_array().unwrap().iter().map(|page| &page["page_num"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let page = &answers["OnePage"];
    assert_eq!((rows("OnePage", "Page"), rows("OnePage", "OcrResult")), (1, 1));
    assert_eq!(page["Page"][0]["headings"], json!([{"level": 1, "text": "One", "line": 1}]));
    assert_eq!(page["OcrResult"][0]["confidence"], 0.5);
    assert_eq!(rows("Unfinished", "Page"), 1);
    assert_eq!(answers["Unfinished"]["Page"][0]["page_num"], 3);
    assert_eq!(answers["CostOfAJob"]["Job"][0]["started_at"], "2026-11-25T01:02:03Z");
    assert_eq!(answers["CostOfAJob"]["Metric"][0]["cost_usd"], 0.25);
    assert_eq!(answers.len(), 5);
}
