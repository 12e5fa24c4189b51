//! Where the program is.
//!
//! It is built by a `cargo build` of its own, in the profile and the target directory of the test that runs,
//! so that a test run never tests an older program. The file stays open and is started through its
//! descriptor: a build that happens meanwhile replaces the name, not the program under test.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Names another program to be tested instead: an installed one, or one that was broken on purpose.
const OTHER: &str = "BOOKSTATE_TEST_PROGRAM";

struct Program {
    path: PathBuf,
    _open: File,
}

/// The program, as a path that can be executed while this process lives. Builds it on the first call.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
        let built = std::env::var_os(OTHER).map_or_else(build, PathBuf::from);
        let file = File::open(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        Program { path, _open: file }
    });
    &PROGRAM.path
}

fn build() -> PathBuf {
    // target/PROFILE/deps/TEST, or target/PROFILE/PROGRAM
    let own = std::env::current_exe().unwrap();
    let directory = own.ancestors().skip(1).find(|path| !path.ends_with("deps")).unwrap();
    let profile = match directory.file_name().unwrap().to_str().unwrap() {
        "debug" => "test",
        profile => profile,
    };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--quiet", "--bin", "bookstate", "--profile", profile])
        // As the tests were built: else all that it depends on is built again, with the features of the program alone.
        .args(if profile == "test" { ["--workspace"].as_slice() } else { &["--package", "bookstate-cli"] })
        // A kind of target and an engine that not every program has, and that every test's may use.
        .args(["--features", "bookstate-cli/nats,bookstate-cli/paddle"])
        .arg("--target-dir")
        .arg(directory.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "the program does not build");
    directory.join("bookstate")
}
