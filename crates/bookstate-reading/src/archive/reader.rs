//! Reading an archive.
//!
//! Invariants: what is unpacked is bounded by [`MOST_BYTES`] for a file and [`MOST_BYTES_IN_ALL`] for the archive; an
//! archive that packs more than [`RATIO`] to one beyond [`FREE_BYTES`] is refused; no offset or length of the archive
//! is believed before it is seen to lie within it.

use std::cell::Cell;
use std::collections::HashMap;

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};

use super::{CENTRAL, DEFLATED, END, LOCAL, STORED};

/// The largest file, in bytes.
const MOST_BYTES: usize = 256 << 20;
/// The most that is unpacked of an archive.
const MOST_BYTES_IN_ALL: usize = 1 << 30;
/// Text and pictures do not pack better than this.
const RATIO: usize = 200;
/// So much may be packed as well as it likes.
const FREE_BYTES: usize = 4 << 20;
/// The most files.
const MOST_FILES: usize = 100_000;
/// The end record stands within the last so many bytes: a comment may follow it.
const END_WITHIN: usize = 66_000;

/// Why an archive cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It is none, or damaged.
    #[error("{0}")]
    Damaged(&'static str),
    /// It would unpack to more than is sane.
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(usize),
    /// A file in it is encrypted by the archive itself.
    #[error("its files are locked with a password")]
    Locked,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: usize,
    packed: usize,
    method: u16,
    locked: bool,
}

/// An archive, whose directory was read.
#[derive(Debug)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    entries: HashMap<String, Entry>,
    /// What was unpacked so far.
    unpacked: Cell<usize>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
}

impl Archive {
    /// Reads the directory.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`], when there is none.
    pub(crate) fn new(bytes: Vec<u8>) -> Result<Self, ArchiveError> {
        let entries =
            directory(&bytes).ok_or(ArchiveError::Damaged("its directory is missing or cut off"))?;
        Ok(Self { bytes, entries, unpacked: Cell::new(0) })
    }

    /// Whether it has a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The file of this name, or of one that differs in the case of letters only.
    pub(crate) fn name_like<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.has(name) {
            return Some(name);
        }
        self.entries.keys().filter(|there| there.eq_ignore_ascii_case(name)).min().map(String::as_str)
    }

    /// Unpacks a file; `None` when there is none of this name.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub(crate) fn file(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if entry.locked {
            return Err(ArchiveError::Locked);
        }
        let cut = || ArchiveError::Damaged("a file in it is cut off");
        let head = self.bytes.get(entry.offset..).filter(|head| head.starts_with(LOCAL)).ok_or_else(cut)?;
        let name = u16_at(head, 26).ok_or_else(cut)?;
        let extra = u16_at(head, 28).ok_or_else(cut)?;
        let data = head.get(30 + name + extra..).ok_or_else(cut)?;
        let data = data.get(..entry.packed).ok_or_else(cut)?;
        let limit = most(entry.packed, self.unpacked.get());
        let file = match entry.method {
            STORED if data.len() <= limit => data.to_vec(),
            STORED => return Err(ArchiveError::TooLarge(limit)),
            DEFLATED => match decompress_to_vec_with_limit(data, limit) {
                Ok(file) => file,
                Err(error) if error.status == TINFLStatus::HasMoreOutput => {
                    return Err(ArchiveError::TooLarge(limit));
                }
                Err(_) => return Err(ArchiveError::Damaged("a file in it cannot be unpacked")),
            },
            _ => return Err(ArchiveError::Damaged("a file in it is packed in an unknown way")),
        };
        self.unpacked.set(self.unpacked.get().saturating_add(file.len()));
        Ok(Some(file))
    }
}

/// How many bytes may come of so many packed ones, in an archive of which so much was unpacked.
fn most(packed: usize, unpacked: usize) -> usize {
    let left = MOST_BYTES_IN_ALL.saturating_sub(unpacked);
    MOST_BYTES.min(left).min(FREE_BYTES.max(packed.saturating_mul(RATIO)))
}

/// What the archive has, by the directory at its end.
fn directory(bytes: &[u8]) -> Option<HashMap<String, Entry>> {
    let tail = bytes.len().saturating_sub(END_WITHIN);
    let at = tail + bytes.get(tail..)?.windows(END.len()).rposition(|four| four == END)?;
    // The record is there to its end.
    bytes.get(at..at.checked_add(22)?)?;
    let count = u16_at(bytes, at + 10)?;
    let mut at = u32_at(bytes, at + 16)?;
    let mut entries = HashMap::new();
    for _ in 0..count.min(MOST_FILES) {
        let head = bytes.get(at..)?;
        if !head.starts_with(CENTRAL) {
            return None;
        }
        let flags = u16_at(head, 8)?;
        let method = u16::try_from(u16_at(head, 10)?).ok()?;
        let packed = u32_at(head, 20)?;
        let (name, extra, comment) = (u16_at(head, 28)?, u16_at(head, 30)?, u16_at(head, 32)?);
        let offset = u32_at(head, 42)?;
        let text = String::from_utf8_lossy(head.get(46..46 + name)?).replace('\\', "/");
        entries.entry(text).or_insert(Entry { offset, packed, method, locked: flags & 1 == 1 });
        at = at.checked_add(46 + name + extra + comment)?;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::super::ArchiveWriter;
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = ArchiveWriter::new();
        writer.stored("mimetype", b"application/epub+zip");
        writer.packed("a/ü.txt", "words ".repeat(1000).as_bytes());
        let archive = Archive::new(writer.finish()).unwrap();
        assert_eq!(archive.file("mimetype").unwrap().unwrap(), b"application/epub+zip");
        assert_eq!(archive.file("a/ü.txt").unwrap().unwrap().len(), 6000);
        assert_eq!(archive.file("none"), Ok(None));
        assert_eq!(archive.name_like("A/ü.TXT"), Some("a/ü.txt"));
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        let mut writer = ArchiveWriter::new();
        writer.packed("bomb", &vec![0; 64 << 20]);
        let bytes = writer.finish();
        assert!(bytes.len() < 100_000, "{}", bytes.len());
        let archive = Archive::new(bytes).unwrap();
        assert!(matches!(archive.file("bomb"), Err(ArchiveError::TooLarge(_))));
    }

    #[test]
    fn a_file_and_an_archive_have_a_most() {
        assert_eq!(most(1, 0), FREE_BYTES);
        assert_eq!(most(1 << 30, 0), MOST_BYTES);
        let mut writer = ArchiveWriter::new();
        writer.packed("one", &[0; 100]);
        writer.packed("two", &[0; 100]);
        let archive = Archive::new(writer.finish()).unwrap();
        archive.unpacked.set(MOST_BYTES_IN_ALL - 150);
        assert_eq!(archive.file("one").unwrap().unwrap().len(), 100);
        assert_eq!(archive.file("two"), Err(ArchiveError::TooLarge(50)));
    }

    #[test]
    fn damage_anywhere_is_an_error_and_no_panic() {
        let mut writer = ArchiveWriter::new();
        writer.packed("one", b"one and one is two");
        let bytes = writer.finish();
        for at in 0..bytes.len() {
            for value in [0, 0xff, 0x80] {
                let mut bad = bytes.clone();
                bad[at] = value;
                if let Ok(archive) = Archive::new(bad) {
                    drop(archive.file("one"));
                }
            }
            assert!(Archive::new(bytes[..at].to_vec()).is_err());
        }
    }
}
