//! The real program with the real DefraDB node as its target, and everything that can happen between them.
//!
//! What is compared: the canonical export with that of an undisturbed run without a target; the unit log's
//! law; the node's documents, read with plain GraphQL, with the program's own export.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its own functions too")]
#![expect(clippy::print_stdout, reason = "seeds and counts")]

mod compare;
mod kill;
mod main_job;
#[path = "../system/moments.rs"]
#[expect(dead_code, reason = "random numbers and moments, of which some are for other tests")]
mod moments;
mod network;
mod refusals;
mod rig;
mod rollback;
mod several;
mod target;
mod three_states;
