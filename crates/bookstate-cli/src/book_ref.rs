//! Which book is meant: an id, a unique beginning of one, a title or the name of the book's file or a unique part of
//! one, or the path of the file.

use std::{collections::BTreeMap, path::Path};

use bookstate_domain::{Book, BookId};
use bookstate_jobs::{file_names, identify};
use bookstate_scans::input::Scan;
use bookstate_store::SqliteStore;

use crate::{
    failure::{Exit, Failure},
    output::{count, quoted, shortened},
};

/// A book that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The book.
    pub(crate) id: BookId,
    /// Its title, where it is known.
    pub(crate) title: Option<String>,
    /// What its file was called, where that is known.
    pub(crate) file_name: Option<String>,
}

impl Known {
    /// A book, and what the files of books were called.
    pub(crate) fn of(book: &Book, file_names: &BTreeMap<BookId, String>) -> Self {
        let title = book.title.as_deref().map(str::to_owned);
        Self { id: book.book_id.clone(), title, file_name: file_names.get(&book.book_id).cloned() }
    }

    /// What people call it: its title, else its file's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.title.as_deref().or(self.file_name.as_deref())
    }
}

/// The books of the store in a data directory.
///
/// # Errors
/// It cannot be read.
pub(crate) fn stored(store: &SqliteStore, data_dir: &Path) -> Result<Vec<Known>, Failure> {
    let books = store.list_book_documents()?;
    let names = file_names(data_dir);
    Ok(books.iter().map(|book| Known::of(book, &names)).collect())
}

/// How many of several books that may be meant are named.
const NAMED: usize = 5;

/// The book that `text` means, among the known ones. An id comes before a file, a file before a title.
///
/// # Errors
/// None or several are meant, or the file at the path is no book.
pub(crate) fn resolve(text: &str, known: &[Known]) -> Result<BookId, Failure> {
    if let Some(found) = by_id(text, known)? {
        return Ok(found);
    }
    let path = Path::new(text);
    if !path.exists() && matches!(Scan::find(path), Ok(None)) {
        if let Some(found) = by_name(text, known)? {
            return Ok(found);
        }
        return Err(match BookId::new(text) {
            Ok(id) => Failure::input(format_args!(
                "there is no book {id} here, no title or file of a book like it, nor a file of that path: see `bookstate books`"
            )),
            Err(error) => {
                Failure::input(format_args!("{error}; and there is no file {text}: see `bookstate books`"))
            }
        });
    }
    let id = identify(path).map_err(|error| Failure::caused(Exit::Input, &error))?;
    if known.iter().any(|book| book.id == id) {
        return Ok(id);
    }
    Err(Failure::input(format_args!(
        "{text} (book {id}) has not been processed here: run `bookstate process {}`",
        quoted(text)
    )))
}

/// The book of this id, or of the only id that begins like this.
fn by_id(text: &str, known: &[Known]) -> Result<Option<BookId>, Failure> {
    if let Some(exact) = known.iter().find(|book| book.id.as_str() == text) {
        return Ok(Some(exact.id.clone()));
    }
    let begins = |book: &&Known| !text.is_empty() && book.id.as_str().starts_with(text);
    only(known.iter().filter(begins).collect(), format_args!("{text} is the beginning of"))
}

/// The book of this title or file, or the only one whose title or file's name has this in it. Case and what is no letter
/// or digit do not count.
fn by_name(text: &str, known: &[Known]) -> Result<Option<BookId>, Failure> {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(text);
    if wanted.is_empty() {
        return Ok(None);
    }
    let stem = |name: &String| Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    // A path that leads nowhere is a mistake, and no name.
    let is_path = text.contains('/');
    let file = |book: &Known| book.file_name.clone().filter(|_| !is_path);
    let exactly = |book: &&Known| {
        let of_file = [file(book), file(book).as_ref().and_then(stem)];
        let mut names = [book.title.clone()].into_iter().chain(of_file).flatten();
        names.any(|name| plain(&name) == wanted)
    };
    // Each file's name has an ending, which is no part of what it is called.
    let partly = |book: &&Known| {
        let mut names = [book.title.clone(), file(book).as_ref().and_then(stem)].into_iter().flatten();
        names.any(|name| plain(&name).contains(&wanted))
    };
    let exact: Vec<_> = known.iter().filter(exactly).collect();
    let found = if exact.is_empty() { known.iter().filter(partly).collect() } else { exact };
    only(found, format_args!("{text:?} is in the titles or files of"))
}

/// The one book that was found, or an error that names those that were.
fn only(found: Vec<&Known>, what: std::fmt::Arguments<'_>) -> Result<Option<BookId>, Failure> {
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.id.clone())),
        several => {
            let name = |book: &&&Known| match book.name() {
                Some(title) => format!("{} ({})", book.id, shortened(title, 40)),
                None => book.id.to_string(),
            };
            let mut names: Vec<String> = several.iter().take(NAMED).map(|book| name(&book)).collect();
            names.extend((several.len() > NAMED).then(|| "…".to_owned()));
            let books = count(several.len(), "book");
            Err(Failure::input(format_args!("{what} {books}: {}; give more of it", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_a_beginning_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.txt");
        std::fs::write(&file, "Some text.").unwrap();
        let of_file = identify(&file).unwrap();
        let id = |text| BookId::new(text).unwrap();
        let book = |id: &BookId, title: Option<&str>| Known {
            id: id.clone(),
            title: title.map(str::to_owned),
            file_name: None,
        };
        let known = [
            book(&id("b-x12"), Some("The Mill: a Tale")),
            book(&id("b-x123"), Some("The Mill on the Hill")),
            book(&id("b-x2"), Some("Harbours")),
            Known { file_name: Some("my mills.txt".into()), ..book(&of_file, None) },
            Known { file_name: Some("scan 0012.pdf".into()), ..book(&id("b-y1"), Some("Rivers")) },
        ];
        let of = |text: &str| resolve(text, &known).map_err(|failure| failure.to_string());
        assert_eq!(of("b-x12"), Ok(id("b-x12")), "an exact id is never ambiguous");
        assert_eq!(of("b-x123"), Ok(id("b-x123")));
        assert_eq!(of(&file.display().to_string()), Ok(of_file.clone()));
        assert!(of("b-x1").unwrap_err().contains("beginning of 2 books"), "{:?}", of("b-x1"));
        assert_eq!(of("harbours"), Ok(id("b-x2")), "a title");
        assert_eq!(of("mill on"), Ok(id("b-x123")), "a part of one");
        assert_eq!(of("scan 0012"), Ok(id("b-y1")), "a part of the name of its file, which is elsewhere");
        assert_eq!(of("My Mills.txt"), Ok(of_file), "without a title");
        assert!(of("mill").unwrap_err().contains("3 books"), "{:?}", of("mill"));
        assert_eq!(of("the mill a tale"), Ok(id("b-x12")), "the whole of one");
        let several = of("the mill").unwrap_err();
        assert!(several.contains("b-x12 (The Mill: a Tale)") && several.contains("b-x123"), "{several}");
        assert!(of("b-x9").unwrap_err().contains("no book b-x9"));
        assert!(of("../scan 0012").is_err(), "a path to a file that is not there");
        assert!(of("../x").unwrap_err().contains("is not an id"));
        assert!(of("").is_err());
        std::fs::write(&file, "Other text.").unwrap();
        assert!(of(&file.display().to_string()).unwrap_err().contains("has not been processed"));
    }
}
