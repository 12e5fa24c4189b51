//! Standard output: lines, JSON documents and tables. A reader that goes away ends the program quietly.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use crate::{
    failure::{Exit, Failure},
    grouped::grouped,
    table::Table,
    terminal, tone,
};

/// Writes a text and a line feed.
///
/// # Errors
/// Standard output is closed (silent) or cannot be written.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&terminal::plain(text), "\n")
}

/// Writes a line that begins with a word that says how something is, in a column of its own.
///
/// # Errors
/// As [`line()`].
pub(crate) fn judged(word: &str, text: &str) -> Result<(), Failure> {
    let blanks = " ".repeat(8usize.saturating_sub(word.len()));
    write(&format!("{}{blanks} {}", tone::on_stdout(word), terminal::plain(text)), "\n")
}

/// Writes a text as it is, for other programs; on a terminal what a terminal would obey is shown.
///
/// # Errors
/// As [`line()`].
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let is_read_here = io::stdout().is_terminal();
    write(&if is_read_here { terminal::plain(text) } else { text.into() }, "")
}

/// Writes a file's bytes as they are, for other programs.
///
/// # Errors
/// As [`line()`], and when standard output is a terminal.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return Err(Failure::usage("this format is no text for a terminal: give a file with -o FILE"));
    }
    write_bytes(bytes)
}

/// Clears the screen, so that what comes stands where the old text was.
///
/// # Errors
/// As [`line()`].
pub(crate) fn clear() -> Result<(), Failure> {
    write("\u{1b}[2J\u{1b}[H", "")
}

fn write(text: &str, end: &str) -> Result<(), Failure> {
    write_bytes(&[text.as_bytes(), end.as_bytes()].concat())
}

fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes);
    written.and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(Exit::Ok),
        _ => Failure::unexpected(format_args!("cannot write to standard output: {error}")),
    })
}

/// Writes a value as one line of JSON.
///
/// # Errors
/// As [`line()`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    write(&terminal::json(&serde_json::to_string(value).map_err(Failure::unexpected)?), "\n")
}

/// `--wide`: tables are as wide as what they hold.
static WIDE: AtomicBool = AtomicBool::new(false);

/// Tables are from now on as wide as what they hold.
pub(crate) fn widen() {
    WIDE.store(true, Ordering::Relaxed);
}

/// The columns that standard output has, when it is a terminal. `COLUMNS` outweighs what the terminal says, as in
/// other programs.
fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = console::Term::stdout();
    let asked = || terminal.size_checked().map(|(_, columns)| usize::from(columns));
    match WIDE.load(Ordering::Relaxed) {
        true => None,
        false => said.or_else(asked),
    }
}

/// Writes a table, or what to say when it is empty.
///
/// # Errors
/// As [`line()`].
pub(crate) fn print(table: &Table, empty: &str) -> Result<(), Failure> {
    // Cells were made plain one by one, before they got their colours.
    if table.is_empty() { line(empty) } else { write(&table.lines(columns()).join("\n"), "\n") }
}

/// A count with its noun: `1 page`, `2 pages`, `12,345 words`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

/// A text in at most `width` columns.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// A text as a word of a command line: in quotes where a shell would read it otherwise.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !text.is_empty() && !text.starts_with(['~', '-']) && text.chars().all(plain) {
        return text.to_owned();
    }
    let path = if text.starts_with('-') { format!("./{text}") } else { text.to_owned() };
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_the_shell() {
        for name in ["book.pdf", "my book's one.pdf", "a\"b$c`d", "~x", "短い.pdf", "", "a;b", "-q.pdf"] {
            let script = format!("printf %s {}", quoted(name));
            let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            let said = String::from_utf8(said.stdout).unwrap();
            assert_eq!(said.strip_prefix("./").filter(|_| name.starts_with('-')).unwrap_or(&said), name);
        }
        assert_eq!(quoted("dir/book-1.pdf"), "dir/book-1.pdf");
    }
}
