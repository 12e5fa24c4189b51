//! A SQLite file as a [`Target`]: the local store, and mirrors.
//!
//! The local store is opened once by its owner and shared; when it is not in its place any more, nothing goes into it
//! until the next start. A mirror is opened when it is needed, and again when
//! the file at its path is another one than before: a disk that was away comes back, a copy was put in its place.
//! A file that was removed while it was open would still take every write and lose it with the last descriptor,
//! so the name is compared with the open file before and after each chunk.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bookstate_domain::BookId;
use parking_lot::Mutex;

use super::store::FileId;
use super::{SqliteStore, StoreError};
use crate::target::{BookSync, Chunk, Limits, StoredBook, Target, TargetError};

/// What a chunk for a mirror may hold: a transaction that is over soon, on any disk.
const MIRROR_LIMITS: Limits = Limits { documents: 500, fields: usize::MAX, bytes: 8 * 1000 * 1000 };

/// A SQLite file as a target. A call whose future is dropped goes on to its end all the same.
#[derive(Debug, Clone)]
pub struct SqliteTarget {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Local(Arc<SqliteStore>),
    Mirror(Arc<Mirror>),
}

impl SqliteTarget {
    /// The local store. It takes a batch as one chunk, so that a book in it is never in flux.
    #[must_use]
    pub const fn local(store: Arc<SqliteStore>) -> Self {
        Self { place: Place::Local(store) }
    }

    /// A mirror at this path. Opened by [`prepare`](Target::prepare), which makes the file (not its directory).
    #[must_use]
    pub fn mirror(path: PathBuf) -> Self {
        Self { place: Place::Mirror(Arc::new(Mirror { path, open: Mutex::new(None) })) }
    }

    /// Runs `work` on the open store where it may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<T, TargetError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let place = self.place.clone();
        let done = tokio::task::spawn_blocking(move || work(&place)).await;
        // The runtime is shutting down, or the work panicked: it may have got anywhere.
        done.unwrap_or_else(|error| Err(TargetError::Ambiguous { reason: error.to_string() }))
    }
}

impl Place {
    fn read<T>(&self, work: impl FnOnce(&SqliteStore) -> Result<T, StoreError>) -> Result<T, TargetError> {
        match self {
            Self::Local(store) => {
                store.require_in_place()?;
                Ok(work(store)?)
            }
            Self::Mirror(mirror) => mirror.read(work),
        }
    }

    fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        match self {
            // The journal is freed on the word of this: so also after the write.
            Self::Local(store) => {
                store.require_in_place()?;
                store.write_chunk(chunk)?;
                Ok(store.require_in_place()?)
            }
            Self::Mirror(mirror) => mirror.write_chunk(chunk),
        }
    }
}

#[derive(Debug)]
struct Mirror {
    path: PathBuf,
    open: Mutex<Option<OpenMirror>>,
}

#[derive(Debug, Clone)]
struct OpenMirror {
    file: FileId,
    log: Option<FileId>,
    store: Arc<SqliteStore>,
}

impl Mirror {
    fn read<T>(&self, work: impl FnOnce(&SqliteStore) -> Result<T, StoreError>) -> Result<T, TargetError> {
        let open = self.current(false)?;
        self.judge(work(&open.store))
    }

    fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        let open = self.current(false)?;
        let done = self.judge(open.store.write_chunk(chunk));
        if FileId::of(&self.path) != Some(open.file) {
            return Err(TargetError::Ambiguous {
                reason: self.say("was removed or replaced during the write"),
            });
        }
        done
    }

    fn judge<T>(&self, done: Result<T, StoreError>) -> Result<T, TargetError> {
        use StoreError::{Ambiguous, Damaged, Io, Unusable};
        // What is wrong with the file or its layout may be mended by the next opening.
        if let Err(Io { .. } | Ambiguous { .. } | Damaged { .. } | Unusable { .. }) = &done {
            self.close();
        }
        done.map_err(TargetError::from)
    }

    /// The open file, opened (and made, if it may be) when it is not open or not the one at the path.
    fn current(&self, make: bool) -> Result<OpenMirror, TargetError> {
        let mut open = self.open.lock();
        let before = FileId::of(&self.path);
        if let Some(open) = open.as_ref().filter(|open| Some(open.file) == before) {
            return Ok(open.clone());
        }
        if let Some(gone) = open.take() {
            self.remove_log_of(&gone)?;
        }
        if before.is_none() && !make {
            return Err(TargetError::Unavailable { reason: self.say("is not there") });
        }
        let store = Arc::new(SqliteStore::open(&self.path)?);
        let file = FileId::of(&self.path).filter(|file| before.is_none_or(|before| before == *file));
        let Some(file) = file else {
            return Err(TargetError::Unavailable {
                reason: self.say("was replaced while it was being opened"),
            });
        };
        let log = FileId::of(&store.log_path());
        Ok(open.insert(OpenMirror { file, log, store }).clone())
    }

    /// Removes the log that a file left behind when it was removed or replaced: SQLite would apply it to whatever
    /// file has the name now. While the old file is open, its log's inode is not given to another file.
    fn remove_log_of(&self, gone: &OpenMirror) -> Result<(), TargetError> {
        let log = gone.store.log_path();
        if gone.log.is_none() || FileId::of(&log) != gone.log {
            return Ok(());
        }
        let unavailable = |error: std::io::Error| TargetError::Unavailable {
            reason: format!("{}, left behind by a file that is gone: {error}", log.display()),
        };
        fs::remove_file(&log).map_err(unavailable)
    }

    fn close(&self) {
        *self.open.lock() = None;
    }

    fn say(&self, what: &str) -> String {
        format!("{} {what}", self.path.display())
    }
}

impl From<StoreError> for TargetError {
    fn from(error: StoreError) -> Self {
        let reason = error.to_string();
        match error {
            StoreError::Mismatch => Self::Mismatch,
            StoreError::Missing { key } => Self::Missing { key },
            StoreError::Refused { reason } => Self::Refused { reason },
            StoreError::TooLarge { reason } => Self::TooLarge { reason },
            StoreError::Full { .. } | StoreError::Busy { .. } | StoreError::Io { .. } => {
                Self::Unavailable { reason }
            }
            StoreError::Ambiguous { reason } => Self::Ambiguous { reason },
            StoreError::Damaged { .. } | StoreError::Unusable { .. } => Self::Unusable { reason },
        }
    }
}

#[async_trait]
impl Target for SqliteTarget {
    fn limits(&self) -> Limits {
        match self.place {
            Place::Local(_) => Limits::NONE,
            Place::Mirror(_) => MIRROR_LIMITS,
        }
    }

    async fn prepare(&self) -> Result<(), TargetError> {
        self.run(|place| match place {
            Place::Local(_) => Ok(()),
            Place::Mirror(mirror) => mirror.current(true).map(|_| ()),
        })
        .await
    }

    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        let book_id = book_id.clone();
        self.run(move |place| place.read(|store| store.book_sync(&book_id))).await
    }

    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        let chunk = chunk.clone();
        self.run(move |place| place.write_chunk(&chunk)).await
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        let book_id = book_id.clone();
        let loaded = self.run(move |place| place.read(|store| store.load_book(&book_id))).await?;
        Ok(loaded.map(|book| StoredBook { state: book.state, sync: book.sync }))
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        self.run(|place| place.read(SqliteStore::list_books)).await
    }
}
