//! A stream of NATS JetStream as a place for copies of books: a [`Target`](bookstate_store::Target).
//!
//! One subject per book, one message per chunk. A message is published with the sequence number of the subject's last
//! message, which the stream compares before it takes it: that is the target's compare-and-set, and what fences an
//! owner that was replaced. A book is the fold of its messages. Now and then a checkpoint is written and what it covers
//! is purged.
//!
//! Unlike a database the stream takes a chunk in a millisecond or two, so what a machine that dies had not shipped is
//! what it accepted in the last hundredth of a second.
//!
//! Decisions are made by writes that the stream refuses, never by what a read says: a read may be answered by a
//! server that does not know yet that it leads no more. What is read is checked by itself: each message names the one
//! before it, so that a fold with a hole is none.
//!
//! Invariants: a chunk is one message, whole or not there, however large it is; nothing is purged that the last
//! checkpoint does not cover; a message of a newer version is refused, never guessed at. This crate must not know jobs,
//! the sink or HTTP.
//!
//! Reading order: [`options`](NatsOptions) (how to reach it), `client`, `subjects`, `record` (a message's content), `connection`
//! (the stream as it must be), `log` (one book's messages), `fold` (what they make), `known` (what is believed of a
//! book), `compaction` (checkpoints), `failure` (what errors mean), [`target`](NatsTarget).
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bookstate_nats::{NatsOptions, NatsTarget};
//! use bookstate_store::Target;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = NatsOptions::new("nats://a.example,b.example,c.example");
//! let target: Arc<dyn Target> = Arc::new(NatsTarget::new(options)?);
//! target.prepare().await?;
//! println!("{} books", target.list_books().await?.len());
//! # Ok(())
//! # }
//! ```

mod client;
mod compaction;
mod connection;
mod failure;
mod fold;
mod known;
mod log;
mod options;
mod record;
mod subjects;
mod target;

pub use client::NatsConnectError;
pub use options::{NatsOptions, NatsUrlError};
pub use target::{NATS_LIMITS, NatsTarget};
