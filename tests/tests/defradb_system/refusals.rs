//! The node refuses a document for good: that one is parked, everything else arrives.

use bookstate_tests::node::{Client, Node};
use bookstate_tests::system::Place;
use serde_json::{Value, json};

use crate::compare::differences;
use crate::rig::{PROCESS, Rig, configure, is_equal, lag, small};

const OTHER: &str = "ANOTHER BOOK\n\nCHAPTER 1\n\nIt was a dark night.\n";

fn parked(place: &Place) -> Value {
    place.ok("parked list --json").json()["parked"].clone()
}

#[test]
fn a_document_of_somebody_else_has_our_key() {
    let rig = Rig::with(&small().made);
    // Makes the collections.
    rig.place.write("other.txt", OTHER);
    rig.place.ok("process other.txt");
    let key = format!("{}/3", small().id);
    let page = json!({ "input": [{ "key": key, "book_id": "somebody", "ocr_markdown": "theirs" }] });
    let add = "mutation($input: [PageMutationInputArg!]!) { add_Page(input: $input) { key } }";
    rig.client().graphql(add, &page).unwrap();

    let ended = rig.place.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete", "the book is done here: {ended:?}");
    assert_eq!(lag(&rig.place, "defradb"), (0, 1));
    let list = parked(&rig.place);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list[0]["document"], format!("Page/{key}"), "{list}");
    assert!(!list[0]["reason"].as_str().unwrap().is_empty(), "{list}");
    let differing = differences(&rig.place, rig.client());
    assert!(differing.len() == 1 && differing[0].starts_with(&format!("Page/{key}: ")), "{differing:?}");

    // Not removed yet: it stays, and theirs too.
    let tried = rig.place.ok("parked retry defradb");
    assert!(tried.out.contains("1 still parked"), "{tried:?}");
    assert_eq!(lag(&rig.place, "defradb"), (0, 1));
    assert_eq!(differences(&rig.place, rig.client()).len(), 1);

    let delete = format!("mutation {{ delete_Page(filter: {{key: {{_eq: \"{key}\"}}}}) {{ key }} }}");
    rig.client().graphql(&delete, &Value::Null).unwrap();
    rig.place.ok("parked retry defradb");
    assert_eq!(parked(&rig.place), json!([]));
    rig.is_equal();
}

/// A node whose store is memory takes no value of 1 MiB.
#[test]
fn a_text_is_too_long_for_the_node() {
    let node = Node::in_memory().unwrap();
    let place = Place::new();
    configure(&place, &node.url());
    // One chapter of more than that, in pages of less.
    let line = "It was a dark night, and a long one, and nobody in the house could sleep.\n";
    place.write("long.txt", format!("A LONG BOOK\n\nCHAPTER 1\n\n{}", line.repeat(16_000)));
    place.write("other.txt", OTHER);
    // A book of which nearly all is one chapter is told as such.
    let ended = place.run("process long.txt other.txt --json");
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert_eq!(ended.out.lines().count(), 2, "{ended:?}");
    let list = parked(&place);
    let documents: Vec<&str> =
        list.as_array().unwrap().iter().map(|parked| parked["document"].as_str().unwrap()).collect();
    assert!(!documents.is_empty() && documents.iter().all(|name| name.starts_with("Chapter/")), "{list}");
    // The node's message has the value in it.
    assert!(list.to_string().len() < 4000 * documents.len(), "{}", list.to_string().len());
    let differing = differences(&place, node.client());
    let is_parked = |differing: &String| documents.iter().any(|name| differing.starts_with(name));
    let others: Vec<_> = differing.iter().filter(|differing| !is_parked(differing)).collect();
    assert!(
        differing.len() == documents.len() && others.is_empty(),
        "{documents:?} are parked, but: {others:?}"
    );

    for document in documents {
        place.ok(&format!("parked drop defradb {document}"));
    }
    assert_eq!(lag(&place, "defradb"), (0, 0), "accepted, so not degraded");
    assert!(parked(&place).as_array().unwrap().iter().all(|parked| parked["dropped"] == true));
}

#[test]
fn two_data_directories_and_one_node() {
    let node = Node::throwaway().unwrap();
    let [first, second] = [(); 2].map(|()| Place::with(&small().made));
    let writer = |place: &Place| {
        let text = std::fs::read_to_string(place.path(".bookstate/writer")).unwrap();
        text.trim().to_owned()
    };
    for place in [&first, &second] {
        configure(place, &node.url());
    }
    first.ok(PROCESS);
    is_equal(&first, node.client(), "defradb");

    let ended = second.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete", "the job is not held up");
    assert!(ended.err.contains(&format!("`bookstate target takeover defradb {}`", small().id)), "{ended:?}");
    second.run("target resync defradb").fails(5, &[&writer(&first)]);
    is_equal(&first, node.client(), "defradb");

    let taken = second.ok(&format!("target takeover defradb {} --json", small().id)).json();
    assert_eq!(taken["previous_writer"], writer(&first));
    is_equal(&second, node.client(), "defradb");

    let reset = first.ok("reset book.pdf structure --yes");
    assert!(reset.err.contains("another data directory"), "{reset:?}");
    first.run("target resync defradb").fails(5, &[&writer(&second)]);
    is_equal(&second, node.client(), "defradb");
}

#[test]
fn the_data_directory_is_lost() {
    let rig = Rig::with(&small().made);
    let book = &small().id;
    rig.place.ok(PROCESS);
    rig.place.ok("reset book.pdf structure --yes");
    rig.place.ok("process book.pdf");
    rig.is_equal();
    let (before, tables) = (rig.place.canonical("book.pdf"), rig.place.tables());
    let last = persisted_seq(rig.client());

    std::fs::remove_dir_all(rig.place.data()).unwrap();
    rig.place.ok(&format!("target takeover defradb {book}"));
    assert!(rig.place.canonical(book) == before);
    assert!(rig.place.tables().difference(&tables).is_empty());
    rig.is_equal();

    // Deleted documents come again, and no seq does.
    rig.place.ok(&format!("reset {book} structure --yes"));
    rig.is_equal();
    let ended = rig.place.ok("process book.pdf --json");
    assert_eq!((&ended.json()["status"], &ended.json()["job_id"]), (&"complete".into(), &"job-3".into()));
    rig.is_equal();
    assert!(persisted_seq(rig.client()) > last);
    let chapters = rig.client().graphql("{ Chapter { created_seq } }", &Value::Null).unwrap();
    for chapter in chapters["Chapter"].as_array().unwrap() {
        assert!(chapter["created_seq"].as_u64().unwrap() > last, "{chapter}");
    }
}

fn persisted_seq(client: Client) -> u64 {
    let data = client.graphql("{ BookSync { persisted_seq } }", &Value::Null).unwrap();
    data["BookSync"][0]["persisted_seq"].as_u64().unwrap()
}
