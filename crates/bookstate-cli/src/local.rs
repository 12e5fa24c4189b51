//! The local store as reading commands see it: no lock is taken, also while a job runs.
//!
//! After a kill the journal may have commits that the local store lacks. A reader does not apply them; it
//! says that they are there, and which command brings them in.

use std::{collections::BTreeMap, path::Path};

use bookstate_domain::{BookId, BookState, Seq};
use bookstate_store::{
    LibraryConfig, SqliteStore,
    fs::{Holder, OsFs},
    journal::{self, Entry},
};
use serde::Serialize;

use crate::{book_ref, failure::Failure, logging::say, output::count};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct LocalReader {
    store: SqliteStore,
    dir: std::path::PathBuf,
}

/// Commits of a book that are in the journal and not in the local store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Behind {
    /// The book.
    pub(crate) book_id: BookId,
    /// How many commits.
    pub(crate) commits: usize,
}

/// The process that has a data directory, as far as it left its name and lives.
pub(crate) fn holder(dir: &Path) -> Option<Holder> {
    let text = std::fs::read_to_string(dir.join("lock")).ok()?;
    let holder: Holder = serde_json::from_str(&text).ok()?;
    // Where there is no /proc, a name that was left counts as a process that lives.
    let proc = Path::new("/proc");
    let lives = !proc.join("self").exists() || proc.join(holder.pid.to_string()).exists();
    lives.then_some(holder)
}

impl LocalReader {
    /// Opens the local store of a data directory for reading.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let path = LibraryConfig::store_path(dir);
        if !path.exists() {
            return Err(Failure::data_dir(format_args!(
                "there is no book in {}: process one (`bookstate process FILE`), or give --data-dir",
                dir.display()
            )));
        }
        Ok(Self { store: SqliteStore::open_read_only(&path)?, dir: dir.to_owned() })
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.dir
    }

    /// The store.
    pub(crate) const fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// The book that `text` means.
    ///
    /// # Errors
    /// None or several are meant, or the store cannot be read.
    pub(crate) fn find(&self, text: &str) -> Result<BookId, Failure> {
        let known = book_ref::stored(&self.store, &self.dir)?;
        book_ref::resolve(text, &known).inspect_err(|_| self.note_behind(None))
    }

    /// The book that `text` means, as the store has it, and the last commit in it. Says so when the journal
    /// has more of it.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn book(&self, text: &str) -> Result<(BookState, Seq), Failure> {
        let id = self.find(text)?;
        let loaded = self.store.load_book(&id)?;
        let loaded = loaded.ok_or_else(|| Failure::input(format_args!("there is no book {id} any more")))?;
        self.note_behind(Some(&id));
        Ok((loaded.state, loaded.sync.persisted_seq))
    }

    /// The process that has the data directory, as far as it left its name and lives.
    pub(crate) fn holder(&self) -> Option<Holder> {
        holder(&self.dir)
    }

    /// The books of which the journal has more than the store, unless a process is at work: then it is only
    /// ahead.
    ///
    /// # Errors
    /// The store or the journal cannot be read.
    pub(crate) fn behind(&self) -> Result<Vec<Behind>, Failure> {
        if self.holder().is_some() {
            return Ok(Vec::new());
        }
        let stored: BTreeMap<String, u32> = self
            .store
            .list_books()?
            .into_iter()
            .map(|(id, sync)| (id.to_string(), sync.persisted_seq.get()))
            .collect();
        let mut behind: BTreeMap<String, usize> = BTreeMap::new();
        let mut count_newer = |entry: Entry<'_>| {
            if let Entry::Commit { head, .. } = entry
                && stored.get(head.book).is_none_or(|seq| head.seq > *seq)
            {
                *behind.entry(head.book.to_owned()).or_default() += 1;
            }
        };
        let journal = LibraryConfig::journal_dir(&self.dir);
        if journal.exists() {
            journal::inspect(&OsFs, &journal, &mut count_newer).map_err(bookstate_store::OpenError::from)?;
        }
        let books = behind
            .into_iter()
            .filter_map(|(book, commits)| Some(Behind { book_id: BookId::new(&book).ok()?, commits }));
        Ok(books.collect())
    }

    /// Says which commits the store lacks: of one book, or of all.
    pub(crate) fn note_behind(&self, only: Option<&BookId>) {
        let behind = match self.behind() {
            Ok(behind) => behind,
            Err(failure) => {
                return say("warning", format_args!("the journal could not be looked at: {failure}"));
            }
        };
        for Behind { book_id, commits } in behind {
            if only.is_none_or(|only| *only == book_id) {
                let commits = count(commits, "commit");
                say(
                    "note",
                    format_args!(
                        "the journal has {commits} of book {book_id} that the local store lacks, since a \
                         process was interrupted: `bookstate process FILE` brings them in and continues"
                    ),
                );
            }
        }
    }
}
