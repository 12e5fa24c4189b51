//! `bookstate page-image FILE PAGE RESOLUTION`: makes the image of a page and ends. Not for people: see
//! [`bookstate_scans::images::answer`]. In a process of its own, so that a page that is never drawn to its end, or
//! takes all memory, is stopped and takes nothing else with it.

use std::path::Path;

use crate::{
    failure::{Exit, Failure},
    resources,
};

/// What is drawn is there in several forms at once: as many times the memory of opening a file.
const FORMS: u64 = 2;

/// Makes an image within twice `memory_mb` MiB and what a file of its size needs in any case, and so many seconds of a
/// processor.
///
/// # Errors
/// The limits cannot be set, or nobody reads the answer.
pub(crate) fn run(
    file: &Path,
    page: u32,
    resolution: &str,
    memory_mb: u64,
    seconds: u64,
) -> Result<Exit, Failure> {
    resources::limit(file, memory_mb.saturating_mul(FORMS), seconds)?;
    let mut out = std::io::stdout().lock();
    bookstate_scans::images::answer(file, page, resolution, &mut out).map_err(Failure::unexpected)?;
    Ok(Exit::Ok)
}
