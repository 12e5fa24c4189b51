//! What a data directory is made of, but for the contents of its files.
//!
//! | name | what it is |
//! |---|---|
//! | `lock` | held by the process that has the directory open ([`DataDirLock`]) |
//! | `writer` | the directory's identity as a writer; made once |
//! | `books.sqlite` | the local store |
//! | `journal/` | the journal |
//! | `set-aside/` | commits behind a gap, or that no target took before another machine had the book, `BOOK.FIRST-LAST.jsonl`; their seqs stay used as long as the file is there |
//!
//! All of it is its owner's alone, and no symbolic link is followed (`fs::private`). What else is in a data
//! directory is its users' business.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bookstate_domain::{BookId, Commit, Seq};

use super::OpenError;
use crate::{
    fs::{DataDirLock, OsFs, create_dirs, private},
    target::WriterId,
};

/// An open, locked data directory.
#[derive(Debug)]
pub(super) struct DataDir {
    pub(super) path: PathBuf,
    pub(super) writer: WriterId,
    /// Held as long as this lives, or the local store.
    pub(super) lock: Arc<DataDirLock>,
}

impl DataDir {
    /// Locks a data directory, and makes what it lacks of its own files.
    pub(super) fn open(path: PathBuf) -> Result<Self, OpenError> {
        let lock = Arc::new(DataDirLock::acquire(&path)?);
        let writer = writer_id(&path)?;
        // SQLite gives its log the mode of the file, and follows no link to it; a file it makes has other modes.
        let store = store_path(&path);
        private::open(&store).map_err(io_error(&store))?;
        Ok(Self { path, writer, lock })
    }

    /// Keeps commits behind a gap, for a person to look at; durable when it returns.
    pub(super) fn set_aside(&self, id: &BookId, commits: &[Commit]) -> Result<PathBuf, OpenError> {
        let first = commits.iter().map(|commit| commit.seq).min();
        self.set_aside_from(id, first.unwrap_or(Seq::ZERO), commits)
    }

    /// The same, of commits that stand for those from `first` on; durable when it returns.
    pub(super) fn set_aside_from(
        &self,
        id: &BookId,
        first: Seq,
        commits: &[Commit],
    ) -> Result<PathBuf, OpenError> {
        let dir = set_aside_dir(&self.path);
        let last = commits.iter().map(|commit| commit.seq).max();
        let range = format!("{first}-{}", last.unwrap_or(Seq::ZERO));
        let path = dir.join(format!("{id}.{range}.jsonl"));
        let mut lines = Vec::new();
        for commit in commits {
            serde_json::to_writer(&mut lines, commit)
                .map_err(|error| OpenError::Record { reason: error.to_string() })?;
            lines.push(b'\n');
        }
        // Also when it is there from an earlier start: the same commits have the same bytes.
        create_dirs(&OsFs, &dir).and_then(|()| write_whole(&path, &lines)).map_err(io_error(&path))?;
        Ok(path)
    }

    /// The highest seq of each book that was ever set aside: these are not given out again.
    pub(super) fn used_by_set_aside(&self) -> Result<HashMap<BookId, Seq>, OpenError> {
        let dir = set_aside_dir(&self.path);
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
            entries => entries.map_err(io_error(&dir))?,
        };
        let mut used: HashMap<BookId, Seq> = HashMap::new();
        for entry in entries {
            let name = entry.map_err(io_error(&dir))?.file_name();
            if let Some((id, last)) = name.to_str().and_then(read_name) {
                let highest = used.entry(id).or_default();
                *highest = last.max(*highest);
            }
        }
        Ok(used)
    }
}

/// Where the local store is.
pub(super) fn store_path(dir: &Path) -> PathBuf {
    dir.join("books.sqlite")
}

/// Where the journal is.
pub(super) fn journal_dir(dir: &Path) -> PathBuf {
    dir.join("journal")
}

fn set_aside_dir(dir: &Path) -> PathBuf {
    dir.join("set-aside")
}

/// The book of a file of commits that were set aside, and the last of them.
fn read_name(name: &str) -> Option<(BookId, Seq)> {
    let (id, range) = name.strip_suffix(".jsonl")?.split_once('.')?;
    let (_, last) = range.split_once('-')?;
    Some((BookId::new(id).ok()?, Seq::new(last.parse().ok()?)?))
}

/// The directory's identity as a writer; made once.
fn writer_id(dir: &Path) -> Result<WriterId, OpenError> {
    let path = dir.join("writer");
    match read_short(&path) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|reason: String| io_error(&path)(io::Error::new(io::ErrorKind::InvalidData, reason))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let writer = WriterId(rand::random());
            write_whole(&path, writer.to_string().as_bytes()).map_err(io_error(&path))?;
            Ok(writer)
        }
        Err(error) => Err(io_error(&path)(error)),
    }
}

/// The beginning of a file; an id is not longer.
fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(64).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file that is there whole or not at all, also after a power loss.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = private::create_temporary(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(dir) => fs::File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |source| OpenError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_was_set_aside_are_read_back() {
        let read = |name: &str| read_name(name).map(|(id, last)| (id.to_string(), last.get()));
        assert_eq!(read("moby-1-2.6-17.jsonl"), Some(("moby-1-2".to_owned(), 17)));
        for other in
            ["moby.jsonl", "moby.6.jsonl", "moby.6-x.jsonl", "a b.6-7.jsonl", "moby.6-7.json", ".6-7.jsonl"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
