//! `bookstate open-file FILE`: opens a book's file and ends. Not for people: intake runs it in a process of its own,
//! in which a file that takes too much memory or time is stopped by the system and takes nothing else with it.

use std::path::Path;

use bookstate_reading::source::Source;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Exit, Failure};

/// Seconds of a processor.
const SECONDS: u64 = 60;
/// The file is in memory, and parts of it in other forms.
const COPIES: u64 = 4;

/// Opens the file within `memory_mb` MiB, and what a file of its size needs in any case.
///
/// # Errors
/// The file is no book, or the limits cannot be set.
pub(crate) fn run(file: &Path, memory_mb: u64) -> Result<Exit, Failure> {
    let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let memory = (memory_mb << 20).saturating_add(size.saturating_mul(COPIES));
    for (resource, most) in [(Resource::As, memory), (Resource::Cpu, SECONDS), (Resource::Core, 0)] {
        let most = getrlimit(resource).maximum.map_or(most, |now| most.min(now));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(Failure::unexpected)?;
    }
    Source::open(file).map(|_| Exit::Ok).map_err(Failure::input)
}
