//! The open file: one connection that writes, a few that read.
//!
//! Writes take turns; reads use connections of their own and see the last committed state, so a long read holds
//! up no write and no write holds up a read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{StoreError, open};
use crate::fs::DataDirLock;

/// Idle reading connections that are kept for the next read.
const IDLE_READERS: usize = 4;

/// Which file a name means: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }
}

/// A SQLite file with books.
///
/// All methods block, on the disk and for up to two seconds on another process that holds the file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    /// What was opened, the file and its log.
    opened: [Option<FileId>; 2],
    /// Closed before the writer: the last connection moves the write-ahead log into the file, and a reader
    /// may not.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    /// Held as long as somebody may write.
    _lock: Option<Arc<DataDirLock>>,
}

impl SqliteStore {
    /// Opens the file for reading and writing; makes it when it does not exist (its directory must), brings an
    /// older one up to date.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] for a newer version or another program's database, [`StoreError::Damaged`],
    /// [`StoreError::Busy`], [`StoreError::Full`], [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        open::for_writing(path).map(|conn| Self::over(path, conn)).map_err(|error| error.at(path))
    }

    /// The local store of a data directory, which stays locked until the last write has ended: a task that was given up
    /// may be in the middle of one when everything else has gone.
    pub(crate) fn open_locked(path: &Path, lock: Arc<DataDirLock>) -> Result<Self, StoreError> {
        Ok(Self { _lock: Some(lock), ..Self::open(path)? })
    }

    /// Opens the file for reading, also while another process writes. Every change is refused with
    /// [`StoreError::Io`].
    ///
    /// # Errors
    /// As [`open`](Self::open); the file must exist and be up to date.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        open::for_reading(path).map(|conn| Self::over(path, conn)).map_err(|error| error.at(path))
    }

    fn over(path: &Path, writer: Connection) -> Self {
        let opened = [FileId::of(path), FileId::of(&log_path(path))];
        Self {
            path: path.to_owned(),
            opened,
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            _lock: None,
        }
    }

    /// Whether the file and its log still have their names. A file that was removed or replaced while it was open
    /// takes every write and loses it with the last descriptor.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when they have not.
    pub(super) fn require_in_place(&self) -> Result<(), StoreError> {
        if [FileId::of(&self.path), FileId::of(&self.log_path())] == self.opened {
            return Ok(());
        }
        Err(StoreError::Unusable {
            reason: format!(
                "{} or its log was removed or replaced while it was open; what is in memory and in the journal is \
                 kept: put the file back or restore it from a copy, then start again",
                self.path.display()
            ),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction that is committed when it succeeds.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock();
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx)?;
        tx.commit().map_err(|error| StoreError::from(error).of_commit())?;
        Ok(done)
    }

    /// Runs `work` on one state of the database.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.readers.lock().pop();
        let mut reader = idle.map_or_else(|| open::connect_reader(&self.path), Ok)?;
        let tx = reader.transaction()?;
        let done = work(&tx)?;
        tx.finish()?;
        let mut readers = self.readers.lock();
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        Ok(done)
    }

    /// Reads the whole file and checks its structure.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first findings.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare("PRAGMA integrity_check(5)")?;
            let findings = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
            if findings == ["ok"] { Ok(()) } else { Err(StoreError::Damaged { reason: findings.join("; ") }) }
        })
    }

    /// The size of the file and its log, in bytes.
    ///
    /// # Errors
    /// The file cannot be examined.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        let error = |error: std::io::Error| StoreError::Io { reason: error.to_string() }.at(&self.path);
        let file = fs::metadata(&self.path).map_err(error)?.len();
        // No log at all is a log of no bytes.
        Ok(file + fs::metadata(self.log_path()).map_or(0, |log| log.len()))
    }

    /// The write-ahead log beside the file.
    pub(super) fn log_path(&self) -> PathBuf {
        log_path(&self.path)
    }
}

fn log_path(path: &Path) -> PathBuf {
    let mut log = path.to_owned().into_os_string();
    log.push("-wal");
    log.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bookstate_domain::{At, BookId, Op, PageKey, Seq, Timestamp, WriteOp};

    use super::*;
    use crate::{
        sqlite::SqliteTarget,
        target::{BookSync, Chunk, Target as _, TargetError, WriterId},
    };

    fn first_chunk(book_id: &BookId, seq: Seq, ops: Vec<WriteOp>) -> Chunk {
        let sync = BookSync {
            start: crate::target::StartId::default(),
            epoch: crate::target::Epoch::NONE,
            writer: WriterId([7; 16]),
            write_no: 1,
            token: 1,
            persisting_seq: seq,
            persisted_seq: seq,
            parked: Vec::new(),
        };
        Chunk { book_id: book_id.clone(), expect: None, sync, ops }
    }

    #[test]
    fn a_full_disk_takes_nothing_of_a_chunk_and_all_of_it_later() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(&dir.path().join("books.db")).unwrap();
        let book_id = BookId::new("a-book").unwrap();
        let seq = Seq::new(1).unwrap();
        let put = |page_num| {
            let at = At { seq, now: Timestamp::from_nanos(1) };
            let mut page = PageKey { book_id: book_id.clone(), page_num }.document(&at);
            page.ocr_markdown = Some("x".repeat(3000).into());
            Op::Upsert(Arc::new(page)).into()
        };
        let chunk = first_chunk(&book_id, seq, (1..200).map(put).collect());
        let limit = |pages: i64| {
            let writer = store.writer.lock();
            writer
                .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))
                .unwrap();
        };
        limit(80);
        let full = store.write_chunk(&chunk);
        assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
        assert!(store.load_book(&book_id).unwrap().is_none());
        limit(1_000_000);
        store.write_chunk(&chunk).unwrap();
        assert_eq!(store.load_book(&book_id).unwrap().unwrap().state.pages().size(), 199);
    }

    /// The journal is freed on the word of a target: a file that goes in the middle of a write has not taken it.
    #[tokio::test]
    async fn a_local_store_that_is_removed_during_a_write_has_not_taken_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("books.db")).unwrap());
        let path = store.path.clone();
        let goes = move || {
            fs::remove_file(&path).unwrap();
            false
        };
        store.writer.lock().commit_hook(Some(goes)).unwrap();
        let chunk = first_chunk(&BookId::new("a-book").unwrap(), Seq::new(1).unwrap(), Vec::new());
        let written = SqliteTarget::local(store).write_chunk(&chunk).await;
        assert!(matches!(written, Err(TargetError::Unusable { .. })), "{written:?}");
    }
}
