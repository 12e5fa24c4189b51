//! What a SQLite file of the program holds, read without the program.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::Value};

/// The tables of documents.
pub const COLLECTIONS: [&str; 9] =
    ["AgentState", "Book", "Chapter", "Job", "Metric", "OcrResult", "Page", "ToC", "TocEntry"];

/// Every document of a file, by collection and key: its columns and values as text. `updated_seq` is not a
/// document's, but says when a file got it; it is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables(BTreeMap<String, BTreeMap<String, String>>);

impl Tables {
    /// Reads a file.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        let store = open(file);
        // Of one moment, although somebody writes.
        store.execute_batch("BEGIN").unwrap();
        let documents = |collection: &str| {
            let mut query = store.prepare(&format!("SELECT * FROM \"{collection}\" ORDER BY key")).unwrap();
            let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
            let rows = query.query_map([], |row| {
                let cell = |(n, column): (usize, &String)| {
                    row.get::<_, Value>(n).map(|value| format!("{column}={value:?}"))
                };
                let own = columns.iter().enumerate().filter(|(_, column)| *column != "updated_seq");
                let cells = own.map(cell).collect::<Result<Vec<_>, _>>()?;
                Ok((row.get("key")?, cells.join("\n")))
            });
            rows.unwrap().map(Result::unwrap).collect()
        };
        Self(COLLECTIONS.iter().map(|collection| ((*collection).to_owned(), documents(collection))).collect())
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many documents a collection has.
    #[must_use]
    pub fn count(&self, collection: &str) -> usize {
        self.0.get(collection).map_or(0, BTreeMap::len)
    }

    /// The documents that are not the same in both, as `collection key`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (collection, ours) in &self.0 {
            let Some(theirs) = other.0.get(collection) else { continue };
            let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
            let differ = keys.filter(|key| ours.get(*key) != theirs.get(*key));
            found.extend(differ.map(|key| format!("{collection} {key}")));
        }
        found
    }
}

fn open(file: &Path) -> Connection {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Whether SQLite finds a file sound.
#[must_use]
pub fn is_whole(file: &Path) -> bool {
    let found: String = open(file).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    found == "ok"
}
