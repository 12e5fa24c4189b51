//! Several typed operations in one request, which the node carries out as one transaction.
//!
//! The parsed operations are put side by side under aliases, their variables renamed; each answer is read back
//! through its operation's own type. The text of a request depends on its operations only, so texts are kept.

use std::{collections::HashMap, marker::PhantomData, sync::Arc};

use graphql_client::GraphQLQuery;
use graphql_parser::query::{
    Definition, Document, Field, Mutation, OperationDefinition, Query, Selection, SelectionSet, Value,
    VariableDefinition,
};
use parking_lot::Mutex;
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, value::MapDeserializer},
};
use serde_json::Map;

type Ast = Document<'static, String>;

/// How many texts are kept; when there are more, all are forgotten.
const MOST_TEXTS: usize = 512;

/// An operation that cannot be a part of a request. A defect of the operation's file: a test composes them all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error("an operation cannot be parsed: {0}")]
    Parse(#[from] graphql_parser::query::ParseError),
    #[error("an operation has {0}, which cannot be composed")]
    Shape(&'static str),
    #[error("variables cannot be written: {0}")]
    Variables(#[from] serde_json::Error),
}

/// Where the answer of an operation will be, and as what its rows are read.
#[derive(Debug)]
pub(super) struct Ask<R> {
    index: usize,
    row: PhantomData<fn() -> R>,
}

// Derived, these would ask the same of the rows.
impl<R> Copy for Ask<R> {}
impl<R> Clone for Ask<R> {
    fn clone(&self) -> Self {
        *self
    }
}

/// What an operation is answered with.
#[derive(Debug, Deserialize)]
pub(super) struct Rows<R> {
    rows: Option<Vec<Option<R>>>,
}

/// Operations that become one request. All queries, or all mutations.
#[derive(Debug, Default)]
pub(super) struct Batch {
    shape: Vec<&'static str>,
    variables: Map<String, serde_json::Value>,
}

impl Batch {
    /// Adds an operation.
    pub(super) fn push<Q, R>(&mut self, variables: Q::Variables) -> Result<Ask<R>, ComposeError>
    where
        Q: GraphQLQuery<ResponseData = Rows<R>>,
        R: DeserializeOwned,
    {
        let body = Q::build_query(variables);
        let index = self.shape.len();
        self.shape.push(body.query);
        match serde_json::to_value(&body.variables)? {
            serde_json::Value::Object(variables) => {
                self.variables
                    .extend(variables.into_iter().map(|(name, value)| (format!("{name}_{index}"), value)));
            }
            serde_json::Value::Null => {}
            _ => return Err(ComposeError::Shape("variables that are no object")),
        }
        Ok(Ask { index, row: PhantomData })
    }

    /// The body of the request.
    pub(super) fn request(&self, composer: &Composer) -> Result<Vec<u8>, ComposeError> {
        #[derive(Serialize)]
        struct Request<'a> {
            query: Arc<str>,
            variables: &'a Map<String, serde_json::Value>,
        }
        let query = composer.text(&self.shape)?;
        Ok(serde_json::to_vec(&Request { query, variables: &self.variables })?)
    }
}

/// Makes the texts of requests, and keeps them by their operations.
#[derive(Debug, Default)]
pub(super) struct Composer {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    parsed: HashMap<&'static str, Ast>,
    texts: HashMap<Vec<&'static str>, Arc<str>>,
}

impl Composer {
    fn text(&self, shape: &[&'static str]) -> Result<Arc<str>, ComposeError> {
        let mut kept = self.kept.lock();
        if let Some(text) = kept.texts.get(shape) {
            return Ok(text.clone());
        }
        let text: Arc<str> = compose(&mut kept.parsed, shape)?.into();
        if kept.texts.len() >= MOST_TEXTS {
            kept.texts.clear();
        }
        kept.texts.insert(shape.to_vec(), text.clone());
        Ok(text)
    }
}

fn compose(parsed: &mut HashMap<&'static str, Ast>, shape: &[&'static str]) -> Result<String, ComposeError> {
    let mut variable_definitions = Vec::new();
    let mut items = Vec::new();
    let mut kinds = Vec::new();
    for (index, text) in shape.iter().enumerate() {
        if !parsed.contains_key(text) {
            parsed.insert(text, graphql_parser::parse_query::<String>(text)?.into_static());
        }
        for definition in parsed.get(text).into_iter().flat_map(|ast| &ast.definitions) {
            let (variables, selection, mutates) = match definition {
                Definition::Operation(OperationDefinition::Mutation(m)) => {
                    (&m.variable_definitions, &m.selection_set, true)
                }
                Definition::Operation(OperationDefinition::Query(q)) => {
                    (&q.variable_definitions, &q.selection_set, false)
                }
                _ => return Err(ComposeError::Shape("something beside queries and mutations")),
            };
            kinds.push(mutates);
            variable_definitions.extend(
                variables
                    .iter()
                    .map(|v| VariableDefinition { name: format!("{}_{index}", v.name), ..v.clone() }),
            );
            for item in &selection.items {
                let Selection::Field(field) = item else {
                    return Err(ComposeError::Shape("a fragment at its root"));
                };
                let mut field = field.clone();
                let name = field.alias.as_ref().unwrap_or(&field.name);
                field.alias = Some(format!("{name}_{index}"));
                rename_in_field(&mut field, index);
                items.push(Selection::Field(field));
            }
        }
    }
    let mutates = kinds.contains(&true);
    if mutates && kinds.contains(&false) {
        return Err(ComposeError::Shape("a query where the others are mutations"));
    }
    let selection_set = SelectionSet { span: <_>::default(), items };
    let (position, name, directives) = (<_>::default(), None, Vec::new());
    let operation = if mutates {
        let name = name.or_else(|| Some("Chunk".to_owned()));
        OperationDefinition::Mutation(Mutation {
            position,
            name,
            variable_definitions,
            directives,
            selection_set,
        })
    } else {
        let name = name.or_else(|| Some("Read".to_owned()));
        OperationDefinition::Query(Query { position, name, variable_definitions, directives, selection_set })
    };
    Ok(Document { definitions: vec![Definition::Operation(operation)] }.to_string())
}

fn rename_in_field(field: &mut Field<'static, String>, index: usize) {
    for (_, value) in &mut field.arguments {
        rename_in_value(value, index);
    }
    for item in &mut field.selection_set.items {
        if let Selection::Field(field) = item {
            rename_in_field(field, index);
        }
    }
}

fn rename_in_value(value: &mut Value<'static, String>, index: usize) {
    match value {
        Value::Variable(name) => *name = format!("{name}_{index}"),
        Value::List(values) => values.iter_mut().for_each(|value| rename_in_value(value, index)),
        Value::Object(fields) => fields.values_mut().for_each(|value| rename_in_value(value, index)),
        _ => {}
    }
}

/// The data of an answer without errors: what each operation's root fields hold.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Answer(Map<String, serde_json::Value>);

impl Answer {
    /// The rows of an operation. Once: they are taken out.
    pub(super) fn rows<R: DeserializeOwned>(&mut self, ask: Ask<R>) -> Result<Vec<R>, serde_json::Error> {
        let suffix = format!("_{}", ask.index);
        let names: Vec<String> = self.0.keys().filter(|name| name.ends_with(&suffix)).cloned().collect();
        let own = names.into_iter().filter_map(|name| {
            let value = self.0.remove(&name)?;
            Some((name.strip_suffix(&suffix)?.to_owned(), value))
        });
        let answer = Rows::deserialize(MapDeserializer::new(own))?;
        Ok(answer.rows.into_iter().flatten().flatten().collect())
    }
}
