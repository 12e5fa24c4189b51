//! Where the copies of the books' files are kept, and which book one is of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bookstate_domain::{BookId, IdError};

/// How many hexadecimal digits of the hash a book's id has.
const ID_DIGITS: usize = 16;

/// The ending of the file with the name that a book's file had.
pub(crate) const NAME: &str = "name";

/// The endings of files that are kept beside a copy.
const BESIDE: &[&str] = &["spreads", NAME];

/// Where the copies of the books' files are.
#[must_use]
pub fn sources_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("sources")
}

/// The id of the book whose file has this hash.
pub(crate) fn id_of_hash(hash: &str) -> Result<BookId, IdError> {
    let digits: String = hash.chars().take(ID_DIGITS).collect();
    BookId::new(&format!("b-{digits}"))
}

/// The files that are kept of a book: its copy first, then what stands beside it. Blocks.
#[must_use]
pub fn files_of(data_dir: &Path, book_id: &BookId) -> Vec<PathBuf> {
    let Some(copy) = copy_of(data_dir, book_id) else { return Vec::new() };
    let beside = BESIDE.iter().map(|ending| copy.with_extension(ending)).filter(|path| path.is_file());
    let beside: Vec<PathBuf> = beside.collect();
    std::iter::once(copy).chain(beside).collect()
}

/// Where the copy of a book's file is; `None`: there is none. Blocks.
#[must_use]
pub fn copy_of(data_dir: &Path, book_id: &BookId) -> Option<PathBuf> {
    let prefix = book_id.as_str().strip_prefix("b-")?;
    let files = fs::read_dir(sources_dir(data_dir)).ok()?;
    let names = files.filter_map(|file| file.ok().map(|file| file.path()));
    let mut copies = names.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        let is_beside = path.extension().and_then(|e| e.to_str()).is_some_and(|e| BESIDE.contains(&e));
        name.is_some_and(|name| name.starts_with(prefix)) && !is_beside && path.is_file()
    });
    copies.next()
}
