//! Where answers that were paid for are kept: beside the copy of a book's file, one file each, so that a stage that is
//! reset and runs again costs nothing. A saving and no part of the book: without them it is asked once more.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bookstate_domain::BookId;

use crate::ingest::copy_of;

/// The folder of a book's answers. `file`: the copy of the book's file.
pub(crate) fn answers_dir(file: &Path) -> PathBuf {
    file.with_extension("answers")
}

/// Forgets the answers that are kept of a book, so that its pages are read anew. Blocks.
///
/// # Errors
/// They cannot be removed.
pub fn forget_answers(data_dir: &Path, book_id: &BookId) -> io::Result<()> {
    let Some(copy) = copy_of(data_dir, book_id) else { return Ok(()) };
    match fs::remove_dir_all(answers_dir(&copy)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
