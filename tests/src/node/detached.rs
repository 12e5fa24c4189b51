//! A node that outlives the process that started it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::error::NodeError;
use super::process::PATIENCE;

/// A node that was let go with [`Node::detach`](super::Node::detach), to be written down and found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detached {
    /// Its process.
    pub process: i32,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its data.
    pub directory: PathBuf,
}

impl Detached {
    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether its process is there. Another program that has got the id since is not taken for it.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let command = std::fs::read(format!("/proc/{}/cmdline", self.process)).unwrap_or_default();
        let mut words = command.split(|byte| *byte == 0);
        words.any(|word| word == b"--rootdir")
    }

    /// Ends it in good order (SIGTERM) and waits until it has gone. Nothing happens when it does not run.
    ///
    /// # Errors
    /// [`NodeError::State`] when it does not end.
    pub fn stop(&self) -> Result<(), NodeError> {
        let begun = Instant::now();
        while self.is_running() {
            // Again each time: the first one may come before it listens to signals. One that has gone needs
            // none.
            let process = Pid::from_raw(self.process).ok_or(NodeError::State("has no process id"))?;
            kill_process(process, Signal::TERM).ok();
            if begun.elapsed() > PATIENCE {
                return Err(NodeError::State("does not end"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
