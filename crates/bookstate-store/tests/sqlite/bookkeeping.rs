//! What is remembered of targets, and the lists of books.

use std::sync::Arc;

use bookstate_domain::{AnyKey, At, BookId, BookKey, Op, Seq, Timestamp};
use bookstate_store::{Chunk, Distrust, Intent, Parked, Progress, Remembered, StartId};

use super::chunks::{key, put};
use super::{book_id, by_hand, chunk, seq, store};

fn parked(page_num: i32, first: u32, reason: &str) -> Parked {
    Parked {
        book_id: book_id(),
        document: AnyKey::Page(key(page_num)),
        reason: reason.to_owned(),
        first_seq: seq(first),
        parked_at: Timestamp::from_nanos(1_700_000_000_123_456_789),
    }
}

#[test]
fn progress_is_per_target_and_book() {
    let (_dir, store) = store();
    let other = BookId::new("other").unwrap();
    let one = Progress { write_no: 3, token: u64::MAX, persisted_seq: seq(7), commit_seq: seq(7) };
    let two = Progress { write_no: 4, token: 1, persisted_seq: seq(9), commit_seq: seq(9) };
    assert_eq!(store.progress("defra", &book_id()).unwrap(), None);
    store.record("defra", &book_id(), Some(&one), &[], &[]).unwrap();
    store.record("mirror", &book_id(), Some(&two), &[], &[]).unwrap();
    assert_eq!(store.progress("defra", &book_id()).unwrap(), Some(one));
    store.record("defra", &book_id(), Some(&two), &[], &[]).unwrap();
    assert_eq!(store.progress("defra", &book_id()).unwrap(), Some(two));
    assert_eq!(store.progress("defra", &other).unwrap(), None);
    assert_eq!(store.targets().unwrap(), ["defra", "mirror"]);
    let intent = Intent { batch: 5, seq: seq(8), commit_seq: seq(8) };
    store.intend("defra", &other, StartId(1), intent, None).unwrap();
    store.forget_target("defra").unwrap();
    assert_eq!(store.targets().unwrap(), ["mirror"]);
    assert_eq!(store.progress("mirror", &book_id()).unwrap(), Some(two));
    // How far it was is forgotten, but not what was sent: a copy of somebody else is told by that.
    let unknown = Progress { persisted_seq: Seq::ZERO, commit_seq: Seq::ZERO, ..two };
    let distrust = Some(Distrust::Compare);
    let remembered =
        Remembered { progress: Some(unknown), intents: Vec::new(), elsewhere: Vec::new(), distrust };
    assert_eq!(store.remembered("defra", &book_id()).unwrap(), remembered);
    let remembered = Remembered { progress: None, intents: vec![intent], elsewhere: Vec::new(), distrust };
    assert_eq!(store.remembered("defra", &other).unwrap(), remembered);
    // A target that has no copy yet may be the one that had another name.
    let remembered = Remembered { elsewhere: vec![5], ..Remembered::default() };
    assert_eq!(store.remembered("mirror", &other).unwrap(), remembered);
    store.record("defra", &other, Some(&one), &[], &[]).unwrap();
    let remembered = Remembered { elsewhere: vec![u64::MAX], ..Remembered::default() };
    assert_eq!(store.remembered("mirror", &other).unwrap(), remembered);
}

/// A start is recorded before it first writes to a target: a directory that was put back, or copied, meets one that it
/// does not know.
#[test]
fn a_start_is_known_once_something_was_about_to_be_sent_by_it() {
    let (_dir, store) = store();
    let known = || [0, 1, 2, 3].map(|start| store.knows_start(StartId(start)).unwrap());
    assert_eq!(known(), [true, false, false, false], "that of a version without starts is nobody's");
    let intent = Intent { batch: 5, seq: seq(8), commit_seq: seq(8) };
    store.intend("defra", &book_id(), StartId(1), intent, None).unwrap();
    store.distrust("defra", &book_id(), StartId(2), Distrust::Compare).unwrap();
    assert_eq!(known(), [true, true, true, false]);
}

#[test]
fn a_parked_document_keeps_its_first_seq_and_its_drop() {
    let (_dir, store) = store();
    let document = AnyKey::Page(key(3));
    assert!(!store.set_dropped("defra", &document, true).unwrap());
    store.record("defra", &book_id(), None, &[parked(3, 5, "too odd")], &[]).unwrap();
    assert!(store.set_dropped("defra", &document, true).unwrap());
    store.record("defra", &book_id(), None, &[parked(3, 8, "still too odd")], &[]).unwrap();
    let listed = store.parked(Some("defra"), Some(&book_id())).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].parked, parked(3, 5, "still too odd"));
    assert!(listed[0].dropped && listed[0].target == "defra");
    assert!(store.parked(Some("mirror"), None).unwrap().is_empty());
    assert!(store.parked(None, Some(&BookId::new("other").unwrap())).unwrap().is_empty());
    store.record("defra", &book_id(), None, &[], &[document]).unwrap();
    assert!(store.parked(None, None).unwrap().is_empty());
}

#[test]
fn a_batchs_outcome_is_recorded_whole_or_not_at_all() {
    let (_dir, store) = store();
    let progress = Progress { write_no: 1, token: 2, persisted_seq: seq(3), commit_seq: seq(3) };
    store.record("defra", &book_id(), None, &[parked(1, 1, "no")], &[]).unwrap();
    by_hand(&store)
        .execute_batch("CREATE TRIGGER never BEFORE DELETE ON parked BEGIN SELECT RAISE(ABORT, 'never'); END")
        .unwrap();
    let gone = [AnyKey::Page(key(1))];
    let park = [parked(2, 3, "no")];
    store.record("defra", &book_id(), Some(&progress), &park, &gone).unwrap_err();
    assert_eq!(store.progress("defra", &book_id()).unwrap(), None);
    assert_eq!(store.parked(None, None).unwrap().len(), 1);
    by_hand(&store).execute_batch("DROP TRIGGER never").unwrap();
    store.record("defra", &book_id(), Some(&progress), &park, &gone).unwrap();
    assert_eq!(store.progress("defra", &book_id()).unwrap(), Some(progress));
    let left: Vec<_> = store.parked(None, None).unwrap().into_iter().map(|row| row.parked).collect();
    assert_eq!(left, park);
}

#[test]
fn books_are_listed_by_id() {
    let (_dir, store) = store();
    for id in ["b", "a", "c"] {
        let book_id = BookId::new(id).unwrap();
        let mut book =
            BookKey { book_id: book_id.clone() }.document(&At { seq: seq(1), now: Timestamp::from_nanos(1) });
        book.title = Some(format!("Title of {id}").into());
        let op = Op::Upsert(Arc::new(book)).into();
        store.write_chunk(&Chunk { book_id, ..chunk(1, vec![op]) }).unwrap();
    }
    // A book of which only a page has arrived has no document of its own yet.
    store.write_chunk(&chunk(1, vec![put(1, "one")])).unwrap();
    let ids: Vec<_> = store.list_books().unwrap().into_iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(ids, ["a", "a-book", "b", "c"]);
    let titles: Vec<_> =
        store.list_book_documents().unwrap().iter().filter_map(|book| book.title.clone()).collect();
    assert_eq!(titles, ["Title of a".into(), "Title of b".into(), "Title of c".into()]);
    let c = store.book(&BookId::new("c").unwrap()).unwrap().unwrap();
    assert_eq!(c.title.as_deref(), Some("Title of c"));
    assert!(store.book(&book_id()).unwrap().is_none());
}
