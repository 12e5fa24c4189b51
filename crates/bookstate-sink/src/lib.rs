//! Write-behind: brings what changed in the live books to the local store and to any number of targets,
//! while nobody waits for it.
//!
//! This crate must not know jobs, or axum. It never sees a persist call: it asks the
//! [`Library`](bookstate_store::Library) what a target lacks, as of now, and sends that. So coalescing, retry,
//! catching up after a day, a new mirror, healing after a refusal and verifying are one mechanism: send the
//! target what differs.
//!
//! Reading order: [`classify()`] (what follows from an error), [`compare()`] (the one healing mechanism), `order`
//! and `split` (a batch's chunks), `cursor` (one book on its way to one target), `worker` (one target's task),
//! [`Sink`] (all of them).

mod backoff;
mod classify;
mod command;
mod compare;
mod config;
mod cursor;
mod local;
mod order;
#[cfg(feature = "test-util")]
pub mod sim;
mod sink;
mod split;
mod status;
mod worker;

pub use classify::{Circumstances, SUSPECT_AFTER, Verdict, classify};
pub use command::{CommandError, Reached, Verification};
pub use compare::compare;
pub use config::{Pace, RemoteTarget, SinkConfig};
pub use sink::{DrainReport, Sink};
pub use status::{BookLag, Counters, ForeignBook, Health, TargetStatus};
