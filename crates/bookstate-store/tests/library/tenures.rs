//! Where books are shared by a fleet: nothing is written without a tenure that holds, and one that has ended takes
//! nothing with it but the call that it refuses.

use std::time::{Duration, Instant};

use bookstate_store::{Epoch, Library, LibraryConfig, OpenBookError, PersistError, Tenure};

use crate::{
    fold::{changes, commit, commit_up_to, fold, seq},
    shelf::{SOON, Shelf, book, live_pages, persist},
};

const HOUR: Duration = Duration::from_secs(3600);

fn in_a_fleet(shelf: &Shelf) -> Library {
    Library::open(LibraryConfig { require_tenures: true, ..shelf.config() }).unwrap().0
}

fn tenure(epoch: u32) -> Tenure {
    Tenure::new(Epoch(epoch), Instant::now() + HOUR)
}

#[test]
fn in_a_fleet_nothing_is_opened_without_a_tenure_that_holds() {
    let shelf = Shelf::new(SOON);
    let library = in_a_fleet(&shelf);
    let id = book("moby");
    let is_refused = || {
        let refused = |opened| matches!(opened, Err(OpenBookError::NotOwned { book_id }) if book_id == id);
        refused(library.create_book(&id, "test").map(drop))
            && refused(library.open_book(&id, "test").map(drop))
    };
    assert!(library.requires_tenures() && is_refused());
    let past = Tenure::new(Epoch(1), Instant::now());
    library.grant(&id, past);
    assert!(is_refused(), "its deadline has passed");
    library.grant(&id, tenure(2));
    let handle = library.create_book(&id, "test").unwrap();
    assert_eq!(handle.tenure().map(Tenure::epoch), Some(Epoch(2)));
    commit_up_to(&handle, 3);
    drop(handle);
    assert_eq!(library.revoke(&id).map(|tenure| tenure.epoch()), Some(Epoch(2)));
    assert!(library.tenure(&id).is_none() && is_refused());
    // One book's tenure is nobody else's.
    library.grant(&id, tenure(3));
    assert!(matches!(library.create_book(&book("walden"), "test"), Err(OpenBookError::NotOwned { .. })));
    library.open_book(&id, "test").unwrap();
}

#[test]
fn behind_the_deadline_a_persist_call_is_refused_and_nothing_has_changed() {
    let shelf = Shelf::new(SOON);
    let library = in_a_fleet(&shelf);
    let id = book("moby");
    let ended: [fn(&Library, &Tenure); 3] = [
        |_, tenure| assert!(!tenure.holds(Instant::now() + HOUR), "its deadline passes"),
        |_, tenure| tenure.end(),
        |library, _| library.grant(&book("moby"), tenure(9)),
    ];
    let mut last = 0;
    for (number, end) in ended.into_iter().enumerate() {
        let under = tenure(u32::try_from(number).unwrap() + 1);
        library.grant(&id, under.clone());
        let handle = library.open_book(&id, "test").or_else(|_| library.create_book(&id, "test")).unwrap();
        commit_up_to(&handle, last + 4);
        last += 4;
        end(&library, &under);
        // Also when the book is granted anew: the handle is of what has ended.
        for _ in 0..2 {
            let refused = commit(&handle, &changes(last + 1));
            assert!(
                matches!(&refused, Err(PersistError::Fenced { book_id }) if *book_id == id),
                "{refused:?}"
            );
            assert_eq!((handle.snapshot().seq, live_pages(&library, &id)), (seq(last), Some(fold(last))));
            assert_eq!(shelf.journal_seqs(&id), (1..=last).collect::<Vec<_>>());
            library.grant(&id, tenure(9));
        }
        drop(handle);
        persist(&library, &id);
    }
}

#[test]
fn without_a_fleet_nothing_asks_for_a_tenure() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let id = book("moby");
    let handle = library.create_book(&id, "test").unwrap();
    assert!(!library.requires_tenures() && handle.tenure().is_none());
    commit_up_to(&handle, 3);
}
