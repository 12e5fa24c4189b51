//! Machines that share books by real NATS servers. Each machine is a `Fleet` of this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

mod leases;
mod outages;
mod rig;
mod together;
