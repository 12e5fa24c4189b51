//! The node as the other tests use it: it starts, keeps what it acknowledged, and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bookstate_tests::node::{Client, DEFRADB, End, Fault, Node, NodeError, Proxy};
use serde_json::{Value, json};

const SDL: &str = "type Note { key: String @index(unique: true) text: String }";

fn add(client: Client, key: &str) -> Result<Value, NodeError> {
    let input = json!({ "input": [{ "key": key, "text": "x".repeat(1000) }] });
    client.graphql("mutation($input: [NoteMutationInputArg!]!) { add_Note(input: $input) { key } }", &input)
}

fn keys(client: Client) -> Vec<String> {
    let data = client.graphql("{ Note { key } }", &Value::Null).unwrap();
    let mut keys: Vec<String> =
        data["Note"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

fn process_of(directory: &Path) -> Option<u32> {
    let is_node = |directory: &Path, process: &Path| {
        std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == directory)
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let found = processes.map(|entry| entry.path()).find(|process| is_node(directory, process))?;
    found.file_name()?.to_str()?.parse().ok()
}

#[test]
fn a_node_that_was_killed_starts_again_at_its_port_with_its_data() {
    let mut node = Node::throwaway().unwrap();
    let address = node.address();
    node.client().add_collections(SDL).unwrap();
    add(node.client(), "acknowledged").unwrap();
    node.kill();
    assert!(!node.is_running() && !node.client().is_healthy());
    assert!(node.client().graphql("{ Note { key } }", &Value::Null).is_err());

    node.start_again().unwrap();
    assert_eq!((node.address(), keys(node.client())), (address, vec!["acknowledged".to_owned()]));
    assert!(matches!(node.start_again(), Err(NodeError::State(_))), "one process at a time");

    node.stop().unwrap();
    assert!(!node.is_running());
    node.start_again().unwrap();
    assert_eq!(keys(node.client()), ["acknowledged"]);
}

#[test]
fn a_node_can_be_rolled_back_to_a_copy() {
    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy");
    let mut node = Node::start(&place.path().join("node")).unwrap();
    node.client().add_collections(SDL).unwrap();
    add(node.client(), "before").unwrap();
    assert!(matches!(node.copy_data(&copy), Err(NodeError::State(_))), "a copy of a running node is none");
    // Killed, not stopped: a copy of what a crash leaves.
    node.kill();
    node.copy_data(&copy).unwrap();
    node.start_again().unwrap();
    add(node.client(), "later").unwrap();
    node.stop().unwrap();
    let size = node.disk_bytes().unwrap();
    assert!((1000..1 << 30).contains(&size), "holes do not count: {size}");
    node.restore(&copy).unwrap();
    node.start_again().unwrap();
    assert_eq!(keys(node.client()), ["before"]);
}

#[test]
fn the_plain_client_sees_errors_first() {
    let node = Node::throwaway().unwrap();
    let client = node.client();
    client.add_collections(SDL).unwrap();
    assert!(client.add_collections(SDL).unwrap_err().to_string().contains("already exists"));
    add(client, "one").unwrap();
    let equal = add(client, "one").unwrap_err().to_string();
    assert!(equal.contains("already exists"), "{equal}");
    assert!(client.graphql("{ Nothing { key } }", &Value::Null).is_err());
    // More than fits into one chunk of the answer.
    for n in 0..20 {
        add(client, &format!("{n:02}")).unwrap();
    }
    let data = client.graphql("{ Note { key text } }", &Value::Null).unwrap();
    assert_eq!(data["Note"].as_array().unwrap().len(), 21);
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let place = tempfile::tempdir().unwrap();
    let _first = Node::start(place.path()).unwrap();
    let second = Node::start(place.path()).unwrap_err().to_string();
    assert!(second.contains("directory lock"), "{second}");
}

#[test]
fn a_node_goes_with_its_value() {
    let place = tempfile::tempdir().unwrap();
    let node = Node::start(place.path()).unwrap();
    assert!(process_of(node.directory()).is_some());
    let directory = node.directory().to_owned();
    drop(node);
    assert_eq!(process_of(&directory), None);
}

/// Names a directory: then this test program is the one that starts a node there and is killed.
const VICTIM: &str = "BOOKSTATE_TEST_NODE_OF_THE_KILLED";

/// What it says then.
const READY: &str = "the node is ready";

#[test]
fn a_node_goes_when_its_test_is_killed() {
    if let Some(directory) = std::env::var_os(VICTIM) {
        let _node = Node::start(&PathBuf::from(directory)).unwrap();
        println!("{READY}");
        loop {
            std::thread::park();
        }
    }
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().canonicalize().unwrap();
    // Built here, so that the other process does not build it.
    DEFRADB.path().unwrap();
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "node::a_node_goes_when_its_test_is_killed", "--nocapture"])
        .env(VICTIM, &directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(test.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == READY));
    assert!(process_of(&directory).is_some());
    test.kill().unwrap();
    test.wait().unwrap();
    let begun = Instant::now();
    while process_of(&directory).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the node is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_detached_node_outlives_its_value_until_it_is_stopped() {
    let place = tempfile::tempdir().unwrap();
    let detached = Node::start(place.path()).unwrap().detach().unwrap();
    assert!(detached.is_running());
    assert!(Client::new(detached.address).is_healthy());
    detached.stop().unwrap();
    assert!(!detached.is_running());
    assert!(!Client::new(detached.address).is_healthy());
    detached.stop().unwrap();
    assert!(Node::throwaway().unwrap().detach().is_err(), "its data would be gone");
}

#[test]
fn an_answer_lost_after_the_commit_leaves_the_document_and_a_lost_request_does_not() {
    let node = Node::throwaway().unwrap();
    node.client().add_collections(SDL).unwrap();
    let proxy = Proxy::start(node.address()).unwrap();
    proxy.next([Fault::LoseAnswer(End::Reset), Fault::Lose(End::Reset), Fault::CutRequest, Fault::CutAnswer]);
    for key in ["answer lost", "lost", "cut", "answer cut"] {
        assert!(matches!(add(proxy.client(), key), Err(NodeError::NoAnswer { .. })), "{key}");
    }
    add(proxy.client(), "passed").unwrap();
    assert_eq!(keys(node.client()), ["answer cut", "answer lost", "passed"]);
}

#[test]
fn a_node_that_was_killed_behind_a_proxy_is_reached_again() {
    let mut node = Node::throwaway().unwrap();
    node.client().add_collections(SDL).unwrap();
    let proxy = Proxy::start(node.address()).unwrap();
    add(proxy.client(), "one").unwrap();
    node.kill();
    assert!(add(proxy.client(), "two").is_err());
    node.start_again().unwrap();
    add(proxy.client(), "three").unwrap();
    assert_eq!(keys(proxy.client()), ["one", "three"]);
    assert_eq!((proxy.counts().unreached, proxy.counts().answers), (1, 3));
}
