//! Real NATS servers with JetStream, one or a cluster, for tests and `cargo xtask nats`.
//!
//! [`NATS`] is the pinned program, [`Server`] runs one, [`Cluster`] several that know each other,
//! [`shared`] is one for all tests of a process. Nothing here knows
//! the crates of the program.

mod cluster;
mod error;
mod server;
mod shared;

pub use cluster::{Cluster, Running};
pub use error::NatsError;
pub use server::{Ports, Server};
pub use shared::shared;

use crate::go_program::GoProgram;

/// The NATS server, at the version that is pinned in `tools/nats/go.mod`. Its first build takes about two minutes.
pub const NATS: GoProgram = GoProgram {
    title: "a NATS server",
    name: "nats",
    version: "2.15.3",
    file: "nats-server",
    variable: "BOOKSTATE_NATS",
    package: "github.com/nats-io/nats-server/v2",
    ldflags: "",
};
