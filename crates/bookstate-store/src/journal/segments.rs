//! The files of a journal's directory: their names, and how one comes into being and is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{JournalError, io_error, is_out_of_files};
use super::format::Header;
use crate::fs::{File, Fs};

const SUFFIX: &str = ".journal";
const QUARANTINED_SUFFIX: &str = ".journal.damaged";
const DIGITS: usize = 20;

/// A segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentFile {
    pub(super) number: u64,
    /// Set aside by `quarantine`: read up to its damage, never written, never deleted.
    pub(super) quarantined: bool,
}

impl SegmentFile {
    pub(super) fn live(number: u64) -> Self {
        Self { number, quarantined: false }
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        let suffix = if self.quarantined { QUARANTINED_SUFFIX } else { SUFFIX };
        dir.join(format!("{:0DIGITS$}{suffix}", self.number))
    }

    fn parse(name: &str) -> Option<Self> {
        let (digits, quarantined) = match name.strip_suffix(SUFFIX) {
            Some(digits) => (digits, false),
            None => (name.strip_suffix(QUARANTINED_SUFFIX)?, true),
        };
        let number = (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse().ok())
            .flatten()?;
        Some(Self { number, quarantined })
    }
}

/// The segment files of `dir` by number, and the names of everything else in it.
pub(super) fn list(fs: &dyn Fs, dir: &Path) -> Result<(Vec<SegmentFile>, Vec<String>), JournalError> {
    let (mut files, mut strays) = (Vec::new(), Vec::new());
    for name in fs.list(dir).map_err(io_error("list", dir))? {
        match SegmentFile::parse(&name) {
            Some(file) => files.push(file),
            None => strays.push(name),
        }
    }
    files.sort_unstable();
    strays.sort_unstable();
    Ok((files, strays))
}

/// At which step a segment could not be created.
#[derive(Debug)]
pub(super) enum CreateError {
    /// No file is left behind, and nothing else was touched.
    Clean(io::Error),
    /// A file may be left behind, or its durability is not known.
    Unclean(io::Error),
}

/// Creates the segment of `header`, and returns when its header and name are durable.
///
/// Records are written only after that. So a segment that has records proves that its predecessor was sealed, and
/// a bad header without records is a crash in this function.
pub(super) fn create(fs: &dyn Fs, dir: &Path, header: &Header) -> Result<Arc<dyn File>, CreateError> {
    let path = SegmentFile::live(header.segment).path(dir);
    let file = fs.create_new(&path).map_err(CreateError::Clean)?;
    match fs.sync_dir(dir) {
        Ok(()) => {}
        // The directory could not even be opened: no sync was tried, none has failed.
        Err(error) if is_out_of_files(&error) && fs.remove(&path).is_ok() => {
            return Err(CreateError::Clean(error));
        }
        Err(error) => return Err(CreateError::Unclean(error)),
    }
    if let Err(error) = write_all(file.as_ref(), &header.encode()) {
        return Err(match fs.remove(&path) {
            Ok(()) => CreateError::Clean(error),
            Err(_) => CreateError::Unclean(error),
        });
    }
    file.sync_data().map_err(CreateError::Unclean)?;
    Ok(file)
}

/// Appends all of `bytes`, however often `write` takes only a part or is interrupted.
pub(super) fn write_all(file: &dyn File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for file in [SegmentFile::live(1), SegmentFile { number: u64::MAX, quarantined: true }] {
            let path = file.path(Path::new("dir"));
            assert_eq!(SegmentFile::parse(path.file_name().unwrap().to_str().unwrap()), Some(file));
        }
        for stray in ["1.journal", "lock", "00000000000000000001.journal.bak", "+0000000000000000001.journal"]
        {
            assert_eq!(SegmentFile::parse(stray), None, "{stray}");
        }
    }
}
