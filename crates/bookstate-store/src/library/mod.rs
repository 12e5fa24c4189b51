//! The library: the live books of one data directory.
//!
//! Memory is the truth while a book is live. A book becomes live when somebody opens it for writing, or when
//! recovery finds commits of it that the local store lacks; it leaves memory when nobody writes it and the
//! local store has all of it. Every reading path goes through [`Library::read`].
//!
//! Reading order: `live` (one book), `handle` (its writer), `data_dir` (what is on disk), `open` (recovery), `feed`
//! (what the sink takes), `read`.

mod calls;
mod data_dir;
mod error;
mod feed;
mod follow;
mod handle;
mod import;
mod live;
mod loading;
mod open;
mod read;
mod replace;
mod tenure;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
    sync::Arc,
};

use bookstate_domain::{BookId, BookState, Changes, Seq};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

pub use calls::CallTimes;
pub use error::{CloseError, ImportError, OpenBookError, OpenError, PersistError, ReadError, ReplaceError};
pub use feed::{Batch, BatchOps, Commits, Differing, TargetFeed};
pub use follow::{CommitNote, Follower, Noted};
pub use handle::{BookHandle, Receipt};
pub use live::Snapshot;
pub use open::{LibraryConfig, RecoveredBook, RecoveryReport, SetAside};
pub use read::{Reading, Source};
pub use replace::Replaced;
pub use tenure::Tenure;

use crate::{
    clock::Clock,
    journal::{Journal, JournalHealth, Position, SyncPolicy},
    sqlite::{LoadedBook, SqliteStore, StoreError},
    target::{Target, WriterId},
};
use data_dir::DataDir;
use follow::Followed;
use live::{LiveBook, Loaded};
use loading::Loading;

/// The name of a target, unique within a data directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(Arc<str>);

impl TargetName {
    /// The local store's name; no other target may have it.
    #[must_use]
    pub fn local() -> Self {
        Self("local".into())
    }
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for TargetName {
    type Err = bookstate_domain::IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The same characters as an id: safe in paths, URLs, metrics.
        bookstate_domain::Provider::new(text).map(|name| Self(name.as_str().into()))
    }
}

impl serde::Serialize for TargetName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Books with their last commit and a target's watermark.
type Evicted = BTreeMap<BookId, (Seq, Seq)>;

#[derive(Debug)]
struct Shared {
    /// Locked as long as the library lives.
    dir: DataDir,
    journal: Journal,
    local: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    books: RwLock<HashMap<BookId, Arc<LiveBook>>>,
    loading: Loading,
    policy: SyncPolicy,
    /// Told when some book has a new commit, under [`SyncPolicy::Os`] only: see [`Commits`].
    changed: Notify,
    /// The remote targets, in the order in which a read asks them.
    targets: RwLock<Vec<(TargetName, Arc<dyn Target>)>>,
    /// Books that left memory before a remote target had all of them, with their last commit and the target's
    /// watermark, until its task has taken note.
    evicted: Mutex<BTreeMap<TargetName, Evicted>>,
    /// Of books that are not live: seqs up to these were used although the local store has no commit of them
    /// (they were set aside, or a target has them). They are not given out again.
    reserved: Mutex<HashMap<BookId, Seq>>,
    /// The logs of the books that somebody follows.
    followed: Mutex<Followed>,
    /// Books are written under a tenure only.
    requires_tenures: bool,
    /// The tenures that books were granted under; the lock is taken alone.
    tenures: RwLock<HashMap<BookId, Tenure>>,
    /// How long persist calls took.
    calls: calls::CallHistogram,
}

/// The live books of a data directory. Cheap to clone; the directory is locked until the last clone, and the last one of
/// its local store, is gone.
#[derive(Debug, Clone)]
pub struct Library(Arc<Shared>);

impl Library {
    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir.path
    }

    /// The data directory's identity as a writer.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.0.dir.writer
    }

    /// The local store.
    #[must_use]
    pub fn local_store(&self) -> &Arc<SqliteStore> {
        &self.0.local
    }

    /// How the journal is.
    #[must_use]
    pub fn journal_health(&self) -> JournalHealth {
        self.0.journal.health()
    }

    /// The clock that commits are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Bytes left on the disk of the data directory; `None` when the system does not tell.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        rustix::fs::statvfs(&self.0.dir.path).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Creates a book and opens it for writing. It exists once it has its first commit.
    ///
    /// # Errors
    /// The book exists, or the local store cannot be read; where tenures are required, there is none that holds.
    pub fn create_book(&self, id: &BookId, who: &str) -> Result<BookHandle, OpenBookError> {
        let handle = self.claim(id, who, || {
            if self.0.local.book_sync(id)?.is_some() {
                return Err(OpenBookError::Exists { book_id: id.clone() });
            }
            Ok(Loaded {
                state: BookState::new(id.clone()),
                changes: Changes::new(Seq::ZERO),
                seq: Seq::ZERO,
                highest_used: Seq::ZERO,
                position: self.0.journal.synced_position(),
                watermarks: BTreeMap::new(),
            })
        })?;
        // It may have been live already.
        if handle.snapshot().seq == Seq::ZERO {
            Ok(handle)
        } else {
            Err(OpenBookError::Exists { book_id: id.clone() })
        }
    }

    /// Opens a book for writing; `who` is shown to a second one who would. Reads the local store when the
    /// book is not live, so it blocks for some milliseconds: not for a hot path.
    ///
    /// # Errors
    /// Somebody writes the book already, or there is no such book, or the local store cannot be read; where tenures are
    /// required, there is none that holds.
    pub fn open_book(&self, id: &BookId, who: &str) -> Result<BookHandle, OpenBookError> {
        self.claim(id, who, || {
            let stored = self.0.local.load_book(id)?;
            let stored = stored.ok_or_else(|| OpenBookError::Unknown { book_id: id.clone() })?;
            Ok(loaded_from(&self.0.local, stored, self.0.journal.synced_position())?)
        })
    }

    /// Takes the writer's place of a live book, making it live first when it is not.
    fn claim(
        &self,
        id: &BookId,
        who: &str,
        load: impl FnOnce() -> Result<Loaded, OpenBookError>,
    ) -> Result<BookHandle, OpenBookError> {
        let tenure = self.right_to_write(id)?;
        // Two openers must not load a book twice. Other books are not held up: the map is free while it is loaded.
        let loading = self.0.loading.begin(id);
        let live =
            self.0.books.read().get(id).map(|book| book.take_writer(who.to_owned()).map(|()| book.clone()));
        let taken = match live {
            // Under the map's lock: a book that has a writer does not leave memory.
            Some(taken) => taken,
            None => {
                let mut loaded = load()?;
                let targets = self.target_names();
                let mut books = self.0.books.write();
                if let Some(reserved) = self.0.reserved.lock().get(id) {
                    loaded.highest_used = loaded.highest_used.max(*reserved);
                }
                let book = Arc::new(LiveBook::new(loaded));
                book.set_log(self.log_of(id));
                books.insert(id.clone(), book.clone());
                // What targets said of it until now; from here on they find it in the map.
                let missed = loading.missed();
                missed.iter().for_each(|(target, seq)| book.pass(target, *seq, &targets));
                book.take_writer(who.to_owned()).map(|()| book.clone())
            }
        };
        drop(loading);
        let book = taken.map_err(|holder| OpenBookError::Held { book_id: id.clone(), holder })?;
        Ok(BookHandle::new(self.clone(), book, id.clone(), tenure))
    }

    fn live(&self, id: &BookId) -> Option<Arc<LiveBook>> {
        self.0.books.read().get(id).cloned()
    }

    /// A live book as it is now; `None` when it is not live. The ADR's `GetActiveBookState`.
    #[must_use]
    pub fn active(&self, id: &BookId) -> Option<Arc<Snapshot>> {
        self.live(id).map(|book| book.snapshot())
    }

    /// Whether a book is in memory.
    #[must_use]
    pub fn is_live(&self, id: &BookId) -> bool {
        self.0.books.read().contains_key(id)
    }

    /// The live books.
    #[must_use]
    pub fn live_books(&self) -> Vec<BookId> {
        let mut ids: Vec<_> = self.0.books.read().keys().cloned().collect();
        ids.sort();
        ids
    }

    /// Lets a book leave memory when nobody writes it and the local store has all of it.
    fn retire(&self, id: &BookId) {
        let mut books = self.0.books.write();
        let unused = books.get(id).is_some_and(|book| {
            // A book that never had a commit never existed.
            book.is_idle(&TargetName::local()) || (book.seq() == Seq::ZERO && book.is_unclaimed())
        });
        let Some(book) = unused.then(|| books.remove(id)).flatten() else { return };
        let (seq, highest_used) = (book.seq(), book.highest_used());
        if highest_used > seq {
            self.0.reserved.lock().insert(id.clone(), highest_used);
        }
        if seq > Seq::ZERO {
            // A target that was busy all the time that the book was live must still learn of it.
            for (target, evicted) in self.0.evicted.lock().iter_mut() {
                let watermark = book.watermark(target);
                if watermark < seq {
                    evicted.insert(id.clone(), (seq, watermark));
                }
            }
        }
    }

    /// Syncs the journal and ends it. What the local store lacks stays in the journal for the next start. (Dropping
    /// the last clone is like the end of the process.)
    ///
    /// # Errors
    /// Another clone or a handle lives, or the journal is or becomes poisoned.
    pub fn close(self) -> Result<(), CloseError> {
        let shared = Arc::into_inner(self.0).ok_or(CloseError::InUse)?;
        shared.journal.close()?;
        Ok(())
    }
}

/// What a book of the local store is as a live one.
fn loaded_from(local: &SqliteStore, stored: LoadedBook, position: Position) -> Result<Loaded, StoreError> {
    let id = stored.state.book_id().clone();
    let applied = stored.sync.persisted_seq;
    let mut watermarks = BTreeMap::from([(TargetName::local(), applied)]);
    for target in local.targets()? {
        let progress = local.progress(&target, &id)?;
        watermarks
            .insert(TargetName(target.into()), progress.map_or(Seq::ZERO, |progress| progress.persisted_seq));
    }
    // Tombstones are kept until every known target has passed them, so above the lowest watermark everything
    // is known; and a target that was added later is below what is known.
    let lowest = watermarks.values().copied().min().unwrap_or(Seq::ZERO);
    let floor = lowest.max(local.tombstone_floor(&id)?);
    let changes = Changes::reloaded(floor, stored.updated.into_iter().chain(stored.tombstones));
    // A target that is ahead (this directory was restored from a copy) has used these seqs, or may have.
    let highest_used = applied.max(local.highest_sent(&id)?);
    Ok(Loaded { state: stored.state, changes, seq: applied, highest_used, position, watermarks })
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    /// A load that lasts until it is told to end. Whatever is done meanwhile is done by a thread that can be given up.
    #[test]
    fn while_a_book_is_loaded_only_who_wants_that_book_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (library, _) = Library::open(LibraryConfig::new(dir.path())).unwrap();
        let [slow, other, third] = ["slow", "other", "third"].map(|id| BookId::new(id).unwrap());
        let handle = library.create_book(&other, "test").unwrap();
        let (begins, begun) = mpsc::channel();
        let (ends, ended) = mpsc::channel::<()>();
        let (loading, id) = (library.clone(), slow.clone());
        let loaded = thread::spawn(move || {
            let claimed = loading.claim(&id, "the first", || {
                begins.send(()).unwrap();
                assert!(ended.recv().is_err(), "it is told by being dropped");
                Err(OpenBookError::Unknown { book_id: id.clone() })
            });
            claimed.map(|_| ())
        });
        begun.recv().unwrap();
        let (done, is_done) = mpsc::channel();
        let others = library.clone();
        thread::spawn(move || {
            let is_other_live = others.active(&other).is_some();
            drop(others.create_book(&third, "test").unwrap());
            // Leaving memory takes the map too.
            drop(handle);
            done.send((is_other_live, others.live_books())).unwrap();
        });
        let (is_other_live, live) = is_done.recv_timeout(Duration::from_secs(60)).expect("all books wait");
        assert!(is_other_live && live.is_empty(), "{live:?}");
        let (opening, id) = (library, slow);
        let second = thread::spawn(move || opening.create_book(&id, "the second").map(|_| ()));
        assert!(!second.is_finished());
        drop(ends);
        assert!(matches!(loaded.join().unwrap(), Err(OpenBookError::Unknown { .. })));
        second.join().unwrap().unwrap();
    }
}
