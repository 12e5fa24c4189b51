//! How many files the process may have open.
//!
//! Connections are files, too. When they take the last one, the journal cannot begin its next segment and the store
//! cannot be read. So the limit is raised to what the system allows, and connections get what is left of it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What journal, store, sources, uploads and targets may need.
const RESERVE: u64 = 256;

/// Raises the limit as far as this process may, and returns it.
pub(crate) fn raise() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: now.maximum, maximum: now.maximum };
    // Refused where the most is not what may be asked for: then it stays as it was.
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => now.maximum.unwrap_or(u64::MAX),
        Err(_) => now.current.unwrap_or(u64::MAX),
    }
}

/// How many of `wanted` connections leave the rest of the program enough files.
pub(crate) fn connections(wanted: usize, files: u64) -> usize {
    let left = files.saturating_sub(RESERVE.min(files / 2));
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_a_reserve() {
        assert_eq!(connections(4096, 1 << 20), 4096);
        assert_eq!(connections(4096, 1024), 768);
        assert_eq!(connections(4096, 100), 50);
        assert!(raise() > 0);
    }
}
