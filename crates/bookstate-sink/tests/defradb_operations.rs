//! Every operation is valid for the node, in full, and the field tables are the node's types.
//!
//! What is misspelt would else be found by a node that ignores it.
#![cfg(feature = "defradb")]
#![expect(clippy::unwrap_used, reason = "what a test's own functions meet fails the test")]

mod introspection;

use std::path::Path;

use apollo_compiler::{ExecutableDocument, Schema, validation::Valid};
use bookstate_domain::{Collection, value::Kind};

fn errors(schema: &Valid<Schema>, operation: &str) -> Option<String> {
    let parsed = ExecutableDocument::parse_and_validate(schema, operation, "operation");
    parsed.err().map(|invalid| invalid.errors.to_string())
}

#[test]
fn every_operation_is_valid() {
    let schema = introspection::schema();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("graphql/operations");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(errors(&schema, &text), None, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 5 * Collection::ALL.len() + 4);
}

#[test]
fn what_is_wrong_of_an_operation_is_found() {
    let schema = introspection::schema();
    let right = "mutation U($fields: PageMutationInputArg!, $key: String!) {
        rows: upsert_Page(filter: {key: {_eq: $key}}, add: {}, update: $fields) { key } }";
    assert_eq!(errors(&schema, right), None);
    for (wrong, instead) in [
        ("filter:", "filtre:"),
        ("_eq", "_ist"),
        ("{key: {", "{kee: {"),
        ("$key: String!", "$key: Boolean!"),
        (", $key: String!", ""),
        ("key: {_eq: $key}", "key: {_eq: \"b\"}"),
        ("PageMutationInputArg", "BookMutationInputArg"),
        ("{ key }", ""),
    ] {
        let text = right.replacen(wrong, instead, 1);
        assert_ne!(text, right);
        assert!(errors(&schema, &text).is_some(), "{instead:?} for {wrong:?} was let through");
    }
}

#[test]
fn the_field_tables_are_the_types_of_the_node() {
    let schema = introspection::schema();
    for collection in Collection::ALL {
        for column in collection.columns() {
            let expected = match column.kind {
                Kind::Text => "String",
                Kind::Int => "Int",
                Kind::Float => "Float64",
                Kind::Bool => "Boolean",
                Kind::Json => "JSON",
                Kind::TextList => "[String!]",
                Kind::Time => "DateTime",
            };
            let what = format!("{collection}.{}", column.name);
            let input = schema.get_input_object(&format!("{collection}MutationInputArg")).unwrap();
            let input = input.fields.get(column.name).map(|field| field.ty.to_string());
            let output =
                schema.type_field(collection.as_str(), column.name).map(|field| field.ty.to_string());
            // The node takes null in a list of texts; that there is none is the domain's affair.
            let taken = expected.replace("[String!]", "[String]");
            assert_eq!(input.as_deref(), Some(taken.as_str()), "input of {what}");
            assert_eq!(output.ok().as_deref(), Some(expected), "output of {what}");
        }
    }
}
