//! A book answers the same from memory, from the local store and from the node, on every route that shows it.
//!
//! The routes are those that the served OpenAPI document says to tell an answer's source. Bodies are compared
//! byte for byte, with nothing blanked: once a job is over, no body has a source or a lag in it. Those stand
//! in headers (`x-bookstate-source`, `-target`, `-persisted-seq`), each of which is checked for the value it
//! must have. The ETag is of one process, and is compared within one.

use std::collections::BTreeMap;

use bookstate_tests::books::Book;
use bookstate_tests::node::{Message, Node};
use bookstate_tests::system::{Place, Server};
use rusqlite::Connection;
use serde_json::Value;

use crate::rig::{Impatient, configuration, wait};

const PAGES: u32 = 120;

/// The header that every answer about one book has.
const SOURCE: &str = "x-bookstate-source";

/// Ways to ask for the routes of 1.0: one of the document that is missing here was lost.
const WAYS: usize = 19;

/// How often all ways are asked while the job runs; there is time for a good deal more.
const ROUNDS: usize = 3;

type Answers = BTreeMap<String, Message>;

/// Every way to ask for what the document says to have a source, except for streams, which do not end: with
/// every value of its choices, with parts of its lists, and without what may be left out.
fn ways(server: &Server, book: &str, job: &str) -> Vec<String> {
    let document = server.asked("GET", "/openapi.json", b"");
    let mut ways = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answer = &item["get"]["responses"]["200"];
        let is_of_book = answer["headers"].get(SOURCE).is_some();
        let names_one = path.contains("{book_id}") || path == "/api/jobs/{id}";
        assert_eq!(is_of_book, names_one && item.get("get").is_some(), "{path}");
        // These are of the copy of the book's file, which only who took it in has.
        let is_of_file = path.ends_with("/image") || path.ends_with("/words");
        // What a target has of it is asked of the target.
        let is_of_target = path.starts_with("/api/targets/");
        if !is_of_book || is_of_file || is_of_target || answer["content"].get("text/event-stream").is_some() {
            continue;
        }
        let (mut paths, mut queries, mut needs_query) = (vec![path.clone()], Vec::new(), false);
        for parameter in item["get"]["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "path" {
                let values = match name {
                    "book_id" => vec![book.to_owned()],
                    "id" => vec![job.to_owned()],
                    "page_num" => [1, PAGES / 2, PAGES].map(|page| page.to_string()).into(),
                    _ => panic!("{path}: what is {name}?"),
                };
                let filled = |path: &String| {
                    let fill = |value: &String| path.replace(&format!("{{{name}}}"), value);
                    values.iter().map(fill).collect::<Vec<_>>()
                };
                paths = paths.iter().flat_map(filled).collect();
            } else {
                needs_query |= parameter["required"] == true;
                queries.extend(values(&parameter["schema"]).iter().map(|value| format!("?{name}={value}")));
            }
        }
        if !needs_query {
            queries.push(String::new());
        }
        ways.extend(paths.iter().flat_map(|path| queries.iter().map(move |query| format!("{path}{query}"))));
    }
    assert!(ways.len() >= WAYS && ways.iter().all(|way| !way.contains('{')), "{ways:#?}");
    ways
}

/// Values that a parameter of a query may have.
fn values(schema: &Value) -> Vec<String> {
    if let Some(choices) = schema["enum"].as_array() {
        return choices.iter().map(|choice| choice.as_str().unwrap().to_owned()).collect();
    }
    match schema["type"].as_str().unwrap() {
        "boolean" => vec!["true".to_owned(), "false".to_owned()],
        "integer" => vec!["7".to_owned()],
        other => panic!("a parameter of type {other}: {schema}"),
    }
}

fn ask(server: &Server, ways: &[String]) -> Answers {
    let answer = |way: &String| {
        let answer = server.get(way);
        assert_eq!(answer.status(), Some(200), "{way}: {}", answer.text());
        (way.clone(), answer)
    };
    ways.iter().map(answer).collect()
}

fn header<'a>(answer: &'a Message, name: &str) -> &'a str {
    answer.header(name).unwrap_or_default()
}

fn seq(answer: &Message) -> u32 {
    header(answer, "x-bookstate-seq").parse().unwrap()
}

/// Each answer comes from there, and says that every target has the book up to that commit.
fn come_from(answers: &Answers, source: &str, persisted: u32) {
    let target = if source == "target" { "defradb" } else { "" };
    for (way, answer) in answers {
        assert_eq!(header(answer, SOURCE), source, "{way}");
        assert_eq!(header(answer, "x-bookstate-target"), target, "{way}");
        assert_eq!(header(answer, "x-bookstate-persisted-seq"), persisted.to_string(), "{way}");
    }
}

/// The same bodies, byte for byte, and the same headers except for those that tell source and lag.
fn are_same(expected: &Answers, answers: &Answers) {
    assert!(expected.keys().eq(answers.keys()));
    let mut differing = Vec::new();
    for (way, answer) in answers {
        let expected = &expected[way];
        if expected.body() != answer.body() {
            let (a, b) = (expected.text(), answer.text());
            let at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                let bytes = text.as_bytes();
                String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]).into_owned()
            };
            differing.push(format!("{way}, at byte {at}: {:?} {:?}", part(&a), part(&b)));
        }
        for name in
            ["content-type", "content-length", "content-disposition", "cache-control", "x-bookstate-seq"]
        {
            if expected.header(name) != answer.header(name) {
                let (a, b) = (expected.header(name), answer.header(name));
                differing.push(format!("{way}, {name}: {a:?} {b:?}"));
            }
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn memory_local_store_and_node_answer_the_same_on_every_route() {
    let mut node = Node::throwaway().unwrap();
    node.stop().unwrap();
    let place = Place::with(&Book::standard(PAGES).make_pdf());
    let roots = format!("[server]\ningest_roots = [{:?}]\n[jobs]\nworkers = 1\n", place.path(""));
    let target = configuration(&[("defradb", &node.url())], Impatient::Not);
    place.write("bookstate.toml", roots + &target);
    let server = Server::start(&place);

    // While it is processed, and the node is not there.
    let body = serde_json::json!({"paths": [place.path("book.pdf")]}).to_string();
    let started = server.asked("POST", "/api/books/ingest", body.as_bytes());
    let (book, job) = (started["book_id"].as_str().unwrap(), started["id"].as_str().unwrap());
    let ways = ways(&server, book, job);
    let shown = || server.asked("GET", &format!("/api/jobs/{job}"), b"");
    wait("pages are read, and the local store has some of it", || {
        let status = server.asked("GET", &format!("/api/jobs/status/{book}"), b"");
        let is_begun = |stage: &Value| stage["done"].as_u64() > Some(0);
        status["stages"].as_array().unwrap().iter().any(is_begun) && place.tables().count("Book") == 1
    });
    let mut during = Answers::new();
    for round in 0..ROUNDS {
        during = ask(&server, &ways);
        assert!(!shown()["live"].is_null(), "the job was over in round {round}: a longer book is needed");
        come_from(&during, "memory", 0);
    }

    // Somebody else writes into the local store's file: so the book stays in memory when its job is over, for
    // as long as this test wants it there.
    let store = Connection::open(place.store()).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(!shown()["live"].is_null(), "the job was over: a longer book is needed");
    wait("the job is over", || shown()["live"].is_null());
    assert_eq!(shown()["status"], "completed", "{}", shown());

    // When it is done: from memory; when the local store is free, from there. The node is still not there.
    let memory = ask(&server, &ways);
    come_from(&memory, "memory", 0);
    let last = seq(memory.values().next().unwrap());
    let texts = &memory[&format!("/api/books/{book}/chapters?include_text=true")];
    assert!(texts.body().len() > 50_000, "all of the book: {}", texts.body().len());
    assert!(during.values().all(|answer| seq(answer) > 0 && seq(answer) < last), "of a job that ran");
    drop(store);
    let details = format!("/api/books/{book}");
    wait("it leaves memory", || header(&server.get(&details), SOURCE) != "memory");
    let local = ask(&server, &ways);
    come_from(&local, "local", 0);
    are_same(&memory, &local);
    for (way, answer) in &local {
        assert_eq!(answer.header("etag"), memory[way].header("etag"), "{way}: one process, one version");
    }
    assert!(!node.is_running());

    // The node comes and gets everything; a new process.
    node.start_again().unwrap();
    wait("the node has everything", || {
        let row = server.target("defradb").unwrap();
        row["health"] == "healthy" && row["lag_commits"] == 0
    });
    assert_eq!(server.stop().code(), Some(0));
    let server = Server::start(&place);
    let restarted = ask(&server, &ways);
    come_from(&restarted, "local", last);
    are_same(&memory, &restarted);
    assert_eq!(server.stop().code(), Some(0));

    // Another machine, which has only the node.
    let elsewhere = Place::new();
    drop(place);
    elsewhere.write("bookstate.toml", &target);
    let server = Server::start(&elsewhere);
    let from_node = ask(&server, &ways);
    come_from(&from_node, "target", last);
    are_same(&memory, &from_node);
    assert_eq!(elsewhere.tables().count("Book"), 0, "reading takes nothing over");

    // They are the node's: without it, nobody here knows the book.
    node.stop().unwrap();
    for way in &ways {
        let answer = server.get(way);
        assert!(answer.status() >= Some(500) && answer.header(SOURCE).is_none(), "{way}: {}", answer.text());
    }
    println!("{} ways compared up to seq {last}: {ways:#?}", ways.len());
}
