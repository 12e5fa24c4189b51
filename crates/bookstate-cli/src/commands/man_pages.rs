//! `bookstate man-pages DIR`: a manual page for the program and for each command. Not for people: packages are made
//! with it.

use std::path::Path;

use crate::failure::{Exit, Failure};

/// Writes `bookstate.1`, `bookstate-process.1` and so on.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn run(dir: &Path, program: clap::Command) -> Result<Exit, Failure> {
    // What every command takes is on the program's page.
    let program = program.disable_help_subcommand(true);
    clap_mangen::generate_to(program, dir)
        .map_err(|error| Failure::usage(format_args!("{}: {error}", dir.display())))?;
    Ok(Exit::Ok)
}
