//! Asking before something is lost. Without a terminal nobody can be asked, and nothing is done that was not agreed to.

use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Whether to go on: `yes` says so at once, else the person at the terminal does.
///
/// # Errors
/// The person says no, the terminal cannot be read, or there is none.
pub(crate) fn ask(yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage("nothing was changed: nobody can be asked without a terminal; say --yes"));
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
