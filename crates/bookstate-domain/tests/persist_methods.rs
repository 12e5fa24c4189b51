//! Each persist method: what it writes, what it refuses, and the traps that it must not fall into. One
//! module per module of `persist`; `docs/persist-methods.md` names these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "persist_methods/book.rs"]
mod book;
#[path = "persist_methods/chapters.rs"]
mod chapters;
#[path = "persist_methods/finalize.rs"]
mod finalize;
#[path = "persist_methods/jobs_and_agents.rs"]
mod jobs_and_agents;
#[path = "persist_methods/operations.rs"]
mod operations;
#[path = "persist_methods/pages.rs"]
mod pages;
#[path = "persist_methods/rereading.rs"]
mod rereading;
#[path = "support/session.rs"]
mod session;
#[path = "persist_methods/toc.rs"]
mod toc;
#[path = "persist_methods/traps.rs"]
mod traps;
