//! The layout, as SQL text made from the field tables.
//!
//! A column is nullable or has a default, so that a later field can be added to a table that has rows; only the
//! parts of a key have neither, and a key never gains a part.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bookstate_domain::Collection;
use bookstate_domain::document::Column;
use bookstate_domain::value::Kind;
use parking_lot::Mutex;

/// Marks a SQLite file as ours: `BKST`.
pub(super) const APPLICATION_ID: i32 = 0x424b_5354;

/// The tables beside those of the collections, as of version 1.
pub(super) const BOOKKEEPING: &str = r#"
CREATE TABLE tombstone (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    book_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (collection, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_book_id ON tombstone (book_id, seq);
CREATE TABLE book_sync (
    book_id TEXT NOT NULL PRIMARY KEY,
    writer TEXT NOT NULL,
    write_no INTEGER NOT NULL,
    token INTEGER NOT NULL,
    persisting_seq INTEGER NOT NULL,
    persisted_seq INTEGER NOT NULL,
    parked TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE target_progress (
    target TEXT NOT NULL,
    book_id TEXT NOT NULL,
    write_no INTEGER NOT NULL,
    token INTEGER NOT NULL,
    persisted_seq INTEGER NOT NULL,
    PRIMARY KEY (target, book_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE parked (
    target TEXT NOT NULL,
    book_id TEXT NOT NULL,
    document TEXT NOT NULL,
    reason TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    parked_at TEXT NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1)),
    PRIMARY KEY (target, document)
) STRICT, WITHOUT ROWID;
"#;

/// What version 3 added: what a target is trusted with.
pub(super) const TRUST: &str = r#"
ALTER TABLE book_sync ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target_progress ADD COLUMN commit_seq INTEGER NOT NULL DEFAULT 0;
UPDATE target_progress SET commit_seq = persisted_seq;
CREATE TABLE target (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO target SELECT target FROM target_progress UNION SELECT target FROM parked;
CREATE TABLE start (
    id INTEGER NOT NULL PRIMARY KEY
) STRICT;
CREATE TABLE intent (
    target TEXT NOT NULL,
    book_id TEXT NOT NULL,
    batch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    commit_seq INTEGER NOT NULL,
    PRIMARY KEY (target, book_id, batch)
) STRICT, WITHOUT ROWID;
CREATE TABLE distrust (
    target TEXT NOT NULL,
    book_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('compare', 'ahead')),
    PRIMARY KEY (target, book_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone_floor (
    book_id TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"#;

/// What version 4 added: the ownership that a book was written under.
pub(super) const EPOCH: &str = "ALTER TABLE book_sync ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0";

/// The columns of a collection's table that are not fields.
pub(super) const OWN_COLUMNS: [(&str, &str); 2] = [("key", "TEXT"), ("updated_seq", "INTEGER")];

/// What SQLite calls the type of a column of this kind.
pub(super) const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Json | Kind::TextList | Kind::Time => "TEXT",
        Kind::Int | Kind::Bool => "INTEGER",
        Kind::Float => "REAL",
    }
}

/// A field's column as `CREATE TABLE` and `ALTER TABLE ADD COLUMN` take it.
pub(super) fn definition(column: &Column) -> String {
    let mut sql = format!("\"{}\" {}", column.name, type_of(column.kind));
    if column.key {
        sql += " NOT NULL";
    } else if !column.nullable {
        sql += match column.kind {
            Kind::Text => " NOT NULL DEFAULT ''",
            Kind::Int | Kind::Bool => " NOT NULL DEFAULT 0",
            Kind::Float => " NOT NULL DEFAULT 0.0",
            Kind::TextList => " NOT NULL DEFAULT '[]'",
            // No text is a default for every type; null reads as the type's default.
            Kind::Json | Kind::Time => "",
        };
    }
    if column.kind == Kind::Bool {
        sql += &format!(" CHECK (\"{}\" IN (0, 1))", column.name);
    }
    sql
}

/// The statements of one collection.
#[derive(Debug)]
pub(super) struct CollectionSql {
    /// Makes the table.
    pub(super) create: String,
    /// Make its indexes, where they are missing.
    pub(super) indexes: Vec<String>,
    /// Puts a document: key, seq, then the fields in order.
    pub(super) upsert: String,
    /// Deletes a key.
    pub(super) delete: String,
    /// The documents of book `?1` that changed after seq `?2`: key, seq, then the fields in order.
    pub(super) changed: String,
}

impl CollectionSql {
    fn new(collection: Collection) -> Self {
        let columns = collection.columns();
        let list =
            |write: &dyn Fn(&Column) -> String| columns.iter().map(write).collect::<Vec<_>>().join(", ");
        let names = list(&|column| format!("\"{}\"", column.name));
        let definitions = list(&definition);
        let sets = list(&|column| format!("\"{0}\" = excluded.\"{0}\"", column.name));
        let marks = vec!["?"; columns.len()].join(", ");
        let mut indexes = vec![format!(
            "CREATE INDEX IF NOT EXISTS \"{collection}_book_id\" ON \"{collection}\" (\"book_id\", \"updated_seq\")"
        )];
        for column in columns.iter().filter(|column| column.indexed && column.name != "book_id") {
            let name = column.name;
            indexes.push(format!(
                "CREATE INDEX IF NOT EXISTS \"{collection}_{name}\" ON \"{collection}\" (\"{name}\")"
            ));
        }
        Self {
            create: format!(
                "CREATE TABLE \"{collection}\" (\"key\" TEXT NOT NULL PRIMARY KEY, \
                 \"updated_seq\" INTEGER NOT NULL, {definitions}) STRICT"
            ),
            indexes,
            upsert: format!(
                "INSERT INTO \"{collection}\" (\"key\", \"updated_seq\", {names}) VALUES (?, ?, {marks}) \
                 ON CONFLICT (\"key\") DO UPDATE SET \"updated_seq\" = excluded.\"updated_seq\", {sets}"
            ),
            delete: format!("DELETE FROM \"{collection}\" WHERE \"key\" = ?1"),
            changed: format!(
                "SELECT \"key\", \"updated_seq\", {names} FROM \"{collection}\" \
                 WHERE \"book_id\" = ?1 AND \"updated_seq\" > ?2"
            ),
        }
    }
}

/// Patches a document: sets these fields, `?1` and on, then the seq, of the key.
pub(super) fn update(collection: Collection, fields: &[&str]) -> String {
    let sets: Vec<_> = fields.iter().map(|field| format!("\"{field}\" = ?, ")).collect();
    format!("UPDATE \"{collection}\" SET {}\"updated_seq\" = ? WHERE \"key\" = ?", sets.concat())
}

/// The statements of a collection, made once.
pub(super) fn of(collection: Collection) -> Arc<CollectionSql> {
    static MADE: LazyLock<Mutex<HashMap<Collection, Arc<CollectionSql>>>> = LazyLock::new(Mutex::default);
    MADE.lock().entry(collection).or_insert_with(|| Arc::new(CollectionSql::new(collection))).clone()
}
