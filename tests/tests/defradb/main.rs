//! What is true of the real DefraDB node, and of what the tests put in front of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

mod contract;
mod node;
mod proxy;
mod querying;
#[path = "../../../crates/bookstate-domain/tests/support/strategies.rs"]
#[expect(clippy::expect_used, dead_code, reason = "a part of the domain's own tests")]
mod strategies;
