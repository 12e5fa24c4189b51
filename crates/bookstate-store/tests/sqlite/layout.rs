//! The file: whose it is, its version, its columns, and what other programs read in it.

use std::fmt::Write as _;

use bookstate_domain::Collection;
use bookstate_store::{Epoch, SqliteStore, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use super::chunks::put;
use super::{book_id, by_hand, checkpoint, chunk, store};

/// What refuses to open the file, either way.
fn refusals(path: &std::path::Path) -> [StoreError; 2] {
    [SqliteStore::open(path).unwrap_err(), SqliteStore::open_read_only(path).unwrap_err()]
}

#[test]
fn every_collection_is_a_table_with_a_column_per_field() {
    let (_dir, store) = store();
    let conn = by_hand(&store);
    for collection in Collection::ALL {
        for column in collection.columns() {
            let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
            let there: i64 =
                conn.query_row(sql, [collection.as_str(), column.name], |row| row.get(0)).unwrap();
            assert_eq!(there, 1, "{collection}.{}", column.name);
        }
        let plan: String = conn
            .query_row(
                &format!("EXPLAIN QUERY PLAN SELECT * FROM \"{collection}\" WHERE book_id = 'b' AND updated_seq > 3"),
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(plan.contains(&format!("{collection}_book_id (book_id=? AND updated_seq>?)")), "{plan}");
    }
}

#[test]
fn the_file_keeps_a_write_ahead_log() {
    let (_dir, store) = store();
    let mode: String = by_hand(&store).query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    let (_dir, store) = store();
    by_hand(&store).execute_batch("PRAGMA user_version = 99").unwrap();
    for error in refusals(store.path()) {
        assert!(
            matches!(&error, StoreError::Unusable { reason } if reason.contains("version 99")),
            "{error}"
        );
    }
    let version: i32 = by_hand(&store).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("mail.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mail (subject TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    for error in refusals(&path) {
        assert!(
            matches!(&error, StoreError::Unusable { reason } if reason.contains("another program")),
            "{error}"
        );
        assert!(error.to_string().contains("mail.db"), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_database_is_damaged() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("books.db");
    std::fs::write(&path, "not a database, ".repeat(1000)).unwrap();
    for error in refusals(&path) {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    assert!(matches!(
        refusals(&dir.path().join("no/such/books.db")),
        [StoreError::Io { .. }, StoreError::Io { .. }]
    ));
}

#[test]
fn a_field_that_a_file_lacks_is_added_with_its_default() {
    let (_dir, store) = store();
    store.write_chunk(&chunk(1, vec![put(1, "one"), put(2, "two")])).unwrap();
    let mut expected = store.load_book(&book_id()).unwrap().unwrap().state;
    let path = store.path().to_owned();
    drop(store);
    let old = Connection::open(&path).unwrap();
    for (table, column) in
        [("Page", "ocr_complete"), ("Page", "failure_reason"), ("Book", "subjects"), ("Chapter", "layout")]
    {
        old.execute_batch(&format!("ALTER TABLE \"{table}\" DROP COLUMN \"{column}\"")).unwrap();
    }
    // What versions 4 and 3 added.
    old.execute_batch("ALTER TABLE book_sync DROP COLUMN epoch").unwrap();
    old.execute_batch(
        "ALTER TABLE book_sync DROP COLUMN start; ALTER TABLE target_progress DROP COLUMN commit_seq; \
         DROP TABLE target; DROP TABLE start; DROP TABLE intent; DROP TABLE distrust; DROP TABLE tombstone_floor",
    )
    .unwrap();
    old.execute_batch(
        "PRAGMA user_version = 1; DROP TABLE Metric; ALTER TABLE Page ADD COLUMN note TEXT; UPDATE Page SET note = 'mine'",
    )
    .unwrap();
    let error = SqliteStore::open_read_only(&path).unwrap_err();
    assert!(matches!(&error, StoreError::Unusable { reason } if reason.contains("older version")), "{error}");

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.load_book(&book_id()).unwrap().unwrap().state, expected);
    assert_eq!(store.book_sync(&book_id()).unwrap().unwrap().epoch, Epoch::NONE);
    store.write_chunk(&chunk(2, vec![put(1, "changed")])).unwrap();
    expected.apply(&put(1, "changed"));
    assert_eq!(store.load_book(&book_id()).unwrap().unwrap().state, expected);
    SqliteStore::open_read_only(&path).unwrap();
    let kept: i64 =
        old.query_row("SELECT count(*) FROM Page WHERE note = 'mine'", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2, "nothing is dropped");
}

#[test]
fn a_column_of_another_type_is_refused() {
    let (_dir, store) = store();
    by_hand(&store)
        .execute_batch("ALTER TABLE Page DROP COLUMN header; ALTER TABLE Page ADD COLUMN header INTEGER")
        .unwrap();
    for error in refusals(store.path()) {
        assert!(matches!(&error, StoreError::Unusable { reason } if reason.contains("header")), "{error}");
    }
}

#[test]
fn a_row_that_is_not_ours_is_named() {
    let (_dir, store) = store();
    store.write_chunk(&chunk(1, vec![put(1, "one")])).unwrap();
    for (change, named) in [
        ("UPDATE Page SET page_num = 2", "a-book/2"),
        ("UPDATE Page SET page_num = 1, headings = '{'", "headings"),
        ("UPDATE Page SET headings = NULL, ocr_retries = 5000000000", "ocr_retries"),
    ] {
        by_hand(&store).execute_batch(change).unwrap();
        let error = store.load_book(&book_id()).unwrap_err();
        assert!(
            matches!(&error, StoreError::Damaged { reason } if reason.contains(named)),
            "{change}: {error}"
        );
    }
}

#[test]
fn a_damaged_file_is_noticed() {
    let (_dir, store) = store();
    store.write_chunk(&chunk(1, (1..200).map(|n| put(n, &"x".repeat(3000))).collect())).unwrap();
    checkpoint(&store);
    store.integrity_check().unwrap();
    let path = store.path().to_owned();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert!(matches!(store.integrity_check(), Err(StoreError::Damaged { .. })));
}

/// What commits and rows may hold, as text: the columns of every collection, and the words of those that have words.
fn contents() -> String {
    let mut text = String::new();
    for collection in Collection::ALL {
        for column in collection.columns() {
            let bookstate_domain::document::Column { name, kind, nullable, key, indexed, words } = column;
            writeln!(text, "{collection}.{name} {kind:?} {nullable} {key} {indexed} {}", words.join("|"))
                .unwrap();
        }
    }
    text
}

/// An older program passes a field over that it does not know, and brings the rest to the local store: the field is
/// lost. So a new field, or a new word, is a new version of both formats, which an older program refuses.
#[test]
fn what_is_written_is_pinned_to_the_versions_of_both_formats() {
    let (_dir, store) = store();
    let version: u32 = by_hand(&store).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let print = crc32fast::hash(contents().as_bytes());
    assert_eq!(
        (bookstate_store::journal::FORMAT_VERSION, version, print),
        (1, 4, 520_439_927),
        "the documents changed: raise FORMAT_VERSION of the journal and add a step to the local store's STEPS, unless \
         no version with the old ones was released, and then set the fingerprint here:\n{}",
        contents()
    );
}
