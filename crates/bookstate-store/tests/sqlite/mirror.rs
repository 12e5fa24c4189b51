//! A SQLite file as a target: errors as targets have them, files that vanish and come back.

use std::fs;
use std::sync::Arc;

use bookstate_store::{Limits, SqliteStore, SqliteTarget, Target, TargetError};
use tempfile::TempDir;

use super::chunks::put;
use super::{book_id, checkpoint, chunk, store};

fn mirror() -> (TempDir, std::path::PathBuf, SqliteTarget) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("mirror.db");
    let target = SqliteTarget::mirror(path.clone());
    (dir, path, target)
}

fn pages(path: &std::path::Path) -> usize {
    let book = SqliteStore::open_read_only(path).unwrap().load_book(&book_id()).unwrap();
    book.map_or(0, |book| book.state.pages().size())
}

#[tokio::test]
async fn a_mirror_is_a_target() {
    let (_dir, path, target) = mirror();
    assert!(matches!(target.book_sync(&book_id()).await, Err(TargetError::Unavailable { .. })));
    assert!(!path.exists(), "only prepare makes the file");
    target.prepare().await.unwrap();
    target.prepare().await.unwrap();
    assert_eq!(target.book_sync(&book_id()).await.unwrap(), None);
    assert!(target.load_book(&book_id()).await.unwrap().is_none());
    let first = chunk(1, vec![put(1, "one")]);
    target.write_chunk(&first).await.unwrap();
    assert_eq!(target.write_chunk(&first).await, Err(TargetError::Mismatch));
    let book = target.load_book(&book_id()).await.unwrap().unwrap();
    assert_eq!((book.state.pages().size(), &book.sync), (1, &first.sync));
    assert_eq!(target.book_sync(&book_id()).await.unwrap(), Some(first.sync.clone()));
    assert_eq!(target.list_books().await.unwrap(), [(book_id(), first.sync)]);
    assert_eq!(target.limits().documents, 500);
}

#[tokio::test]
async fn the_local_store_is_a_target_without_limits() {
    let (_dir, store) = store();
    let store = Arc::new(store);
    let target = SqliteTarget::local(Arc::clone(&store));
    target.prepare().await.unwrap();
    target.write_chunk(&chunk(1, vec![put(1, "one")])).await.unwrap();
    assert_eq!(store.load_book(&book_id()).unwrap().unwrap().state.pages().size(), 1);
    assert_eq!(target.limits(), Limits::NONE);
}

#[tokio::test]
async fn a_removed_file_takes_no_more_chunks() {
    let (dir, path, target) = mirror();
    target.prepare().await.unwrap();
    target.write_chunk(&chunk(1, vec![put(1, "one")])).await.unwrap();
    let away = dir.path().join("away.db");
    for suffix in ["", "-wal", "-shm"] {
        let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
        fs::rename(name(&path), name(&away)).unwrap();
    }
    let second = chunk(2, vec![put(2, "two")]);
    assert!(matches!(target.write_chunk(&second).await, Err(TargetError::Unavailable { .. })));
    assert!(!path.exists());
    assert_eq!(pages(&away), 1, "the file that went keeps what it had");

    // A new disk: empty, so that what is expected is not there.
    target.prepare().await.unwrap();
    assert_eq!(target.write_chunk(&second).await, Err(TargetError::Mismatch));
    assert_eq!(target.book_sync(&book_id()).await.unwrap(), None);

    // The old one comes back in its place, without any call that would say so.
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        if fs::exists(&file).unwrap() {
            fs::remove_file(file).unwrap();
        }
    }
    checkpoint(&SqliteStore::open(&away).unwrap());
    fs::rename(&away, &path).unwrap();
    target.write_chunk(&second).await.unwrap();
    assert_eq!(pages(&path), 2);
}

#[tokio::test]
async fn a_copy_put_in_place_is_noticed() {
    let (dir, path, target) = mirror();
    target.prepare().await.unwrap();
    target.write_chunk(&chunk(1, vec![put(1, "one")])).await.unwrap();
    let older = dir.path().join("older.db");
    rusqlite::Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [older.to_str().unwrap()]).unwrap();
    target.write_chunk(&chunk(2, vec![put(2, "two")])).await.unwrap();
    // The log of the file that was there stays behind; it must not be taken for the copy's.
    fs::rename(&older, &path).unwrap();
    assert_eq!(target.write_chunk(&chunk(3, vec![put(3, "three")])).await, Err(TargetError::Mismatch));
    assert_eq!(target.book_sync(&book_id()).await.unwrap().unwrap().write_no, 1);
    target.write_chunk(&chunk(2, vec![put(3, "three")])).await.unwrap();
    assert_eq!(pages(&path), 2);
    SqliteStore::open_read_only(&path).unwrap().integrity_check().unwrap();

    fs::remove_file(&path).unwrap();
    target.prepare().await.unwrap();
    target.write_chunk(&chunk(1, vec![put(9, "nine")])).await.unwrap();
    assert_eq!(pages(&path), 1);
}

#[tokio::test]
async fn errors_say_whether_to_wait_or_to_act() {
    let (dir, path, target) = mirror();
    let nowhere = SqliteTarget::mirror(dir.path().join("no/such/mirror.db"));
    assert!(matches!(nowhere.prepare().await, Err(TargetError::Unavailable { .. })));

    fs::write(&path, "no database ".repeat(1000)).unwrap();
    assert!(matches!(target.prepare().await, Err(TargetError::Unusable { .. })));
    fs::remove_file(&path).unwrap();

    let shell = rusqlite::Connection::open(&path).unwrap();
    shell.execute_batch("CREATE TABLE mail (subject TEXT)").unwrap();
    assert!(matches!(target.prepare().await, Err(TargetError::Unusable { .. })));
    drop(shell);
    fs::remove_file(&path).unwrap();

    target.prepare().await.unwrap();
    let shell = rusqlite::Connection::open(&path).unwrap();
    shell
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON Page BEGIN SELECT RAISE(ABORT, 'not here'); END")
        .unwrap();
    let first = chunk(1, vec![put(1, "one")]);
    let refused = target.write_chunk(&first).await;
    assert!(
        matches!(&refused, Err(TargetError::Refused { reason }) if reason.contains("not here")),
        "{refused:?}"
    );
    shell.execute_batch("DROP TRIGGER no; BEGIN IMMEDIATE").unwrap();
    assert!(matches!(target.write_chunk(&first).await, Err(TargetError::Unavailable { .. })));
    shell.execute_batch("ROLLBACK; ALTER TABLE Page RENAME TO Leaf").unwrap();
    assert!(matches!(target.write_chunk(&first).await, Err(TargetError::Unusable { .. })));
    // Opening again mends the layout.
    target.write_chunk(&first).await.unwrap();
}

#[tokio::test]
async fn a_local_store_that_was_removed_or_replaced_takes_no_more_chunks() {
    let remove = |path: &std::path::Path| fs::remove_file(path).unwrap();
    let replace = |path: &std::path::Path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(&copy, path).unwrap();
    };
    let lose_the_log = |path: &std::path::Path| fs::remove_file(path.with_extension("db-wal")).unwrap();
    for lose in [remove as fn(&std::path::Path), replace, lose_the_log] {
        let (_dir, store) = store();
        let store = Arc::new(store);
        let target = SqliteTarget::local(Arc::clone(&store));
        target.write_chunk(&chunk(1, vec![put(1, "one")])).await.unwrap();
        lose(store.path());
        let refused = target.write_chunk(&chunk(2, vec![put(2, "two")])).await;
        // The file as it was opened would take the chunk, and lose it.
        assert!(
            matches!(&refused, Err(TargetError::Unusable { reason }) if reason.contains("start again")),
            "{refused:?}"
        );
        assert!(matches!(target.book_sync(&book_id()).await, Err(TargetError::Unusable { .. })));
    }
}
