//! Machines that share books over real NATS servers: whatever happens to one of them, every book is complete in the
//! end and as it would have been, and what a provider allows is kept.
//!
//! How long the long forms go on: `BOOKSTATE_FLEET_ROUNDS`, of which each is one misfortune of a machine or server, and
//! `BOOKSTATE_FLEET_MINUTES` of anything that may happen to any part, with 30 books at a time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod fleet;
mod machine;
mod misfortune;
mod mix;
mod network;
mod queue;
mod quota;
mod trail;
mod units;
