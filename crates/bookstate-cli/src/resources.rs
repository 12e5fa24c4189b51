//! What a process that reads a file of anybody's may take. It limits itself and begins anew: what its allocator has
//! reserved by then would be beyond the limit.

use std::{os::unix::process::CommandExt, path::Path, process::Command};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{failure::Failure, library};

/// The file is in memory, and parts of it in other forms.
const COPIES: u64 = 4;

/// Limits this process to `memory_mb` MiB and what a file of this size needs in any case, and to so many seconds of a
/// processor. Where it is not limited like this yet, it begins anew, and this does not return.
///
/// # Errors
/// The system refuses.
pub(crate) fn limit(file: &Path, memory_mb: u64, seconds: u64) -> Result<(), Failure> {
    let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let memory = (memory_mb << 20).saturating_add(size.saturating_mul(COPIES));
    let mut is_limited = true;
    for (resource, most) in [(Resource::As, memory), (Resource::Cpu, seconds), (Resource::Core, 0)] {
        let now = getrlimit(resource);
        let most = now.maximum.map_or(most, |maximum| most.min(maximum));
        if now.current != Some(most) {
            is_limited = false;
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            setrlimit(resource, limit).map_err(Failure::unexpected)?;
        }
    }
    if is_limited {
        return Ok(());
    }
    let mut again = Command::new(library::this_program()?);
    Err(Failure::unexpected(again.args(std::env::args_os().skip(1)).exec()))
}
