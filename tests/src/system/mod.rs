//! The real program under test: built once, run in a directory of its own, killed, looked at from outside.
//!
//! [`Place`] is a working directory with a data directory, [`Running`] a process in it, [`Ended`] how one
//! ended, [`UnitLog`] what its engines did, [`Tables`] what a SQLite file of it holds. Everything fails by
//! panicking, since nothing here is used outside of tests. Nothing here knows the crates of the program: what
//! is compared is what a person could compare, with the command line and the `sqlite3` shell.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a harness of tests fails by panicking")]

mod place;
mod program;
mod server;
mod tables;
mod unit_log;

pub use place::{Ended, Place, Running};
pub use program::program;
pub use server::Server;
pub use tables::{COLLECTIONS, Tables, is_whole};
pub use unit_log::UnitLog;
