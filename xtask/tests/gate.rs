//! The checks of the house on this repository, so that `cargo test` is the gate.

use std::process::Command;

#[test]
fn the_repository_is_tidy() {
    let tidy =
        Command::new(env!("CARGO_BIN_EXE_xtask")).args(["tidy", "--offline"]).output().expect("it starts");
    let (said, failure) = (String::from_utf8_lossy(&tidy.stdout), String::from_utf8_lossy(&tidy.stderr));
    assert!(tidy.status.success(), "`cargo xtask tidy` fails:\n{said}{failure}");
}
