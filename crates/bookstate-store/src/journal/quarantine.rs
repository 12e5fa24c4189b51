//! Sets a damaged segment aside, on a person's explicit wish, so that the journal opens again.
//!
//! The file is renamed to `*.journal.damaged`: it keeps its number, and every later open still reads its records up
//! to the damage. What follows the damage in it is not read. The file is never deleted by bookstate.

use std::path::{Path, PathBuf};

use super::error::{QuarantineError, io_error};
use super::inspect::verify;
use super::segments::SegmentFile;
use crate::fs::Fs;

/// Sets the damaged `segment` of the journal in `dir` aside and returns its new path. For a segment that is missing,
/// leaves an empty file of that name, as the note that its loss is known. The caller holds the directory's lock.
///
/// # Errors
/// [`QuarantineError::NotDamaged`] for a whole segment; otherwise the file system's, and the call may be repeated.
pub fn quarantine(fs: &dyn Fs, dir: &Path, segment: u64) -> Result<PathBuf, QuarantineError> {
    if !verify(fs, dir)?.damage.iter().any(|damage| damage.segment == segment) {
        return Err(QuarantineError::NotDamaged { segment });
    }
    let live = SegmentFile::live(segment).path(dir);
    let aside = SegmentFile { number: segment, quarantined: true }.path(dir);
    match fs.file_len(&live) {
        Ok(_) => fs.rename(&live, &aside).map_err(io_error("rename", &live))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs.create_new(&aside).map_err(io_error("create", &aside))?;
        }
        Err(error) => return Err(io_error("read", &live)(error).into()),
    }
    fs.sync_dir(dir).map_err(io_error("sync", dir))?;
    Ok(aside)
}
