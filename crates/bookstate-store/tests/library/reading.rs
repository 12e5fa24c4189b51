//! The reading path: memory, else the local store, else a target; and what targets hear of books that left memory.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bookstate_domain::BookId;
use bookstate_store::{
    BookSync, Chunk, Epoch, Library, LibraryConfig, Limits, ReadError, Source, StoredBook, Target,
    TargetError, TargetName, Tenure, WriterId,
};
use parking_lot::Mutex;

use crate::{
    fold::{at, changes, commit_up_to, fold, ops, pages_of, seq},
    shelf::{SOON, Shelf, book, persist, wait, write},
};

/// A target that was filled by another machine.
#[derive(Debug, Default)]
pub(crate) struct TestTarget {
    books: Mutex<BTreeMap<BookId, StoredBook>>,
    is_down: AtomicBool,
    loads: AtomicUsize,
}

impl TestTarget {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Holds the book of [`changes`] as of commit `last`.
    fn put(&self, id: &BookId, last: u32) {
        self.put_of(Epoch::NONE, id, last);
    }

    /// The same, written by the owner of this epoch.
    fn put_of(&self, epoch: Epoch, id: &BookId, last: u32) {
        let mut state = bookstate_domain::BookState::new(id.clone());
        for number in 1..=last {
            for op in ops(id, &at(number), &changes(number)) {
                state.apply(&op);
            }
        }
        let sync = BookSync {
            start: bookstate_store::StartId::default(),
            epoch,
            writer: WriterId([9; 16]),
            write_no: 1,
            token: 1,
            persisting_seq: seq(last),
            persisted_seq: seq(last),
            parked: Vec::new(),
        };
        self.books.lock().insert(id.clone(), StoredBook { state, sync });
    }

    fn check(&self) -> Result<(), TargetError> {
        let reason = || TargetError::Unavailable { reason: "nobody answers".to_owned() };
        if self.is_down.load(Ordering::SeqCst) { Err(reason()) } else { Ok(()) }
    }
}

#[async_trait]
impl Target for TestTarget {
    fn limits(&self) -> Limits {
        Limits::NONE
    }

    async fn prepare(&self) -> Result<(), TargetError> {
        self.check()
    }

    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        self.check()?;
        Ok(self.books.lock().get(book_id).map(|stored| stored.sync.clone()))
    }

    async fn write_chunk(&self, _: &Chunk) -> Result<(), TargetError> {
        Err(TargetError::Unusable { reason: "it is only read in these tests".to_owned() })
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        Ok(self.books.lock().get(book_id).cloned())
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        self.check()?;
        Ok(self.books.lock().iter().map(|(id, stored)| (id.clone(), stored.sync.clone())).collect())
    }
}

fn name(text: &str) -> TargetName {
    text.parse().unwrap()
}

/// Reads a book of [`changes`]; returns where it comes from and its seq.
fn read(library: &Library, id: &BookId) -> Option<(Source, u32)> {
    let reading = wait(async { library.read(id).await }).unwrap()?;
    let last = reading.snapshot.seq.get();
    assert_eq!(pages_of(&reading.snapshot.state), fold(last), "{:?}", reading.source);
    Some((reading.source, last))
}

#[test]
fn memory_before_the_local_store_before_the_targets() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let (first, second) = (TestTarget::new(), TestTarget::new());
    library.add_target(name("first"), first.clone());
    library.add_target(name("second"), second.clone());
    let id = book("moby");
    assert_eq!(read(&library, &id), None);
    second.put(&id, 3);
    assert_eq!(read(&library, &id), Some((Source::Target(name("second")), 3)));
    first.put(&id, 2);
    assert_eq!(read(&library, &id), Some((Source::Target(name("first")), 2)), "in the order given");
    assert!(library.active(&id).is_none() && library.live_books().is_empty(), "reading makes nothing live");

    let asked = || first.loads.load(Ordering::SeqCst) + second.loads.load(Ordering::SeqCst);
    let before = asked();
    let handle = write(&library, &id);
    commit_up_to(&handle, 5);
    assert_eq!(read(&library, &id), Some((Source::Memory, 5)));
    persist(&library, &id);
    commit_up_to(&handle, 6);
    assert_eq!(read(&library, &id), Some((Source::Memory, 6)));
    assert_eq!(library.active(&id).unwrap().seq, seq(6));
    persist(&library, &id);
    drop(handle);
    assert!(library.active(&id).is_none());
    assert_eq!(read(&library, &id), Some((Source::Local, 6)));
    assert_eq!(asked(), before, "no target is asked for a book that is here");
}

#[test]
fn a_dead_target_is_an_error_only_when_nobody_else_has_the_book() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let (dead, alive) = (TestTarget::new(), TestTarget::new());
    library.add_target(name("dead"), dead.clone());
    alive.put(&book("remote"), 4);
    library.add_target(name("alive"), alive);
    dead.is_down.store(true, Ordering::SeqCst);
    let [live, local, remote, unknown] = ["live", "local", "remote", "unknown"].map(book);
    let handle = write(&library, &live);
    commit_up_to(&handle, 2);
    commit_up_to(&write(&library, &local), 3);
    persist(&library, &local);
    assert_eq!(read(&library, &live), Some((Source::Memory, 2)));
    assert_eq!(read(&library, &local), Some((Source::Local, 3)));
    assert_eq!(read(&library, &remote), Some((Source::Target(name("alive")), 4)));
    let error = wait(library.read(&unknown)).unwrap_err();
    assert!(matches!(&error, ReadError::Target { target, .. } if *target == name("dead")), "{error}");
    assert!(error.to_string().contains("nobody answers"), "{error}");
    dead.is_down.store(false, Ordering::SeqCst);
    assert_eq!(read(&library, &unknown), None);
    dead.is_down.store(true, Ordering::SeqCst);
    library.remove_target(&name("dead"));
    assert_eq!(read(&library, &unknown), None, "it is not a target any more");
}

/// A machine of a fleet that had the book once has a copy of it, which is old when another one has it since.
#[test]
fn in_a_fleet_the_last_owners_copy_is_read_by_whoever_does_not_own_the_book() {
    let shelf = Shelf::new(SOON);
    let (library, _) = Library::open(LibraryConfig { require_tenures: true, ..shelf.config() }).unwrap();
    let (one, two) = (TestTarget::new(), TestTarget::new());
    library.add_target(name("one"), one.clone());
    library.add_target(name("two"), two.clone());
    let id = book("moby");
    let timer = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let read = || {
        let reading = timer.block_on(library.read(&id)).unwrap().unwrap();
        (reading.source, reading.snapshot.seq.get())
    };
    let hour = Instant::now() + Duration::from_secs(3600);
    library.grant(&id, Tenure::new(Epoch(1), hour));
    commit_up_to(&write(&library, &id), 4);
    persist(&library, &id);
    one.put_of(Epoch(2), &id, 3);
    assert_eq!(read(), (Source::Local, 4), "its owner reads what is here");
    library.revoke(&id);
    assert_eq!(read(), (Source::Target(name("one")), 3), "the last owner's, and not the longest");
    two.put_of(Epoch(2), &id, 6);
    assert_eq!(read(), (Source::Target(name("two")), 6));
    two.is_down.store(true, Ordering::SeqCst);
    assert_eq!(read(), (Source::Target(name("one")), 3));
    one.is_down.store(true, Ordering::SeqCst);
    assert_eq!(read(), (Source::Local, 4), "an old answer rather than none");
    // As here: it is not loaded from elsewhere.
    one.is_down.store(false, Ordering::SeqCst);
    one.put(&id, 4);
    let loads = one.loads.load(Ordering::SeqCst);
    assert_eq!((read(), one.loads.load(Ordering::SeqCst)), ((Source::Local, 4), loads));
}

#[test]
fn targets_hear_of_books_that_left_memory() {
    let shelf = Shelf::new(SOON);
    let (library, _) = shelf.open();
    let targets = ["one", "two"].map(|text| (name(text), TestTarget::new() as Arc<dyn Target>));
    for (name, target) in targets {
        library.add_target(name, target);
    }
    let departed = |target: &str| {
        let departed = library.feed(&name(target)).take_evicted();
        departed.into_iter().map(|(id, last)| (id.to_string(), last.get())).collect::<Vec<_>>()
    };
    for (id, last) in [("moby", 2), ("walden", 3)] {
        commit_up_to(&write(&library, &book(id)), last);
        assert!(id != "moby" || departed("one").is_empty(), "it is still in memory");
        persist(&library, &book(id));
        assert!(library.live_books().is_empty());
    }
    let both = [("moby".to_owned(), 2), ("walden".to_owned(), 3)];
    assert_eq!((departed("one"), departed("one")), (both.to_vec(), vec![]), "once");
    commit_up_to(&write(&library, &book("moby")), 4);
    persist(&library, &book("moby"));
    assert_eq!(departed("one"), [("moby".to_owned(), 4)]);
    assert_eq!(departed("two"), [("moby".to_owned(), 4), ("walden".to_owned(), 3)], "each for itself");
    assert_eq!((departed("three"), departed("local")), (vec![], vec![]));
}
