//! A book that is replaced by a target's copy: it is the old one or the copy wherever the process dies, and what was of the
//! old one is set aside, once, and never replayed on the copy.

use bookstate_domain::{BookState, Commit};
use bookstate_store::{
    BookSync, Epoch, Library, ReplaceError, StartId, StoredBook, WriterId, fs::fault::CrashImage,
};

use crate::{
    fold::{Change, Pages, at, changes, commit, commit_up_to, fold, pages_of, seq},
    shelf::{SOON, Shelf, book, persist, stored_pages, stored_seq, write},
};

const IMAGES: [CrashImage; 2] = [CrashImage::Killed, CrashImage::Synced];

/// What the next owner made of the book behind commit 3.
fn theirs() -> Vec<Change> {
    let put = |page, text: &str| Change::Put { page, text: text.to_owned(), footer: false };
    vec![put(1, "theirs"), put(77, "theirs"), Change::Delete { page: 2 }]
}

fn copy() -> (StoredBook, Pages) {
    let id = book("moby");
    let mut state = BookState::new(id.clone());
    for change in (1..=3).flat_map(changes).chain(theirs()) {
        state.apply(&change.op(&id, &at(4)));
    }
    let sync = BookSync {
        writer: WriterId([9; 16]),
        start: StartId(9),
        epoch: Epoch(2),
        write_no: 9,
        token: 9,
        persisting_seq: seq(4),
        persisted_seq: seq(4),
        parked: Vec::new(),
    };
    let pages = pages_of(&state);
    (StoredBook { state, sync }, pages)
}

/// The local store and the journal have commits 1 to 6, of which a target took 3.
fn shelf_with_the_book() -> (Shelf, Library) {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let id = book("moby");
    let handle = library.create_book(&id, "test").unwrap();
    commit_up_to(&handle, 6);
    drop(handle);
    persist(&library, &id);
    assert!(!library.is_live(&id));
    (shelf, library)
}

/// Another commit, a kill, and the book is what it was with that commit.
fn goes_on(shelf: &mut Shelf, library: Library, before: u32) {
    let id = book("moby");
    let mut expected = stored_pages(&library, &id).unwrap();
    let handle = write(&library, &id);
    let next = commit(&handle, &changes(9)).unwrap().seq;
    assert!(next.get() > before, "no seq is used twice");
    changes(9).iter().for_each(|change| change.fold(&mut expected));
    assert_eq!(pages_of(&handle.snapshot().state), expected);
    drop((handle, library));
    shelf.crash(CrashImage::Killed);
    let (library, report) = shelf.open();
    assert_eq!((report.recovered.len(), report.set_aside), (1, vec![]), "only what is new");
    assert_eq!(report.recovered[0].commits, 1);
    assert_eq!(pages_of(&library.active(&id).unwrap().state), expected);
}

#[test]
fn a_book_that_is_replaced_is_the_old_one_or_the_copy_wherever_the_process_dies() {
    let (id, (stored, expected)) = (book("moby"), copy());
    for image in IMAGES {
        let (shelf, library) = shelf_with_the_book();
        let mut before = shelf.copy(image);
        let only_the_file = shelf.copy(image);
        let replaced = library.replace_book(&stored, seq(3), seq(8)).unwrap();
        assert_eq!((replaced.seq, stored_pages(&library, &id)), (seq(9), Some(expected.clone())));
        let aside = replaced.set_aside.unwrap();
        assert_eq!((aside.after, aside.commits), (seq(3), 3));
        let text = std::fs::read_to_string(&aside.file).unwrap();
        let kept: Commit = serde_json::from_str(text.trim()).unwrap();
        let mut old = fold(3);
        assert_eq!((kept.book_id.clone(), kept.seq, kept.prev), (id.clone(), seq(6), seq(3)));
        let mut state = BookState::new(id.clone());
        for change in (1..=3).flat_map(changes) {
            state.apply(&change.op(&id, &at(1)));
        }
        assert_eq!(pages_of(&state), old);
        for op in &kept.ops {
            state.apply(op);
        }
        (4..=6).flat_map(changes).for_each(|change| change.fold(&mut old));
        assert_eq!(pages_of(&state), old, "the net effect of what was set aside");

        // Behind the transaction, with the journal as it was.
        let mut after = shelf.copy(image);
        let (library, report) = after.open();
        assert_eq!((report.recovered, report.set_aside), (vec![], vec![]));
        assert_eq!(stored_pages(&library, &id), Some(expected.clone()));
        goes_on(&mut after, library, 9);

        // Before it, without the file of what is set aside and with it: all is as it was, and it may be done again.
        let dir = only_the_file.dir.path().join("set-aside");
        std::fs::create_dir(&dir).unwrap();
        std::fs::copy(&aside.file, dir.join(aside.file.file_name().unwrap())).unwrap();
        for shelf in [&before, &only_the_file] {
            let (library, report) = shelf.open();
            assert_eq!(report.set_aside, vec![]);
            assert_eq!((stored_pages(&library, &id), stored_seq(&library, &id)), (Some(fold(6)), seq(6)));
            let again = library.replace_book(&stored, seq(3), seq(8)).unwrap();
            assert_eq!(again.set_aside.map(|aside| aside.commits), Some(3));
            assert_eq!(stored_pages(&library, &id), Some(expected.clone()));
        }
        let (library, _) = before.open();
        goes_on(&mut before, library, 9);
    }
}

/// A machine that dies between the replacement and its claims does it again: there is nothing more to be set aside.
#[test]
fn what_was_made_of_a_copy_is_not_set_aside_as_if_it_were_ours() {
    let (id, (stored, expected)) = (book("moby"), copy());
    let (_shelf, library) = shelf_with_the_book();
    library.replace_book(&stored, seq(3), seq(8)).unwrap();
    let again = library.replace_book(&stored, seq(3), seq(8)).unwrap();
    assert_eq!((again.seq, again.set_aside), (seq(10), None));
    assert_eq!(stored_pages(&library, &id), Some(expected));
    // The same of one that was imported.
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    library.import_book(&stored).unwrap();
    assert_eq!(library.replace_book(&stored, seq(0), seq(4)).unwrap().set_aside, None);
}

#[test]
fn a_book_that_is_in_memory_or_unknown_is_not_replaced() {
    let (stored, _) = copy();
    let (_shelf, library) = shelf_with_the_book();
    let handle = library.open_book(&book("moby"), "test").unwrap();
    let refused = library.replace_book(&stored, seq(3), seq(8));
    assert!(matches!(refused, Err(ReplaceError::InUse { .. })), "{refused:?}");
    drop(handle);
    library.replace_book(&stored, seq(3), seq(8)).unwrap();
    let shelf = Shelf::new(SOON);
    let refused = shelf.open().0.replace_book(&stored, seq(3), seq(8));
    assert!(matches!(refused, Err(ReplaceError::Unknown { .. })), "{refused:?}");
}
