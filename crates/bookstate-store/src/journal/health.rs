//! What the journal tells about itself.

use std::sync::Arc;

use super::Position;

/// Whether the journal accepts commits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalState {
    /// It does.
    Ok,
    /// The last append found no space, or too many files open; it is tried anew by each append.
    Full,
    /// It never will again; the reason is for people.
    Poisoned(Arc<str>),
}

/// A snapshot of state and counters; counters start with the process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JournalHealth {
    /// Whether it accepts commits.
    pub state: JournalState,
    /// Bytes of all segment files that are not quarantined.
    pub bytes: u64,
    /// Their number.
    pub segments: u64,
    /// Where the log ends.
    pub appended: Position,
    /// Up to where it is synced.
    pub synced: Position,
    /// Commits appended.
    pub records: u64,
    /// Data syncs done (of segments; directory syncs are not counted).
    pub fsyncs: u64,
    /// How long the last one took, in microseconds.
    pub last_fsync_micros: u64,
    /// Sync marks written.
    pub marks: u64,
    /// Segments started.
    pub rotations: u64,
    /// Segments deleted.
    pub deleted_segments: u64,
    /// Appends refused because no space was left.
    pub refused_full: u64,
}

/// The counters as they are kept under the lock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) records: u64,
    pub(super) fsyncs: u64,
    pub(super) last_fsync_micros: u64,
    pub(super) marks: u64,
    pub(super) rotations: u64,
    pub(super) deleted_segments: u64,
    pub(super) refused_full: u64,
}
