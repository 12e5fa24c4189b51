//! This machine as one of a fleet: which books it owns, which jobs of others it goes on with, and what it gives back.
//!
//! Who owns a book is decided by the fleet's leases, and who may write it in a target by the epochs that go with them:
//! here they are put together. A lease becomes a tenure of the library once the targets are claimed under its epoch; a
//! lease that ends, ends the tenure.
//!
//! Reading order: [`FleetSettings`](crate::settings::FleetSettings), `join` (what is configured), `member` (owning and
//! giving back), `files` (a book's files, where other machines find them), `work` (the tasks that go on beside
//! requests), `untold` (jobs of which nobody tells), `quota` (what providers allow to all machines together). `without` is
//! what is there in a program that was built without NATS.

#[cfg(feature = "nats")]
mod files;
#[cfg(feature = "nats")]
mod join;
#[cfg(feature = "nats")]
mod member;
#[cfg(feature = "nats")]
mod quota;
#[cfg(feature = "nats")]
mod untold;
#[cfg(not(feature = "nats"))]
mod without;
#[cfg(feature = "nats")]
mod work;

#[cfg(feature = "nats")]
pub(crate) use join::Joining;
#[cfg(not(feature = "nats"))]
pub(crate) use without::Joining;
