//! Machines that share books over real NATS servers: whatever happens to one of them, every book is complete in the
//! end and as it would have been, and what a provider allows is kept.
//!
//! How long the long form goes on: `BOOKSTATE_FLEET_ROUNDS`, of which each is one misfortune.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod fleet;
mod machine;
mod quota;
