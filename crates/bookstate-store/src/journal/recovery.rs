//! Opening a journal: reads it (`survey`), cuts off a torn tail, and makes the last segment ready to append.
//!
//! Damage ends it before anything is changed. A crash at any point of the repair leaves what the next open repairs.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::error::{JournalError, io_error};
use super::format::{Defect, HEADER_LEN, Header, position};
use super::segments::{self, CreateError, SegmentFile};
use super::state::{Active, Found, Sealed, State};
use super::survey::{OnDamage, Survey, survey};
use super::synced::Synced;
use super::writer::Shared;
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
pub struct JournalReport {
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
    version: u32,
    visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<(Shared, JournalReport), JournalError> {
    let dir = &config.dir;
    create_dirs(fs.as_ref(), dir).map_err(io_error("create", dir))?;
    let mut goes_on = ControlFlow::Continue(());
    let mut visit_commit = |entry: Entry<'_>| {
        if let Entry::Commit { head, payload, position, .. } = entry
            && goes_on.is_continue()
        {
            goes_on = visit(Record { head, payload, position });
        }
    };
    let mut found = survey(fs.as_ref(), dir, Some(config.writer), OnDamage::Stop, &mut visit_commit)?;
    if let Some(damage) = found.damage.first() {
        return Err(JournalError::Damaged(damage.clone()));
    }
    // What was not taken is not repaired either: whoever looks into it finds every byte.
    if goes_on.is_break() {
        return Err(JournalError::Stopped);
    }
    let report = report(&found);
    let active = make_active(fs.as_ref(), &config, version, &mut found)?;
    // The process may have been killed before its last sync.
    let active_path = SegmentFile::live(active.number()).path(dir);
    active.file().sync_data().map_err(io_error("sync", &active_path))?;
    fs.sync_dir(dir).map_err(io_error("sync", dir))?;
    cut_overlap(fs.as_ref(), dir, &mut found)?;

    let segment_bytes = config.segment_bytes;
    let reached = Found { committed: found.committed, end: found.end, marked: found.marked };
    let live = found.segments.into_iter().filter(|surveyed| !surveyed.file.quarantined);
    let sealed: VecDeque<_> = live
        .filter(|surveyed| surveyed.file.number != active.number())
        .map(|surveyed| Sealed::found(surveyed.file.number, surveyed.file_len, surveyed.books))
        .collect();
    let shared = Shared {
        fs,
        config,
        version,
        state: Mutex::new(State::new(active, sealed, reached, segment_bytes)),
        wake: Condvar::new(),
        changed: Condvar::new(),
        progress: watch::Sender::new(Synced { synced: reached.end, poison: None }),
    };
    Ok((shared, report))
}

fn report(found: &Survey) -> JournalReport {
    if let Some(torn) = &found.torn {
        tracing::warn!(segment = torn.segment, offset = torn.offset, bytes = torn.bytes, "torn tail cut off");
    }
    if !found.strays.is_empty() {
        tracing::warn!(files = ?found.strays, "files in the journal's directory that are not its own");
    }
    let quarantined = found.segments.iter().filter(|surveyed| surveyed.file.quarantined);
    JournalReport {
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
///
/// What is appended is of `version`, so a last segment of an older one is sealed as it is, and an unused one of an
/// older one replaced: an older program would read on, and lose what it does not know.
fn make_active(
    fs: &dyn Fs,
    config: &JournalConfig,
    version: u32,
    found: &mut Survey,
) -> Result<Active, JournalError> {
    let dir = &config.dir;
    if let Some(unused) = found.unused {
        let path = SegmentFile::live(unused.number).path(dir);
        let fits = |header: Header| header.base == found.end && header.version == version;
        if found.torn.is_none() && unused.header.is_some_and(fits) {
            let file = fs.open_append(&path).map_err(io_error("open", &path))?;
            (found.committed, found.marked) = (found.end, found.end);
            return Ok(Active::new(file, unused.number, found.end));
        }
        fs.remove(&path).map_err(io_error("remove", &path))?;
    }
    let Some(last) = found.segments.last_mut() else {
        return create(fs, config, version, 1, 0);
    };
    let (next, end) = (last.file.number.saturating_add(1), found.end);
    if last.file.quarantined {
        (found.committed, found.marked) = (end, end);
        return create(fs, config, version, next, end);
    }
    let path = last.file.path(dir);
    let file = fs.open_append(&path).map_err(io_error("open", &path))?;
    if found.torn.is_some() {
        file.set_len(last.valid_len).map_err(io_error("cut the torn tail off", &path))?;
    }
    if last.version < version {
        // Sealed: the next one's header vouches for it.
        file.sync_data().map_err(io_error("sync", &path))?;
        last.file_len = last.valid_len;
        (found.committed, found.marked) = (end, end);
        return create(fs, config, version, next, end);
    }
    let books = std::mem::take(&mut last.books);
    Ok(Active::new(file, last.file.number, last.base).found(last.valid_len, books))
}

/// Cuts off what a crash left standing twice: the next segment has it, synced.
fn cut_overlap(fs: &dyn Fs, dir: &Path, found: &mut Survey) -> Result<(), JournalError> {
    let bases: Vec<_> = found.segments.iter().skip(1).map(|next| (next.file.number, next.base)).collect();
    for (surveyed, (number, base)) in found.segments.iter_mut().zip(bases) {
        let follows = surveyed.file.number.saturating_add(1) == number;
        if follows && !surveyed.file.quarantined && position(surveyed.base, surveyed.file_len) > base {
            let path = surveyed.file.path(dir);
            let len = base.saturating_sub(surveyed.base).saturating_add(HEADER_LEN as u64);
            let file = fs.open_append(&path).map_err(io_error("open", &path))?;
            file.set_len(len).map_err(io_error("cut the copied records off", &path))?;
            (surveyed.valid_len, surveyed.file_len) = (len, len);
        }
    }
    Ok(())
}

fn create(
    fs: &dyn Fs,
    config: &JournalConfig,
    version: u32,
    number: u64,
    base: u64,
) -> Result<Active, JournalError> {
    let dir = &config.dir;
    let path = SegmentFile::live(number).path(dir);
    match segments::create(fs, dir, &Header::new(version, number, base, config.writer)) {
        Ok(file) => Ok(Active::new(file, number, base)),
        Err(CreateError::Clean(source) | CreateError::Unclean(source)) => {
            Err(io_error("create", &path)(source))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::fault::{CrashImage, FaultFs};
    use crate::journal::{FORMAT_VERSION, RecordBuf, verify};
    use std::io::Write as _;
    use std::path::PathBuf;

    type Opened = Result<(Shared, Vec<u32>), JournalError>;

    fn open_as(fs: &FaultFs, version: u32) -> Opened {
        let config = JournalConfig::new(PathBuf::from("/data/journal"), [7; 16]);
        let mut seqs = Vec::new();
        let (shared, _) = open(Arc::new(fs.clone()), config, version, &mut |record| {
            seqs.push(record.head.seq);
            ControlFlow::Continue(())
        })?;
        Ok((shared, seqs))
    }

    fn append(shared: &Shared, seq: u32) {
        let mut record = RecordBuf::new();
        let payload = rmp_serde::to_vec_named(&serde_json::json!({"book": "b", "seq": seq})).unwrap();
        record.write_all(&payload).unwrap();
        shared.append(record.complete().unwrap()).unwrap();
    }

    /// A program of the next version goes on behind what this one wrote.
    #[test]
    fn a_segment_of_an_older_version_is_sealed_and_never_appended_to() {
        let newer = FORMAT_VERSION + 1;
        let segment = |number| SegmentFile::live(number).path(&PathBuf::from("/data/journal"));
        for torn in [false, true] {
            let fs = FaultFs::new();
            let (shared, _) = open_as(&fs, FORMAT_VERSION).unwrap();
            (1..=2).for_each(|seq| append(&shared, seq));
            let whole = fs.contents(&segment(1)).unwrap();
            let cut = if torn { whole.len() - 3 } else { whole.len() };
            fs.put(&segment(1), &whole[..cut]);
            let (shared, seqs) = open_as(&fs, newer).unwrap();
            let kept = if torn { 1 } else { 2 };
            assert_eq!(seqs.len(), kept);
            let sealed = fs.contents(&segment(1)).unwrap();
            append(&shared, 3);
            assert_eq!(fs.contents(&segment(1)).unwrap(), sealed, "it was appended to");
            assert!(whole.starts_with(&sealed));
            // The older program does not take what it would not understand, and loses nothing either.
            for image in [CrashImage::Killed, CrashImage::Synced] {
                let left = fs.crash(image);
                let refused = open_as(&left, FORMAT_VERSION).map(|(_, seqs)| seqs);
                let version = match refused {
                    Err(JournalError::NewerVersion { segment: 2, version }) => version,
                    other => panic!("{other:?}"),
                };
                assert_eq!(version, newer);
            }
        }
    }

    #[test]
    fn an_unused_segment_of_an_older_version_is_replaced() {
        let fs = FaultFs::new();
        drop(open_as(&fs, FORMAT_VERSION).unwrap());
        drop(open_as(&fs, FORMAT_VERSION + 1).unwrap());
        let refused = verify(&fs, std::path::Path::new("/data/journal"));
        assert!(matches!(refused, Err(JournalError::NewerVersion { segment: 1, .. })), "{refused:?}");
    }
}
