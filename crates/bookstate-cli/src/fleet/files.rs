//! The files of a book, where every machine of the fleet finds them.
//!
//! A job's note names them with their hashes, so that whoever goes on with the job makes the same files of them: the
//! copy of the book's file, and what stands beside it.

use std::path::{Path, PathBuf};

use bookstate_domain::BookId;
use bookstate_fleet::{SourceError, Sources};
use bookstate_jobs::{files_of, sources_dir};
use bookstate_store::fs::private;
use serde::{Deserialize, Serialize};

/// One file of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BookFile {
    /// What it is called among the copies, without a directory.
    name: String,
    /// The SHA-256 of what is in it.
    sha256: String,
}

impl BookFile {
    /// The SHA-256 of what is in it.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Puts a book's files where others find them.
///
/// # Errors
/// One cannot be read, or the store does not take it.
pub(super) async fn put(
    sources: &dyn Sources,
    data_dir: &Path,
    book: &BookId,
) -> Result<Vec<BookFile>, SourceError> {
    let (dir, id) = (data_dir.to_owned(), book.clone());
    let files = tokio::task::spawn_blocking(move || files_of(&dir, &id)).await.unwrap_or_default();
    let mut put = Vec::with_capacity(files.len());
    for path in files {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        put.push(BookFile { name, sha256: sources.put(&path).await? });
    }
    Ok(put)
}

/// Makes a book's files here, those that are not.
///
/// # Errors
/// One is not there, or cannot be written.
pub(super) async fn fetch(
    sources: &dyn Sources,
    data_dir: &Path,
    files: &[BookFile],
) -> Result<(), SourceError> {
    let dir = sources_dir(data_dir);
    let made = {
        let dir = dir.clone();
        tokio::task::spawn_blocking(move || private::create_dir(&dir)).await
    };
    if let Ok(Err(error)) = made
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(SourceError::File { path: dir, reason: error.to_string() });
    }
    for BookFile { name, sha256 } in files {
        let Some(to) = place(data_dir, name) else { continue };
        let there = to.clone();
        if !tokio::task::spawn_blocking(move || there.exists()).await.unwrap_or(false) {
            sources.fetch(sha256, &to).await?;
        }
    }
    Ok(())
}

/// Where a file of this name is kept. `None`: another machine names a place elsewhere, which is not written.
fn place(data_dir: &Path, name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    plain.then(|| sources_dir(data_dir).join(name))
}

#[cfg(test)]
mod tests {
    use bookstate_fleet::DirSources;

    use super::*;

    #[tokio::test]
    async fn another_machine_has_the_same_files_and_none_elsewhere() {
        let [here, there, kept] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let sources = DirSources::new(kept.path()).unwrap();
        let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let book = BookId::new("b-0123456789abcdef").unwrap();
        std::fs::create_dir(sources_dir(here.path())).unwrap();
        for (ending, text) in [("txt", "A book."), ("name", "a book.txt")] {
            std::fs::write(sources_dir(here.path()).join(format!("{hash}.{ending}")), text).unwrap();
        }
        std::fs::write(sources_dir(here.path()).join("fedcba98.txt"), "Another.").unwrap();
        let mut files = put(&sources, here.path(), &book).await.unwrap();
        assert_eq!(files.len(), 2, "{files:?}");
        files.push(BookFile { name: "../outside".into(), sha256: files[0].sha256.clone() });
        fetch(&sources, there.path(), &files).await.unwrap();
        assert_eq!(files_of(there.path(), &book).len(), 2);
        assert!(!there.path().join("outside").exists());
        let name = std::fs::read_to_string(sources_dir(there.path()).join(format!("{hash}.name"))).unwrap();
        assert_eq!(name, "a book.txt");
    }
}
