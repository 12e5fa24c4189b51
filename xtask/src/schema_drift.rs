//! `cargo xtask schema-drift`: is the checked-in description of a DefraDB node what a real node says of itself?
//!
//! Starts a node, sets it up with `schema.graphql`, and compares its introspection with `schema.json` (what
//! tests hold the operations against) and its routes with `routes.txt` (what tells one version of
//! DefraDB from another). `--write` writes both. The order of types, fields and arguments is ours: the node's
//! changes from run to run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use bookstate_tests::node::{Client, Node};
use clap::Args;
use serde_json::{Map, Value, json};

/// Where what is known of a node is checked in: its collections, its operations, and what it says of itself.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bookstate-sink/graphql")
}

/// What is asked. Descriptions are left out: they are most of the text and nothing of the meaning.
const INTROSPECTION: &str = "
query IntrospectionQuery {
  __schema {
    queryType { name }
    mutationType { name }
    subscriptionType { name }
    types { ...FullType }
    directives { name locations args { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind
  name
  fields(includeDeprecated: true) {
    name
    args { ...InputValue }
    type { ...TypeRef }
    isDeprecated
    deprecationReason
  }
  inputFields { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
";

/// The options of the chore.
#[derive(Args)]
pub(crate) struct Options {
    /// Writes what the node says instead of comparing
    #[arg(long)]
    pub(crate) write: bool,
}

/// Runs the chore.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let directory = directory();
    let node = Node::throwaway().context("no node can be started: `cargo xtask defradb build` builds one")?;
    let client = node.client();
    let schema = fs::read_to_string(directory.join("schema.graphql")).context("run `cargo xtask codegen`")?;
    client.add_collections(&schema)?;
    let mut differing = Vec::new();
    for (name, found) in [("schema.json", introspection(client)?), ("routes.txt", routes(client)?)] {
        let path = directory.join(name);
        if fs::read_to_string(&path).ok().as_ref() == Some(&found) {
            continue;
        }
        if options.write {
            fs::write(&path, found).with_context(|| path.display().to_string())?;
        }
        differing.push(name);
    }
    ensure!(
        options.write || differing.is_empty(),
        "{} differ from what a node says: run `cargo xtask schema-drift --write` and look at the difference",
        differing.join(", ")
    );
    Ok(())
}

/// The node's introspection, sorted, one type per line.
fn introspection(client: Client) -> anyhow::Result<String> {
    let data = client.graphql(INTROSPECTION, &Value::Null)?;
    let mut schema = sorted(data.get("__schema").context("the node does not describe itself")?.clone());
    let object = schema.as_object_mut().context("the node does not describe itself")?;
    let types = object.remove("types").unwrap_or_default();
    let types: Vec<String> = types.as_array().into_iter().flatten().map(Value::to_string).collect();
    object.insert("types".to_owned(), json!([]));
    let text = json!({"data": {"__schema": object}}).to_string();
    Ok(text.replacen("\"types\":[]", &format!("\"types\":[\n{}\n]", types.join(",\n")), 1) + "\n")
}

/// The routes of the node's API, sorted, one per line.
fn routes(client: Client) -> anyhow::Result<String> {
    let answer = client.request("GET", "/openapi.json", b"")?;
    let api: Value = serde_json::from_slice(answer.body())?;
    let paths = api.get("paths").and_then(Value::as_object).context("the node does not list its routes")?;
    let mut routes: Vec<&str> = paths.keys().map(String::as_str).collect();
    routes.sort_unstable();
    Ok(routes.join("\n") + "\n")
}

/// The same value with its objects sorted by key, and its lists by name.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> =
                fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(fields))
        }
        Value::Array(values) => {
            let mut values: Vec<Value> = values.into_iter().map(sorted).collect();
            let name = |value: &Value| value.get("name").unwrap_or(value).to_string();
            values.sort_by_cached_key(name);
            Value::Array(values)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_description_is_that_of_the_pinned_node() {
        run(&Options { write: false }).unwrap();
    }

    #[test]
    fn the_order_of_a_description_is_ours() {
        let one = json!({"b": [{"name": "y"}, {"name": "x", "k": [2, 1]}], "a": null});
        let other = json!({"a": null, "b": [{"k": [1, 2], "name": "x"}, {"name": "y"}]});
        assert_eq!(sorted(one).to_string(), sorted(other).to_string());
    }
}
