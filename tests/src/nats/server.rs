//! One server: a process, its directory, its ports.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::{NATS, NatsError};
use crate::guard::Guard;
use crate::node::Client;

/// How long a server may take to get ready or to stop. Some seconds; the rest is for machines that do a lot else.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a server listens. The other servers and who asks how it is come by loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The address for clients: a loopback address, but where clients are in other networks.
    #[serde(default = "loopback")]
    pub host: Ipv4Addr,
    /// For clients.
    pub client: u16,
    /// For the other servers of its cluster.
    pub cluster: u16,
    /// For who asks how it is, by HTTP.
    pub monitor: u16,
}

impl Ports {
    /// Three that nobody has at the moment.
    ///
    /// # Errors
    /// [`NatsError::File`] when the system has none.
    pub fn free() -> Result<Self, NatsError> {
        Self::free_at(loopback())
    }

    /// The same with clients that come by this address of the machine.
    ///
    /// # Errors
    /// [`NatsError::File`] when the system has none.
    pub fn free_at(host: Ipv4Addr) -> Result<Self, NatsError> {
        let failed = |error: std::io::Error| NatsError::file(Path::new("a free port"), &error);
        // All at once, so that they are three.
        let listen = |host| TcpListener::bind((host, 0)).map_err(failed);
        let (a, b, c) = (listen(host)?, listen(loopback())?, listen(loopback())?);
        let port = |of: &TcpListener| of.local_addr().map(|address| address.port()).map_err(failed);
        Ok(Self { host, client: port(&a)?, cluster: port(&b)?, monitor: port(&c)? })
    }
}

const fn loopback() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}

/// A NATS server with its data on disk. Killed when this value goes, and when this process is killed. Its data outlive
/// its processes, and its ports stay the same.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    ports: Ports,
    process: Option<(Child, Guard)>,
}

impl Server {
    /// A server that was not started. `number` names it in its cluster, `all` has the ports of all of them; one that
    /// is alone has no cluster.
    ///
    /// # Errors
    /// [`NatsError::File`] when its directory or configuration cannot be written.
    pub fn new(directory: &Path, number: usize, all: &[Ports]) -> Result<Self, NatsError> {
        let file = |error| NatsError::file(directory, &error);
        std::fs::create_dir_all(directory).map_err(file)?;
        let directory = directory.canonicalize().map_err(file)?;
        let ports = *all.get(number).ok_or(NatsError::State("is not one of its cluster"))?;
        std::fs::write(directory.join("nats.conf"), configuration(number, all, ports)).map_err(file)?;
        Ok(Self { directory, ports, process: None })
    }

    /// Starts it, or starts it again on the same data. It is not waited for.
    ///
    /// # Errors
    /// Those of the program, and [`NatsError::File`] when it does not start.
    pub fn start(&mut self) -> Result<(), NatsError> {
        if self.is_running() {
            return Err(NatsError::State("runs already"));
        }
        let file = |error| NatsError::file(&self.directory, &error);
        let output = File::create(self.log_path()).map_err(file)?;
        let child = Command::new(NATS.path()?)
            .args(["-c", "nats.conf"])
            .current_dir(&self.directory)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(file)?)
            .stderr(output)
            // A Ctrl-C at the terminal is not for it.
            .process_group(0)
            .spawn()
            .map_err(file)?;
        let guard = Guard::of(&child).map_err(file)?;
        self.process = Some((child, guard));
        Ok(())
    }

    /// Waits until it says of itself that it is well: its cluster has a leader, and it has what the leader has.
    ///
    /// # Errors
    /// [`NatsError::NotReady`] when it ends instead, or takes too long.
    pub fn wait(&mut self) -> Result<(), NatsError> {
        let begun = Instant::now();
        let client = Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.monitor)));
        loop {
            if client.request("GET", "/healthz", b"").is_ok_and(|answer| answer.status() == Some(200)) {
                return Ok(());
            }
            let what = if !self.is_running() {
                "ended before it was ready"
            } else if begun.elapsed() > PATIENCE {
                "did not get ready"
            } else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            return Err(NatsError::NotReady { what: what.to_owned(), log: self.log() });
        }
    }

    /// Its ports.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("nats.log")
    }

    /// Whether its process runs.
    pub fn is_running(&mut self) -> bool {
        let runs = self.process.as_mut().is_some_and(|(child, _)| matches!(child.try_wait(), Ok(None)));
        if !runs {
            self.process = None;
        }
        runs
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(|(child, _)| Pid::from_child(child).as_raw_nonzero().get())
    }

    /// Kills it (SIGKILL). Nothing happens when it does not run.
    pub fn kill(&mut self) {
        if let Some((mut child, guard)) = self.process.take() {
            drop(guard);
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Ends it in good order (SIGTERM).
    ///
    /// # Errors
    /// [`NatsError::State`] when it does not end.
    pub fn stop(&mut self) -> Result<(), NatsError> {
        let Some((child, _)) = &self.process else { return Ok(()) };
        // One that has gone needs not be asked.
        kill_process(Pid::from_child(child), Signal::TERM).ok();
        let begun = Instant::now();
        while self.is_running() {
            if begun.elapsed() > PATIENCE {
                return Err(NatsError::State("does not end"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Deletes its data. It must not run.
    ///
    /// # Errors
    /// [`NatsError::State`] when it runs, [`NatsError::File`] when they cannot be deleted.
    pub fn delete_data(&mut self) -> Result<(), NatsError> {
        if self.is_running() {
            return Err(NatsError::State("runs; kill or stop it first"));
        }
        let data = self.directory.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).map_err(|error| NatsError::file(&data, &error))?;
        }
        Ok(())
    }

    /// Lets it run on when this value and this process are gone. Its process.
    ///
    /// # Errors
    /// [`NatsError::State`] when it does not run.
    pub fn detach(mut self) -> Result<i32, NatsError> {
        let pid = self.pid().ok_or(NatsError::State("does not run"))?;
        if let Some((child, guard)) = self.process.take() {
            drop(guard);
            // Its `Drop` does not kill; this value's would have.
            drop(child);
        }
        Ok(pid)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a server is told. What differs from the defaults is what `docs/fleet.md` asks for.
fn configuration(number: usize, all: &[Ports], own: Ports) -> String {
    let Ports { host, client, cluster, monitor } = own;
    let mut text = format!(
        "server_name: n{number}\nlisten: {host}:{client}\nhttp: 127.0.0.1:{monitor}\nmax_payload: 16MB\n\
         ping_interval: \"1s\"\nping_max: 2\nlame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n\
         jetstream {{\n  store_dir: data\n  sync_interval: always\n  max_memory_store: 256MB\n  \
         max_file_store: 4GB\n}}\n"
    );
    if all.len() > 1 {
        let routes: Vec<String> =
            all.iter().map(|ports| format!("nats://127.0.0.1:{}", ports.cluster)).collect();
        text += &format!(
            "cluster {{\n  name: bookstate\n  listen: 127.0.0.1:{cluster}\n  routes: [{}]\n}}\n",
            routes.join(", ")
        );
    }
    text
}
