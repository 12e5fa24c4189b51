//! A model of a remote target: rows with identity. A put on a missing key creates, a patch on a missing key
//! or on an earlier incarnation of the document is an error, a delete of a missing key is success.
//!
//! States alone cannot tell whether a re-created document was patched into its earlier incarnation when the
//! two happen to agree; identities can.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bookstate_domain::{
    AnyKey, BookState, Effect, Op, OpVisitor, Seq, WriteOp,
    document::{Document, Patch},
    value::Value,
};

/// How often each document has been created, which tells its incarnations apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incarnations(HashMap<AnyKey, u32>);

impl Incarnations {
    pub(crate) fn record(&mut self, key: AnyKey, effect: Effect) {
        if effect == Effect::Created {
            *self.0.entry(key).or_default() += 1;
        }
    }
    fn of(&self, key: &AnyKey) -> u32 {
        self.0.get(key).copied().unwrap_or(0)
    }
}

/// A row as a database has it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    incarnation: u32,
    fields: BTreeMap<&'static str, Value>,
}

/// A target and its watermark.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) watermark: Seq,
    rows: HashMap<AnyKey, Row>,
}

struct RowAfter<'a>(&'a Target, AnyKey, u32);

impl OpVisitor for RowAfter<'_> {
    type Out = Result<Option<Row>, String>;
    fn visit<D: Document>(self, op: &Op<D>) -> Self::Out {
        let Self(target, key, incarnation) = self;
        match op {
            Op::Delete { .. } => Ok(None),
            Op::Upsert(document) => Ok(Some(Row { incarnation, fields: columns(&**document) })),
            Op::Update { patch, .. } => {
                let Some(row) = target.rows.get(&key) else {
                    return Err(format!("{key} is patched, but missing"));
                };
                if row.incarnation != incarnation {
                    return Err(format!("{key} is patched in an earlier incarnation"));
                }
                let mut row = row.clone();
                row.fields.extend(patch.values());
                Ok(Some(row))
            }
        }
    }
}

fn columns<D: Document>(document: &D) -> BTreeMap<&'static str, Value> {
    D::COLUMNS.iter().map(|column| column.name).zip(document.values()).collect()
}

impl Target {
    /// Takes ops of a batch; the watermark is the caller's.
    pub(crate) fn write<'a>(
        &mut self,
        ops: impl IntoIterator<Item = &'a WriteOp>,
        incarnations: &Incarnations,
    ) -> Result<(), String> {
        for op in ops {
            let key = op.key();
            match op.visit(RowAfter(self, key.clone(), incarnations.of(&key)))? {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        Ok(())
    }

    /// Compares documents and takes what differs: what is done when the watermark says nothing.
    pub(crate) fn reconcile(&mut self, state: &BookState, incarnations: &Incarnations) {
        self.rows.clear();
        let documents: Vec<_> = state.documents().collect();
        self.write(&documents, incarnations).expect("puts are never refused");
    }

    /// What differs from the state; empty when nothing does.
    pub(crate) fn difference(&self, state: &BookState, incarnations: &Incarnations) -> BTreeSet<String> {
        let mut expected = Self::default();
        expected.reconcile(state, incarnations);
        let keys: BTreeSet<&AnyKey> = self.rows.keys().chain(expected.rows.keys()).collect();
        let differs = keys.into_iter().filter(|key| self.rows.get(*key) != expected.rows.get(*key));
        differs.map(|key| format!("{key}: {:?} / {:?}", self.rows.get(key), expected.rows.get(key))).collect()
    }
}
