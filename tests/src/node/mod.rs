//! The real DefraDB node, for tests, benchmarks and `cargo xtask defradb`.
//!
//! [`DEFRADB`] is the pinned program, [`Node`] runs it, [`Proxy`] stands in front of it and does to
//! requests what networks do, [`Client`] looks at a node without any code of the product. Nothing here knows
//! the crates of the program.

mod binary;
mod client;
mod connection;
mod detached;
mod error;
mod fault;
mod http;
mod process;
mod proxy;

pub use binary::DEFRADB;
pub use client::Client;
pub use detached::Detached;
pub use error::NodeError;
pub use fault::{Asked, Counts, End, Fault};
pub use http::Message;
pub use process::Node;
pub use proxy::Proxy;
