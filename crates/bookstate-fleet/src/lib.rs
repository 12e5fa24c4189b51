//! Which machine works on which book: leases in a key-value bucket of NATS JetStream, and what a fleet of machines
//! shares beside them.
//!
//! A machine that wants to work on a book claims it: the key `own.BOOK` is written, together with the book's counter of
//! epochs, if nobody has it. The key goes by itself when it is not renewed. All leases of a machine are renewed beside
//! each other, each third of their time, and a machine believes its own only until a time that counts from when the
//! last acknowledged renewal was *sent*.
//!
//! Safety does not come from here but from the targets, which take chunks of the highest epoch they know: this crate
//! sees to it that hardly ever two machines try, and that a book whose machine died is soon wanted by another. Nothing
//! that is only in the bucket is needed to be right: all of it may be lost at any time.
//!
//! Invariants: decisions are made by writes that the bucket compares, never by reads, which may be old; a lease that was
//! lost stays lost; epochs of a book ascend, over a lost bucket too when the caller names the highest that its targets
//! know. This crate must not know jobs, the store, the sink or HTTP: the book's owner is a [`Holder`].
//!
//! Reading order: [`options`](FleetOptions), `keys`, `notes` (what keys hold), `lease` (one lease, pure), `bucket` (what
//! is written and compared), `watch`, `view` (what was heard), `shared`, [`fleet`](Fleet), `claim`, `renewal`,
//! [`wanted`](Wanted), `quota` (shares of quotas, pure), [`sources`](Sources).
//!
//! ```no_run
//! use std::{sync::Arc, time::Instant};
//!
//! use bookstate_domain::BookId;
//! use bookstate_fleet::{End, Fleet, FleetOptions, Holder};
//! use bookstate_nats::NatsOptions;
//!
//! struct Owner;
//!
//! impl Holder for Owner {
//!     fn extended(&self, book: &BookId, until: Instant) {}
//!     fn lost(&self, book: &BookId, why: End) {}
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = FleetOptions::new(NatsOptions::new("nats://a.example,b.example"), "m1", "http://m1.example:8080");
//! let fleet = Fleet::start(options, Arc::new(Owner))?;
//! let mut wanted = fleet.wanted();
//! while let Some(candidate) = wanted.next().await {
//!     let highest_epoch_of_the_targets = 0;
//!     match fleet.claim(&candidate.book, highest_epoch_of_the_targets).await {
//!         Ok(lease) => println!("{} is ours, epoch {}", lease.book, lease.epoch),
//!         Err(error) => println!("{error}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod bucket;
mod claim;
mod error;
mod fleet;
mod keys;
mod lease;
mod notes;
mod options;
mod quota;
mod renewal;
mod shared;
mod sources;
mod view;
mod wanted;
mod watch;

pub use error::{ClaimError, FleetError};
pub use fleet::Fleet;
pub use lease::End;
pub use notes::{JobNote, Machine, Owner};
pub use options::FleetOptions;
pub use shared::{Holder, Lease};
pub use sources::{DirSources, NatsSources, SourceError, Sources};
pub use wanted::{Candidate, Wanted};
