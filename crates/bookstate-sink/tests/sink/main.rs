//! The sink against the simulated target: stories, one by one and at random.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod conformance;
mod owners;
mod random;
mod stories;
mod support;
mod troubles;
