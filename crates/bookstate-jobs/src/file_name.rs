//! What the file of a book was called when it was taken in, beside the file's copy.
//!
//! A book is its content, so its record has no name of a file. People remember their books by it, also when the file is
//! elsewhere, and before a title is found. One content that came under several names has the last.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use bookstate_domain::BookId;
use bookstate_store::fs::private;

use crate::kept::{NAME, copy_of, id_of_hash, sources_dir};

/// How many bytes of a name are kept: as many as a file's name has on the systems that there are.
const MOST_BYTES: usize = 255;

/// The name of the file at `path`: its last part, or that of the folder of a pattern.
pub(crate) fn of_path(path: &Path) -> Option<String> {
    let real = if path.exists() { path } else { path.parent()? };
    // `.` has no name of its own.
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.or_else(|| Some(real.canonicalize().ok()?.file_name()?.to_string_lossy().into_owned()));
    name.as_deref().and_then(last_part)
}

/// The last part of what may be a path of any system, as far as names go, on one line.
fn last_part(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last: String = last.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let last = last.trim();
    let end =
        last.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MOST_BYTES).last();
    last.get(..end?).map(str::to_owned)
}

/// Keeps the name of a copy's file. What was kept stays when nothing is left of `name`. Blocks.
pub(crate) fn keep(copy: &Path, name: &str) -> io::Result<()> {
    let Some(name) = last_part(name) else { return Ok(()) };
    let path = beside(copy);
    if fs::read_to_string(&path).is_ok_and(|kept| kept == name) {
        return Ok(());
    }
    // Not one of the files that stand beside the copy, if it should be left.
    let temporary = path.with_file_name(format!(".name.{}.new", std::process::id()));
    let written = private::create_temporary(&temporary)
        .and_then(|mut file| file.write_all(name.as_bytes()))
        .and_then(|()| fs::rename(&temporary, &path));
    written.inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Forgets the name of a copy's file. Blocks.
pub(crate) fn forget(copy: &Path) -> io::Result<()> {
    match fs::remove_file(beside(copy)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(copy: &Path) -> PathBuf {
    copy.with_extension(NAME)
}

/// What the file of a book was called, as far as it is known. Blocks.
#[must_use]
pub fn file_name(data_dir: &Path, book_id: &BookId) -> Option<String> {
    Some(named(&beside(&copy_of(data_dir, book_id)?))?.1)
}

/// What the files of the books in a data directory were called, as far as it is known: a book that came from a target
/// has no file here, and one that an older version took in no name. Blocks.
#[must_use]
pub fn file_names(data_dir: &Path) -> BTreeMap<BookId, String> {
    let mut names = BTreeMap::new();
    let Ok(files) = fs::read_dir(sources_dir(data_dir)) else { return names };
    for file in files.flatten() {
        let path: PathBuf = sources_dir(data_dir).join(file.file_name());
        let is_name = path.extension().is_some_and(|extension| extension == NAME);
        if let Some((id, name)) = is_name.then(|| named(&path)).flatten() {
            names.insert(id, name);
        }
    }
    names
}

fn named(path: &Path) -> Option<(BookId, String)> {
    let id = id_of_hash(path.file_stem()?.to_str()?).ok()?;
    Some((id, last_part(&fs::read_to_string(path).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_part_of_a_path_of_any_system() {
        assert_eq!(last_part("book.pdf").as_deref(), Some("book.pdf"));
        assert_eq!(last_part("C:\\books\\A tale.pdf").as_deref(), Some("A tale.pdf"));
        assert_eq!(last_part("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(last_part(" / "), None);
        assert_eq!(last_part(""), None);
        assert_eq!(last_part("a.pdf\nerror: forged").as_deref(), Some("a.pdf error: forged"));
        let long = "ä".repeat(300);
        assert_eq!(last_part(&long).unwrap(), "ä".repeat(127));
    }

    #[test]
    fn a_pattern_has_the_name_of_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let pages = dir.path().join("a tale");
        fs::create_dir(&pages).unwrap();
        assert_eq!(of_path(&pages).as_deref(), Some("a tale"));
        assert_eq!(of_path(&pages.join("*.png")).as_deref(), Some("a tale"));
        assert_eq!(of_path(&pages.join(".")).as_deref(), Some("a tale"));
    }
}
