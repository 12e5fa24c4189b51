//! The real binary: what it prints, what it exits with, what it leaves behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test's own functions meet fails the test")]

mod journal;
mod mistakes;
mod place;
mod process;
mod reading;
mod readme;
mod stopping;
mod targets;
