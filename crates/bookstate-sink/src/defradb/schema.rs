//! Which step brings a node's collections to what this version works with. Pure.
//!
//! The wanted collections are those of `graphql/schema.graphql`, which is made from the domain's field tables.
//! A marker collection, made in the same request as all others, says that collections of these names are
//! ours, and its newest field says of which version. A field or collection that an older version did not have
//! is added; nothing is ever removed or changed.

use std::collections::BTreeMap;

use graphql_parser::schema::{Definition, Directive, Document, ParseError, Type, TypeDefinition, Value};
use serde::Deserialize;
use serde_json::json;

/// Marks the collections as ours.
const MARKER: &str = "BookstateSchema";

/// The collections of this version.
pub(super) const SCHEMA: &str = include_str!("../../graphql/schema.graphql");

/// A collection of the node, as its API tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FoundCollection {
    name: String,
    fields: Vec<FoundField>,
    #[serde(default)]
    indexes: Option<Vec<FoundIndex>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FoundField {
    name: String,
    kind: serde_json::Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FoundIndex {
    name: String,
}

/// What has to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Make these collections, all at once.
    Create(String),
    /// Add fields: a JSON patch.
    Extend(String),
    /// Make an index of this collection, with this description.
    Index(String, String),
}

/// The collections that are wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    document: Document<'static, String>,
    collections: BTreeMap<String, WantedCollection>,
}

#[derive(Debug, Default)]
struct WantedCollection {
    fields: Vec<(String, String)>,
    indexes: Vec<WantedIndex>,
}

#[derive(Debug)]
struct WantedIndex {
    name: String,
    unique: bool,
    field: String,
}

impl Wanted {
    /// The collections of a schema text.
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        let document = graphql_parser::parse_schema::<String>(text)?.into_static();
        let mut collections: BTreeMap<String, WantedCollection> = BTreeMap::new();
        for definition in &document.definitions {
            let Definition::TypeDefinition(TypeDefinition::Object(object)) = definition else { continue };
            let collection = collections.entry(object.name.clone()).or_default();
            for field in &object.fields {
                collection.fields.push((field.name.clone(), kind(&field.field_type)));
                for directive in field.directives.iter().filter(|directive| directive.name == "index") {
                    collection.indexes.push(WantedIndex::of(&object.name, &field.name, directive));
                }
            }
        }
        Ok(Self { document, collections })
    }

    /// Whether a collection is one of ours.
    pub(super) fn has(&self, name: &str) -> bool {
        self.collections.contains_key(name)
    }

    /// The next step; none when the node is ready.
    ///
    /// # Errors
    /// In words: why the node cannot be used.
    pub(super) fn next_step(&self, found: &[FoundCollection]) -> Result<Option<Step>, String> {
        let found: BTreeMap<&str, &FoundCollection> =
            found.iter().map(|collection| (collection.name.as_str(), collection)).collect();
        let (present, missing): (Vec<&str>, Vec<&str>) =
            self.collections.keys().map(String::as_str).partition(|name| found.contains_key(name));
        if !present.is_empty() {
            let Some(marker) = found.get(MARKER) else {
                return Err(format!(
                    "it has collections named {} that are not bookstate's: use another node",
                    present.join(", ")
                ));
            };
            self.check_version(marker)?;
        }
        if !missing.is_empty() {
            return Ok(Some(Step::Create(self.text_of(&missing))));
        }
        let mut patch = Vec::new();
        for (name, wanted) in &self.collections {
            let Some(found) = found.get(name.as_str()) else { continue };
            for (field, kind) in &wanted.fields {
                match found.fields.iter().find(|found| found.name == *field) {
                    Some(found) if found.kind == json!(kind) => {}
                    Some(found) => {
                        return Err(format!(
                            "its field {name}.{field} is a {}, and this bookstate works with a {kind}: use \
                             another node",
                            found.kind
                        ));
                    }
                    None => patch.push(json!({
                        "op": "add", "path": format!("/{name}/Fields/-"), "value": {"Name": field, "Kind": kind}
                    })),
                }
            }
        }
        if !patch.is_empty() {
            return Ok(Some(Step::Extend(json!(patch).to_string())));
        }
        for (name, wanted) in &self.collections {
            let indexes = found.get(name.as_str()).and_then(|found| found.indexes.as_ref());
            let has =
                |index: &WantedIndex| indexes.into_iter().flatten().any(|found| found.name == index.name);
            if let Some(index) = wanted.indexes.iter().find(|index| !has(index)) {
                let description =
                    json!({"Name": index.name, "Unique": index.unique, "Fields": [{"Name": index.field}]});
                return Ok(Some(Step::Index(name.clone(), description.to_string())));
            }
        }
        Ok(None)
    }

    /// Refuses a marker of a newer version than ours.
    fn check_version(&self, marker: &FoundCollection) -> Result<(), String> {
        let version = |name: &str| name.strip_prefix('v').and_then(|number| number.parse::<u32>().ok());
        let newest = marker.fields.iter().filter_map(|field| version(&field.name)).max().unwrap_or(0);
        let own = self.collections.get(MARKER);
        let fields = own.into_iter().flat_map(|collection| &collection.fields);
        let ours = fields.filter_map(|(name, _)| version(name)).max().unwrap_or(0);
        if newest > ours {
            return Err(format!(
                "its collections are of version {newest}, and this bookstate knows up to {ours}: use a newer \
                 bookstate"
            ));
        }
        Ok(())
    }

    /// The schema text of these collections.
    fn text_of(&self, names: &[&str]) -> String {
        let is_wanted = |definition: &&Definition<'static, String>| match definition {
            Definition::TypeDefinition(TypeDefinition::Object(object)) => {
                names.contains(&object.name.as_str())
            }
            _ => false,
        };
        let definitions = self.document.definitions.iter().filter(is_wanted).cloned().collect();
        Document { definitions }.to_string()
    }
}

impl WantedIndex {
    fn of(collection: &str, field: &str, directive: &Directive<'static, String>) -> Self {
        let argument =
            |name: &str| directive.arguments.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let unique = matches!(argument("unique"), Some(Value::Boolean(true)));
        let name = match argument("name") {
            Some(Value::String(name)) => name.clone(),
            // The name that the node gives.
            _ => format!("{collection}_{field}_ASC"),
        };
        Self { name, unique, field: field.to_owned() }
    }
}

/// What the node calls a field's type.
fn kind(field_type: &Type<'static, String>) -> String {
    match field_type {
        Type::NamedType(name) if name == "Float" => "Float64".to_owned(),
        other => other.to_string(),
    }
}
