//! `bookstate open-file FILE`: opens a book's file and ends. Not for people: intake runs it in a process of its own,
//! in which a file that takes too much memory or time is stopped by the system and takes nothing else with it.

use std::path::Path;

use bookstate_reading::source::Source;
use bookstate_scans::{images::PageImages, input::Scan};

use crate::{
    failure::{Exit, Failure},
    resources,
};

/// Seconds of a processor.
const SECONDS: u64 = 60;

/// Opens the file within `memory_mb` MiB, and what a file of its size needs in any case.
///
/// # Errors
/// The file is no book, or the limits cannot be set.
pub(crate) fn run(file: &Path, memory_mb: u64) -> Result<Exit, Failure> {
    resources::limit(file, memory_mb, SECONDS)?;
    let is_scan = Scan::find(file).map_err(Failure::input)?.is_some();
    match is_scan {
        // A folder's images are one file once they are taken in; no more than one of them is in memory then.
        true if file.is_dir() => Ok(Exit::Ok),
        true => PageImages::open(file).map(|_| Exit::Ok).map_err(Failure::input),
        false => Source::open(file).map(|_| Exit::Ok).map_err(Failure::input),
    }
}
