//! Hostile clients and hostile files against the real program.
//!
//! Each attack goes on while a healthy client beside it, at another address and with a token, is answered, uploads a
//! book and sees it complete. What is asserted are conditions and the server's memory; the times of the healthy
//! client are printed. What of all this is promised is in `SECURITY.md`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]
#![expect(clippy::print_stdout, reason = "the times of the healthy client")]

mod bomb_files;
mod bombs;
mod connections;
mod disk;
mod files;
mod readers;
mod requests;
mod rig;
mod terminal;
mod uploads;
