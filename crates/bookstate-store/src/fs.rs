//! The file system as the journal sees it.
//!
//! The journal does all of its I/O through [`Fs`] and [`File`], so that a test can fail, cut short or forget any
//! single operation of it (`fault`, with the feature `test-util`). The traits hold exactly what the journal
//! needs and promise no more than POSIX does: bytes are safe after [`File::sync_data`], names after
//! [`Fs::sync_dir`], and neither implies the other. This is not a general file system abstraction.

mod lock;
mod os;
pub mod private;

#[cfg(any(test, feature = "test-util"))]
pub mod fault;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use lock::{DataDirLock, Holder, LockError};
pub use os::OsFs;

/// Operations on names in a directory.
pub trait Fs: Debug + Send + Sync {
    /// Creates one directory, for its owner alone; the name is durable only after [`Fs::sync_dir`].
    ///
    /// # Errors
    /// `AlreadyExists` when it is there, `NotFound` when its parent is not, else the operating system's.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates a file for appending; the name is durable only after [`Fs::sync_dir`].
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, else the operating system's.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens an existing file for appending.
    ///
    /// # Errors
    /// The operating system's.
    fn open_append(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Replaces the contents of `into` by up to `limit` bytes of the file, from its beginning. Fewer bytes mean
    /// that the file ends there.
    ///
    /// # Errors
    /// The operating system's.
    fn read(&self, path: &Path, limit: u64, into: &mut Vec<u8>) -> io::Result<()>;

    /// The length of the file in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn file_len(&self, path: &Path) -> io::Result<u64>;

    /// The names in `dir`, in no particular order. A name that is not Unicode comes in its lossy form.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Gives a file another name in the same directory.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names created, renamed and removed in `dir` so far durable.
    ///
    /// # Errors
    /// The operating system's. After an error nobody knows what is durable; calling again does not tell.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// Creates `dir` and its missing parents, each one durable; not an error when it exists.
///
/// # Errors
/// The file system's.
pub fn create_dirs(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    let made = match fs.create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent != dir => {
            create_dirs(fs, parent)?;
            fs.create_dir(dir)
        }
        made => made,
    };
    match made {
        Ok(()) => fs.sync_dir(parent),
        // Whoever made it may have been killed before the name was durable.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs.sync_dir(parent) {
            // Not ours, then, but made by somebody who may write there.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        },
        Err(error) => Err(error),
    }
}

/// A file that is open for appending.
pub trait File: Debug + Send + Sync {
    /// Appends some of `bytes` at the end of the file and returns how many, as `write(2)` does: fewer than given
    /// is not an error.
    ///
    /// # Errors
    /// The operating system's; nothing has been appended then.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes all bytes appended so far, and the length, durable.
    ///
    /// # Errors
    /// The operating system's. After an error nobody knows what is durable; calling again does not tell.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// The present length in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}
