//! The node's introspection as a schema that apollo-compiler validates against.

use std::fmt::Write;

use apollo_compiler::{Schema, validation::Valid};
use serde_json::Value;

/// The checked-in introspection.
const INTROSPECTION: &str = include_str!("../../graphql/schema.json");

/// The schema of the node.
pub(crate) fn schema() -> Valid<Schema> {
    let introspection: Value = serde_json::from_str(INTROSPECTION).unwrap();
    let text = sdl(&introspection["data"]["__schema"]);
    match Schema::parse_and_validate(text, "schema.json") {
        Ok(schema) => schema,
        // The node's own types break some rules of the specification; none of them is about an operation.
        Err(partial) => Valid::assume_valid(partial.partial),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

fn type_text(value: &Value) -> String {
    match value["kind"].as_str().unwrap() {
        "NON_NULL" => type_text(&value["ofType"]) + "!",
        "LIST" => format!("[{}]", type_text(&value["ofType"])),
        _ => name(value).to_owned(),
    }
}

fn values(fields: &Value, key: &str) -> String {
    let value = |value: &Value| format!("{}: {}", name(value), type_text(&value["type"]));
    list(fields, key).map(value).collect::<Vec<_>>().join(", ")
}

fn sdl(schema: &Value) -> String {
    let mut text = String::from("schema { query: Query mutation: Mutation subscription: Subscription }\n");
    for definition in list(schema, "types") {
        let own = name(definition);
        if own.starts_with("__") || ["String", "Int", "Float", "Boolean", "ID"].contains(&own) {
            continue;
        }
        match definition["kind"].as_str().unwrap() {
            "SCALAR" => writeln!(text, "scalar {own}"),
            "ENUM" => {
                let words: Vec<&str> = list(definition, "enumValues").map(name).collect();
                writeln!(text, "enum {own} {{ {} }}", words.join(" "))
            }
            "OBJECT" => {
                writeln!(text, "type {own} {{").unwrap();
                for field in list(definition, "fields") {
                    let arguments = values(field, "args");
                    let arguments =
                        if arguments.is_empty() { String::new() } else { format!("({arguments})") };
                    writeln!(text, "  {}{arguments}: {}", name(field), type_text(&field["type"])).unwrap();
                }
                writeln!(text, "}}")
            }
            "INPUT_OBJECT" => writeln!(text, "input {own} {{ {} }}", values(definition, "inputFields")),
            _ => Ok(()),
        }
        .unwrap();
    }
    text
}
