//! A chunk: compare-and-set, all or nothing, tombstones, and what refuses it.

use std::sync::Arc;

use bookstate_domain::{AnyKey, At, BookId, Op, Page, PageKey, PagePatch, Timestamp, WriteOp};
use bookstate_store::{Chunk, SqliteStore, StoreError, WriteMark, WriterId};

use super::{book_id, by_hand, chunk, mark, seq, store};

pub(crate) fn key(page_num: i32) -> PageKey {
    PageKey { book_id: book_id(), page_num }
}

pub(crate) fn put(page_num: i32, text: &str) -> WriteOp {
    let mut page = key(page_num).document(&At { seq: seq(1), now: Timestamp::from_nanos(1) });
    page.ocr_markdown = Some(text.into());
    Op::Upsert(Arc::new(page)).into()
}

fn patch(page_num: i32, text: &str) -> WriteOp {
    let patch = PagePatch { ocr_markdown: Some(Some(text.into())), ..PagePatch::default() };
    Op::<Page>::Update { key: key(page_num), patch: Box::new(patch) }.into()
}

fn delete(page_num: i32) -> WriteOp {
    Op::<Page>::Delete { key: key(page_num) }.into()
}

fn text(store: &SqliteStore, page_num: i32) -> Option<String> {
    let book = store.load_book(&book_id()).unwrap().unwrap();
    let page = book.state.pages().get(&key(page_num))?;
    page.ocr_markdown.as_ref().map(ToString::to_string)
}

/// Everything that the store holds of the book, to see that nothing changed.
fn whole(store: &SqliteStore) -> String {
    format!("{:?}", store.load_book(&book_id()).unwrap())
}

#[test]
fn a_wrong_expectation_changes_nothing() {
    let (_dir, store) = store();
    let first = chunk(1, vec![put(1, "one")]);
    assert_eq!(
        store.write_chunk(&Chunk { expect: Some(mark(0)), ..first.clone() }),
        Err(StoreError::Mismatch)
    );
    assert!(store.load_book(&book_id()).unwrap().is_none());
    store.write_chunk(&first).unwrap();
    let before = whole(&store);
    let second = chunk(2, vec![put(2, "two"), delete(1)]);
    let wrong = [
        None,
        Some(mark(0)),
        Some(mark(2)),
        Some(WriteMark { writer: WriterId([8; 16]), ..mark(1) }),
        // The same number after a roll-back.
        Some(WriteMark { token: 8, ..mark(1) }),
    ];
    for expect in wrong {
        assert_eq!(
            store.write_chunk(&Chunk { expect, ..second.clone() }),
            Err(StoreError::Mismatch),
            "{expect:?}"
        );
        assert_eq!(whole(&store), before);
    }
    // A chunk that is delivered twice is a wrong expectation too.
    assert_eq!(store.write_chunk(&first), Err(StoreError::Mismatch));
    store.write_chunk(&second).unwrap();
    assert_eq!(store.book_sync(&book_id()).unwrap().unwrap(), second.sync);
    assert_eq!((text(&store, 1), text(&store, 2)), (None, Some("two".to_owned())));
}

#[test]
fn a_failing_op_takes_the_whole_chunk_with_it() {
    let (_dir, store) = store();
    store.write_chunk(&chunk(1, vec![put(1, "one"), put(2, "two")])).unwrap();
    let before = whole(&store);
    let ops = vec![delete(2), put(1, "new"), put(3, "three"), patch(9, "nothing there"), put(4, "four")];
    let missing = StoreError::Missing { key: AnyKey::Page(key(9)) };
    assert_eq!(store.write_chunk(&chunk(2, ops)), Err(missing));
    assert_eq!(whole(&store), before);

    by_hand(&store)
        .execute_batch(
            "CREATE TRIGGER no_secrets BEFORE INSERT ON Page WHEN new.ocr_markdown = 'secret'
             BEGIN SELECT RAISE(ABORT, 'secrets are not kept here'); END",
        )
        .unwrap();
    let refused = store.write_chunk(&chunk(2, vec![put(3, "three"), put(4, "secret"), put(5, "five")]));
    assert!(
        matches!(&refused, Err(StoreError::Refused { reason }) if reason.contains("secrets")),
        "{refused:?}"
    );
    assert_eq!(whole(&store), before);
    store.write_chunk(&chunk(2, vec![put(3, "three"), put(5, "five")])).unwrap();
}

#[test]
fn a_row_that_a_trigger_ignores_is_refused() {
    let (_dir, store) = store();
    by_hand(&store)
        .execute_batch("CREATE TRIGGER ignore_all BEFORE INSERT ON Page BEGIN SELECT RAISE(IGNORE); END")
        .unwrap();
    let refused = store.write_chunk(&chunk(1, vec![put(3, "three")]));
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert!(store.load_book(&book_id()).unwrap().is_none());
}

#[test]
fn an_op_of_another_book_is_refused() {
    let (_dir, store) = store();
    let other = BookId::new("another-book").unwrap();
    let stray = Chunk { book_id: other.clone(), ..chunk(1, vec![put(1, "one")]) };
    assert!(matches!(store.write_chunk(&stray), Err(StoreError::Refused { .. })));
    assert!(store.load_book(&other).unwrap().is_none());
}

#[test]
fn a_deletion_leaves_a_tombstone_until_the_key_lives_again() {
    let (_dir, store) = store();
    let tombstones = || store.load_book(&book_id()).unwrap().unwrap().tombstones;
    store.write_chunk(&chunk(1, vec![put(1, "one")])).unwrap();
    // Page 2 was never here; whoever reads on from elsewhere may have it.
    store.write_chunk(&chunk(2, vec![delete(1), delete(2)])).unwrap();
    let (one, two) = (AnyKey::Page(key(1)), AnyKey::Page(key(2)));
    assert_eq!(tombstones(), [(one, seq(2)), (two.clone(), seq(2))]);
    store.write_chunk(&chunk(3, vec![put(1, "again"), delete(2)])).unwrap();
    assert_eq!(tombstones(), [(two, seq(3))]);
    assert_eq!(store.forget_tombstones(&book_id(), seq(2)).unwrap(), 0);
    assert_eq!(store.forget_tombstones(&book_id(), seq(3)).unwrap(), 1);
    assert_eq!(tombstones(), []);
}

#[test]
fn a_book_in_flux_shows_both_seqs() {
    let (_dir, store) = store();
    let mut part = chunk(1, vec![put(1, "one")]);
    part.sync.persisting_seq = seq(9);
    part.sync.persisted_seq = seq(0);
    part.sync.parked = vec![AnyKey::Page(key(7))];
    store.write_chunk(&part).unwrap();
    let loaded = store.load_book(&book_id()).unwrap().unwrap();
    assert_eq!(loaded.sync, part.sync);
    assert_eq!(loaded.updated, [(AnyKey::Page(key(1)), seq(9))]);
    assert_eq!(store.list_books().unwrap(), [(book_id(), part.sync)]);
}

#[test]
fn readers_see_whole_chunks_while_a_writer_writes() {
    let (_dir, store) = store();
    let last = 40;
    let path = store.path().to_owned();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for n in 1..=last {
                let text = n.to_string();
                store.write_chunk(&chunk(n, (1..20).map(|page| put(page, &text)).collect())).unwrap();
            }
        });
        for own_process in [true, false] {
            let (store, path) = (&store, &path);
            threads.spawn(move || {
                let other = own_process.then(|| SqliteStore::open_read_only(path).unwrap());
                let store = other.as_ref().unwrap_or(store);
                let mut seen = 0;
                while seen < last {
                    let Some(book) = store.load_book(&book_id()).unwrap() else { continue };
                    let now = book.sync.persisted_seq.get();
                    assert!(now >= seen, "from {seen} back to {now}");
                    seen = now;
                    assert_eq!(book.state.pages().size(), 19);
                    for page in book.state.pages().values() {
                        assert_eq!(page.ocr_markdown.as_deref(), Some(seen.to_string().as_str()));
                    }
                }
            });
        }
    });
}

#[test]
fn another_process_that_holds_the_file_makes_it_busy() {
    let (_dir, store) = store();
    let other = by_hand(&store);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.write_chunk(&chunk(1, vec![put(1, "one")])), Err(StoreError::Busy { .. })));
    assert!(store.load_book(&book_id()).unwrap().is_none());
    other.execute_batch("ROLLBACK").unwrap();
    store.write_chunk(&chunk(1, vec![put(1, "one")])).unwrap();
}

#[test]
fn a_reader_cannot_write() {
    let (_dir, store) = store();
    let reader = SqliteStore::open_read_only(store.path()).unwrap();
    assert!(matches!(reader.write_chunk(&chunk(1, vec![put(1, "one")])), Err(StoreError::Io { .. })));
    assert!(store.load_book(&book_id()).unwrap().is_none());
}
