//! A DefraDB node as a target of the program, command by command.

use bookstate_tests::node::Node;
use bookstate_tests::system::Place;
use serde_json::Value;

/// A book as plain text, short and without a table of contents.
const SMALL: &str =
    "A SMALL BOOK\n\nCHAPTER 1\n\nIt was a dark night.\n\x0cCHAPTER 2\n\nThe day was bright.\n";

#[test]
fn a_node_is_a_target_like_any_other() {
    let (place, node) = (Place::new(), Node::throwaway().unwrap());
    place.write("book.txt", SMALL);
    let line = place.ok(&format!("process book.txt --json --target defradb={}", node.url())).json();
    let id = line["book_id"].as_str().unwrap();
    let rows = node.client().graphql("{ Book { key status } Page { key } }", &Value::Null).unwrap();
    assert_eq!(
        (rows["Book"][0]["key"].as_str(), rows["Book"][0]["status"].as_str()),
        (Some(id), Some("complete"))
    );
    assert_eq!(rows["Page"].as_array().map(Vec::len), Some(2));

    place.ok(&format!("target add node {}", node.url()));
    let listed = place.ok("target list --json").json();
    assert_eq!(listed["targets"][0]["kind"].as_str(), Some("defradb"));
    assert_eq!(listed["targets"][0]["url"].as_str(), Some(node.url().as_str()));
    place.ok("target verify node");
    node.client()
        .graphql("mutation { delete_Page(filter: {page_num: {_eq: 1}}) { key } }", &Value::Null)
        .unwrap();
    place.run("target verify node").fails(5, &["differ", "target resync node"]);
    place.ok("target resync node");
    place.ok("target verify node");

    // The data directory is lost; the node has the book.
    let before = place.canonical("book.txt");
    std::fs::rename(place.path(".bookstate/config.toml"), place.path("bookstate.toml")).unwrap();
    std::fs::remove_dir_all(place.path(".bookstate")).unwrap();
    place.ok(&format!("target takeover node {id}"));
    assert_eq!(place.canonical(id), before);
    place.ok("target verify node");

    place.ok(&format!("rm {id} --yes"));
    let rows = node.client().graphql("{ Book { key } Page { key } Chapter { key } }", &Value::Null).unwrap();
    for collection in ["Book", "Page", "Chapter"] {
        assert_eq!(rows[collection].as_array().map(Vec::len), Some(0), "{collection}");
    }
    place.ok("process book.txt");
    assert_eq!(place.canonical(id), before);
    place.ok("target verify node");
}

#[test]
fn a_document_of_somebody_else_parks_alone_until_it_is_gone() {
    let (place, node) = (Place::new(), Node::throwaway().unwrap());
    let client = node.client();
    client.add_collections(include_str!("../../../crates/bookstate-sink/graphql/schema.graphql")).unwrap();
    place.write("book.txt", SMALL);
    place.write("bookstate.toml", format!("[targets.node]\nurl = \"{}\"\n", node.url()));
    // The book's id follows from its file: another directory tells it.
    let other = Place::new();
    other.write("book.txt", SMALL);
    let line = other.ok("process book.txt --json").json();
    let page = format!("{}/2", line["book_id"].as_str().unwrap());
    let add = "mutation($key: String) { add_Page(input: [{key: $key, header: \"theirs\"}]) { key } }";
    client.graphql(add, &serde_json::json!({"key": page})).unwrap();

    place.ok("process book.txt");
    let parked = place.ok("parked list --json").json();
    assert_eq!(parked["parked"].as_array().map(Vec::len), Some(1));
    assert!(parked["parked"][0]["reason"].as_str().unwrap().contains(&page), "{parked}");
    let verified = place.ok("target verify node --json").json();
    assert_eq!(verified["books"][0]["parked"].as_array().map(Vec::len), Some(1));
    let theirs =
        client.graphql("{ Page(filter: {header: {_eq: \"theirs\"}}) { key } }", &Value::Null).unwrap();
    assert_eq!(theirs["Page"][0]["key"].as_str(), Some(page.as_str()));

    client
        .graphql("mutation { delete_Page(filter: {header: {_eq: \"theirs\"}}) { key } }", &Value::Null)
        .unwrap();
    let retried = place.ok("parked retry node --json").json();
    assert_eq!(retried["still_parked"].as_u64(), Some(0), "{retried}");
    let verified = place.ok("target verify node --json").json();
    assert_eq!(verified["books"][0]["parked"].as_array().map(Vec::len), Some(0));
}
