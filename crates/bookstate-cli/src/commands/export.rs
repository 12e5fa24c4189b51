//! `bookstate export BOOK`.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use crate::{
    args::{ExportArgs, Format},
    failure::Failure,
    output,
};

/// Refuses what does not go together; called before anything is opened.
pub(crate) fn check(args: &ExportArgs) -> Result<(), Failure> {
    if args.canonical && args.format != Format::Json {
        return Err(Failure::usage("--canonical goes with --format json only"));
    }
    Ok(())
}

/// Writes a book to a file or to standard output.
pub(crate) fn run(book: &[u8], args: &ExportArgs) -> Result<(), Failure> {
    match &args.output {
        None => match std::str::from_utf8(book) {
            Ok(text) if args.format != Format::Epub => output::text(text),
            _ => output::bytes(book),
        },
        Some(path) => write_whole(path, book)
            .map_err(|error| Failure::unexpected(format_args!("cannot write {}: {error}", path.display()))),
    }
}

/// A file of our own at a path at which a stranger may have put a link.
fn create_new(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => OpenOptions::new().write(true).create_new(true).open(path),
    }
}

/// Writes a file that is there whole or as it was before. A path that is no regular file is written directly.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        return std::fs::write(path, bytes);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = Path::new(&name);
    let written = create_new(temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(temporary, path));
    if written.is_err() {
        // It may not be there; the error that matters is the one before.
        drop(std::fs::remove_file(temporary));
    }
    written
}
