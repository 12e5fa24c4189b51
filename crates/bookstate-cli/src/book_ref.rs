//! Which book is meant: an id, a unique beginning of one, or the path of the book's file.

use std::path::Path;

use bookstate_domain::BookId;
use bookstate_jobs::identify;

use crate::{
    failure::{Exit, Failure},
    output::count,
};

/// The book that `text` means, among the known ones.
///
/// # Errors
/// None or several are meant, or the file at the path is no book.
pub(crate) fn resolve(text: &str, known: &[BookId]) -> Result<BookId, Failure> {
    if let Some(found) = by_id(text, known)? {
        return Ok(found);
    }
    let path = Path::new(text);
    if !path.exists() {
        return Err(match BookId::new(text) {
            Ok(id) => Failure::input(format_args!(
                "there is no book {id} here, nor a file of that name: see `bookstate books`"
            )),
            Err(error) => {
                Failure::input(format_args!("{error}; and there is no file {text}: see `bookstate books`"))
            }
        });
    }
    let id = identify(path).map_err(|error| Failure::caused(Exit::Input, &error))?;
    if known.contains(&id) {
        return Ok(id);
    }
    Err(Failure::input(format_args!(
        "{text} (book {id}) has not been processed here: run `bookstate process {text}`"
    )))
}

/// The book of this id, or of the only id that begins like this.
fn by_id(text: &str, known: &[BookId]) -> Result<Option<BookId>, Failure> {
    if let Some(exact) = known.iter().find(|id| id.as_str() == text) {
        return Ok(Some(exact.clone()));
    }
    let alike: Vec<_> = known.iter().filter(|id| !text.is_empty() && id.as_str().starts_with(text)).collect();
    match alike.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        [first, second, ..] => {
            let books = count(alike.len(), "book");
            Err(Failure::input(format_args!(
                "{text} is the beginning of {books} ({first}, {second}, …): give more of it"
            )))
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
        let known = [id("b-x12"), id("b-x123"), id("b-x2"), of_file.clone()];
        let of = |text: &str| resolve(text, &known).map_err(|failure| failure.to_string());
        assert_eq!(of("b-x12"), Ok(id("b-x12")), "an exact id is never ambiguous");
        assert_eq!(of("b-x123"), Ok(id("b-x123")));
        assert_eq!(of(&file.display().to_string()), Ok(of_file));
        assert!(of("b-x1").unwrap_err().contains("beginning of 2 books"), "{:?}", of("b-x1"));
        assert!(of("b-x9").unwrap_err().contains("no book b-x9"));
        assert!(of("../x").unwrap_err().contains("is not an id"));
        assert!(of("").is_err());
        std::fs::write(&file, "Other text.").unwrap();
        assert!(of(&file.display().to_string()).unwrap_err().contains("has not been processed"));
    }
}
