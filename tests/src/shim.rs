//! Faults in a process's file operations: the Rust side of `shim/killshim.c`.
//!
//! A [`Shim`] is compiled once with the system's C compiler and preloaded into a command. It counts the
//! writes, syncs, renames, unlinks and truncations that the process makes below one directory, and kills the
//! process at, or fails, the k-th of a kind. Raw system calls pass it by, so a test should check [`Counts`]
//! as well as the outcome. Linux only.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const SOURCE: &str = include_str!("../shim/killshim.c");

/// Why a shim cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShimError {
    /// There is no C compiler, or it did not start.
    #[error("cannot start the C compiler `cc` ({0}); install one (gcc or clang)")]
    NoCompiler(String),
    /// The compiler refused the shim.
    #[error("the shim does not compile: {0}")]
    Compile(String),
    /// A file of the shim could not be read or written.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The counts are not there or not complete: the process made none, or is still running.
    #[error("{path} has no counts; did the process run with the shim, and has it ended?")]
    NoCounts {
        /// The file that should have them.
        path: PathBuf,
    },
}

/// A kind of counted call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `write`, `pwrite`, `writev`, `pwritev`.
    Write,
    /// `fsync`, `fdatasync`.
    Sync,
    /// `rename` and its relatives.
    Rename,
    /// `unlink` and its relatives.
    Unlink,
    /// `ftruncate`.
    Truncate,
}

impl Call {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Write, Self::Sync, Self::Rename, Self::Unlink, Self::Truncate];

    const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Unlink => "unlink",
            Self::Truncate => "truncate",
        }
    }
}

/// The error that a failed call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Errno {
    /// The disk is full.
    Enospc,
    /// The quota is used up.
    Edquot,
    /// The disk is broken.
    Eio,
    /// A signal came in between.
    Eintr,
    /// Not allowed.
    Eacces,
}

impl Errno {
    const fn name(self) -> &'static str {
        match self {
            Self::Enospc => "ENOSPC",
            Self::Edquot => "EDQUOT",
            Self::Eio => "EIO",
            Self::Eintr => "EINTR",
            Self::Eacces => "EACCES",
        }
    }
}

/// How many calls of each kind a process made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u64; 5]);

impl Counts {
    /// The number of calls of a kind, failed and torn ones included.
    #[must_use]
    pub const fn of(self, call: Call) -> u64 {
        let [write, sync, rename, unlink, truncate] = self.0;
        match call {
            Call::Write => write,
            Call::Sync => sync,
            Call::Rename => rename,
            Call::Unlink => unlink,
            Call::Truncate => truncate,
        }
    }

    /// Reads what the shim wrote when the process ended or was killed by it.
    ///
    /// # Errors
    /// [`ShimError::NoCounts`] when nothing complete is there.
    pub fn read(path: &Path) -> Result<Self, ShimError> {
        let missing = || ShimError::NoCounts { path: path.to_owned() };
        let text = std::fs::read_to_string(path).map_err(|_| missing())?;
        let mut counts = Self::default();
        for (call, slot) in Call::ALL.iter().zip(&mut counts.0) {
            let value = text.lines().find_map(|line| line.strip_prefix(call.name())?.trim().parse().ok());
            *slot = value.ok_or_else(missing)?;
        }
        Ok(counts)
    }
}

/// What is to happen to the file operations of a command below one directory.
///
/// At most one kill, one failure and one tear; a later setting replaces an earlier one of the same sort.
#[derive(Debug, Clone)]
pub struct Shim {
    directory: PathBuf,
    settings: Vec<(&'static str, OsString)>,
}

impl Shim {
    /// Watches the files below `directory`, which must exist when the command starts, and does nothing else.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), settings: Vec::new() }
    }

    fn set(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.settings.retain(|(other, _)| *other != name);
        self.settings.push((name, value.into()));
        self
    }

    /// Writes the counts to `path` when the process ends or is killed by the shim. See [`Counts::read`].
    #[must_use]
    pub fn count_to(self, path: &Path) -> Self {
        self.set("SHIM_COUNT", path)
    }

    /// Kills the process when the `nth` call (from 1) has been made.
    #[must_use]
    pub fn kill_after(self, call: Call, nth: u64) -> Self {
        self.set("SHIM_KILL", format!("{}:{nth}", call.name()))
    }

    /// Kills the process in place of the `nth` call (from 1).
    #[must_use]
    pub fn kill_before(self, call: Call, nth: u64) -> Self {
        self.set("SHIM_KILL", format!("{}:{nth}:before", call.name()))
    }

    /// Lets the `nth` call (from 1) fail without effect.
    #[must_use]
    pub fn fail(self, call: Call, nth: u64, error: Errno) -> Self {
        self.set("SHIM_FAIL", format!("{}:{nth}:{}", call.name(), error.name()))
    }

    /// Lets the `nth` call (from 1) and all later ones fail without effect.
    #[must_use]
    pub fn fail_from(self, call: Call, nth: u64, error: Errno) -> Self {
        self.set("SHIM_FAIL", format!("{}:{nth}+:{}", call.name(), error.name()))
    }

    /// Lets the `nth` write (from 1) do at most `bytes` bytes, then kills the process.
    #[must_use]
    pub fn tear(self, nth: u64, bytes: usize) -> Self {
        self.set("SHIM_TEAR", format!("write:{nth}:{bytes}"))
    }

    /// Makes `command` run with the shim; compiles it on first use.
    ///
    /// # Errors
    /// Without a C compiler, and when the directory of build products cannot be written.
    pub fn apply<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command, ShimError> {
        let library = library()?;
        for name in ["SHIM_COUNT", "SHIM_KILL", "SHIM_FAIL", "SHIM_TEAR"] {
            command.env_remove(name);
        }
        command.env("LD_PRELOAD", library).env("SHIM_DIR", &self.directory);
        Ok(command.envs(self.settings.iter().map(|(name, value)| (name, value))))
    }

    /// Runs `command` with the shim to its end.
    ///
    /// # Errors
    /// Those of [`Shim::apply`], and when the command does not start.
    pub fn run(&self, command: &mut Command) -> Result<Output, ShimError> {
        let program = PathBuf::from(command.get_program());
        self.apply(command)?.output().map_err(|error| file_error(&program, &error))
    }
}

fn file_error(path: &Path, error: &io::Error) -> ShimError {
    ShimError::File { path: path.to_owned(), reason: error.to_string() }
}

/// The compiled shim, made once per process and kept between runs under a name that depends on its source.
fn library() -> Result<&'static Path, ShimError> {
    static LIBRARY: OnceLock<Result<PathBuf, ShimError>> = OnceLock::new();
    LIBRARY.get_or_init(compile).as_deref().map_err(Clone::clone)
}

fn compile() -> Result<PathBuf, ShimError> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let directory = target.join("killshim");
    std::fs::create_dir_all(&directory).map_err(|error| file_error(&directory, &error))?;
    // Absolute, because the command may run elsewhere.
    let directory = directory.canonicalize().map_err(|error| file_error(&directory, &error))?;
    let mut hasher = DefaultHasher::new();
    SOURCE.hash(&mut hasher);
    let library = directory.join(format!("killshim-{:016x}.so", hasher.finish()));
    if library.exists() {
        return Ok(library);
    }
    // Several test processes may compile at once: each its own files, the last rename wins.
    let own = directory.join(format!("build-{}", std::process::id()));
    let (source, built) = (own.with_extension("c"), own.with_extension("so"));
    std::fs::write(&source, SOURCE).map_err(|error| file_error(&source, &error))?;
    let output = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&built, &source])
        .args(["-ldl", "-lpthread"])
        .output()
        .map_err(|error| ShimError::NoCompiler(error.to_string()))?;
    if !output.status.success() {
        return Err(ShimError::Compile(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    std::fs::rename(&built, &library).map_err(|error| file_error(&library, &error))?;
    std::fs::remove_file(&source).map_err(|error| file_error(&source, &error))?;
    Ok(library)
}
