//! The stream of real NATS servers as a target: of the crate, and of the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

mod conformance;
mod kill;
mod log;
mod rig;
