//! What targets get: deletions that nobody has sent them yet, whole books when these are not known any more, and nothing
//! unasked when they have what was lost here.

use bookstate_domain::BookId;
use bookstate_store::{
    BatchOps, Differing, Distrust, Intent, Library, Progress, Remembered, StartId, TargetName,
};

use crate::{
    fold::{Change, changes, commit, commit_up_to, seq},
    reading::TestTarget,
    shelf::{SOON, Shelf, book, persist, write},
};

fn name(text: &str) -> TargetName {
    text.parse().unwrap()
}

fn progress(last: u32) -> Progress {
    Progress { write_no: last, token: 1, persisted_seq: seq(last), commit_seq: seq(last) }
}

/// A page that is put by the first commit and deleted by the second; a mirror has both.
fn with_a_deletion(library: &Library, id: &BookId) {
    let handle = library.create_book(id, "test").unwrap();
    commit(&handle, &[Change::Put { page: 1, text: "gone".to_owned(), footer: false }]).unwrap();
    // So that the deletion is one of the local store too.
    persist(library, id);
    commit(&handle, &[Change::Delete { page: 1 }]).unwrap();
    persist(library, id);
    drop(handle);
    library.feed(&name("mirror")).record(id, &progress(2), &[]).unwrap();
}

/// How many deletions a target gets that has the first commit; `None` when it is to be compared.
fn deletions(library: &Library, id: &BookId) -> Option<usize> {
    let batch = library.feed(&name("second")).batch(id, seq(1), &Differing::default()).unwrap().unwrap();
    match batch.ops {
        BatchOps::Ops(ops) => Some(ops.len()),
        BatchOps::Compare(_) => None,
    }
}

#[test]
fn what_was_deleted_is_remembered_for_a_target_that_was_only_added() {
    let (shelf, id) = (Shelf::new(SOON), book("moby"));
    let (library, _) = shelf.open();
    library.add_target(name("second"), TestTarget::new());
    with_a_deletion(&library, &id);
    assert_eq!(deletions(&library, &id), Some(1));
}

#[test]
fn who_is_further_behind_than_is_remembered_is_compared() {
    let (shelf, id) = (Shelf::new(SOON), book("moby"));
    let (library, _) = shelf.open();
    with_a_deletion(&library, &id);
    library.add_target(name("second"), TestTarget::new());
    assert!(!library.is_live(&id));
    assert_eq!(deletions(&library, &id), None, "from the local store");
    // One that has nothing yet, so that all that is known of the book is above it.
    library.local_store().register_target("second").unwrap();
    let handle = library.open_book(&id, "test").unwrap();
    commit(&handle, &changes(3)).unwrap();
    assert_eq!(deletions(&library, &id), None, "from memory");
}

/// Its commits are gone with the journal: what the copy has more, a person decides about.
#[test]
fn a_copy_that_has_what_was_lost_here_is_not_to_be_trusted() {
    let (shelf, id) = (Shelf::new(SOON), book("moby"));
    let (library, _) = shelf.open();
    commit_up_to(&write(&library, &id), 2);
    persist(&library, &id);
    commit_up_to(&write(&library, &id), 4);
    let store = library.local_store();
    for (target, last) in [("level", 2), ("kept", 4), ("ahead", 5)] {
        store.record(target, &id, Some(&progress(last)), &[], &[]).unwrap();
    }
    let intent = Intent { batch: 9, seq: seq(5), commit_seq: seq(5) };
    store.intend("sent", &id, StartId(1), intent, None).unwrap();
    drop(library);
    let (library, _) = shelf.open();
    let distrust = |target: &str| {
        let Remembered { distrust, .. } = library.feed(&name(target)).remembered(&id).unwrap();
        distrust
    };
    assert_eq!(
        ["level", "kept", "ahead", "sent"].map(distrust),
        [
            None,
            // The local store lacks it, and the journal has it.
            None,
            Some(Distrust::Ahead),
            Some(Distrust::Ahead),
        ]
    );
}
