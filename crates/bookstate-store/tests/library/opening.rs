//! Creating, opening and closing books and the library; when a book is live and when it leaves memory.

use std::os::unix::fs::PermissionsExt as _;

use bookstate_domain::Seq;
use bookstate_store::{
    CloseError, LibraryConfig, OpenBookError, OpenError, Source, TargetName, fs::LockError,
};

use crate::{
    fold::{changes, commit, commit_up_to, fold, seq},
    shelf::{NEVER, SOON, Shelf, book, live_pages, persist, store, stored_pages, take, tell, wait, write},
};

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let id = book("moby");
    let first = library.create_book(&id, "job 7").unwrap();
    commit_up_to(&first, 1);
    for second in [library.open_book(&id, "a reset"), library.create_book(&id, "another job")] {
        let error = second.unwrap_err();
        assert!(matches!(&error, OpenBookError::Held { holder, .. } if holder == "job 7"), "{error}");
        assert!(error.to_string().contains("job 7"), "{error}");
    }
    // The refused ones took nothing with them.
    commit_up_to(&first, 2);
    drop(first);
    let next = library.open_book(&id, "a reset").unwrap();
    assert_eq!(next.snapshot().seq, seq(2));
    let error = library.open_book(&id, "third").unwrap_err();
    assert!(matches!(&error, OpenBookError::Held { holder, .. } if holder == "a reset"), "{error}");
}

#[test]
fn a_book_without_a_commit_never_existed() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let (id, remote): (_, TargetName) = (book("moby"), "mirror".parse().unwrap());
    library.add_target(remote.clone(), crate::reading::TestTarget::new());
    let handle = library.create_book(&id, "test").unwrap();
    let refused = handle.commit(|state, at| state.persist_page_extract(at, 1));
    assert!(refused.is_err(), "there is no book record yet");
    drop(handle);
    assert!(library.active(&id).is_none() && library.live_books().is_empty());
    assert!(matches!(library.open_book(&id, "test"), Err(OpenBookError::Unknown { .. })));
    assert!(wait(library.read(&id)).unwrap().is_none());
    assert_eq!(library.feed(&remote).take_evicted().len(), 0, "no target needs to hear of it");
    library.close().unwrap();
    assert_eq!(shelf.journal_seqs(&id), [0_u32; 0]);
    let (library, report) = shelf.open();
    assert_eq!(report.recovered, []);
    let handle = library.create_book(&id, "test").unwrap();
    assert_eq!(commit(&handle, &changes(1)).unwrap().seq, seq(1));
}

#[test]
fn a_book_that_exists_is_not_created_again() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let id = book("moby");
    let exists = |result| matches!(result, Err(OpenBookError::Exists { .. }));
    let handle = library.create_book(&id, "test").unwrap();
    commit_up_to(&handle, 1);
    drop(handle);
    assert!(exists(library.create_book(&id, "test")), "it is live");
    // The attempt does not keep the writer's place.
    drop(library.open_book(&id, "test").unwrap());
    drop(library);
    let (library, _) = shelf.open();
    assert!(exists(library.create_book(&id, "test")), "it was recovered");
    persist(&library, &id);
    assert!(library.active(&id).is_none());
    assert!(exists(library.create_book(&id, "test")), "the local store has it");
    assert!(library.active(&id).is_none(), "the attempt leaves nothing in memory");
}

#[test]
fn a_book_leaves_memory_when_nobody_writes_it_and_the_local_store_has_all_of_it() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let id = book("moby");
    let handle = library.create_book(&id, "test").unwrap();
    commit_up_to(&handle, 3);
    let part = take(&library, &id).unwrap();
    commit_up_to(&handle, 5);
    store(&library, &part);
    tell(&library, &part);
    drop(handle);
    assert_eq!(live_pages(&library, &id), Some(fold(5)), "the local store lacks two commits");
    // Another target's progress is not the local store's.
    library.feed(&"mirror".parse().unwrap()).acknowledge(&id, seq(5));
    assert_eq!(live_pages(&library, &id), Some(fold(5)));
    let rest = take(&library, &id).unwrap();
    store(&library, &rest);
    assert!(library.active(&id).is_some(), "nobody told the library yet");
    tell(&library, &rest);
    assert!(library.active(&id).is_none() && library.live_books().is_empty());
    assert_eq!(stored_pages(&library, &id), Some(fold(5)));

    let handle = library.open_book(&id, "test").unwrap();
    commit_up_to(&handle, 6);
    persist(&library, &id);
    assert_eq!(live_pages(&library, &id), Some(fold(6)), "somebody writes it");
    drop(handle);
    assert!(library.active(&id).is_none());
    let reading = wait(library.read(&id)).unwrap().unwrap();
    assert_eq!((reading.source, reading.snapshot.seq), (Source::Local, seq(6)));
}

#[test]
fn seqs_continue() {
    let shelf = Shelf::new(SOON);
    let id = book("moby");
    let (library, _) = shelf.open();
    commit_up_to(&library.create_book(&id, "test").unwrap(), 3);
    drop(library);
    let (library, _) = shelf.open();
    commit_up_to(&write(&library, &id), 5);
    persist(&library, &id);
    assert!(library.active(&id).is_none());
    commit_up_to(&write(&library, &id), 6);
    persist(&library, &id);
    library.close().unwrap();
    let (library, _) = shelf.open();
    commit_up_to(&write(&library, &id), 8);
    assert_eq!(live_pages(&library, &id), Some(fold(8)));
}

#[test]
fn skipped_seqs_are_not_given_out() {
    let mut shelf = Shelf::new(SOON);
    let id = book("moby");
    let (library, _) = shelf.open();
    let handle = library.create_book(&id, "test").unwrap();
    commit_up_to(&handle, 2);
    library.feed(&TargetName::local()).skip_seqs(&id, seq(10));
    library.feed(&TargetName::local()).skip_seqs(&id, seq(7));
    persist(&library, &id);
    drop(handle);
    assert!(library.active(&id).is_none(), "what was skipped is nothing that the local store lacks");
    let handle = write(&library, &id);
    assert_eq!(commit(&handle, &changes(3)).unwrap().seq, seq(11));
    persist(&library, &id);
    drop(handle);
    // Nor those of a book that is not live.
    library.feed(&TargetName::local()).skip_seqs(&id, seq(20));
    let handle = write(&library, &id);
    assert_eq!(commit(&handle, &changes(4)).unwrap().seq, seq(21));
    drop((handle, library));
    // Recovery does not take the skipped ones for a gap.
    shelf.crash(bookstate_store::fs::fault::CrashImage::Killed);
    let (library, report) = shelf.open();
    assert_eq!(report.set_aside, []);
    assert_eq!((live_pages(&library, &id), library.live_seq(&id)), (Some(fold(4)), seq(21)));
    assert_eq!(commit(&write(&library, &id), &changes(5)).unwrap().seq, seq(22));
}

#[test]
fn a_target_that_is_ahead_has_used_its_seqs() {
    // The book is in the local store, or only in the journal, or the target has not said yet that it has it.
    for (is_stored, is_said) in [(true, true), (false, true), (true, false)] {
        let shelf = Shelf::new(SOON);
        let id = book("moby");
        let (library, _) = shelf.open();
        commit_up_to(&write(&library, &id), 2);
        if is_stored {
            persist(&library, &id);
        }
        let (store, last) = (library.local_store(), seq(30));
        if is_said {
            let ahead =
                bookstate_store::Progress { write_no: 1, token: 1, persisted_seq: last, commit_seq: last };
            store.record("mirror", &id, Some(&ahead), &[], &[]).unwrap();
        } else {
            let intent = bookstate_store::Intent { batch: 1, seq: last, commit_seq: last };
            store.intend("mirror", &id, bookstate_store::StartId(1), intent, None).unwrap();
        }
        drop(library);
        let (library, _) = shelf.open();
        assert_eq!(commit(&write(&library, &id), &changes(3)).unwrap().seq, seq(31));
    }
}

#[test]
fn closing_syncs_and_waits_for_the_last_clone() {
    let mut shelf = Shelf::new(NEVER);
    let id = book("moby");
    let (library, _) = shelf.open();
    let handle = library.create_book(&id, "test").unwrap();
    commit_up_to(&handle, 3);
    assert!(matches!(library.clone().close(), Err(CloseError::InUse)));
    assert!(library.journal_health().synced < library.journal_health().appended);
    assert!(matches!(shelf.try_open(), Err(OpenError::Locked(LockError::Held { .. }))));
    drop(handle);
    library.close().unwrap();
    shelf.crash(bookstate_store::fs::fault::CrashImage::Synced);
    let (library, _) = shelf.open();
    assert_eq!(live_pages(&library, &id), Some(fold(3)));
}

/// All files and directories below `dir`, itself included, with their modes.
fn modes(dir: &std::path::Path) -> Vec<(std::path::PathBuf, bool, u32)> {
    let meta = std::fs::symlink_metadata(dir).unwrap();
    let mut found = vec![(dir.to_owned(), meta.is_dir(), meta.permissions().mode() & 0o777)];
    if meta.is_dir() {
        let entries = std::fs::read_dir(dir).unwrap();
        entries.for_each(|entry| found.extend(modes(&entry.unwrap().path())));
    }
    found
}

#[test]
fn a_data_directory_is_its_owners_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (before, dir) = (temp.path().join("before"), temp.path().join("new/data"));
    std::fs::write(&before, "").unwrap();
    let umask = modes(&before)[0].2;
    assert_ne!(umask & 0o077, 0, "the umask of this test hides what it looks for");
    let (library, _) = bookstate_store::Library::open(LibraryConfig::new(&dir)).unwrap();
    let handle = library.create_book(&book("moby"), "test").unwrap();
    commit_up_to(&handle, 3);
    persist(&library, handle.id());
    let found = modes(&dir);
    assert!(found.len() > 6, "{found:?}");
    for (path, is_dir, mode) in found {
        assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let temp = tempfile::tempdir().unwrap();
    let victim = temp.path().join("victim");
    for name in ["lock", "writer.new", "books.sqlite", "journal/00000000000000000001.journal"] {
        let dir = temp.path().join(name.replace('/', "-"));
        std::fs::create_dir_all(dir.join("journal")).unwrap();
        std::fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, dir.join(name)).unwrap();
        let opened = bookstate_store::Library::open(LibraryConfig::new(&dir));
        // What would be made anew is replaced; in the place of anything else a link is an error.
        let is_replaced = ["writer.new", "journal/00000000000000000001.journal"].contains(&name);
        assert_eq!(opened.is_ok(), is_replaced, "{name}");
        drop(opened);
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine", "{name}");
    }
}

#[test]
fn a_second_library_is_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (library, _) = bookstate_store::Library::open(LibraryConfig::new(dir.path())).unwrap();
    let second = bookstate_store::Library::open(LibraryConfig::new(dir.path()));
    let error = second.unwrap_err().to_string();
    assert!(error.contains(&std::process::id().to_string()), "{error}");
    // A handle keeps the directory as long as a library does.
    let (handle, store) =
        (library.create_book(&book("moby"), "test").unwrap(), library.local_store().clone());
    drop(library);
    assert!(bookstate_store::Library::open(LibraryConfig::new(dir.path())).is_err());
    commit_up_to(&handle, 1);
    // And so does whoever may be writing the local store.
    drop(handle);
    assert!(bookstate_store::Library::open(LibraryConfig::new(dir.path())).is_err());
    drop(store);
    let (library, report) = bookstate_store::Library::open(LibraryConfig::new(dir.path())).unwrap();
    assert_eq!(report.recovered.len(), 1);
    assert_eq!(library.live_seq(&book("moby")), seq(1));
    assert_eq!(library.live_seq(&book("walden")), Seq::ZERO);
}
