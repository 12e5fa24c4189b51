//! Opening a file: is it ours, of which version, and does it have all columns.
//!
//! Two things bring an older file up to date. The tables beside the collections change by numbered steps
//! ([`STEPS`]; `user_version` counts the steps done). The collections' tables are compared with the field tables
//! at each open, and what is missing is added; nothing is ever dropped. A file of a newer version is refused,
//! since what it has more would be lost: whoever adds a field that an older program must not ignore adds an
//! (empty) step as well.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bookstate_domain::Collection;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::StoreError;
use super::schema::{self, APPLICATION_ID, OWN_COLUMNS};

/// Step `n` (from 0) takes a file from version `n` to version `n + 1`.
const STEPS: [fn(&Transaction<'_>) -> rusqlite::Result<()>; 4] = [
    |tx| tx.execute_batch(schema::BOOKKEEPING),
    // A chapter's notes and the words set aside: an older program would write chapters without them.
    |_| Ok(()),
    |tx| tx.execute_batch(schema::TRUST),
    |tx| tx.execute_batch(schema::EPOCH),
];

/// The version that this program writes.
const VERSION: usize = STEPS.len();

/// How long a statement waits for another process before it is [`StoreError::Busy`].
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Distinct statements are few: three per collection, and as many patches as there are persist methods.
const CACHED_STATEMENTS: usize = 128;

/// The log shrinks to this after a checkpoint, in bytes.
const WAL_KEPT_BYTES: i64 = 32 << 20;

/// What a file is.
enum Found {
    /// Nothing in it yet.
    Empty,
    /// Ours, of this version.
    Ours(usize),
}

/// Opens for writing: creates, migrates, adds what is missing.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut conn = connect(path, create)?;
    // A foreign file must not be touched, not even by the switch to WAL.
    found(&conn)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unusable {
            reason: format!("its file system offers journal mode {mode:?} only; use a local disk"),
        });
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a sync without these leaves bytes in the drive's cache: the journal would be freed for what a power
    // loss takes. Elsewhere they change nothing.
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Again, since another process may have been first.
    let version = match found(&tx)? {
        Found::Empty => 0,
        Found::Ours(version) => version,
    };
    for step in STEPS.iter().skip(version) {
        step(&tx)?;
    }
    if version < VERSION {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", i32::try_from(VERSION).unwrap_or(i32::MAX))?;
    }
    for collection in Collection::ALL {
        for statement in missing(&tx, *collection)?.iter().chain(&schema::of(*collection).indexes) {
            tx.execute_batch(statement)?;
        }
    }
    tx.commit().map_err(|error| StoreError::from(error).of_commit())?;
    Ok(conn)
}

/// Opens for reading; the file must be up to date, since a reader does not migrate.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // One transaction, so that a migration in another process is seen whole or not at all.
    let tx = conn.unchecked_transaction()?;
    let mut current = match found(&tx)? {
        Found::Empty => return Err(StoreError::Unusable { reason: "it holds no books yet".to_owned() }),
        Found::Ours(version) => version == VERSION,
    };
    for collection in Collection::ALL {
        current = current && missing(&tx, *collection)?.is_empty();
    }
    tx.finish()?;
    if current {
        Ok(conn)
    } else {
        Err(StoreError::Unusable {
            reason: "it was written by an older version; run a command that changes something once"
                .to_owned(),
        })
    }
}

/// Another connection for reading a file that [`for_writing`] or [`for_reading`] has already examined.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(conn)
}

fn found(conn: &Connection) -> Result<Found, StoreError> {
    let number = |sql| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    if application == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(Found::Empty);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(StoreError::Unusable {
            reason: "it is a database of another program; choose another file".to_owned(),
        });
    }
    match usize::try_from(version) {
        Ok(version) if version <= VERSION => Ok(Found::Ours(version)),
        _ => Err(StoreError::Unusable {
            reason: format!(
                "it has version {version} and this program knows versions up to {VERSION}; \
                 use the newer program that wrote it"
            ),
        }),
    }
}

/// The statements that a collection's table lacks to match its field table.
fn missing(conn: &Connection, collection: Collection) -> Result<Vec<String>, StoreError> {
    let mut query = conn.prepare_cached("SELECT name, type FROM pragma_table_xinfo(?1)")?;
    let rows = query.query_map([collection.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let present: HashMap<String, String> = rows.collect::<Result<_, _>>()?;
    if present.is_empty() {
        return Ok(vec![schema::of(collection).create.clone()]);
    }
    let columns = collection.columns();
    let fields = columns.iter().map(|column| (column.name, schema::type_of(column.kind), column.key));
    let own = OWN_COLUMNS.map(|(name, type_)| (name, type_, true));
    for (name, expected, needed) in own.into_iter().chain(fields) {
        match present.get(name) {
            Some(type_) if type_ == expected => {}
            None if !needed => {}
            other => {
                let found = other.map_or("missing", String::as_str);
                return Err(StoreError::Unusable {
                    reason: format!(
                        "column {name} of table {collection} is {found} where {expected} is expected; \
                         the layout was changed by hand, set the file aside"
                    ),
                });
            }
        }
    }
    let absent = columns.iter().filter(|column| !present.contains_key(column.name));
    Ok(absent
        .map(|column| format!("ALTER TABLE \"{collection}\" ADD COLUMN {}", schema::definition(column)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On macOS a drive's cache is passed by with these only; elsewhere they are as they are set, and change nothing.
    #[test]
    fn a_commit_and_a_checkpoint_are_on_the_medium() {
        let dir = tempfile::tempdir().unwrap();
        let conn = for_writing(&dir.path().join("books.sqlite")).unwrap();
        let number = |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        assert_eq!(number("synchronous").unwrap(), 2, "FULL");
        assert_eq!(number("fullfsync").unwrap(), 1);
        assert_eq!(number("checkpoint_fullfsync").unwrap(), 1);
    }
}
