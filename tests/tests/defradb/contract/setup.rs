//! Getting a node ready.

#![expect(clippy::panic, reason = "an outcome that is none fails the test")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use bookstate_sink::defradb::{DefraOptions, DefraTarget};
use bookstate_store::{BookSync, Epoch, Target, TargetError};
use bookstate_tests::{node::Node, warnings::Warnings};
use serde_json::Value;

use super::{Session, book_id, put, target};

const SCHEMA: &str = include_str!("../../../../crates/bookstate-sink/graphql/schema.graphql");

fn unusable(result: Result<(), TargetError>) -> String {
    match result {
        Err(TargetError::Unusable { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// What the node has: collections, fields and indexes, without what differs from node to node.
fn layout(node: &Node) -> Vec<String> {
    let answer = node.client().request("GET", "/api/v1/collections", b"").unwrap();
    let collections: Value = serde_json::from_slice(answer.body()).unwrap();
    let mut lines = Vec::new();
    for collection in collections.as_array().unwrap() {
        let name = collection["Name"].as_str().unwrap();
        for field in collection["Fields"].as_array().unwrap() {
            lines.push(format!("{name}.{}: {}", field["Name"], field["Kind"]));
        }
        for index in collection["Indexes"].as_array().into_iter().flatten() {
            lines.push(format!("{name} {} {} {}", index["Name"], index["Unique"], index["Fields"]));
        }
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn many_prepare_one_node_at_once_and_again() {
    let node = Node::throwaway().unwrap();
    let targets: Vec<DefraTarget> = (0..4).map(|_| target(&node.url())).collect();
    let (a, b, c, d) =
        tokio::join!(targets[0].prepare(), targets[1].prepare(), targets[2].prepare(), targets[3].prepare());
    for result in [a, b, c, d] {
        result.unwrap();
    }
    let before = layout(&node);
    targets[0].prepare().await.unwrap();
    assert_eq!(layout(&node), before);
    let mut session = Session::new();
    session.write(&targets[1], &[put(1, "one")]).await.unwrap();
    session.check(&targets[2]).await;
}

/// A node of a version that lacked a collection, two fields and an index.
#[tokio::test]
async fn a_node_of_an_older_version_gets_what_it_lacks_and_keeps_what_it_has() {
    let current = Node::throwaway().unwrap();
    target(&current.url()).prepare().await.unwrap();
    let metric = SCHEMA.find("type Metric").unwrap();
    let old = SCHEMA[..metric]
        .replacen("  failure_reason: String\n", "", 1)
        .replacen("  pattern_analysis_json: JSON\n", "", 1)
        .replacen(" @index(name: \"Page_3_book_id\")", "", 1);
    assert!(old.len() + 80 < metric, "the older schema lacks them");
    let node = Node::throwaway().unwrap();
    node.client().add_collections(&old).unwrap();
    let add = r#"mutation { add_Page(input: [{key: "b/1", nonce: "1", book_id: "b", page_num: 1, ocr_markdown: "old"}]) { key } }"#;
    node.client().graphql(add, &Value::Null).unwrap();

    let target = target(&node.url());
    target.prepare().await.unwrap();
    assert_eq!(layout(&node), layout(&current));
    let mut session = Session::new();
    session.write(&target, &[put(2, "new")]).await.unwrap();
    let stored = target.load_book(&book_id()).await.unwrap().unwrap();
    let texts: Vec<_> =
        stored.state.pages().values().map(|page| page.ocr_markdown.clone().unwrap()).collect();
    assert_eq!(texts, ["old".into(), "new".into()]);
}

/// A node of the version before epochs, with a book in it.
#[tokio::test]
async fn a_book_that_a_node_has_from_before_there_were_epochs_has_none() {
    let old = SCHEMA.replacen("  v3: Boolean\n", "  v2: Boolean\n", 1).replacen("  epoch: Int\n", "", 1);
    assert!(old.len() < SCHEMA.len());
    let node = Node::throwaway().unwrap();
    node.client().add_collections(&old).unwrap();
    let mut session = Session::new();
    let chunk = session.chunk(&[]);
    let BookSync { writer, write_no, token, .. } = &chunk.sync;
    let add = format!(
        r#"mutation {{ add_BookSync(input: [{{book_id: "{}", writer: "{writer}", write_no: {write_no}, token: "{token:016x}", persisting_seq: 1, persisted_seq: 1}}]) {{ book_id }} }}"#,
        book_id()
    );
    node.client().graphql(&add, &Value::Null).unwrap();
    session.taken(chunk);

    let target = target(&node.url());
    target.prepare().await.unwrap();
    session.check(&target).await;
    let mut claim = session.chunk(&[]);
    claim.sync.epoch = Epoch(5);
    target.write_chunk(&claim).await.unwrap();
    session.taken(claim);
    session.check(&target).await;
}

#[tokio::test]
async fn collections_that_are_not_ours_make_a_node_unusable() {
    let node = Node::throwaway().unwrap();
    node.client().add_collections("type Page { title: String } type Note { text: String }").unwrap();
    let before = layout(&node);
    let reason = unusable(target(&node.url()).prepare().await);
    assert!(
        reason.contains("Page") && reason.contains("not bookstate's") && !reason.contains("Note"),
        "{reason}"
    );
    assert_eq!(layout(&node), before);

    // Ours, but a field has another type.
    let node = Node::throwaway().unwrap();
    node.client().add_collections(&SCHEMA.replacen("page_num: Int", "page_num: String", 1)).unwrap();
    let reason = unusable(target(&node.url()).prepare().await);
    assert!(reason.contains("Page.page_num") && reason.contains("Int"), "{reason}");
}

#[tokio::test]
async fn a_newer_version_makes_a_node_unusable() {
    let node = Node::throwaway().unwrap();
    let newer = SCHEMA.replacen("  v3: Boolean\n", "  v3: Boolean\n  v99: Boolean\n", 1);
    node.client().add_collections(&newer).unwrap();
    let reason = unusable(target(&node.url()).prepare().await);
    assert!(reason.contains("version 99") && reason.contains("newer bookstate"), "{reason}");
}

/// What a server does with a request, by its head.
enum Deed {
    Answer(&'static str, String),
    /// Whoever has this address gets it.
    Pass(SocketAddr),
}

/// A server that does this.
fn server(deed: impl Fn(&str) -> Deed + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = request(&mut stream);
            match deed(&String::from_utf8_lossy(&request)) {
                Deed::Answer(status, body) => {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                    );
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                Deed::Pass(address) => {
                    // Alone on its connection, so that the next request comes here as well.
                    let text = String::from_utf8(request).unwrap();
                    let alone = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                    let mut other = TcpStream::connect(address).unwrap();
                    other.write_all(alone.as_bytes()).unwrap();
                    std::io::copy(&mut other, &mut stream).unwrap();
                }
            }
        }
    });
    url
}

/// A whole request.
fn request(stream: &mut TcpStream) -> Vec<u8> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut part).unwrap();
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if body.len() >= length || read == 0 {
            return request;
        }
    }
}

fn always(status: &'static str, body: &str) -> String {
    let body = body.to_owned();
    server(move |_| Deed::Answer(status, body.clone()))
}

#[tokio::test]
async fn what_is_no_defradb_is_refused() {
    for (status, body) in [("200 OK", "<html>"), ("404 Not Found", "")] {
        let reason = unusable(target(&always(status, body)).prepare().await);
        assert!(reason.contains("no DefraDB at this URL"), "{reason}");
    }
    let away = target(&always("503 Service Unavailable", "")).prepare().await;
    assert!(matches!(away, Err(TargetError::Unavailable { .. })), "{away:?}");
}

/// And it is said, once.
#[tokio::test]
async fn another_version_is_used_when_it_does_what_is_relied_on() {
    let node = Node::throwaway().unwrap();
    let address = node.address();
    for (version, difference) in [("1", "route"), ("2", "has version")] {
        let api = format!(
            r#"{{"info": {{"title": "DefraDB API", "version": "{version}"}}, "paths": {{"/brand/new": {{}}}}}}"#
        );
        let url = server(move |head| {
            if head.starts_with("GET /openapi.json") {
                Deed::Answer("200 OK", api.clone())
            } else {
                Deed::Pass(address)
            }
        });
        let (warnings, _listening) = Warnings::listen_here();
        let target = target(&url);
        target.prepare().await.unwrap();
        target.prepare().await.unwrap();
        let heard = warnings.take();
        assert!(heard.len() == 1 && heard[0].contains("is not DefraDB 1.0"), "{heard:?}");
        assert!(heard[0].contains(difference), "{heard:?}");
    }
    // Nothing of the trial has stayed.
    assert_eq!(target(&node.url()).list_books().await.unwrap(), []);
    let mut session = Session::new();
    session.write(&target(&node.url()), &[put(1, "one")]).await.unwrap();
    session.check(&target(&node.url())).await;
}

#[tokio::test]
async fn a_node_that_does_something_else_than_is_relied_on_is_refused() {
    let node = Node::throwaway().unwrap();
    let address = node.address();
    for (answer, says) in [
        (r#"{"data": {}}"#, "it takes a chunk for a book that it does not have"),
        (r#"{"errors": [{"message": "no such thing"}]}"#, "no such thing"),
        (
            r#"{"errors": [{"message": "value not provided for non-nillable field. Name: book_id"}]}"#,
            "two documents of one key",
        ),
    ] {
        let url = server(move |head| {
            if head.starts_with("POST /api/v1/graphql") {
                Deed::Answer("200 OK", answer.to_owned())
            } else {
                Deed::Pass(address)
            }
        });
        let reason = unusable(target(&url).prepare().await);
        assert!(reason.contains("does not do what bookstate relies on") && reason.contains(says), "{reason}");
    }
}

/// The id that the node has given one of its collections.
fn collection_id(node: &Node, name: &str) -> String {
    let answer = node.client().request("GET", "/api/v1/collections", b"").unwrap();
    let collections: Value = serde_json::from_slice(answer.body()).unwrap();
    let found = collections.as_array().unwrap().iter().find(|collection| collection["Name"] == name);
    found.unwrap()["CollectionID"].as_str().unwrap().to_owned()
}

/// What others replicate is not ours to speak of; nothing is said of a node that is alone; and it is said once.
#[tokio::test]
async fn it_is_said_when_our_collections_are_replicated() {
    let node = Node::throwaway().unwrap();
    let address = node.address();
    node.client().add_collections("type Theirs { name: String }").unwrap();
    target(&node.url()).prepare().await.unwrap();
    let pushed = |name: &str| {
        let id = collection_id(&node, name);
        (format!(r#"[{{"ID": "12D3", "CollectionIDs": ["{id}"], "Status": 0}}]"#), "[]".to_owned())
    };
    let heard = |name: &str| ("[]".to_owned(), format!(r#"["{name}"]"#));
    let none = || ("[]".to_owned(), "[]".to_owned());
    let cases = [
        (pushed("Page"), Some("Page")),
        (heard("ToC"), Some("ToC")),
        (pushed("Theirs"), None),
        (heard("Theirs"), None),
        (none(), None),
    ];
    for ((replicators, subscribed), expected) in cases {
        let url = server(move |head| {
            let answer = |body: &String| Deed::Answer("200 OK", body.clone());
            if head.starts_with("GET /api/v1/p2p/replicators") {
                answer(&replicators)
            } else if head.starts_with("GET /api/v1/p2p/collections") {
                answer(&subscribed)
            } else {
                Deed::Pass(address)
            }
        });
        let (warnings, _listening) = Warnings::listen_here();
        let target = target(&url);
        target.prepare().await.unwrap();
        target.prepare().await.unwrap();
        let heard = warnings.take();
        match expected {
            Some(name) => {
                assert_eq!(heard.len(), 1, "{heard:?}");
                assert!(heard[0].contains("replicates") && heard[0].contains(name), "{heard:?}");
            }
            None => assert_eq!(heard, Vec::<String>::new()),
        }
    }
}

#[tokio::test]
async fn a_token_that_is_replaced_in_its_file_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let url = server(|head| {
        if head.contains("Bearer the-new-one") {
            Deed::Answer("503 Service Unavailable", String::new())
        } else {
            Deed::Answer("401 Unauthorized", String::new())
        }
    });
    let mut options = DefraOptions::new(url);
    options.token = Some("the-old-one".to_owned());
    options.token_file = Some(file.clone());
    let target = DefraTarget::new(&options).unwrap();
    for content in [None, Some("the-old-one\n")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let reason = unusable(target.prepare().await);
        assert!(reason.contains("401"), "{reason}");
    }
    std::fs::write(&file, "the-new-one\n").unwrap();
    let away = target.prepare().await;
    assert!(matches!(away, Err(TargetError::Unavailable { .. })), "{away:?}");
}

#[tokio::test]
async fn a_token_that_the_node_does_not_take_makes_it_unusable() {
    let node = Node::throwaway().unwrap();
    let mut options = DefraOptions::new(node.url());
    options.token = Some("not-a-token".to_owned());
    let target = DefraTarget::new(&options).unwrap();
    let reason = unusable(target.prepare().await);
    assert!(
        reason.contains("403") && reason.contains("token") && !reason.contains("not-a-token"),
        "{reason}"
    );
}
