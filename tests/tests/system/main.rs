//! The real program, from outside: killed at any moment, on a full disk, with a mirror, with wrong files.
//!
//! One test program, so that its tests share two processors and one build of the program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its own functions too")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "seeds, counts, and why a test was skipped")]

mod errors;
mod full_disk;
mod kill;
mod main_job;
mod manual;
mod mirror;
mod moments;
mod scan_kill;
mod scans;
mod spreads;
