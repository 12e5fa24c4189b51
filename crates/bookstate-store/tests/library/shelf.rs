//! A data directory of a test, to be opened, killed and opened again; and the three steps in which the sink
//! brings a batch into the local store, so that a test can stop between them.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use bookstate_domain::{BookId, Seq, Timestamp};
use bookstate_store::{
    Batch, BatchOps, BookHandle, BookSync, Chunk, Clock, Differing, Library, LibraryConfig, OpenError,
    RecoveryReport, SqliteStore, TargetName,
    fs::{
        Fs,
        fault::{CrashImage, FaultFs},
    },
    journal::{self, Entry, SyncPolicy},
};
use tempfile::TempDir;

use crate::fold::{Pages, pages_of};

/// Syncs by itself only in a time that no test lasts.
pub(crate) const NEVER: SyncPolicy = SyncPolicy::Interval(Duration::from_secs(100_000));

/// Syncs by itself at once.
pub(crate) const SOON: SyncPolicy = SyncPolicy::Interval(Duration::from_millis(1));

/// A local store without books. Making its tables takes more fsyncs than most tests: they are made once.
static EMPTY_STORE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let path = LibraryConfig::store_path(dir.path());
    drop(SqliteStore::open(&path).unwrap());
    std::fs::read(path).unwrap()
});

/// The same commits have the same bytes each time.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(0)
    }
}

/// The journal is in memory, where it can fail and lose power; the rest is in a temporary directory.
pub(crate) struct Shelf {
    pub(crate) dir: TempDir,
    pub(crate) fs: FaultFs,
    pub(crate) policy: SyncPolicy,
    pub(crate) segment_bytes: u64,
}

impl Shelf {
    pub(crate) fn new(policy: SyncPolicy) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(LibraryConfig::store_path(dir.path()), &*EMPTY_STORE).unwrap();
        Self { dir, fs: FaultFs::new(), policy, segment_bytes: 64 << 20 }
    }

    pub(crate) fn config(&self) -> LibraryConfig {
        LibraryConfig {
            policy: self.policy,
            segment_bytes: self.segment_bytes,
            fs: Arc::new(self.fs.clone()),
            clock: Arc::new(Stopped),
            ..LibraryConfig::new(self.dir.path())
        }
    }

    pub(crate) fn try_open(&self) -> Result<(Library, RecoveryReport), OpenError> {
        Library::open(self.config())
    }

    pub(crate) fn open(&self) -> (Library, RecoveryReport) {
        self.try_open().unwrap()
    }

    /// As if the process had been killed, or the power lost: the journal is what the image leaves. The caller
    /// has dropped the library and its handles.
    pub(crate) fn crash(&mut self, image: CrashImage) {
        self.fs = self.fs.crash(image);
    }

    /// A copy of this directory, with what `image` leaves of its journal. The original may still be open.
    pub(crate) fn copy(&self, image: CrashImage) -> Self {
        let copy = self.copy_of_journal(image);
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), copy.dir.path().join(entry.file_name())).unwrap();
            }
        }
        copy
    }

    /// The same without the local store: what the journal alone gives back.
    pub(crate) fn copy_of_journal(&self, image: CrashImage) -> Self {
        let copy = Self { segment_bytes: self.segment_bytes, ..Self::new(SyncPolicy::Os) };
        std::fs::copy(self.dir.path().join("writer"), copy.dir.path().join("writer")).unwrap();
        let left = self.fs.crash(image);
        for path in left.files() {
            let moved = copy.journal_dir().join(path.file_name().unwrap());
            copy.fs.put(&moved, &left.contents(&path).unwrap());
        }
        copy
    }

    /// Waits until the library, which began this journal, has left a segment that is nearly full: so the lengths of
    /// segments do not depend on the sync thread's pace.
    pub(crate) fn settle(&self, library: &Library) {
        let number = 1 + library.journal_health().rotations;
        let path = self.journal_dir().join(format!("{number:020}.journal"));
        if self.fs.file_len(&path).unwrap() >= self.segment_bytes - self.segment_bytes / 8 {
            while library.journal_health().rotations < number {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    pub(crate) fn journal_dir(&self) -> PathBuf {
        LibraryConfig::journal_dir(self.dir.path())
    }

    /// Every file of the journal, to see that nothing changed.
    pub(crate) fn journal_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.fs.files().into_iter().map(|path| (path.clone(), self.fs.contents(&path).unwrap())).collect()
    }

    /// The seqs of a book's commits in the journal, in the order of appending.
    pub(crate) fn journal_seqs(&self, book: &BookId) -> Vec<u32> {
        let mut seqs = Vec::new();
        journal::inspect(&self.fs as &dyn Fs, &self.journal_dir(), &mut |entry| {
            if let Entry::Commit { head, .. } = entry
                && head.book == book.as_str()
            {
                seqs.push(head.seq);
            }
        })
        .unwrap();
        seqs
    }
}

/// Waits until the journal has no segment but the open one: one that is nearly full is left, and deleted, by the sync
/// thread.
pub(crate) fn only_one_segment(library: &Library) {
    let started = Instant::now();
    while library.journal_health().segments > 1 {
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", library.journal_health());
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn book(name: &str) -> BookId {
    BookId::new(name).unwrap()
}

/// Opens a book, creating it when there is none.
pub(crate) fn write(library: &Library, id: &BookId) -> BookHandle {
    library.open_book(id, "test").or_else(|_| library.create_book(id, "test")).unwrap()
}

/// Waits for a future on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Up to which commit the local store has a book.
pub(crate) fn stored_seq(library: &Library, id: &BookId) -> Seq {
    library.local_store().book_sync(id).unwrap().map_or(Seq::ZERO, |sync| sync.persisted_seq)
}

/// The first step: what the local store lacks of a book.
pub(crate) fn take(library: &Library, id: &BookId) -> Option<Batch> {
    library.feed(&TargetName::local()).batch(id, stored_seq(library, id), &Differing::default()).unwrap()
}

/// The second step, once the batch is synced: the local store has it.
pub(crate) fn store(library: &Library, batch: &Batch) {
    wait(library.feed(&TargetName::local()).synced(batch)).unwrap();
    store_unsynced(library, batch);
}

/// The second step as a sink must not do it, unless the journal is poisoned.
pub(crate) fn store_unsynced(library: &Library, batch: &Batch) {
    let BatchOps::Ops(ops) = &batch.ops else { panic!("the local store's watermark is always known") };
    let before = library.local_store().book_sync(&batch.book_id).unwrap();
    let expect = before.map(|sync| sync.mark());
    let sync = BookSync {
        start: bookstate_store::StartId::default(),
        epoch: bookstate_store::Epoch::NONE,
        writer: library.writer(),
        write_no: expect.map_or(1, |mark| mark.write_no + 1),
        token: 0,
        persisting_seq: batch.seq,
        persisted_seq: batch.seq,
        parked: Vec::new(),
    };
    let chunk = Chunk { book_id: batch.book_id.clone(), expect, sync, ops: ops.clone() };
    library.local_store().write_chunk(&chunk).unwrap();
}

/// The third step: the library learns of it.
pub(crate) fn tell(library: &Library, batch: &Batch) {
    library.feed(&TargetName::local()).acknowledge(&batch.book_id, batch.seq);
}

/// All three steps.
pub(crate) fn persist(library: &Library, id: &BookId) {
    if let Some(batch) = take(library, id) {
        store(library, &batch);
        tell(library, &batch);
    }
}

/// The pages of a live book.
pub(crate) fn live_pages(library: &Library, id: &BookId) -> Option<Pages> {
    library.active(id).map(|snapshot| pages_of(&snapshot.state))
}

/// The pages of a book of the local store.
pub(crate) fn stored_pages(library: &Library, id: &BookId) -> Option<Pages> {
    library.local_store().load_book(id).unwrap().map(|stored| pages_of(&stored.state))
}
