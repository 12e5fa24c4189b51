//! A working directory, and processes in it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::program::program;
use super::tables::Tables;
use super::unit_log::UnitLog;
use crate::books::Made;
use crate::shim::{Shim, ShimError};

/// The file of a logged process's standard error.
const STDERR: &str = "stderr";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(180);

/// A working directory with an empty data directory (`.bookstate`), gone with this value.
#[derive(Debug)]
pub struct Place {
    directory: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none after a kill.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Whether it was killed.
    #[must_use]
    pub const fn was_killed(&self) -> bool {
        self.code.is_none()
    }

    /// Standard output as one JSON document.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The lines on standard error that begin with `error: `; there must be one at least, and no panic.
    #[must_use]
    pub fn errors(&self) -> Vec<&str> {
        let errors: Vec<&str> = self.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(!errors.is_empty() && !self.err.contains("panicked"), "{self:?}");
        errors
    }

    /// The only one of them.
    #[must_use]
    pub fn error(&self) -> &str {
        let [error] = self.errors()[..] else { panic!("one line of error is wanted: {self:?}") };
        error
    }

    /// Asserts an end with this code and one line of error that has all of these words.
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.error().contains(word), "{word:?} is not in {self:?}");
        }
    }
}

impl Place {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(".bookstate")).unwrap();
        Self { directory }
    }

    /// One with a book as `book.pdf`, `book.md` or `book.txt`, whichever it is.
    #[must_use]
    pub fn with(made: &Made) -> Self {
        let place = Self::new();
        let extension = made.file_name.rsplit('.').next().unwrap();
        place.write(&format!("book.{extension}"), &made.bytes);
        place
    }

    /// Its path.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The path of a name in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path(".bookstate")
    }

    /// The local store's file.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.path(".bookstate/books.sqlite")
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes a file that nobody else can read, as a token's must be.
    pub fn write_secret(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(name, content);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The program with arguments that have no spaces, and without anything of the environment that concerns
    /// it.
    #[must_use]
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.directory.path()).args(line.split_whitespace());
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with("BOOKSTATE_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program to its end.
    #[must_use]
    pub fn run(&self, line: &str) -> Ended {
        Ended::of(self.command(line).output().unwrap())
    }

    /// Runs the program to its end, which must be a good one.
    pub fn ok(&self, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        ended
    }

    /// Runs the program to its end, with faults in its file operations.
    ///
    /// # Errors
    /// Those of [`Shim::run`].
    pub fn run_with(&self, shim: &Shim, line: &str) -> Result<Ended, ShimError> {
        Ok(Ended::of(shim.run(&mut self.command(line))?))
    }

    /// Starts the program.
    #[must_use]
    pub fn start(&self, line: &str) -> Running {
        Running::of(self.command(line).stderr(Stdio::piped()), None)
    }

    /// Starts the program so that [`Place::said`] shows what it says.
    #[must_use]
    pub fn start_logged(&self, line: &str) -> Running {
        self.logged(&mut self.command(line))
    }

    /// The same with faults in its file operations.
    ///
    /// # Errors
    /// Those of [`Shim::apply`].
    pub fn start_with(&self, shim: &Shim, line: &str) -> Result<Running, ShimError> {
        let mut command = self.command(line);
        shim.apply(&mut command)?;
        Ok(self.logged(&mut command))
    }

    fn logged(&self, command: &mut Command) -> Running {
        let log = self.path(STDERR);
        let file = std::fs::File::create(&log).unwrap();
        Running::of(command.stderr(file), Some(log))
    }

    /// Standard error of the logged process that was started last, until now.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.path(STDERR)).unwrap()
    }

    /// What two runs of the same book must have in common.
    #[must_use]
    pub fn canonical(&self, book: &str) -> String {
        self.ok(&format!("export {book} --format json --canonical")).out
    }

    /// What the local store holds.
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables::read(&self.store())
    }

    /// What the engines did, of a run with `--unit-log units.jsonl`.
    #[must_use]
    pub fn unit_log(&self) -> UnitLog {
        UnitLog::read(&self.path("units.jsonl"))
    }

    /// Adds a target to the configuration.
    pub fn configure_target(&self, name: &str, path: &Path) {
        let file = self.path("bookstate.toml");
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        let path = path.display();
        let table = format!("[targets.{name}]\nkind = \"sqlite\"\npath = \"{path}\"\nlinger_ms = 50\n");
        std::fs::write(file, before + &table).unwrap();
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// A process. Killed when this value goes before it has ended.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    /// Where its standard error goes, if not through a pipe.
    log: Option<PathBuf>,
}

impl Running {
    fn of(command: &mut Command, log: Option<PathBuf>) -> Self {
        Self { child: Some(command.stdout(Stdio::piped()).spawn().unwrap()), log }
    }

    fn collect(&mut self) -> Ended {
        let mut ended = Ended::of(self.child.take().unwrap().wait_with_output().unwrap());
        if let Some(log) = &self.log {
            ended.err = std::fs::read_to_string(log).unwrap();
        }
        ended
    }

    /// Sends a signal: `INT`, `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits until something holds; fails when the process ends before.
    pub fn until(&mut self, what: &str, holds: impl FnMut() -> bool) {
        if !self.until_ended_or(holds) {
            panic!("it ended before {what}: {:?}", self.collect());
        }
    }

    /// Waits until something holds or the process has ended; says whether it holds.
    pub fn until_ended_or(&mut self, mut holds: impl FnMut() -> bool) -> bool {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain");
            if self.has_ended() {
                return holds();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Kills it (SIGKILL).
    pub fn kill(mut self) -> Ended {
        self.child.as_mut().unwrap().kill().unwrap();
        self.collect()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        self.collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
