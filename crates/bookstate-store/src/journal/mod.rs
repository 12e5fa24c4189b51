//! The journal: an append-only log of commits that survives a kill and, once synced, a power loss.
//!
//! It is a redo log: `append` returns after `write(2)`, a background thread groups the fsyncs, and a segment is
//! deleted when the local store has, synced, all of its commits. To the journal a commit is bytes with a head
//! (book, seq, prev); what they mean is the caller's business, and so is the order of a book's seqs.
//!
//! Invariants (`docs/invariants.md`; the bytes: `docs/journal-format.md`):
//! * A record is accepted whole or not at all. What recovers is, per book, a prefix of what was issued, and holds
//!   everything that was accepted, as far as the policy and the failure promise it.
//! * Bytes known to have been synced are never dropped silently: if they are bad, opening fails and changes nothing.
//! * After a failed fsync, or a failed write that is not a full disk, nothing is accepted any more.
//! * Segments have consecutive numbers and positions; a segment with records proves that all before it are synced.
//! * An idle journal does no I/O and wakes no thread.
//!
//! Files: `format` and `head` (bytes), `record_buf`, `segments` (files), `survey` (the recovery rule), `recovery`
//! (open), `state` (what is known, under the lock), `writer` (append), `sync` (fsync thread, waiting), `rotation` (the
//! next segment), `retention` (deletion), `inspect`, `quarantine`, `health`, `error`.

mod error;
mod format;
mod head;
mod health;
mod inspect;
mod quarantine;
mod record_buf;
mod recovery;
mod retention;
mod rotation;
mod segments;
mod state;
mod survey;
mod sync;
mod synced;
mod writer;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use error::{AppendError, Damage, JournalError, Poisoned, QuarantineError};
pub use format::{Defect, FORMAT_VERSION, MAX_PAYLOAD_LEN};
pub use head::Head;
pub use health::{JournalHealth, JournalState};
pub use inspect::{Entry, SegmentReport, Verification, inspect, verify};
pub use quarantine::quarantine;
pub use record_buf::RecordBuf;
pub use recovery::{JournalReport, TornTail};
pub use synced::SyncWatch;

use crate::fs::Fs;
use writer::Shared;

/// When appended records are synced. Under each policy an appended record survives the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// `append` returns after the fsync of its group: a power loss loses nothing.
    Always,
    /// A group is synced this long after its first record: a power loss loses at most about that window.
    Interval(Duration),
    /// Only when somebody waits for it: a power loss loses what no target has.
    Os,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        // An fsync takes 0.2-2 ms on common disks; every 10 ms it leaves the appends' p99 alone.
        Self::Interval(Duration::from_millis(10))
    }
}

/// How to open a journal.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// The journal's own directory; created when missing.
    pub dir: PathBuf,
    /// When to sync.
    pub policy: SyncPolicy,
    /// How long a segment gets, in bytes: the next one is made when seven eighths of it are written.
    pub segment_bytes: u64,
    /// The random id of the data directory; segments of another one are refused.
    pub writer: [u8; 16],
}

impl JournalConfig {
    /// Policy `Interval` of 10 ms, segments of 64 MiB.
    #[must_use]
    pub fn new(dir: PathBuf, writer: [u8; 16]) -> Self {
        Self { dir, policy: SyncPolicy::default(), segment_bytes: 64 << 20, writer }
    }
}

/// A place in the log: the number of record bytes before it in the journal's whole life, deleted ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// The bytes before this place.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// A commit found by recovery.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Book, seq and prev.
    pub head: Head<'a>,
    /// The bytes that were appended.
    pub payload: &'a [u8],
    /// Where the record ends in the log.
    pub position: Position,
}

/// What a final sync found.
#[derive(Clone, Copy, Debug)]
pub struct CloseReport {
    /// Where the log ends; all of it is synced.
    pub position: Position,
    /// Segments that are left. One without records if the local store had everything.
    pub segments: u64,
}

/// An open journal. Shared by reference; all methods may be called from any thread.
///
/// Dropping it without [`Journal::close`] ends the sync thread and syncs nothing more, as the end of the process
/// does.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in `config.dir` and gives every commit in it to `visit`, in the order of appending. When
    /// `visit` breaks, nothing is repaired and the files stay as they are.
    ///
    /// All that is left of the log is synced on return. Nobody else may have the directory open
    /// ([`DataDirLock`](crate::fs::DataDirLock)).
    ///
    /// # Errors
    /// See [`JournalError`]. `visit` may have been called before; discard what it got.
    pub fn open(
        fs: Arc<dyn Fs>,
        mut config: JournalConfig,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Self, JournalReport), JournalError> {
        if let SyncPolicy::Interval(interval) = config.policy
            && Instant::now().checked_add(interval).is_none()
        {
            // An interval beyond all time: only when somebody asks for it.
            config.policy = SyncPolicy::Os;
        }
        let (shared, report) = recovery::open(fs, config, FORMAT_VERSION, visit)?;
        let shared = Arc::new(shared);
        let thread = sync::spawn(&shared)?;
        Ok((Self { shared, thread: Some(thread) }, report))
    }

    /// Appends a commit. Its payload must be a MessagePack map with `book` and `seq` (and `prev`, unless it is
    /// `seq - 1`), read by the code that recovery reads with; a book's seqs ascend. What is not so is refused.
    ///
    /// Returns the position at which the record ends, after `write(2)`, with [`SyncPolicy::Always`] after the
    /// fsync. Takes about 1 µs for 500 bytes. The next segment is made by the sync thread; no append waits for it.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append(&self, record: &mut RecordBuf) -> Result<Position, AppendError> {
        let position = self.append_unsynced(record)?;
        if self.shared.config.policy == SyncPolicy::Always {
            self.wait_synced(position)?;
        }
        Ok(position)
    }

    /// [`Journal::append`] for a caller that waits for the fsync itself, once it holds no lock.
    pub(crate) fn append_unsynced(&self, record: &mut RecordBuf) -> Result<Position, AppendError> {
        self.shared.append(record.complete()?)
    }

    /// Waits until everything before `position` is synced. With [`SyncPolicy::Os`] this also starts the sync.
    ///
    /// # Errors
    /// The journal is poisoned before it got there.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn synced(&self, position: Position) -> Result<(), Poisoned> {
        self.shared.synced(position).await
    }

    /// [`Journal::synced`] for threads: blocks.
    ///
    /// # Errors
    /// The journal is poisoned before it got there.
    pub fn wait_synced(&self, position: Position) -> Result<(), Poisoned> {
        self.shared.wait_synced(position)
    }

    /// Everything before this position is synced.
    #[must_use]
    pub fn synced_position(&self) -> Position {
        self.shared.synced_position()
    }

    /// The policy that is in force.
    #[must_use]
    pub fn policy(&self) -> SyncPolicy {
        self.shared.config.policy
    }

    /// Watches the syncs. Waiting on it costs `append` nothing: the sync thread tells.
    #[must_use]
    pub fn watch_syncs(&self) -> SyncWatch {
        SyncWatch(self.shared.progress.subscribe())
    }

    /// Tells that the local store has, synced, all commits of `book` up to `seq`. Deletes the segments that hold
    /// nothing else any more, oldest first; a failed deletion is tried again at the next release.
    ///
    /// Blocks for the deletion and its fsync: not for hot paths.
    pub fn release(&self, book: &str, seq: u32) {
        self.shared.release(book, seq);
    }

    /// State and counters, cheap enough for every scrape.
    #[must_use]
    pub fn health(&self) -> JournalHealth {
        self.shared.state.lock().health()
    }

    /// Syncs what is left, marks it as synced, deletes what is released, and ends the thread.
    ///
    /// # Errors
    /// The journal is or becomes poisoned; what was synced before is safe.
    pub fn close(mut self) -> Result<CloseReport, Poisoned> {
        let report = self.shared.finish();
        self.stop();
        report
    }

    fn stop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's sync thread panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}
