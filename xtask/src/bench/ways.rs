//! The two ways that bookstate is measured against, and the bare loop, by a client that knows nothing of it.
//!
//! They write into the same collections, by the shortest means: new documents by `add`, known ones by `update`
//! with their docID, which the `add` answered. A request is one transaction.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bookstate_domain::{Collection, Document, Op, OpVisitor, WriteOp};
use serde_json::{Map, Value, json};

/// Documents per request where a way does not wait for each: the node's optimum.
const PER_REQUEST: usize = 10;

/// What a way cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// How long the job stood still for its writes.
    pub(super) blocked: Duration,
    /// How long until everything was in the node.
    pub(super) persisted: Duration,
    /// Requests that the node got.
    pub(super) requests: u64,
    /// Documents written, without Metric and BookSync.
    pub(super) documents: u64,
    /// Metric documents written.
    pub(super) metrics: u64,
    /// What the node has on its disk at the end.
    pub(super) disk_bytes: u64,
}

/// An op as the plain client sends it.
#[derive(Debug, Clone)]
struct Mutation {
    collection: Collection,
    key: String,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    /// All fields that are not null.
    Put(Map<String, Value>),
    /// The fields that change.
    Patch(Map<String, Value>),
    Delete,
}

/// A client of a node, with the docIDs that it was told.
#[derive(Debug)]
pub(super) struct Plain {
    http: reqwest::Client,
    url: String,
    ids: HashMap<String, String>,
    nonce: u64,
    cost: Cost,
}

impl Plain {
    pub(super) fn new(node: &str) -> Self {
        let (http, url) = (reqwest::Client::new(), format!("{node}/api/v1/graphql"));
        Self { http, url, ids: HashMap::new(), nonce: 0, cost: Cost::default() }
    }

    /// One request per op, and the job waits for it.
    pub(super) async fn waiting(mut self, commits: &[Vec<WriteOp>]) -> Result<Cost> {
        let begun = Instant::now();
        for ops in commits {
            for op in ops {
                self.send(&[mutation(op)?]).await?;
            }
        }
        self.cost.blocked = begun.elapsed();
        self.cost.persisted = self.cost.blocked;
        Ok(self.cost)
    }

    /// The job puts every op into a queue and goes on; a task empties it, up to ten ops a request, none left
    /// out.
    pub(super) async fn queued(mut self, commits: &[Vec<WriteOp>]) -> Result<Cost> {
        let begun = Instant::now();
        let (queue, mut queued) = tokio::sync::mpsc::unbounded_channel();
        let sender = async move {
            let mut batch: Vec<Mutation> = Vec::new();
            while let Some(op) = queued.recv().await {
                let next = mutation(&op)?;
                // The docID of a document that this request adds is not known before its answer.
                let full = batch.len() >= PER_REQUEST;
                if full || batch.iter().any(|one| (one.collection, &one.key) == (next.collection, &next.key))
                {
                    self.send(&batch).await?;
                    batch.clear();
                }
                batch.push(next);
            }
            self.send(&batch).await?;
            Ok::<_, anyhow::Error>(self.cost)
        };
        let sender = tokio::spawn(sender);
        let mut blocked = Duration::ZERO;
        for ops in commits {
            let call = Instant::now();
            for op in ops {
                queue.send(op.clone()).ok().context("the sender ended")?;
            }
            blocked += call.elapsed();
        }
        drop(queue);
        let cost = sender.await??;
        Ok(Cost { blocked, persisted: begun.elapsed(), ..cost })
    }

    /// The final documents and nothing else, ten `add`s a request: what the node can take.
    pub(super) async fn bare(mut self, documents: &[WriteOp]) -> Result<Cost> {
        let mutations = documents.iter().map(mutation).collect::<Result<Vec<_>>>()?;
        let begun = Instant::now();
        for batch in mutations.chunks(PER_REQUEST) {
            self.send(batch).await?;
        }
        Ok(Cost { persisted: begun.elapsed(), ..self.cost })
    }

    /// Sends mutations of different documents in one request.
    async fn send(&mut self, mutations: &[Mutation]) -> Result<()> {
        if mutations.is_empty() {
            return Ok(());
        }
        let (mut heads, mut fields, mut variables) = (String::new(), String::new(), Map::new());
        let mut adds: HashSet<Collection> = HashSet::new();
        for (n, one) in mutations.iter().enumerate() {
            let name = one.collection.as_str();
            let known = self.ids.get(&one.id()).cloned();
            match (&one.change, known) {
                // All documents that are new in a collection go as one list.
                (Change::Put(_), None) if adds.contains(&one.collection) => {}
                (Change::Put(_), None) => {
                    adds.insert(one.collection);
                    let new = mutations.iter().filter(|new| new.collection == one.collection);
                    let list = new.filter_map(|new| self.addition(new)).collect();
                    write!(heads, "$i{n}:[{name}MutationInputArg!]!,")?;
                    write!(fields, "a{n}:add_{name}(input:$i{n}){{_docID key}}")?;
                    variables.insert(format!("i{n}"), Value::Array(list));
                }
                (Change::Put(values) | Change::Patch(values), Some(id)) => {
                    write!(heads, "$d{n}:[ID!]!,$i{n}:{name}MutationInputArg!,")?;
                    write!(fields, "a{n}:update_{name}(docID:$d{n},input:$i{n}){{_docID}}")?;
                    variables.insert(format!("d{n}"), json!([id]));
                    variables.insert(format!("i{n}"), Value::Object(values.clone()));
                }
                (Change::Delete, Some(id)) => {
                    write!(heads, "$d{n}:[ID!]!,")?;
                    write!(fields, "a{n}:delete_{name}(docID:$d{n}){{_docID}}")?;
                    variables.insert(format!("d{n}"), json!([id]));
                    self.ids.remove(&one.id());
                }
                // An op of what is not there does nothing.
                (Change::Patch(_) | Change::Delete, None) => continue,
            }
        }
        self.nonce += u64::try_from(mutations.len())?;
        let metrics = mutations.iter().filter(|one| one.collection == Collection::Metric).count();
        self.cost.metrics += u64::try_from(metrics)?;
        self.cost.documents += u64::try_from(mutations.len() - metrics)?;
        if fields.is_empty() {
            return Ok(());
        }
        self.cost.requests += 1;
        let query = format!("mutation({heads}){{{fields}}}");
        let body = serde_json::to_vec(&json!({"query": query, "variables": variables}))?;
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body);
        let answer: Value = serde_json::from_slice(&request.send().await?.bytes().await?)?;
        if let Some(errors) = answer.get("errors") {
            bail!("the node refused: {errors}");
        }
        self.remember(mutations, &answer["data"]);
        Ok(())
    }

    /// A document to be added, when it is one.
    fn addition(&self, one: &Mutation) -> Option<Value> {
        let Change::Put(values) = &one.change else { return None };
        if self.ids.contains_key(&one.id()) {
            return None;
        }
        let mut values = values.clone();
        values.insert("key".to_owned(), json!(one.key));
        values.insert("nonce".to_owned(), json!(format!("{:x}-{}", self.nonce, one.key)));
        Some(Value::Object(values))
    }

    /// The docIDs of what was added.
    fn remember(&mut self, mutations: &[Mutation], data: &Value) {
        for (n, one) in mutations.iter().enumerate() {
            for row in data[format!("a{n}")].as_array().into_iter().flatten() {
                if let (Some(key), Some(id)) = (row["key"].as_str(), row["_docID"].as_str()) {
                    self.ids.insert(format!("{}/{key}", one.collection.as_str()), id.to_owned());
                }
            }
        }
    }
}

impl Mutation {
    fn id(&self) -> String {
        format!("{}/{}", self.collection.as_str(), self.key)
    }
}

fn mutation(op: &WriteOp) -> Result<Mutation> {
    op.visit(AsMutation)
}

struct AsMutation;

impl OpVisitor for AsMutation {
    type Out = Result<Mutation>;
    fn visit<D: Document>(self, op: &Op<D>) -> Self::Out {
        let (key, change) = match op {
            Op::Upsert(document) => {
                let mut values = object(serde_json::to_value(&**document)?)?;
                values.retain(|_, value| !value.is_null());
                (document.key(), Change::Put(values))
            }
            Op::Update { key, patch } => {
                (key.clone(), Change::Patch(object(serde_json::to_value(&**patch)?)?))
            }
            Op::Delete { key } => (key.clone(), Change::Delete),
        };
        Ok(Mutation { collection: D::COLLECTION, key: key.to_string(), change })
    }
}

fn object(value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => bail!("{other} is not a document"),
    }
}
