//! Several servers that know each other, or one alone.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{NatsError, Ports, Server};

/// Servers on this machine. They are killed when this value goes.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<Server>,
    /// Goes after the servers, being the last field.
    _throwaway: Option<TempDir>,
}

/// Servers that outlive who started them, to be written down and found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Their processes.
    pub processes: Vec<i32>,
    /// Where a client finds them.
    pub url: String,
    /// Where their data are.
    pub directory: PathBuf,
}

impl Cluster {
    /// Starts servers whose data go with them, and waits until they are ready.
    ///
    /// # Errors
    /// When there is no program, or they do not get ready.
    pub fn throwaway(servers: usize) -> Result<Self, NatsError> {
        Self::throwaway_at(Ipv4Addr::LOCALHOST, servers)
    }

    /// The same with clients that come by this address of the machine.
    ///
    /// # Errors
    /// When there is no program, or they do not get ready.
    pub fn throwaway_at(host: Ipv4Addr, servers: usize) -> Result<Self, NatsError> {
        let directory =
            tempfile::tempdir().map_err(|error| NatsError::file(&std::env::temp_dir(), &error))?;
        let ports = (0..servers).map(|_| Ports::free_at(host)).collect::<Result<Vec<_>, _>>()?;
        let cluster = Self::start(directory.path(), &ports)?;
        Ok(Self { _throwaway: Some(directory), ..cluster })
    }

    /// Starts one server at each of `ports`, with data below `directory`, and waits until they are ready.
    ///
    /// # Errors
    /// When there is no program, or they do not get ready.
    pub fn start(directory: &Path, ports: &[Ports]) -> Result<Self, NatsError> {
        let server = |number| Server::new(&directory.join(format!("n{number}")), number, ports);
        let servers = (0..ports.len()).map(server).collect::<Result<Vec<_>, _>>()?;
        let mut cluster = Self { servers, _throwaway: None };
        // All before one is waited for: a cluster is ready when most of it is.
        cluster.servers.iter_mut().try_for_each(Server::start)?;
        cluster.wait()?;
        Ok(cluster)
    }

    /// Waits until each that runs is ready.
    ///
    /// # Errors
    /// [`NatsError::NotReady`].
    pub fn wait(&mut self) -> Result<(), NatsError> {
        self.servers.iter_mut().filter(|server| server.pid().is_some()).try_for_each(Server::wait)
    }

    /// Where a client finds them: `nats://HOST:PORT,HOST:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        let ports = self.servers.iter().map(Server::ports);
        let hosts: Vec<String> = ports.map(|ports| format!("{}:{}", ports.host, ports.client)).collect();
        format!("nats://{}", hosts.join(","))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// All of them, by their numbers.
    pub fn servers(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Kills all of them (SIGKILL).
    pub fn kill(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
    }

    /// Lets them run on when this value and this process are gone. `directory` is where their data are.
    ///
    /// # Errors
    /// [`NatsError::State`] when one does not run.
    pub fn detach(self, directory: &Path) -> Result<Running, NatsError> {
        let url = self.url();
        let processes = self.servers.into_iter().map(Server::detach).collect::<Result<_, _>>()?;
        Ok(Running { processes, url, directory: directory.to_owned() })
    }
}

impl Running {
    /// Whether one of them runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.processes.iter().any(|process| is_server(*process))
    }

    /// Ends them in good order (SIGTERM) and waits until they have gone.
    ///
    /// # Errors
    /// [`NatsError::State`] when one does not end.
    pub fn stop(&self) -> Result<(), NatsError> {
        let begun = std::time::Instant::now();
        for process in &self.processes {
            while is_server(*process) {
                let pid = Pid::from_raw(*process).ok_or(NatsError::State("has no process id"))?;
                kill_process(pid, Signal::TERM).ok();
                if begun.elapsed().as_secs() > 120 {
                    return Err(NatsError::State("does not end"));
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        Ok(())
    }
}

/// Another program that has got the id since is not taken for it.
fn is_server(process: i32) -> bool {
    let there = Pid::from_raw(process).is_some_and(|pid| test_kill_process(pid).is_ok());
    let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    there && command.split(|byte| *byte == 0).any(|word| word == b"nats.conf")
}
