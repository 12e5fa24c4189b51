//! A node: one process, its directory, its port.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::binary::DEFRADB;
use super::client::Client;
use super::detached::Detached;
use super::error::NodeError;
use crate::guard::Guard;

/// How long a node may take to get ready or to stop. It takes half a second; the rest is for machines that
/// do a lot else.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// What the node logs when it listens.
const LISTENS: &str = "Providing HTTP API at http://";

/// A node's log, in its directory.
const LOG: &str = "defradb.log";

/// A DefraDB node on this machine, with its data on disk. Killed when this value goes, and when this process is
/// killed.
///
/// Its data and log outlive its processes: [`kill`](Self::kill) and [`start_again`](Self::start_again) are
/// what a crash and a restart are. The port stays the same.
#[derive(Debug)]
pub struct Node {
    directory: PathBuf,
    address: SocketAddr,
    process: Option<Process>,
    in_memory: bool,
    /// Goes after the process, being the last field.
    throwaway: Option<TempDir>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    guard: Option<Guard>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.guard = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Node {
    /// Starts a node with its data below `directory`, which is made if it is missing, and waits until it
    /// answers. Builds the program when it is missing, which takes minutes.
    ///
    /// # Errors
    /// Those of [`GoProgram::path`](crate::go_program::GoProgram::path), and when it does not get ready: the message has the end of its log.
    pub fn start(directory: &Path) -> Result<Self, NodeError> {
        Self::start_at(directory, 0)
    }

    /// The same at a port of choice; 0 is a free one.
    ///
    /// # Errors
    /// Those of [`Node::start`].
    pub fn start_at(directory: &Path, port: u16) -> Result<Self, NodeError> {
        Self::start_with(directory, (Ipv4Addr::LOCALHOST, port).into(), false)
    }

    fn start_with(directory: &Path, address: SocketAddr, in_memory: bool) -> Result<Self, NodeError> {
        let file = |error| NodeError::file(directory, &error);
        std::fs::create_dir_all(directory).map_err(file)?;
        let directory = directory.canonicalize().map_err(file)?;
        let mut node = Self { directory, address, process: None, in_memory, throwaway: None };
        node.start_again()?;
        Ok(node)
    }

    /// Starts a node whose data go with it.
    ///
    /// # Errors
    /// Those of [`Node::start`].
    pub fn throwaway() -> Result<Self, NodeError> {
        Self::throwaway_at(Ipv4Addr::LOCALHOST)
    }

    /// The same with clients that come by this address of the machine.
    ///
    /// # Errors
    /// Those of [`Node::start`].
    pub fn throwaway_at(host: Ipv4Addr) -> Result<Self, NodeError> {
        Self::start_throwaway(host, false)
    }

    /// Starts a node that has its data in memory: a killed one has lost them, and it takes no value of 1 MiB.
    ///
    /// # Errors
    /// Those of [`Node::start`].
    pub fn in_memory() -> Result<Self, NodeError> {
        Self::start_throwaway(Ipv4Addr::LOCALHOST, true)
    }

    fn start_throwaway(host: Ipv4Addr, in_memory: bool) -> Result<Self, NodeError> {
        let directory =
            tempfile::tempdir().map_err(|error| NodeError::file(&std::env::temp_dir(), &error))?;
        let node = Self::start_with(directory.path(), (host, 0).into(), in_memory)?;
        Ok(Self { throwaway: Some(directory), ..node })
    }

    /// Starts it again on the same data and the same port, and waits until it answers.
    ///
    /// # Errors
    /// [`NodeError::State`] when it still runs; else those of [`Node::start`].
    pub fn start_again(&mut self) -> Result<(), NodeError> {
        if self.is_running() {
            return Err(NodeError::State("runs already; kill or stop it first"));
        }
        let log = self.directory.join(LOG);
        let child = self.spawn(&log)?;
        let mut process = Process { child, guard: None };
        process.guard = Some(
            Guard::of(&process.child)
                .map_err(|error| NodeError::Start { program: "sh".into(), reason: error.to_string() })?,
        );
        let begun = Instant::now();
        let not_ready = |what: String| NodeError::NotReady { what, log: end_of(&log) };
        loop {
            if let Some(address) = listens_at(&log)
                && Client::new(address).is_healthy()
            {
                self.address = address;
                self.process = Some(process);
                return Ok(());
            }
            if let Ok(Some(status)) = process.child.try_wait() {
                return Err(not_ready(format!("ended ({status}) before it was ready")));
            }
            if begun.elapsed() > PATIENCE {
                return Err(not_ready("did not get ready".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn spawn(&self, log: &Path) -> Result<Child, NodeError> {
        let file = |error| NodeError::file(log, &error);
        // From the start, because the port is read from it.
        let output = File::create(log).map_err(file)?;
        let program = DEFRADB.path()?;
        Command::new(&program)
            .args(["start", "--rootdir", "."])
            .args(["--url", &self.address.to_string()])
            .args(["--store", if self.in_memory { "memory" } else { "badger" }])
            .args(["--no-keyring", "--no-p2p", "--no-signing", "--no-telemetry", "--no-log-color"])
            // Errors, and the line with the port.
            .args(["--log-level", "error", "--log-overrides", "node,level=info"])
            // It reads `.env` of its directory, DEFRA_ variables, and files below HOME.
            .current_dir(&self.directory)
            .env_clear()
            .env("HOME", &self.directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(file)?)
            .stderr(output)
            // A Ctrl-C at the terminal is not for it.
            .process_group(0)
            .spawn()
            .map_err(|error| NodeError::Start { program, reason: error.to_string() })
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its data.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A plain client of it.
    #[must_use]
    pub const fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Whether its process runs; one that ended by itself does not.
    pub fn is_running(&mut self) -> bool {
        let ended = self.process.as_mut().is_none_or(|process| !matches!(process.child.try_wait(), Ok(None)));
        if ended {
            self.process = None;
        }
        !ended
    }

    /// The end of its log since it was last started: errors and panics.
    #[must_use]
    pub fn log(&self) -> String {
        end_of(&self.directory.join(LOG))
    }

    /// Kills it (SIGKILL). Nothing happens when it does not run.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Ends it in good order (SIGTERM): it answers what it was asked before.
    ///
    /// # Errors
    /// [`NodeError::State`] when it does not run, or does not end.
    pub fn stop(&mut self) -> Result<(), NodeError> {
        let process = self.process.as_mut().ok_or(NodeError::State("does not run"))?;
        // One that has gone needs not be asked.
        kill_process(Pid::from_child(&process.child), Signal::TERM).ok();
        let begun = Instant::now();
        while self.is_running() {
            if begun.elapsed() > PATIENCE {
                return Err(NodeError::State("does not end"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Copies the data of a node that does not run to a directory that is not there.
    ///
    /// # Errors
    /// [`NodeError::State`] when it runs, [`NodeError::File`] when it cannot be copied.
    pub fn copy_data(&mut self, to: &Path) -> Result<(), NodeError> {
        self.must_rest()?;
        copy(&self.directory, to)
    }

    /// Gives a node that does not run the data of a copy, in place of its own.
    ///
    /// # Errors
    /// [`NodeError::State`] when it runs, [`NodeError::File`] when it cannot be copied.
    pub fn restore(&mut self, from: &Path) -> Result<(), NodeError> {
        self.must_rest()?;
        std::fs::remove_dir_all(&self.directory).map_err(|error| NodeError::file(&self.directory, &error))?;
        copy(from, &self.directory)
    }

    fn must_rest(&mut self) -> Result<(), NodeError> {
        if self.is_running() { Err(NodeError::State("runs; kill or stop it first")) } else { Ok(()) }
    }

    /// The bytes that its data take up on the disk; holes in files do not count. Most exact when it does not
    /// run, since the database reserves space while it does.
    ///
    /// # Errors
    /// [`NodeError::File`].
    pub fn disk_bytes(&self) -> Result<u64, NodeError> {
        bytes_below(&self.directory.join("data"))
    }

    /// Lets it run on when this value and this process are gone.
    ///
    /// # Errors
    /// [`NodeError::State`] when it does not run, or its data would go with this value.
    pub fn detach(mut self) -> Result<Detached, NodeError> {
        if self.throwaway.is_some() {
            return Err(NodeError::State("is a throwaway: its data go with it"));
        }
        let mut process = self.process.take().ok_or(NodeError::State("does not run"))?;
        process.guard = None;
        let detached = Detached {
            process: Pid::from_child(&process.child).as_raw_nonzero().get(),
            address: self.address,
            directory: self.directory,
        };
        // Its `Drop` would kill.
        std::mem::forget(process);
        Ok(detached)
    }
}

/// The address in the node's log, when it is there.
fn listens_at(log: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(log).ok()?;
    let (_, rest) = text.split_once(LISTENS)?;
    // Only a whole line has a whole port.
    let (line, _) = rest.split_once('\n')?;
    line.split_whitespace().next()?.parse().ok()
}

fn end_of(log: &Path) -> String {
    const LINES: usize = 40;
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
}

/// Copies a directory with holes as holes: a database that was killed leaves files of 2 GiB that are empty.
fn copy(from: &Path, to: &Path) -> Result<(), NodeError> {
    let output = Command::new("cp").arg("-a").arg(from).arg(to).output();
    let reason = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(NodeError::File { path: to.to_owned(), reason })
}

fn bytes_below(directory: &Path) -> Result<u64, NodeError> {
    let failed = |error| NodeError::file(directory, &error);
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
