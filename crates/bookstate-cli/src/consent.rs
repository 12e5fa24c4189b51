//! Asking before something is lost. Without a terminal nobody can be asked: it is as if yes was said.

use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Whether to go on: `yes` says so at once, else the person at the terminal does.
///
/// # Errors
/// The person says no, or the terminal cannot be read.
pub(crate) fn ask(yes: bool) -> Result<(), Failure> {
    if yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    // A closed standard error leaves nobody to ask.
    drop(write!(io::stderr(), "go on? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::unexpected)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::input("nothing was changed")),
    }
}
