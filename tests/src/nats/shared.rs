//! One server for all tests of a process, each of which has names of its own in it.

use std::sync::OnceLock;

use super::{Cluster, NatsError};

/// The address of a server that this process shares. It ends with the process, by its guard.
///
/// # Errors
/// When there is no program, or it does not get ready.
pub fn shared() -> Result<&'static str, NatsError> {
    static SERVER: OnceLock<Result<(Cluster, String), NatsError>> = OnceLock::new();
    let started = SERVER.get_or_init(|| {
        let cluster = Cluster::throwaway(1)?;
        let url = cluster.url();
        Ok((cluster, url))
    });
    match started {
        Ok((_, url)) => Ok(url),
        // Said once more in full by whoever starts one of its own.
        Err(error) => Err(NatsError::NotReady { what: error.to_string(), log: String::new() }),
    }
}
