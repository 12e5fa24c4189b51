//! Opening a data directory: recovery.
//!
//! Recovery of a book = the local store's documents, then the journal's commits on top, up to the first gap
//! in its seqs. What follows a gap is written to `set-aside/` and reported, and its seqs are not used again.
//! A commit that the local store has already is skipped, so replaying twice is replaying once.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use bookstate_domain::{BookId, BookState, Changes, Commit, Seq};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::{
    Library, OpenError, Shared, TargetName,
    calls::CallHistogram,
    data_dir::{self, DataDir},
    live::{LiveBook, Loaded},
    loading::Loading,
};
use crate::{
    clock::{Clock, SystemClock},
    fs::{Fs, OsFs},
    journal::{Journal, JournalConfig, JournalReport, Position, Record, SyncPolicy},
    sqlite::SqliteStore,
};

/// How a data directory is opened.
#[derive(Debug, Clone)]
pub struct LibraryConfig {
    /// The data directory; created when it is not there.
    pub dir: PathBuf,
    /// When a commit is synced to disk.
    pub policy: SyncPolicy,
    /// The size at which a journal segment is sealed and the next begun, in bytes.
    pub segment_bytes: u64,
    /// What the commits are stamped with.
    pub clock: Arc<dyn Clock>,
    /// Books are written under a [`Tenure`](crate::Tenure) only: this machine is one of a fleet. Off by default.
    pub require_tenures: bool,
    /// The journal's file system.
    pub fs: Arc<dyn Fs>,
}

impl LibraryConfig {
    /// The defaults for a data directory: sync every 10 ms, segments of 64 MiB.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            policy: SyncPolicy::default(),
            segment_bytes: 64 << 20,
            clock: Arc::new(SystemClock),
            require_tenures: false,
            fs: Arc::new(OsFs),
        }
    }

    /// Where the local store is.
    #[must_use]
    pub fn store_path(dir: &Path) -> PathBuf {
        data_dir::store_path(dir)
    }

    /// Where the journal is.
    #[must_use]
    pub fn journal_dir(dir: &Path) -> PathBuf {
        data_dir::journal_dir(dir)
    }
}

/// A book of which the journal had commits that the local store lacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredBook {
    /// The book.
    pub book_id: BookId,
    /// How many commits.
    pub commits: usize,
    /// The last one.
    pub seq: Seq,
}

/// Commits behind a gap, or of a seq that another commit has: kept in a file, not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The book.
    pub book_id: BookId,
    /// The last commit that was applied before the first of them.
    pub after: Seq,
    /// How many commits.
    pub commits: usize,
    /// The file that has them, one JSON document per line.
    pub file: PathBuf,
}

/// What recovery found.
#[derive(Debug, Clone)]
pub struct RecoveryReport {
    /// What the journal found in its segments.
    pub journal: JournalReport,
    /// Books with commits that the local store lacked.
    pub recovered: Vec<RecoveredBook>,
    /// Commits that were not applied.
    pub set_aside: Vec<SetAside>,
}

/// One book during recovery.
#[derive(Debug)]
struct Replay {
    applied: Seq,
    loaded: Option<Loaded>,
    commits: usize,
    /// Behind a gap, or of a seq that was there before.
    not_applied: Vec<Commit>,
    /// The commit that the first of these follows.
    applied_before: Seq,
    highest: Seq,
}

impl Library {
    /// Opens a data directory, and recovers what a killed process left. Blocks; call it before anything else.
    ///
    /// # Errors
    /// Another process has the directory; the journal or the local store is damaged, newer or unreadable.
    /// Nothing is deleted in any of these cases.
    pub fn open(config: LibraryConfig) -> Result<(Self, RecoveryReport), OpenError> {
        let dir = DataDir::open(config.dir)?;
        let used_by_set_aside = dir.used_by_set_aside()?;
        let store = SqliteStore::open_locked(&data_dir::store_path(&dir.path), dir.lock.clone());
        let local = Arc::new(store?);
        let journal_config = JournalConfig {
            dir: data_dir::journal_dir(&dir.path),
            policy: config.policy,
            segment_bytes: config.segment_bytes,
            writer: dir.writer.0,
        };
        let mut replays: HashMap<String, Replay> = HashMap::new();
        let mut failure = None;
        let opened = Journal::open(config.fs.clone(), journal_config, &mut |record| match replay(
            &local,
            &mut replays,
            &record,
        ) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        });
        // Why a commit was not taken says more than that it was not.
        let (journal, journal_report) = opened.map_err(|error| failure.unwrap_or_else(|| error.into()))?;
        let library = Self(Arc::new(Shared {
            dir,
            policy: journal.policy(),
            journal,
            local,
            clock: config.clock,
            books: RwLock::new(HashMap::new()),
            loading: Loading::default(),
            changed: Notify::new(),
            targets: RwLock::new(Vec::new()),
            evicted: Mutex::new(BTreeMap::new()),
            reserved: Mutex::new(used_by_set_aside),
            followed: Mutex::default(),
            requires_tenures: config.require_tenures,
            tenures: RwLock::default(),
            calls: CallHistogram::default(),
        }));
        let (mut recovered, mut set_aside) = (Vec::new(), Vec::new());
        for (book, replay) in replays {
            library.0.journal.release(&book, replay.applied.get());
            let Some(mut loaded) = replay.loaded else { continue };
            let book_id = loaded.state.book_id().clone();
            // Also what an earlier start set aside, of which the journal may have nothing any more.
            let reserved = library.0.reserved.lock().get(&book_id).copied().unwrap_or(Seq::ZERO);
            loaded.highest_used = loaded.highest_used.max(replay.highest).max(reserved);
            if !replay.not_applied.is_empty() {
                let file = library.0.dir.set_aside(&book_id, &replay.not_applied)?;
                let commits = replay.not_applied.len();
                let after = replay.applied_before;
                set_aside.push(SetAside { book_id: book_id.clone(), after, commits, file });
            }
            let (commits, seq) = (replay.commits, loaded.seq);
            if commits == 0 {
                // All that the journal has more was set aside, durably: it need not keep it, and the local store
                // has the book.
                library.0.journal.release(&book, replay.highest.get());
                library.0.reserved.lock().insert(book_id, loaded.highest_used);
                continue;
            }
            recovered.push(RecoveredBook { book_id: book_id.clone(), commits, seq });
            library.0.books.write().insert(book_id, Arc::new(LiveBook::new(loaded)));
        }
        library.0.local.distrust_what_is_ahead(|id| library.live(id).map(|book| book.seq()))?;
        recovered.sort_by(|a, b| a.book_id.cmp(&b.book_id));
        Ok((library, RecoveryReport { journal: journal_report, recovered, set_aside }))
    }
}

/// Applies one record of the journal to the book that it is of.
fn replay(
    local: &SqliteStore,
    replays: &mut HashMap<String, Replay>,
    record: &Record<'_>,
) -> Result<(), OpenError> {
    if !replays.contains_key(record.head.book) {
        let id = BookId::new(record.head.book).map_err(|e| OpenError::Record { reason: e.to_string() })?;
        let applied = local.book_sync(&id)?.map_or(Seq::ZERO, |sync| sync.persisted_seq);
        let replay = Replay {
            applied,
            loaded: None,
            commits: 0,
            not_applied: Vec::new(),
            applied_before: applied,
            highest: applied,
        };
        replays.insert(record.head.book.to_owned(), replay);
    }
    let Some(replay) = replays.get_mut(record.head.book) else { return Ok(()) };
    if record.head.seq <= replay.applied.get() {
        return Ok(());
    }
    let commit: Commit = rmp_serde::from_slice(record.payload)
        .map_err(|error| OpenError::Record { reason: error.to_string() })?;
    let loaded = match &mut replay.loaded {
        Some(loaded) => loaded,
        empty => empty.insert(load(local, &commit.book_id, replay.applied, record.position)?),
    };
    replay.highest = replay.highest.max(commit.seq);
    // Commits that were accepted after an earlier recovery had stopped here follow what that one had applied. A seq
    // that was there before was given out twice: the second was accepted too, so somebody has to look at it.
    if commit.seq <= loaded.seq || commit.prev != loaded.seq {
        if replay.not_applied.is_empty() {
            replay.applied_before = loaded.seq;
        }
        replay.not_applied.push(commit);
        return Ok(());
    }
    for op in &commit.ops {
        let effect = loaded.state.apply(op);
        loaded.changes.record(commit.seq, op.key(), effect);
    }
    loaded.seq = commit.seq;
    loaded.highest_used = loaded.highest_used.max(commit.seq);
    loaded.position = record.position;
    replay.commits += 1;
    Ok(())
}

/// What the local store has of a book when its first newer commit is met.
fn load(local: &SqliteStore, id: &BookId, applied: Seq, position: Position) -> Result<Loaded, OpenError> {
    match local.load_book(id)? {
        Some(stored) => Ok(super::loaded_from(local, stored, position)?),
        None => Ok(Loaded {
            state: BookState::new(id.clone()),
            changes: Changes::new(Seq::ZERO),
            seq: applied,
            // What a target has, or may have, is not used again.
            highest_used: applied.max(local.highest_sent(id)?),
            position,
            watermarks: BTreeMap::from([(TargetName::local(), applied)]),
        }),
    }
}
