//! Completion of words at the shell: those that the program itself has, books and targets.
//!
//! The script of `completions SHELL` asks this program each time ([`clap_complete::env`]), so that it never lags behind
//! an update. What it finds of books it reads like any reading command: no lock is taken, and nothing is said when there
//! is nothing to read.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use clap_complete::{
    Shell,
    engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter},
    env::Shells,
};

use crate::{
    book_ref::{self, Known},
    environment,
    failure::Failure,
    local::LocalReader,
    settings::{self, Flags, Settings},
    terminal,
};

/// The variable by which the script asks.
pub(crate) const VARIABLE: &str = "BOOKSTATE_COMPLETE";

/// The script of a shell.
///
/// # Errors
/// The shell has none.
pub(crate) fn script(shell: Shell) -> Result<String, Failure> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let completer =
        shells.completer(&name).ok_or_else(|| Failure::usage(format_args!("{name} has no completion")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "bookstate", "bookstate", "bookstate", &mut script)
        .map_err(Failure::unexpected)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Completes a book: by the beginning of its id, a part of its title or of its file's name, or the path of its file.
pub(crate) fn book() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut candidates = book_candidates(&known().unwrap_or_default(), &current.to_string_lossy());
        candidates.extend(PathCompleter::file().complete(current));
        candidates
    })
}

/// Completes the name of a target.
pub(crate) fn target() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let current = current.to_string_lossy();
        let targets = here().map(|settings| settings.targets).unwrap_or_default();
        let named = targets.into_iter().filter(|target| target.name.as_str().starts_with(&*current));
        named
            .map(|target| {
                let place = terminal::line(&target.place.to_string()).into_owned();
                CompletionCandidate::new(target.name.as_str()).help(Some(place.into()))
            })
            .collect()
    })
}

/// An id is what stands in the line then: a title has spaces and quotes, of which each shell thinks otherwise.
fn book_candidates(known: &[Known], current: &str) -> Vec<CompletionCandidate> {
    let part = current.to_lowercase();
    let is_meant = |book: &&Known| {
        let mut names = [&book.title, &book.file_name].into_iter().flatten();
        let is_named = !part.is_empty() && names.any(|name| name.to_lowercase().contains(&part));
        book.id.as_str().starts_with(current) || is_named
    };
    let candidate = |book: &Known| {
        let name = book.name().map(|name| terminal::line(name).into_owned());
        CompletionCandidate::new(book.id.as_str()).help(name.map(Into::into))
    };
    known.iter().filter(is_meant).map(candidate).collect()
}

fn known() -> Option<Vec<Known>> {
    let local = LocalReader::open(&here()?.data_dir).ok()?;
    book_ref::stored(local.store(), local.data_dir()).ok()
}

/// The settings of the line that is completed.
fn here() -> Option<Settings> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let environment: BTreeMap<String, String> = environment();
    settings::load(&flags(&words), &environment).ok()
}

/// Where the line says that the books are.
fn flags(words: &[OsString]) -> Flags {
    let given = |name: &str| {
        let behind = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
        let behind = behind.map(|word| word.to_string_lossy().into_owned());
        let joined = || words.iter().find_map(|word| word.to_str()?.strip_prefix(name)?.strip_prefix('='));
        behind.or_else(|| joined().map(str::to_owned))
    };
    let keys = given("--data-dir").map(|dir| ("data_dir", "--data-dir", dir)).into_iter().collect();
    Flags { config: given("--config").map(Into::into), keys, ..Flags::default() }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::BookId;

    use super::*;

    #[test]
    fn a_book_is_completed_by_its_id_or_a_part_of_its_title() {
        let book = |id: &str, title: Option<&str>| Known {
            id: BookId::new(id).unwrap(),
            title: title.map(str::to_owned),
            file_name: Some(format!("scan of {id}.pdf")),
        };
        let known = [
            book("b-1a", Some("Moby-Dick; or, The Whale")),
            book("b-1b", None),
            book("c-2", Some("\u{1b}[31mRed")),
        ];
        let found = |current: &str| -> Vec<String> {
            let candidates = book_candidates(&known, current);
            candidates.iter().map(|one| one.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(found(""), ["b-1a", "b-1b", "c-2"]);
        assert_eq!(found("b-1"), ["b-1a", "b-1b"]);
        assert_eq!(found("whale"), ["b-1a"]);
        assert_eq!(found("scan of b-1b"), ["b-1b"], "by its file's name");
        assert_eq!(found("x"), [""; 0]);
        let help = book_candidates(&known, "red")[0].get_help().unwrap().to_string();
        assert!(!help.contains('\u{1b}'), "{help:?}");
    }

    #[test]
    fn the_line_says_where_the_books_are() {
        let words: Vec<OsString> =
            ["x", "--", "bookstate", "status", "--data-dir", "d"].map(Into::into).to_vec();
        assert_eq!(flags(&words).keys, [("data_dir", "--data-dir", "d".to_owned())]);
        assert_eq!(flags(&words).config, None);
        assert_eq!(flags(&["--config=c.toml".into()]).config, Some("c.toml".into()));
    }
}
