//! Where the node's program is, and how it is built.
//!
//! One build at a time, also between processes (a file lock); a program is complete or not there, since it
//! gets its name only when it is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::NodeError;

/// The version that is pinned in `tools/defradb/go.mod`.
pub const VERSION: &str = "1.0.0";

/// Names another program to be used instead.
const OTHER: &str = "BOOKSTATE_DEFRADB";

/// The package of the program in its Go module.
const PACKAGE: &str = "github.com/sourcenetwork/defradb/cmd/defradb";

/// The node's program: the one that `BOOKSTATE_DEFRADB` names, else the one of the target directory, which is
/// built when it is missing (minutes).
///
/// # Errors
/// [`NodeError::NoProgram`] when the variable names none; else those of [`build`].
pub fn binary() -> Result<PathBuf, NodeError> {
    if let Some(other) = std::env::var_os(OTHER).filter(|other| !other.is_empty()) {
        let path = PathBuf::from(other);
        // Absolute, because the node runs in another directory.
        return path.canonicalize().ok().filter(|path| path.is_file()).ok_or(NodeError::NoProgram { path });
    }
    let path = program()?;
    if path.is_file() {
        Ok(path)
    } else {
        locked(|| if path.is_file() { Ok(()) } else { go(&path) }).map(|()| path)
    }
}

/// Builds the pinned node into the target directory and says where it is. Go's own cache decides how much
/// there is to do: 6 to 10 minutes on two cores the first time, seconds when nothing has changed.
///
/// # Errors
/// [`NodeError::NoGo`] without Go, [`NodeError::Build`] when it fails, [`NodeError::File`] when the target
/// directory cannot be written.
pub fn build() -> Result<PathBuf, NodeError> {
    let path = program()?;
    locked(|| go(&path)).map(|()| path)
}

/// The directory of everything about nodes below the target directory. Made when it is missing.
///
/// # Errors
/// [`NodeError::File`] when it cannot be made.
pub fn directory() -> Result<PathBuf, NodeError> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let directory = target.join("defradb");
    std::fs::create_dir_all(&directory).map_err(|error| NodeError::file(&directory, &error))?;
    directory.canonicalize().map_err(|error| NodeError::file(&directory, &error))
}

fn program() -> Result<PathBuf, NodeError> {
    Ok(directory()?.join(VERSION).join("defradb"))
}

fn locked(build: impl FnOnce() -> Result<(), NodeError>) -> Result<(), NodeError> {
    let path = directory()?.join("build.lock");
    let failed = |error: io::Error| NodeError::file(&path, &error);
    let lock = File::create(&path).map_err(failed)?;
    // Given back when the file is closed, also by a kill.
    lock.lock().map_err(failed)?;
    build()
}

fn go(path: &Path) -> Result<(), NodeError> {
    let unfinished = path.with_extension("unfinished");
    if path.is_file() {
        // Go leaves it as it is when nothing has changed, and links for half a minute when it is not there.
        std::fs::copy(path, &unfinished).map_err(|error| NodeError::file(&unfinished, &error))?;
    }
    // `-trimpath` not only for equal builds: a node that finds its own sources reads them at every error that
    // it makes inside, and is several times slower.
    let status = Command::new("go")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/defradb"))
        .args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly"])
        .arg(format!("-ldflags=-X github.com/sourcenetwork/defradb/version.GitRelease=v{VERSION}"))
        .arg("-o")
        .arg(&unfinished)
        .arg(PACKAGE)
        .status()
        .map_err(|error| NodeError::NoGo { reason: error.to_string() })?;
    if !status.success() {
        return Err(NodeError::Build { status: status.to_string() });
    }
    std::fs::rename(&unfinished, path).map_err(|error| NodeError::file(path, &error))
}
