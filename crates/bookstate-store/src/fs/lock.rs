//! The lock of a data directory: one process at a time changes it.
//!
//! The lock is the operating system's (`flock`), so it goes with the process however that ends. The file's text
//! only says who holds it, for the message to the next one who tries; it is never trusted for the decision and the
//! file is never removed (removing it would let two processes lock two files of one name).

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{OsFs, create_dirs, private};

/// The name of the lock file in the data directory.
const LOCK_FILE: &str = "lock";

/// Who holds a lock, as the lock file tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holder {
    /// Process id, on `host`.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// When the lock was taken, RFC 3339.
    pub started: String,
    /// The program and its first argument; the others may hold secrets.
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {} since {} (`{}`)", self.pid, self.host, self.started, self.command)
    }
}

/// Why a data directory could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it: wait for it, stop it, or send it the command.
    #[error(
        "the data directory {} is in use by {}; stop that process or send it the command",
        dir.display(),
        holder.as_ref().map_or_else(|| "a process that left no name".to_owned(), ToString::to_string)
    )]
    Held {
        /// The data directory.
        dir: PathBuf,
        /// Who holds it; none when the file could not be read (it is being written just now).
        holder: Option<Holder>,
    },
    /// The lock file could not be opened, locked or written: check the path and its permissions.
    #[error("cannot lock the data directory {}; check that it can be written to", dir.display())]
    Io {
        /// The data directory.
        dir: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// The held lock of a data directory; dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct DataDirLock {
    file: File,
}

impl DataDirLock {
    /// Locks `dir` (created when missing) without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder, [`LockError::Io`] is anything else.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { dir: dir.to_owned(), source };
        create_dirs(&OsFs, dir).map_err(io)?;
        // The file keeps its bytes until the lock is held: they name the holder.
        let mut file = private::open(&dir.join(LOCK_FILE)).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder =
                    file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str(&text).ok());
                return Err(LockError::Held { dir: dir.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        write_holder(&mut file, &this_process()).map_err(io)?;
        Ok(Self { file })
    }
}

impl Drop for DataDirLock {
    fn drop(&mut self) {
        // The text would name a process that has gone. The lock itself goes with the file handle.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "the lock file keeps its text");
        }
    }
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    let text = serde_json::to_string(holder)?;
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())
}

fn this_process() -> Holder {
    let command: Vec<_> = std::env::args_os().take(2).map(|arg| arg.to_string_lossy().into_owned()).collect();
    Holder {
        pid: std::process::id(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        started: jiff::Timestamp::now().to_string(),
        command: command.join(" "),
    }
}
