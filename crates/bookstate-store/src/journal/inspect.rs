//! Reading a journal without opening it: for `journal inspect` and `journal verify`, also beside a running process.
//!
//! Nothing is written or locked. Beside a writer the last record may look torn, because it is being written.

use std::path::Path;

use super::error::{Damage, JournalError};
use super::recovery::TornTail;
use super::survey::{OnDamage, Survey, survey};
use super::{Head, Position};
use crate::fs::Fs;

/// One intact record of a journal.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A commit.
    Commit {
        /// The segment's number.
        segment: u64,
        /// Where the record begins in its file.
        offset: u64,
        /// Where it ends in the log.
        position: Position,
        /// Book, seq and prev.
        head: Head<'a>,
        /// The MessagePack of the commit.
        payload: &'a [u8],
    },
    /// A sync mark.
    Mark {
        /// The segment's number.
        segment: u64,
        /// Where the record begins in its file.
        offset: u64,
        /// Everything before it had been synced when the mark was written.
        synced: Position,
    },
}

/// One segment, as [`verify`] found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentReport {
    /// The segment's number.
    pub number: u64,
    /// Whether it was set aside.
    pub quarantined: bool,
    /// The length of its file in bytes.
    pub bytes: u64,
    /// How many of them are readable.
    pub readable: u64,
    /// The highest seq of each book in it, sorted by book.
    pub books: Vec<(String, u32)>,
}

/// The state of a journal's files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The segments that have records.
    pub segments: Vec<SegmentReport>,
    /// Intact commits.
    pub records: u64,
    /// Where the log ends.
    pub position: Position,
    /// An incomplete end, which the next open cuts off.
    pub torn: Option<TornTail>,
    /// Everything that keeps the journal from opening.
    pub damage: Vec<Damage>,
    /// Files that are none of the journal's.
    pub strays: Vec<String>,
}

/// Gives every intact record of the journal in `dir` to `visit`, in order, and says what else there is. Goes on
/// behind damage with the next segment.
///
/// # Errors
/// A file could not be read, or is of a newer version. Damage is not an error here.
pub fn inspect(
    fs: &dyn Fs,
    dir: &Path,
    visit: &mut dyn FnMut(Entry<'_>),
) -> Result<Verification, JournalError> {
    survey(fs, dir, None, OnDamage::GoOn, visit).map(Verification::from)
}

/// Reads the journal in `dir` and says what is whole and what is not.
///
/// # Errors
/// A file could not be read, or is of a newer version. Damage is not an error here.
pub fn verify(fs: &dyn Fs, dir: &Path) -> Result<Verification, JournalError> {
    inspect(fs, dir, &mut |_| {})
}

impl From<Survey> for Verification {
    fn from(found: Survey) -> Self {
        let segments = found.segments.into_iter().map(|surveyed| {
            let mut books: Vec<_> =
                surveyed.books.into_iter().map(|(book, seq)| (book.into(), seq)).collect();
            books.sort_unstable();
            SegmentReport {
                number: surveyed.file.number,
                quarantined: surveyed.file.quarantined,
                bytes: surveyed.file_len,
                readable: surveyed.valid_len,
                books,
            }
        });
        Self {
            segments: segments.collect(),
            records: found.records,
            position: Position(found.end),
            torn: found.torn,
            damage: found.damage,
            strays: found.strays,
        }
    }
}
