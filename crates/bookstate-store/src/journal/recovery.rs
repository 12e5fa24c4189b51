//! Opening a journal: reads it (`survey`), cuts off a torn tail, and makes the last segment ready to append.
//!
//! Damage ends it before anything is changed. A crash at any point of the repair leaves what the next open repairs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::error::{OpenError, io_error};
use super::format::{Defect, HEADER_LEN, Header};
use super::health::Counters;
use super::segments::{self, CreateError, SegmentFile};
use super::survey::{OnDamage, Survey, survey};
use super::sync::Progress;
use super::writer::{Active, Sealed, Shared, State};
use super::{Entry, JournalConfig, Position, Record};
use crate::fs::{Fs, create_dirs};

/// The end of the log that a crash left incomplete: it had not been synced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TornTail {
    /// The segment's number.
    pub segment: u64,
    /// Where in its file the log now ends.
    pub offset: u64,
    /// How many bytes were behind that.
    pub bytes: u64,
    /// What was wrong with the first of them.
    pub defect: Defect,
}

/// What opening found and did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Commits given to the visitor.
    pub records: u64,
    /// Bytes of the segments read, without the torn tail.
    pub bytes: u64,
    /// Segments read, quarantined ones too.
    pub segments: u64,
    /// The tail that was cut off.
    pub torn: Option<TornTail>,
    /// Segments that were set aside; their commits before the damage are among `records`.
    pub quarantined: Vec<u64>,
    /// Files in the directory that are none of the journal's; they were left alone.
    pub strays: Vec<String>,
    /// Where the log ends; everything before it is synced.
    pub position: Position,
}

pub(super) fn open(
    fs: Arc<dyn Fs>,
    config: JournalConfig,
    visit: &mut dyn FnMut(Record<'_>),
) -> Result<(Shared, RecoveryReport), OpenError> {
    let dir = &config.dir;
    create_dirs(fs.as_ref(), dir).map_err(io_error("create", dir))?;
    let mut visit_commit = |entry: Entry<'_>| {
        if let Entry::Commit { head, payload, position, .. } = entry {
            visit(Record { head, payload, position });
        }
    };
    let mut found = survey(fs.as_ref(), dir, Some(config.writer), OnDamage::Stop, &mut visit_commit)?;
    if let Some(damage) = found.damage.first() {
        return Err(OpenError::Damaged(damage.clone()));
    }
    let report = report(&found);
    let active = make_active(fs.as_ref(), &config, &mut found)?;
    // The process may have been killed before its last sync.
    let active_path = SegmentFile::live(active.number).path(dir);
    active.file.sync_data().map_err(io_error("sync", &active_path))?;
    fs.sync_dir(dir).map_err(io_error("sync", dir))?;

    let (end, marked) = (found.end, found.marked);
    let live = found.segments.into_iter().filter(|surveyed| !surveyed.file.quarantined);
    let sealed: VecDeque<_> = live
        .filter(|surveyed| surveyed.file.number != active.number)
        .map(|surveyed| Sealed {
            number: surveyed.file.number,
            bytes: surveyed.file_len,
            books: surveyed.books,
        })
        .collect();
    let state = State {
        active,
        sealed,
        committed: found.committed,
        synced: end,
        marked,
        requested: 0,
        in_flight: false,
        idle: false,
        stop: false,
        deleting: false,
        full: false,
        poison: None,
        counters: Counters::default(),
    };
    let shared = Shared {
        fs,
        config,
        state: Mutex::new(state),
        wake: Condvar::new(),
        changed: Condvar::new(),
        progress: watch::Sender::new(Progress { synced: end, poison: None }),
    };
    Ok((shared, report))
}

fn report(found: &Survey) -> RecoveryReport {
    if let Some(torn) = &found.torn {
        tracing::warn!(segment = torn.segment, offset = torn.offset, bytes = torn.bytes, "torn tail cut off");
    }
    if !found.strays.is_empty() {
        tracing::warn!(files = ?found.strays, "files in the journal's directory that are not its own");
    }
    let quarantined = found.segments.iter().filter(|surveyed| surveyed.file.quarantined);
    RecoveryReport {
        records: found.records,
        bytes: found.segments.iter().map(|surveyed| surveyed.valid_len).sum(),
        segments: found.segments.len() as u64,
        torn: found.torn.clone(),
        quarantined: quarantined.map(|surveyed| surveyed.file.number).collect(),
        strays: found.strays.clone(),
        position: Position(found.end),
    }
}

/// The segment to append to: the unused one if it fits, else the last one, else a new one.
fn make_active(fs: &dyn Fs, config: &JournalConfig, found: &mut Survey) -> Result<Active, OpenError> {
    let dir = &config.dir;
    if let Some(unused) = found.unused {
        let path = SegmentFile::live(unused.number).path(dir);
        if found.torn.is_none() && unused.header.is_some_and(|header| header.base == found.end) {
            let file = fs.open_append(&path).map_err(io_error("open", &path))?;
            let len = HEADER_LEN as u64;
            (found.committed, found.marked) = (found.end, found.end);
            return Ok(Active { file, number: unused.number, base: found.end, len, books: HashMap::new() });
        }
        fs.remove(&path).map_err(io_error("remove", &path))?;
    }
    let Some(last) = found.segments.last_mut() else {
        return create(fs, config, 1, 0);
    };
    if last.file.quarantined {
        let (number, base) = (last.file.number.saturating_add(1), found.end);
        (found.committed, found.marked) = (base, base);
        return create(fs, config, number, base);
    }
    let path = last.file.path(dir);
    let file = fs.open_append(&path).map_err(io_error("open", &path))?;
    if found.torn.is_some() {
        file.set_len(last.valid_len).map_err(io_error("cut the torn tail off", &path))?;
    }
    let books = std::mem::take(&mut last.books);
    Ok(Active { file, number: last.file.number, base: last.base, len: last.valid_len, books })
}

fn create(fs: &dyn Fs, config: &JournalConfig, number: u64, base: u64) -> Result<Active, OpenError> {
    let dir = &config.dir;
    let path = SegmentFile::live(number).path(dir);
    match segments::create(fs, dir, &Header::new(number, base, config.writer)) {
        Ok(file) => Ok(Active { file, number, base, len: HEADER_LEN as u64, books: HashMap::new() }),
        Err(CreateError::Clean(source) | CreateError::Unclean(source)) => {
            Err(io_error("create", &path)(source))
        }
    }
}
