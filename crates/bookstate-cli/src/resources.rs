//! What a process that reads a file of anybody's may take, set for itself before it looks at it.

use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;

/// The file is in memory, and parts of it in other forms.
const COPIES: u64 = 4;

/// Limits this process to `memory_mb` MiB and what a file of this size needs in any case, and to so many seconds of a
/// processor.
///
/// # Errors
/// The system refuses.
pub(crate) fn limit(file: &Path, memory_mb: u64, seconds: u64) -> Result<(), Failure> {
    let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let memory = (memory_mb << 20).saturating_add(size.saturating_mul(COPIES));
    for (resource, most) in [(Resource::As, memory), (Resource::Cpu, seconds), (Resource::Core, 0)] {
        let most = getrlimit(resource).maximum.map_or(most, |now| most.min(now));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(Failure::unexpected)?;
    }
    Ok(())
}
