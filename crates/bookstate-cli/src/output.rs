//! Standard output: lines, JSON documents and tables. A reader that goes away ends the program quietly.

use std::io::{self, ErrorKind, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Writes a text and a line feed.
///
/// # Errors
/// Standard output is closed (silent) or cannot be written.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    text_and(text, "\n")
}

/// Writes a text as it is.
///
/// # Errors
/// As [`line()`].
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    text_and(text, "")
}

fn text_and(text: &str, end: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes()));
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
    line(&serde_json::to_string(value).map_err(Failure::unexpected)?)
}

/// The width, in characters, below which a table is left to the terminal to wrap: its columns would be ribbons.
const NARROW: u16 = 60;

/// A table with these headings, as wide as the terminal allows.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    let fits = table.width().is_some_and(|width| width >= NARROW);
    let arrangement = if fits { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.load_style(presets::NOTHING).set_content_arrangement(arrangement);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()).collect::<Vec<_>>());
    table
}

/// Writes a table, or what to say when it is empty.
///
/// # Errors
/// As [`line()`].
pub(crate) fn print(table: &Table, empty: &str) -> Result<(), Failure> {
    if table.is_empty() { line(empty) } else { line(&table.trim_fmt()) }
}

/// A count with its noun: `1 page`, `2 pages`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A text in at most `width` characters.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}
