//! Random schedules of commits, progress of the local store, kills and power losses, against the fold.
//!
//! A failing case prints its schedule, which holds every seed.

use std::collections::BTreeMap;

use bookstate_domain::BookId;
use bookstate_store::{
    Batch, BookHandle, Library, RecoveryReport, fs::fault::CrashImage, journal::SyncPolicy,
};
use proptest::prelude::*;

use crate::{
    fold::{Change, Pages, commit, pages_of},
    shelf::{NEVER, Shelf, book, only_one_segment, store, stored_pages, stored_seq, take, tell, wait},
};

const BOOKS: [&str; 2] = ["moby", "walden"];

#[derive(Clone, Debug)]
enum Step {
    /// A commit of a book; opens it first when nobody writes it.
    Commit(usize, Vec<Change>),
    /// A call that is refused.
    Refused(usize),
    /// Somebody waits for the sync of a book's commits.
    Sync(usize),
    /// The sink takes a batch for the local store; what is committed from now on is not in it.
    Take(usize),
    /// The local store has the batch that was taken.
    Store(usize),
    /// The library learns of it.
    Tell(usize),
    /// The writer goes.
    Release(usize),
    /// The process ends in one of these ways, and the next one starts.
    Close,
    Kill,
    LosePower(CrashImage),
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let text = || prop_oneof![Just("a"), Just("b"), Just("call me Ishmael")].prop_map(str::to_owned);
    prop_oneof![
        4 => (0..4, text(), any::<bool>()).prop_map(|(page, text, footer)| Change::Put { page, text, footer }),
        3 => (0..4, prop::option::of(text()), any::<bool>())
            .prop_map(|(page, text, complete)| Change::Patch { page, text, complete }),
        2 => (0..4).prop_map(|page| Change::Delete { page }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let book = || 0..BOOKS.len();
    prop_oneof![
        12 => (book(), prop::collection::vec(change(), 1..4)).prop_map(|(b, changes)| Step::Commit(b, changes)),
        1 => book().prop_map(Step::Refused),
        2 => book().prop_map(Step::Sync),
        4 => book().prop_map(Step::Take),
        4 => book().prop_map(Step::Store),
        4 => book().prop_map(Step::Tell),
        3 => book().prop_map(Step::Release),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        2 => prop_oneof![Just(CrashImage::Synced), any::<u64>().prop_map(CrashImage::Random)]
            .prop_map(Step::LosePower),
    ]
}

/// What is known of one book without asking the library.
#[derive(Debug, Default)]
struct Known {
    /// The book after each accepted commit, from 0 on.
    folds: BTreeMap<u32, Pages>,
    /// Everything up to here survives a power loss.
    safe: u32,
    /// The local store has the book up to here.
    stored: u32,
    /// The library was told up to here by this process.
    told: u32,
    handle: Option<BookHandle>,
    taken: Option<Batch>,
    written: Option<Batch>,
}

impl Known {
    fn last(&self) -> u32 {
        self.folds.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    fn pages(&self) -> Pages {
        self.folds.last_key_value().map(|(_, pages)| pages.clone()).unwrap_or_default()
    }
}

struct World {
    shelf: Shelf,
    library: Option<Library>,
    books: [Known; BOOKS.len()],
}

impl World {
    fn new(policy: SyncPolicy) -> Self {
        let shelf = Shelf { segment_bytes: 900, ..Shelf::new(policy) };
        let (library, _) = shelf.open();
        Self { shelf, library: Some(library), books: Default::default() }
    }

    fn library(&self) -> Library {
        self.library.clone().unwrap()
    }

    fn act(&mut self, step: &Step) {
        let library = self.library();
        match step {
            Step::Commit(index, changes) => self.commit(&library, *index, changes),
            Step::Refused(index) => {
                let known = &mut self.books[*index];
                if let Some(handle) = &known.handle {
                    let stray = changes_of(&book("another-book"));
                    assert!(handle.commit(|_, _| Ok(stray)).is_err());
                }
            }
            // Under `NEVER` there is nobody who would sync, so that nobody can wait for it.
            Step::Sync(index) if self.shelf.policy != NEVER => {
                let known = &mut self.books[*index];
                if let Some(handle) = &known.handle {
                    wait(handle.durable()).unwrap();
                    // The log has one order, but what the other book has of it is only known by its own waiting.
                    known.safe = known.last();
                }
            }
            Step::Take(index) if self.shelf.policy != NEVER => {
                let known = &mut self.books[*index];
                known.taken = take(&library, &id_of(*index));
                assert_eq!(known.taken.as_ref().map_or(known.stored, |b| b.seq.get()), known.last());
            }
            Step::Store(index) => {
                let known = &mut self.books[*index];
                if let Some(batch) = known.taken.take() {
                    store(&library, &batch);
                    known.stored = batch.seq.get();
                    known.safe = known.safe.max(known.stored);
                    known.written = Some(batch);
                }
            }
            Step::Tell(index) => {
                let known = &mut self.books[*index];
                if let Some(batch) = known.written.take() {
                    tell(&library, &batch);
                    known.told = batch.seq.get();
                }
            }
            Step::Release(index) => self.books[*index].handle = None,
            Step::Sync(_) | Step::Take(_) => {}
            Step::Close => {
                self.books.iter_mut().for_each(|known| known.handle = None);
                drop(library);
                self.library.take().unwrap().close().unwrap();
                self.restart(CrashImage::Synced, true);
            }
            Step::Kill => {
                drop(library);
                self.restart(CrashImage::Killed, true);
            }
            Step::LosePower(image) => {
                drop(library);
                let loses_nothing = self.shelf.policy == SyncPolicy::Always;
                self.restart(*image, loses_nothing);
            }
        }
    }

    fn commit(&mut self, library: &Library, index: usize, changes: &[Change]) {
        let known = &mut self.books[index];
        let id = id_of(index);
        let handle = known.handle.take().unwrap_or_else(|| match known.last() {
            0 => library.create_book(&id, "test").unwrap(),
            _ => library.open_book(&id, "test").unwrap(),
        });
        let mut pages = known.pages();
        assert_eq!(pages_of(&handle.snapshot().state), pages);
        let number = commit(&handle, changes).unwrap().seq.get();
        assert_eq!(number, known.last() + 1);
        changes.iter().for_each(|change| change.fold(&mut pages));
        known.folds.insert(number, pages);
        if self.shelf.policy == SyncPolicy::Always {
            known.safe = number;
        }
        known.handle = Some(handle);
    }

    /// The process ends and the next one starts; `loses_nothing` that was accepted.
    fn restart(&mut self, image: CrashImage, loses_nothing: bool) {
        for known in &mut self.books {
            (known.handle, known.taken, known.written) = (None, None, None);
        }
        self.library = None;
        self.shelf.crash(image);
        let (library, report) = self.shelf.open();
        assert_eq!(report.set_aside, [], "{image:?}: not a prefix");
        for (index, known) in self.books.iter_mut().enumerate() {
            let id = id_of(index);
            let last = library.book_seq(&id).unwrap().get();
            let least = if loses_nothing { known.last() } else { known.safe };
            assert!((least..=known.last()).contains(&last), "{id}: {last}, {least} to {}", known.last());
            assert_eq!(stored_seq(&library, &id).get(), known.stored);
            check_report(&report, &id, known.stored, last);
            // What is gone was never promised; its seqs may be used again, since nobody else saw them.
            known.folds.retain(|seq, _| *seq <= last);
            // Opening synced what was left.
            known.safe = last;
            known.told = known.stored;
        }
        self.library = Some(library);
    }

    /// Whatever state it ended in: a restart, and everything into the local store.
    fn end(mut self) {
        self.restart(CrashImage::Killed, true);
        self.check();
        if self.shelf.policy == NEVER {
            return;
        }
        for index in 0..BOOKS.len() {
            [Step::Take(index), Step::Store(index), Step::Tell(index)].iter().for_each(|step| self.act(step));
        }
        self.check();
        assert!(self.library().live_books().is_empty());
        // What is left is the open segment; it holds nothing that the next start would need.
        only_one_segment(&self.library());
    }

    /// Everything that a reader can see.
    fn check(&self) {
        let library = self.library();
        for (index, known) in self.books.iter().enumerate() {
            let id = id_of(index);
            let is_live = known.handle.is_some() || known.told < known.last();
            let live = library.active(&id).map(|snapshot| (snapshot.seq.get(), pages_of(&snapshot.state)));
            assert_eq!(live, is_live.then(|| (known.last(), known.pages())), "{id} in memory");
            assert_eq!(library.book_seq(&id).unwrap().get(), known.last(), "{id}");
            if let Some(stored) = known.folds.get(&known.stored) {
                assert_eq!(stored_pages(&library, &id).as_ref(), Some(stored), "{id} in the local store");
            }
        }
    }
}

fn id_of(index: usize) -> BookId {
    book(BOOKS[index])
}

fn changes_of(id: &BookId) -> bookstate_domain::Ops {
    crate::fold::ops(id, &crate::fold::at(1), &crate::fold::changes(1))
}

fn check_report(report: &RecoveryReport, id: &BookId, stored: u32, last: u32) {
    let recovered = report.recovered.iter().find(|recovered| recovered.book_id == *id);
    let found = recovered.map(|recovered| (recovered.commits, recovered.seq.get()));
    assert_eq!(found, (last > stored).then_some(((last - stored) as usize, last)), "{id}");
}

#[test]
fn memory_and_what_a_restart_gives_are_the_fold() {
    let policy = prop_oneof![2 => Just(SyncPolicy::Os), 1 => Just(SyncPolicy::Always), 1 => Just(NEVER)];
    let steps = prop::collection::vec(step(), 1..32);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(policy in policy, steps in steps)| {
        let mut world = World::new(policy);
        for step in &steps {
            world.act(step);
            world.check();
        }
        world.end();
    });
}
