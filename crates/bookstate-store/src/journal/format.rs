//! The bytes of a segment: header, record frames, sync marks. `docs/journal-format.md` is its specification.
//!
//! Pure functions over byte slices; no I/O. A record is taken for one only if its whole frame is right: a wrong
//! length, checksum, kind or place is a [`Defect`], never a guess. What a defect means (a torn tail or damage) is
//! decided in `survey`.

use super::head::{self, Head};

/// The version this code writes. Older ones are read, newer ones refused. It also stands for what a commit may hold:
/// an older program would drop a field that it does not know, so a new field is a new version.
pub const FORMAT_VERSION: u32 = 1;

/// The largest payload of a record, in bytes: the largest commit a book can make, and room for its head.
pub const MAX_PAYLOAD_LEN: usize = (64 << 20) + (64 << 10);

pub(super) const HEADER_LEN: usize = 48;
/// Length, checksum and kind: what stands before a payload.
pub(super) const FRAME_LEN: usize = 9;
/// The frame of a sync mark.
pub(super) const MARK_LEN: usize = FRAME_LEN + MARK_PAYLOAD_LEN;

const MAGIC: [u8; 8] = *b"BKSJRNL\0";
/// Begins with a byte that neither UTF-8 nor MessagePack uses, so that a search seldom stops inside a commit.
const MARK_MAGIC: [u8; 8] = *b"\xc1SYNC\xff\r\n";
const MARK_PAYLOAD_LEN: usize = 32;
/// The search for marks looks at so many bytes at once: one fast `contains` for nearly all of them.
const SEARCH_CHUNK: usize = 512;
const KIND_COMMIT: u8 = 1;
const KIND_MARK: u8 = 2;

/// What is wrong with the bytes of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// The header is not one: wrong magic, checksum or length.
    Header,
    /// The header belongs to another segment number (the file was renamed).
    Number {
        /// The number in the header.
        found: u64,
    },
    /// No file of this number, though there are older and newer ones.
    Missing,
    /// The segment does not lead to the position at which the next one begins, or not to the same records.
    EndsElsewhere {
        /// The position at which it ends.
        end: u64,
        /// The position at which the next one begins.
        next: u64,
    },
    /// A length no record can have.
    Length(u32),
    /// The record is longer than what is left of the segment.
    Cut,
    /// The checksum does not fit the bytes.
    Checksum,
    /// An intact record of a kind this version does not know.
    Kind(u8),
    /// An intact sync mark that was written for another place.
    MisplacedMark,
    /// An intact commit without a readable book and seq.
    Head(&'static str),
}

impl Defect {
    /// Whether the bytes are as they were written: then no crash explains them.
    pub(super) fn is_intact(&self) -> bool {
        matches!(self, Self::Kind(_) | Self::MisplacedMark | Self::Head(_))
    }
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header => f.write_str("the header is not readable"),
            Self::Number { found } => write!(f, "the header says segment {found}"),
            Self::Missing => f.write_str("the file is missing"),
            Self::EndsElsewhere { end, next } => {
                write!(f, "it ends at position {end}, but the next segment begins at {next}")
            }
            Self::Length(len) => write!(f, "a record cannot be {len} bytes long"),
            Self::Cut => f.write_str("the record is cut off"),
            Self::Checksum => f.write_str("the checksum is wrong"),
            Self::Kind(kind) => write!(f, "records of kind {kind} are not known"),
            Self::MisplacedMark => f.write_str("a sync mark of another place"),
            Self::Head(what) => write!(f, "the commit has no head: {what}"),
        }
    }
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) segment: u64,
    pub(super) base: u64,
    pub(super) writer: [u8; 16],
}

impl Header {
    pub(super) fn new(version: u32, segment: u64, base: u64, writer: [u8; 16]) -> Self {
        Self { version, segment, base, writer }
    }

    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&self.writer);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&bytes);
        header
    }

    /// The header at the beginning of `bytes`, if there is an intact one. The version is not judged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let crc = u32_at(bytes, 44)?;
        if bytes.get(..8)? != MAGIC || crc32fast::hash(bytes.get(..44)?) != crc {
            return None;
        }
        let version = u32_at(bytes, 8).filter(|version| *version > 0)?;
        let writer = bytes.get(28..44)?.try_into().ok()?;
        Some(Self { version, segment: u64_at(bytes, 12)?, base: u64_at(bytes, 20)?, writer })
    }
}

/// The intact bytes of one record.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    Commit { head: Head<'a>, payload: &'a [u8] },
    Mark { synced: u64 },
}

/// The bytes of one segment, read frame by frame.
#[derive(Clone, Debug)]
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    segment: u64,
    base: u64,
    offset: usize,
}

impl<'a> Frames<'a> {
    /// Reads the frames of `bytes`, a whole segment file with its header.
    pub(super) fn new(bytes: &'a [u8], segment: u64, base: u64) -> Self {
        Self { bytes, segment, base, offset: HEADER_LEN }
    }

    /// Where the next frame begins in the file.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The logical position of [`Frames::offset`].
    pub(super) fn position(&self) -> u64 {
        position(self.base, self.offset as u64)
    }

    /// The next frame; none at the end of the bytes. After a defect the offset stays at the bad frame.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame<'a>>, Defect> {
        let bytes = self.bytes.get(self.offset..).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(None);
        }
        let (Some(len), Some(crc)) = (u32_at(bytes, 0), u32_at(bytes, 4)) else { return Err(Defect::Cut) };
        let body_len = usize::try_from(len).map_err(|_| Defect::Length(len))?;
        if body_len == 0 || body_len > MAX_PAYLOAD_LEN + 1 {
            return Err(Defect::Length(len));
        }
        let body = bytes.get(8..8 + body_len).ok_or(Defect::Cut)?;
        if checksum(len, body) != crc {
            return Err(Defect::Checksum);
        }
        let (kind, payload) = body.split_first().ok_or(Defect::Length(len))?;
        let frame = match *kind {
            KIND_COMMIT => Frame::Commit { head: head::read(payload).map_err(Defect::Head)?, payload },
            KIND_MARK => Frame::Mark { synced: self.read_mark(payload).ok_or(Defect::MisplacedMark)? },
            kind => return Err(Defect::Kind(kind)),
        };
        self.offset += 8 + body_len;
        Ok(Some(frame))
    }

    /// The highest position that any intact sync mark from here to the end of the bytes vouches for.
    ///
    /// Searches byte by byte, since after a bad frame nothing says where the next one begins. Marks are bound to
    /// their place, so that a copy of one inside a commit is not taken for a mark.
    pub(super) fn synced_by_marks(&self) -> Option<u64> {
        let mut highest = None;
        let mut chunk_at = self.offset + FRAME_LEN;
        while let Some(rest) = self.bytes.get(chunk_at..).filter(|rest| !rest.is_empty()) {
            let chunk = rest.get(..SEARCH_CHUNK).unwrap_or(rest);
            if chunk.contains(&MARK_MAGIC[0]) {
                let candidates = chunk.iter().enumerate().filter(|(_, byte)| **byte == MARK_MAGIC[0]);
                let marks = candidates.filter_map(|(at, _)| self.mark_with_payload_at(chunk_at + at));
                highest = highest.max(marks.max());
            }
            chunk_at += chunk.len();
        }
        highest
    }

    fn mark_with_payload_at(&self, at: usize) -> Option<u64> {
        if !self.bytes.get(at..)?.starts_with(&MARK_MAGIC) {
            return None;
        }
        let mut frames = Self { offset: at - FRAME_LEN, ..self.clone() };
        match frames.next_frame() {
            Ok(Some(Frame::Mark { synced })) => Some(synced),
            _ => None,
        }
    }

    fn read_mark(&self, payload: &[u8]) -> Option<u64> {
        let synced = u64_at(payload, 24)?;
        let in_place = payload.len() == MARK_PAYLOAD_LEN
            && payload.get(..8)? == MARK_MAGIC
            && u64_at(payload, 8)? == self.segment
            && u64_at(payload, 16)? == self.offset as u64
            && synced <= self.position();
        in_place.then_some(synced)
    }
}

/// The logical position of a byte of a segment file.
pub(super) fn position(base: u64, offset: u64) -> u64 {
    base.saturating_add(offset).saturating_sub(HEADER_LEN as u64)
}

/// The frame of a sync mark that stands at `offset` of `segment` and vouches for everything before `synced`.
pub(super) fn encode_mark(segment: u64, offset: u64, synced: u64) -> [u8; MARK_LEN] {
    let mut frame = [0; MARK_LEN];
    let fields = [MARK_MAGIC, segment.to_le_bytes(), offset.to_le_bytes(), synced.to_le_bytes()];
    if let Some(payload) = frame.get_mut(FRAME_LEN..) {
        payload.copy_from_slice(&fields.concat());
    }
    complete(&mut frame, MARK_PAYLOAD_LEN, KIND_MARK);
    frame
}

/// Completes a frame whose payload of `payload_len` bytes stands at [`FRAME_LEN`] and belongs to a commit.
pub(super) fn complete_commit(frame: &mut [u8], payload_len: usize) {
    complete(frame, payload_len, KIND_COMMIT);
}

fn complete(frame: &mut [u8], payload_len: usize, kind: u8) {
    // Callers check the payload against MAX_PAYLOAD_LEN, which fits.
    let len = u32::try_from(payload_len + 1).unwrap_or(u32::MAX);
    if let Some(byte) = frame.get_mut(8) {
        *byte = kind;
    }
    let crc = checksum(len, frame.get(8..).unwrap_or_default());
    if let Some(prefix) = frame.get_mut(..8) {
        prefix.copy_from_slice(&((u64::from(crc) << 32) | u64::from(len)).to_le_bytes());
    }
}

fn checksum(len: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
