//! The files of books, where every machine finds them: by the SHA-256 of what is in them.
//!
//! Invariant: what is found under a hash has this hash; a file of which a part is there is not there.

mod dir;
mod nats;

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

pub use dir::DirSources;
pub use nats::NatsSources;

/// How much of a file is in memory at once.
const PIECE: usize = 128 * 1024;

/// A file was not put or fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is not there: whoever has the file must put it.
    #[error("no source {sha256} is there: take the file in again")]
    NotThere {
        /// Its hash.
        sha256: String,
    },
    /// What is there is something else: delete it and put the file again.
    #[error("what is kept as source {sha256} has the hash {found}: delete it and take the file in again")]
    Damaged {
        /// The hash that was asked for.
        sha256: String,
        /// The hash that it has.
        found: String,
    },
    /// The file changed while it was read: put it again.
    #[error("the file {path} changes while it is read: wait until it is complete")]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// A file of this machine cannot be read or written.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The servers do not answer, or have no room: try again.
    #[error("the store of sources does not answer: {reason}; try again")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// A person must act.
    #[error("the store of sources cannot be used: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
}

/// The files of books, where every machine finds them.
#[async_trait]
pub trait Sources: Send + Sync + std::fmt::Debug {
    /// Keeps a file, and returns its SHA-256 in lowercase hexadecimal. One that is kept already is not written again.
    /// When it returns the file survives what the store survives. A dropped future leaves nothing under the hash, or
    /// the whole file.
    ///
    /// # Errors
    /// See [`SourceError`].
    async fn put(&self, path: &Path) -> Result<String, SourceError>;

    /// Writes a kept file to `to`, whole and checked or not at all; what was there is replaced. A dropped future leaves
    /// `to` as it was, or done.
    ///
    /// # Errors
    /// See [`SourceError`].
    async fn fetch(&self, sha256: &str, to: &Path) -> Result<(), SourceError>;

    /// Whether a file is kept. It is not read.
    ///
    /// # Errors
    /// See [`SourceError`].
    async fn has(&self, sha256: &str) -> Result<bool, SourceError>;
}

/// Whether it is what [`Sources`] take for a hash: nothing else becomes a path or a name.
fn is_hash(sha256: &str) -> bool {
    sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn checked(sha256: &str) -> Result<(), SourceError> {
    if is_hash(sha256) {
        Ok(())
    } else {
        Err(SourceError::NotThere { sha256: sha256.chars().take(64).collect() })
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file_error(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::File { path: path.to_owned(), reason: error.to_string() }
}

/// Work with files, on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(SourceError::Unavailable { reason: error.to_string() }),
    }
}

/// Copies a file piece by piece and returns its hash.
fn copy(path: &Path, to: &mut impl Write, to_path: &Path) -> Result<String, SourceError> {
    let mut from = File::open(path).map_err(|error| file_error(path, &error))?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let read = from.read(&mut piece).map_err(|error| file_error(path, &error))?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else {
            return Ok(hex(&hash.finalize()));
        };
        hash.update(read);
        to.write_all(read).map_err(|error| file_error(to_path, &error))?;
    }
}

/// A new file beside `to`, which is to take its place.
fn beside(to: &Path) -> Result<NamedTempFile, SourceError> {
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    NamedTempFile::new_in(folder).map_err(|error| file_error(folder, &error))
}

/// Puts a complete file into its place, so that it stays there.
fn place(new: NamedTempFile, to: &Path) -> Result<(), SourceError> {
    let failed = |error: std::io::Error| file_error(to, &error);
    new.as_file().sync_all().map_err(failed)?;
    new.persist(to).map_err(|error| failed(error.error))?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
