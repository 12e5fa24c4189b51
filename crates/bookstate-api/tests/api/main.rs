//! The server over a real socket, with a real library, jobs that a test holds at will, and targets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test's own functions meet fails the test"
)]

mod auth;
mod events;
mod images;
mod jobs;
mod limits;
mod metrics;
mod openapi;
mod place;
mod reading;
mod refusals;
mod targets;
