//! Where answers that were paid for are kept: beside the copy of a book's file, one file each, so that a stage that is
//! reset and runs again costs nothing. A saving and no part of the book: without them it is asked once more.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of a book's answers. `file`: the copy of the book's file.
pub(crate) fn answers_dir(file: &Path) -> PathBuf {
    file.with_extension("answers")
}

/// Removes them. Blocks.
///
/// # Errors
/// They cannot be removed.
pub(crate) fn remove_answers(file: &Path) -> io::Result<()> {
    match fs::remove_dir_all(answers_dir(file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
