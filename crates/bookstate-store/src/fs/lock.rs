//! The lock of a data directory: one process at a time changes it.
//!
//! The lock is the operating system's (`flock`), so it goes with the process however that ends. The file's text
//! only says who holds it, for the message to the next one who tries; it is never trusted for the decision and the
//! file is never removed (removing it would let two processes lock two files of one name).
//!
//! A process that is killed while it starts another one leaves the lock for an instant: the new one has all open files
//! until it becomes its program. So a lock whose holder has gone is waited for.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::{OsFs, create_dirs, private};

/// The name of the lock file in the data directory.
const LOCK_FILE: &str = "lock";

/// How long a lock is waited for that nobody who lives is named for.
const LEFT_BEHIND: Duration = Duration::from_secs(5);
/// How often it is tried meanwhile.
const TRIED_AGAIN: Duration = Duration::from_millis(5);

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
    /// Locks `dir` (created when missing). Waits only for what a killed process leaves behind, at most 5 s.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder, [`LockError::Io`] is anything else.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { dir: dir.to_owned(), source };
        create_dirs(&OsFs, dir).map_err(io)?;
        // The file keeps its bytes until the lock is held: they name the holder.
        let mut file = private::open(&dir.join(LOCK_FILE)).map_err(io)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
            let holder = read_holder(&mut file);
            if holder.as_ref().is_some_and(Holder::may_live) || begun.elapsed() > LEFT_BEHIND {
                return Err(LockError::Held { dir: dir.to_owned(), holder });
            }
            thread::sleep(TRIED_AGAIN);
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

impl Holder {
    /// Whether the process may still be there: one of another machine may.
    fn may_live(&self) -> bool {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return true };
        let is_here = self.host == host();
        !is_here || !matches!(test_kill_process(pid), Err(Errno::SRCH))
    }
}

/// Who holds the lock; none when the file is being written just now.
fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
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
        host: host(),
        started: jiff::Timestamp::now().to_string(),
        command: command.join(" "),
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A process that has been there.
    fn gone() -> u32 {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn a_lock_that_a_killed_process_left_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDirLock::acquire(dir.path()).unwrap();
        let mut file = private::open(&dir.path().join(LOCK_FILE)).unwrap();
        write_holder(&mut file, &Holder { pid: gone(), ..this_process() }).unwrap();
        let next = thread::spawn({
            let dir = dir.path().to_owned();
            move || DataDirLock::acquire(&dir)
        });
        // Long enough that it meets the lock, mostly; should it not, it has it sooner.
        thread::sleep(10 * TRIED_AGAIN);
        drop(held);
        assert!(next.join().unwrap().is_ok());
    }

    #[test]
    fn a_lock_whose_holder_lives_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let _held = DataDirLock::acquire(dir.path()).unwrap();
        let Err(LockError::Held { holder: Some(holder), .. }) = DataDirLock::acquire(dir.path()) else {
            panic!("the lock is held");
        };
        assert!(holder.may_live());
        assert!(!Holder { pid: gone(), ..holder.clone() }.may_live());
        assert!(Holder { pid: gone(), host: "elsewhere".into(), ..holder }.may_live());
    }
}
