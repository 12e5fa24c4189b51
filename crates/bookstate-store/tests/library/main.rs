//! The library, as those who use it see it: live books, recovery, failures. One binary, so that it is linked once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test's own functions meet fails the test")]

mod conformance;
mod disk_errors;
mod feeding;
mod fold;
mod gaps;
mod memory;
mod opening;
mod power_loss;
mod reading;
mod recovery;
mod refusals;
mod replacing;
mod schedules;
mod shelf;
mod tenures;
mod writers;
