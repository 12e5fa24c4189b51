//! What a node holds, read without the program, against what the program exports.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bookstate_tests::node::Client;
use bookstate_tests::system::{COLLECTIONS, Place};
use serde_json::{Map, Value};

/// Documents by `collection/key`, without fields that are null.
pub(crate) type Documents = BTreeMap<String, Map<String, Value>>;

/// What the target has beside a document's own fields.
const OF_THE_TARGET: [&str; 2] = ["nonce", "parent_key"];

/// Lists of texts: an empty one and none are the same, and only the node may tell them apart.
const LISTS: [&str; 2] = ["authors", "subjects"];

/// The stored fields of a collection, as the node describes them.
fn fields(client: Client, collection: &str) -> Vec<String> {
    // With everything that the node adds to a collection, the kind of a stored field's type is a scalar's, or
    // that of a list of them.
    let of_type = "kind ofType { kind ofType { kind ofType { kind } } }";
    let query = format!("{{ __type(name: \"{collection}\") {{ fields {{ name type {{ {of_type} }} }} }} }}");
    let described = client.graphql(&query, &Value::Null).unwrap();
    let described = described["__type"]["fields"].as_array().unwrap().clone();
    let is_stored = |field: &Value| {
        let mut kind = &field["type"];
        while kind["ofType"].is_object() {
            kind = &kind["ofType"];
        }
        let name = field["name"].as_str().unwrap();
        kind["kind"] == "SCALAR" && name.starts_with(|first: char| first.is_ascii_lowercase())
    };
    described
        .iter()
        .filter(|field| is_stored(field))
        .map(|field| field["name"].as_str().unwrap().into())
        .collect()
}

/// The rows of all collections in one request, which is one moment.
fn rows(client: Client) -> Value {
    // All nodes of these tests have the same collections.
    static QUERY: OnceLock<String> = OnceLock::new();
    let query = QUERY.get_or_init(|| {
        let of = |collection: &&str| format!("{collection} {{ {} }}", fields(client, collection).join(" "));
        format!("{{ {} }}", COLLECTIONS.iter().map(of).collect::<Vec<_>>().join(" "))
    });
    client.graphql(query, &Value::Null).unwrap()
}

/// Every document of a node; no key is there twice.
pub(crate) fn in_node(client: Client) -> Documents {
    let rows = rows(client);
    let mut documents = Documents::new();
    for collection in COLLECTIONS {
        for row in rows[collection].as_array().unwrap() {
            let name = format!("{collection}/{}", row["key"].as_str().unwrap());
            let mut fields = plain(row);
            fields.retain(|name, _| !OF_THE_TARGET.contains(&name.as_str()));
            assert!(documents.insert(name.clone(), fields).is_none(), "{name} is there twice");
        }
    }
    documents
}

/// Every document of a place, as it exports them.
pub(crate) fn in_place(place: &Place) -> Documents {
    let mut documents = Documents::new();
    let books = place.ok("books --json").json();
    for book in books["books"].as_array().unwrap() {
        let export = place.ok(&format!("export {} --format json", book["id"].as_str().unwrap())).json();
        for collection in COLLECTIONS {
            for row in export["documents"][collection].as_array().unwrap() {
                documents.insert(format!("{collection}/{}", row["key"].as_str().unwrap()), plain(row));
            }
        }
    }
    documents
}

fn plain(row: &Value) -> Map<String, Value> {
    let is_none = |name: &str, value: &Value| {
        value.is_null() || LISTS.contains(&name) && value.as_array().is_some_and(Vec::is_empty)
    };
    let fields = row.as_object().unwrap().iter().filter(|(name, value)| !is_none(name, value));
    fields.map(|(name, value)| (name.clone(), same_form(name, value))).collect()
}

/// One form of what both sides may write in several: numbers, and the zeros at the end of a time.
fn same_form(name: &str, value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().unwrap().into(),
        Value::String(time) if name.ends_with("_at") && time.contains('.') => {
            time.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.').into()
        }
        Value::String(time) if name.ends_with("_at") => time.trim_end_matches('Z').into(),
        Value::Array(items) => items.iter().map(|item| same_form("", item)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), same_form("", value))).collect()
        }
        other => other.clone(),
    }
}

/// The documents that a node has not as the place has them, with what differs.
pub(crate) fn differences(place: &Place, client: Client) -> Vec<String> {
    let (ours, theirs) = (in_place(place), in_node(client));
    assert!(!ours.is_empty());
    let mut found = Vec::new();
    for (name, document) in &ours {
        match theirs.get(name) {
            None => found.push(format!("{name} is missing")),
            Some(other) if other != document => {
                let names = document.keys().chain(other.keys().filter(|name| !document.contains_key(*name)));
                let differ = |name: &&String| document.get(*name) != other.get(*name);
                let of = |name: &String| format!("{name}: {:?} {:?}", document.get(name), other.get(name));
                found
                    .push(format!("{name}: {}", names.filter(differ).map(of).collect::<Vec<_>>().join(", ")));
            }
            Some(_) => {}
        }
    }
    found.extend(
        theirs.keys().filter(|name| !ours.contains_key(*name)).map(|name| format!("{name} is extra")),
    );
    found
}
