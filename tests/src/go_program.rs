//! Programs that are built from their Go modules: DefraDB nodes and NATS servers.
//!
//! One build at a time, also between processes (a file lock); a program is complete or not there, since it
//! gets its name only when it is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that is built from its Go module, in `tools/NAME` of this repository, at the version pinned there.
#[derive(Debug)]
pub struct GoProgram {
    /// Its name in messages.
    pub title: &'static str,
    /// The directory of its module in `tools/`, of everything about it in the target directory, and its chore in
    /// `cargo xtask`.
    pub name: &'static str,
    /// The version that is pinned in its `go.mod`.
    pub version: &'static str,
    /// Its file's name.
    pub file: &'static str,
    /// The variable that names another program to be used instead.
    pub variable: &'static str,
    /// Its package in the module.
    pub package: &'static str,
    /// What its linker is told, so that it knows its version.
    pub ldflags: &'static str,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The variable names nothing that can be started.
    #[error("{variable} names {path}, which is not there; unset it to use the one of the target directory")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
    },
    /// It has to be built, and Go did not start.
    #[error(
        "cannot start `go` ({reason}); {title} is built with it: install Go 1.26 or newer and run \
         `cargo xtask {name} build`, or name a program with {variable}"
    )]
    NoGo {
        /// The program.
        title: &'static str,
        /// Its chore.
        name: &'static str,
        /// The variable that names another one.
        variable: &'static str,
        /// What the system said.
        reason: String,
    },
    /// Go was there and failed; it has said why on standard error.
    #[error(
        "{title} does not build ({status}, see above); it needs Go 1.26 or newer and, the first time, a Go module \
         proxy: run `cargo xtask {name} build` again"
    )]
    Build {
        /// The program.
        title: &'static str,
        /// Its chore.
        name: &'static str,
        /// How it ended.
        status: String,
    },
    /// A file or directory could not be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl ProgramError {
    fn file(path: &Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }
}

impl GoProgram {
    /// The program: the one that its variable names, else the one of the target directory, which is built when it is
    /// missing (minutes).
    ///
    /// # Errors
    /// [`ProgramError::Missing`] when the variable names none; else those of [`GoProgram::build`].
    pub fn path(&self) -> Result<PathBuf, ProgramError> {
        if let Some(other) = std::env::var_os(self.variable).filter(|other| !other.is_empty()) {
            let path = PathBuf::from(other);
            let missing = || ProgramError::Missing { variable: self.variable, path: path.clone() };
            // Absolute, because it runs in another directory.
            return path.canonicalize().ok().filter(|path| path.is_file()).ok_or_else(missing);
        }
        let path = self.built()?;
        if !path.is_file() {
            self.locked(|| if path.is_file() { Ok(()) } else { self.go(&path) })?;
        }
        Ok(path)
    }

    /// Builds the pinned program into the target directory and says where it is. Go's own cache decides how much
    /// there is to do: minutes the first time, seconds when nothing has changed.
    ///
    /// # Errors
    /// [`ProgramError::NoGo`] without Go, [`ProgramError::Build`] when it fails, [`ProgramError::File`] when the
    /// target directory cannot be written.
    pub fn build(&self) -> Result<PathBuf, ProgramError> {
        let path = self.built()?;
        self.locked(|| self.go(&path)).map(|()| path)
    }

    /// The directory of everything about it below the target directory. Made when it is missing.
    ///
    /// # Errors
    /// [`ProgramError::File`] when it cannot be made.
    pub fn directory(&self) -> Result<PathBuf, ProgramError> {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
        let directory = target.join(self.name);
        std::fs::create_dir_all(&directory).map_err(|error| ProgramError::file(&directory, &error))?;
        directory.canonicalize().map_err(|error| ProgramError::file(&directory, &error))
    }

    fn built(&self) -> Result<PathBuf, ProgramError> {
        Ok(self.directory()?.join(self.version).join(self.file))
    }

    fn locked(&self, build: impl FnOnce() -> Result<(), ProgramError>) -> Result<(), ProgramError> {
        let path = self.directory()?.join("build.lock");
        let failed = |error: io::Error| ProgramError::file(&path, &error);
        let lock = File::create(&path).map_err(failed)?;
        // Given back when the file is closed, also by a kill.
        lock.lock().map_err(failed)?;
        build()
    }

    fn go(&self, path: &Path) -> Result<(), ProgramError> {
        let unfinished = path.with_extension("unfinished");
        if path.is_file() {
            // Go leaves it as it is when nothing has changed, and links for half a minute when it is not there.
            std::fs::copy(path, &unfinished).map_err(|error| ProgramError::file(&unfinished, &error))?;
        }
        // `-trimpath` not only for equal builds: a node of DefraDB that finds its own sources reads them at every
        // error that it makes inside, and is several times slower.
        let status = Command::new("go")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools").join(self.name))
            .args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly"])
            .arg(format!("-ldflags={}", self.ldflags))
            .arg("-o")
            .arg(&unfinished)
            .arg(self.package)
            .status();
        let (title, name, variable) = (self.title, self.name, self.variable);
        let status = status.map_err(|error| ProgramError::NoGo {
            title,
            name,
            variable,
            reason: error.to_string(),
        })?;
        if !status.success() {
            return Err(ProgramError::Build { title, name, status: status.to_string() });
        }
        std::fs::rename(&unfinished, path).map_err(|error| ProgramError::file(path, &error))
    }
}
