//! The real binary: what it prints, what it exits with, what it leaves behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test's own functions meet fails the test")]

mod agents;
mod configuring;
mod defradb;
mod journal;
mod mistakes;
mod models;
mod place;
mod process;
mod reading;
mod readme;
mod serving;
mod stopping;
mod targets;
mod terminal;
