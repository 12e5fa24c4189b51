//! What a library does not open: it says why, and changes nothing.

use std::ops::ControlFlow;

use bookstate_domain::BookId;
use bookstate_store::{
    LibraryConfig, OpenError, StoreError,
    journal::{JournalError, SyncPolicy},
};

use crate::{
    fold::{commit_up_to, fold},
    gaps::{log, record},
    shelf::{Shelf, book, live_pages, write},
};

/// A directory with some commits of a book.
fn with_commits(last: u32) -> (Shelf, BookId) {
    let shelf = Shelf::new(SyncPolicy::Os);
    let id = book("moby");
    let (library, _) = shelf.open();
    commit_up_to(&write(&library, &id), last);
    library.close().unwrap();
    (shelf, id)
}

/// Opens twice in vain; neither changes the journal, and neither keeps the directory's lock.
fn refused(shelf: &Shelf) -> OpenError {
    let files = shelf.journal_files();
    let first = shelf.try_open().unwrap_err();
    assert!(shelf.journal_files() == files, "the journal was changed: {first}");
    let second = shelf.try_open().unwrap_err();
    assert!(shelf.journal_files() == files);
    assert_eq!(first.to_string(), second.to_string());
    first
}

#[test]
fn a_record_that_is_not_understood_is_refused() {
    let id = book("moby");
    let unknown = |number: u32, book: &str| {
        let payload = serde_json::json!({
            "book": book, "seq": number, "prev": number - 1, "ops": [{"Scroll": {"delete": {"key": {}}}}]
        });
        rmp_serde::to_vec_named(&payload).unwrap()
    };
    let first = || rmp_serde::to_vec_named(&record(&id, 1, 0)).unwrap();
    let third = || rmp_serde::to_vec_named(&record(&id, 3, 2)).unwrap();
    let shelf = Shelf::new(SyncPolicy::Os);
    log(&shelf, &[first(), unknown(2, "moby"), third()]);
    // A torn tail is not cut off either: every byte stays until somebody has looked.
    let (path, mut bytes) = shelf.journal_files().swap_remove(0);
    bytes.extend_from_slice(&[7; 5]);
    shelf.fs.put(&path, &bytes);
    let error = refused(&shelf);
    assert!(matches!(error, OpenError::Record { .. }), "{error}");
    assert!(error.to_string().contains("newer version") && error.to_string().contains("Scroll"), "{error}");

    // A book with a name that no book has.
    let shelf = Shelf::new(SyncPolicy::Os);
    log(&shelf, &[first()]);
    let payload = unknown(1, "a book");
    let writer = std::fs::read_to_string(shelf.dir.path().join("writer")).unwrap();
    assert_eq!(writer.len(), 32);
    append_raw(&shelf, &payload);
    let error = refused(&shelf);
    assert!(matches!(&error, OpenError::Record { reason } if reason.contains("a book")), "{error}");
}

/// Appends a record of a book whose name is no id.
fn append_raw(shelf: &Shelf, payload: &[u8]) {
    use std::io::Write as _;

    use bookstate_store::journal::{Journal, JournalConfig, RecordBuf};

    let text = std::fs::read_to_string(shelf.dir.path().join("writer")).unwrap();
    let writer: bookstate_store::WriterId = text.parse().unwrap();
    let config = JournalConfig::new(shelf.journal_dir(), writer.0);
    let fs = std::sync::Arc::new(shelf.fs.clone());
    let (journal, _) = Journal::open(fs, config, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut record = RecordBuf::new();
    record.write_all(payload).unwrap();
    journal.append(&mut record).unwrap();
    journal.close().unwrap();
}

#[test]
fn a_damaged_journal_is_refused_until_it_is_mended() {
    let (shelf, id) = with_commits(5);
    let (path, whole) = shelf.journal_files().swap_remove(0);
    for at in [20, whole.len() / 3, whole.len() / 2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        shelf.fs.put(&path, &bytes);
        let error = refused(&shelf);
        let is_damage = matches!(&error, OpenError::Journal(JournalError::Damaged(_)));
        assert!(is_damage && error.to_string().contains("quarantine"), "byte {at}: {error}");
    }
    shelf.fs.put(&path, &whole);
    let (library, _) = shelf.open();
    assert_eq!(live_pages(&library, &id), Some(fold(5)));
}

#[test]
fn a_newer_journal_is_refused() {
    let (shelf, _) = with_commits(3);
    let (path, mut bytes) = shelf.journal_files().swap_remove(0);
    bytes[8] += 1;
    let crc = crc32fast::hash(&bytes[..44]);
    bytes[44..48].copy_from_slice(&crc.to_le_bytes());
    shelf.fs.put(&path, &bytes);
    let error = refused(&shelf);
    let is_newer = matches!(&error, OpenError::Journal(JournalError::NewerVersion { .. }));
    assert!(is_newer && error.to_string().contains("newer"), "{error}");
}

#[test]
fn a_journal_of_another_directory_is_refused() {
    let ((mine, _), (other, _)) = (with_commits(3), with_commits(3));
    let (theirs, bytes) = other.journal_files().swap_remove(0);
    mine.fs.put(&mine.journal_dir().join(theirs.file_name().unwrap()), &bytes);
    let error = refused(&mine);
    assert!(matches!(error, OpenError::Journal(JournalError::ForeignWriter { .. })), "{error}");
}

#[test]
fn a_newer_or_foreign_local_store_is_refused() {
    let (shelf, id) = with_commits(3);
    let path = LibraryConfig::store_path(shelf.dir.path());
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    let set = |pragma: &str, value: i64| by_hand.pragma_update(None, pragma, value).unwrap();
    let get = |pragma: &str| by_hand.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    let (version, application) = (get("user_version"), get("application_id"));
    set("user_version", version + 1);
    let error = refused(&shelf);
    assert!(matches!(error, OpenError::Store(StoreError::Unusable { .. })), "{error}");
    assert!(error.to_string().contains("newer"), "{error}");
    assert_eq!(get("user_version"), version + 1);
    set("user_version", version);
    set("application_id", application + 1);
    assert!(matches!(refused(&shelf), OpenError::Store(StoreError::Unusable { .. })));
    set("application_id", application);
    drop(by_hand);
    let (library, _) = shelf.open();
    assert_eq!(live_pages(&library, &id), Some(fold(3)));
    drop(library);
    std::fs::write(&path, "this is no database, and it is long enough to be looked at").unwrap();
    assert!(matches!(refused(&shelf), OpenError::Store(_)));
}
