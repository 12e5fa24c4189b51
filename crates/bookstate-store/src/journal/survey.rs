//! One read-only pass over a journal's files: what is readable, what is torn, what is damaged.
//!
//! This is where the recovery rule lives. What is known to have been synced: all before the base position of any
//! segment that follows, and all before the position that any intact sync mark names. A bad frame before such a
//! position is damage; behind all of them it is the torn tail that a crash leaves. Nothing is changed here: `recovery`
//! repairs, `inspect` reports.
//!
//! Two segments may overlap: a crash came when records were copied from one to the next (`rotation`), or before the
//! first was cut. What stands twice is given once. When the first goes on where the copy ends, the copy is no part
//! of the log.
//!
//! Memory: the bytes of one segment at a time.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::error::{Damage, JournalError, io_error};
use super::format::{Defect, FORMAT_VERSION, Frame, Frames, HEADER_LEN, Header};
use super::head::Head;
use super::segments::{self, SegmentFile};
use super::{Entry, Position, TornTail};
use crate::fs::Fs;

/// What a pass found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The segments with records, quarantined ones too, by number.
    pub(super) segments: Vec<Surveyed>,
    /// A last segment that never had a record.
    pub(super) unused: Option<Unused>,
    pub(super) torn: Option<TornTail>,
    pub(super) damage: Vec<Damage>,
    pub(super) strays: Vec<String>,
    pub(super) records: u64,
    /// Where the readable log ends.
    pub(super) end: u64,
    /// Where the last commit ends.
    pub(super) committed: u64,
    /// The highest position a mark or a base vouches for.
    pub(super) marked: u64,
}

/// One segment with records.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) file: SegmentFile,
    /// Its header's; 0 when that is not readable.
    pub(super) version: u32,
    pub(super) base: u64,
    /// Length of the readable part, header included.
    pub(super) valid_len: u64,
    pub(super) file_len: u64,
    /// The highest seq of each book in it.
    pub(super) books: HashMap<Box<str>, u32>,
}

/// A last segment without records: a crash in the middle of its creation, or before its first record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unused {
    pub(super) number: u64,
    pub(super) header: Option<Header>,
}

/// Whether a pass goes on behind damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDamage {
    Stop,
    GoOn,
}

/// Reads all segments of `dir` in order and gives each intact record to `visit`.
pub(super) fn survey(
    fs: &dyn Fs,
    dir: &Path,
    writer: Option<[u8; 16]>,
    on_damage: OnDamage,
    visit: &mut dyn FnMut(Entry<'_>),
) -> Result<Survey, JournalError> {
    let (files, strays) = segments::list(fs, dir)?;
    let mut pass = Pass {
        fs,
        dir,
        writer,
        visit,
        found: Survey { strays, ..Survey::default() },
        bytes: Vec::new(),
        overlap: Vec::new(),
    };
    pass.all(files, on_damage)?;
    Ok(pass.found)
}

struct Pass<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    writer: Option<[u8; 16]>,
    visit: &'a mut dyn FnMut(Entry<'_>),
    found: Survey,
    bytes: Vec<u8>,
    /// What the segment before has behind the base of the one that follows.
    overlap: Vec<u8>,
}

/// What a segment must continue.
#[derive(Clone, Copy, Debug)]
struct Before {
    number: u64,
    /// Where the one before begins and ends; none where a quarantined one leaves it open.
    reach: Option<(u64, u64)>,
}

impl Before {
    /// Where segment `number` begins, unless records were copied.
    fn end(before: Option<Self>, number: u64) -> Option<u64> {
        before.filter(|before| before.number.saturating_add(1) == number)?.reach.map(|(_, end)| end)
    }
}

/// What is behind a segment's end, as far as it matters for its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// Nothing: a crash may have torn it.
    Nothing,
    /// A segment that begins here: behind that a crash may have torn it.
    Base(u64),
    /// A segment of which nobody knows where it begins.
    Unknown,
}

impl Pass<'_> {
    fn all(&mut self, mut files: Vec<SegmentFile>, on_damage: OnDamage) -> Result<(), JournalError> {
        self.found.unused = self.take_unused(&mut files)?;
        let mut before = None;
        for (index, file) in files.iter().copied().enumerate() {
            self.check_number(file.number, before);
            if self.is_stopped(on_damage) {
                return Ok(());
            }
            let behind = match files.get(index + 1) {
                None => Behind::Nothing,
                Some(next) => self.base_of(*next, file.number)?.map_or(Behind::Unknown, Behind::Base),
            };
            let Some(reach) = self.segment(file, before, behind)? else { continue };
            before = Some(Before { number: file.number, reach });
            if self.is_stopped(on_damage) {
                return Ok(());
            }
        }
        self.check_unused(before);
        Ok(())
    }

    /// Where a segment begins that follows the one with this number.
    fn base_of(&mut self, next: SegmentFile, number: u64) -> Result<Option<u64>, JournalError> {
        if next.quarantined || next.number != number.saturating_add(1) {
            return Ok(None);
        }
        match self.read(next, HEADER_LEN as u64) {
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(()) => {
                let header = Header::decode(&self.bytes).filter(|header| header.segment == next.number);
                Ok(header.map(|header| header.base))
            }
        }
    }

    fn is_stopped(&self, on_damage: OnDamage) -> bool {
        on_damage == OnDamage::Stop && !self.found.damage.is_empty()
    }

    /// Takes a last segment that has no records off the list.
    fn take_unused(&mut self, files: &mut Vec<SegmentFile>) -> Result<Option<Unused>, JournalError> {
        let Some(last) = files.last().copied().filter(|last| !last.quarantined) else { return Ok(None) };
        self.read(last, HEADER_LEN as u64 + 1)?;
        if self.bytes.len() > HEADER_LEN {
            return Ok(None);
        }
        files.pop();
        let header = Header::decode(&self.bytes).filter(|header| header.segment == last.number);
        if let Some(header) = &header {
            self.check_header(last, header)?;
        }
        Ok(Some(Unused { number: last.number, header }))
    }

    /// An unused segment's header still vouches for what stands before it.
    fn check_unused(&mut self, before: Option<Before>) {
        let Some(unused) = self.found.unused else { return };
        self.check_number(unused.number, before);
        let end = Before::end(before, unused.number);
        match (unused.header, end) {
            (Some(header), Some(end)) if end < header.base => {
                self.add_damage(unused.number - 1, None, Defect::EndsElsewhere { end, next: header.base });
            }
            // Nothing readable leads up to it; but positions never go back.
            (Some(header), None) if header.base >= self.found.end => {
                self.found.end = header.base;
                self.found.committed = header.base;
                self.found.marked = header.base;
            }
            // The very first segment may be torn by a crash; a later one alone was emptied by something else.
            (None, _) if before.is_none() && unused.number > 1 => {
                self.add_damage(unused.number, Some(0), Defect::Header);
            }
            _ => {}
        }
    }

    /// Segments are deleted oldest first, so one is missing only behind a live one. A quarantined one is never
    /// deleted: it proves nothing.
    fn check_number(&mut self, number: u64, before: Option<Before>) {
        let has_live = self.found.segments.iter().any(|surveyed| !surveyed.file.quarantined);
        let expected = before.map(|before| before.number.saturating_add(1));
        if let Some(expected) = expected.filter(|expected| *expected < number && has_live) {
            self.add_damage(expected, Some(0), Defect::Missing);
        }
    }

    fn check_header(&self, file: SegmentFile, header: &Header) -> Result<(), JournalError> {
        if header.version > FORMAT_VERSION {
            return Err(JournalError::NewerVersion { segment: file.number, version: header.version });
        }
        if self.writer.is_some_and(|writer| writer != header.writer) {
            return Err(JournalError::ForeignWriter { segment: file.number });
        }
        Ok(())
    }

    /// Reads one segment; returns where it begins and ends, or nothing if the file has gone meanwhile.
    fn segment(
        &mut self,
        file: SegmentFile,
        before: Option<Before>,
        behind: Behind,
    ) -> Result<Option<Option<(u64, u64)>>, JournalError> {
        match self.read(file, u64::MAX) {
            // A running process deletes its oldest segments while another one looks on.
            Err(JournalError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && self.found.segments.is_empty() =>
            {
                return Ok(None);
            }
            read => read?,
        }
        let file_len = self.bytes.len() as u64;
        let end_before = Before::end(before, file.number);
        let mut surveyed = Surveyed {
            file,
            version: 0,
            base: end_before.unwrap_or(self.found.end),
            valid_len: HEADER_LEN as u64,
            file_len,
            books: HashMap::new(),
        };
        let header = match Header::decode(&self.bytes) {
            Some(header) if header.segment == file.number => Ok(header),
            Some(header) => Err(Defect::Number { found: header.segment }),
            None => Err(Defect::Header),
        };
        let header = match header {
            Ok(header) => header,
            Err(defect) => {
                if !file.quarantined {
                    self.add_damage(file.number, Some(0), defect);
                }
                surveyed.valid_len = 0;
                self.found.end = surveyed.base.saturating_add(file_len.saturating_sub(HEADER_LEN as u64));
                self.found.segments.push(surveyed);
                return Ok(Some(None));
            }
        };
        self.check_header(file, &header)?;
        let reach_before = before.filter(|_| end_before.is_some()).and_then(|before| before.reach);
        if let Some((base, end)) = reach_before
            && !(base..=end).contains(&header.base)
        {
            self.add_damage(file.number - 1, None, Defect::EndsElsewhere { end, next: header.base });
        }
        (surveyed.version, surveyed.base) = (header.version, header.base);
        let log_before = (self.found.end, self.found.committed, self.found.marked, self.found.torn.take());
        let overlap = std::mem::take(&mut self.overlap);
        let end = self.frames(&mut surveyed, end_before.unwrap_or(0), behind);
        self.check_overlap(&surveyed, &overlap, end_before);
        let is_incomplete = end.is_some() && end_before.is_some_and(|before| self.found.end < before);
        if is_incomplete && behind == Behind::Nothing && self.found.unused.is_none() {
            // A copy that was not completed: the log goes on in the one before.
            (self.found.end, self.found.committed, self.found.marked, self.found.torn) = log_before;
            self.found.unused = Some(Unused { number: file.number, header: Some(header) });
            return Ok(Some(reach_before));
        }
        if let Some(end) = end_before.filter(|_| is_incomplete) {
            self.add_damage(file.number - 1, None, Defect::EndsElsewhere { end, next: surveyed.base });
        }
        let reach = end.map(|end| (surveyed.base, end));
        self.found.segments.push(surveyed);
        Ok(Some(reach))
    }

    /// What stands in two segments is the same in both.
    fn check_overlap(&mut self, surveyed: &Surveyed, overlap: &[u8], end_before: Option<u64>) {
        let copy = self.bytes.get(HEADER_LEN..offset(surveyed.valid_len)).unwrap_or_default();
        let common = copy.len().min(overlap.len());
        if let Some(end) = end_before.filter(|_| copy.get(..common) != overlap.get(..common)) {
            let defect = Defect::EndsElsewhere { end, next: surveyed.base };
            self.add_damage(surveyed.file.number - 1, None, defect);
        }
    }

    /// Reads the records of a segment, and gives those behind `known`. Returns where the readable part ends.
    fn frames(&mut self, surveyed: &mut Surveyed, known: u64, behind: Behind) -> Option<u64> {
        let segment = surveyed.file.number;
        let bytes = std::mem::take(&mut self.bytes);
        let mut frames = Frames::new(&bytes, segment, surveyed.base);
        self.found.committed = surveyed.base;
        self.found.marked = surveyed.base;
        let defect = loop {
            let offset = frames.offset() as u64;
            match frames.next_frame() {
                Ok(None) => break None,
                Err(defect) => break Some(defect),
                Ok(Some(Frame::Commit { head, payload })) => {
                    remember(&mut surveyed.books, &head);
                    self.found.committed = frames.position();
                    if frames.position() > known {
                        self.found.records += 1;
                        let position = Position(frames.position());
                        (self.visit)(Entry::Commit { segment, offset, position, head, payload });
                    }
                }
                Ok(Some(Frame::Mark { synced })) => {
                    self.found.marked = self.found.marked.max(synced);
                    (self.visit)(Entry::Mark { segment, offset, synced: Position(synced) });
                }
            }
        };
        surveyed.valid_len = frames.offset() as u64;
        self.found.end = frames.position();
        if let Behind::Base(base) = behind {
            let begin = base.saturating_sub(surveyed.base).saturating_add(HEADER_LEN as u64);
            self.overlap = bytes.get(offset(begin)..frames.offset()).unwrap_or_default().to_vec();
        }
        let intact_end = match defect {
            None => Some(frames.position()),
            Some(_) if surveyed.file.quarantined => {
                self.found.end = super::format::position(surveyed.base, surveyed.file_len);
                None
            }
            Some(defect) => {
                let known_synced = match behind {
                    Behind::Nothing => self.found.unused.and_then(|unused| unused.header).map(|it| it.base),
                    Behind::Base(base) => Some(base),
                    Behind::Unknown => Some(u64::MAX),
                };
                let synced = frames.synced_by_marks().max(known_synced);
                let is_synced = synced.is_some_and(|synced| frames.position() < synced);
                let bytes = surveyed.file_len - surveyed.valid_len;
                if is_synced || defect.is_intact() {
                    self.add_damage(segment, Some(surveyed.valid_len), defect);
                    None
                } else {
                    self.found.torn = Some(TornTail { segment, offset: surveyed.valid_len, bytes, defect });
                    Some(frames.position())
                }
            }
        };
        self.bytes = bytes;
        intact_end
    }

    /// Adds damage to `segment`; without an offset, at the end of what is readable of it.
    fn add_damage(&mut self, segment: u64, offset: Option<u64>, defect: Defect) {
        let readable = self.found.segments.iter().rfind(|surveyed| surveyed.file.number == segment);
        let offset = offset.or_else(|| readable.map(|surveyed| surveyed.valid_len)).unwrap_or(0);
        self.found.damage.push(Damage { segment, offset, defect });
    }

    fn read(&mut self, file: SegmentFile, limit: u64) -> Result<(), JournalError> {
        let path = file.path(self.dir);
        self.fs.read(&path, limit, &mut self.bytes).map_err(io_error("read", &path))
    }
}

/// A place in bytes that are in memory.
fn offset(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Raises the highest seq of the commit's book.
pub(super) fn remember(books: &mut HashMap<Box<str>, u32>, head: &Head<'_>) {
    match books.get_mut(head.book) {
        Some(highest) => *highest = (*highest).max(head.seq),
        None => {
            books.insert(head.book.into(), head.seq);
        }
    }
}
