//! What is kept of a book is its owner's alone.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use tempfile::NamedTempFile;

/// Makes a directory that only its owner can enter, with its parents. One that is there keeps its mode.
pub(crate) fn create_dirs(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a file, with its directories: whole or not at all, replacing what was there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written(path, bytes)?.persist(path).map(drop).map_err(|error| error.error)
}

/// As [`write`]; when it returns, no loss of power takes it back.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = written(path, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(dir_of(path))?.sync_all()
}

/// The bytes under another name beside `path`.
fn written(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    create_dirs(dir_of(path))?;
    let mut file = NamedTempFile::new_in(dir_of(path))?;
    file.write_all(bytes)?;
    Ok(file)
}

fn dir_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
