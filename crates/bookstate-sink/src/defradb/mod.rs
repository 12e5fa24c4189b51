//! DefraDB as a target, through typed operations: queries of graphql_client.
//!
//! Measured on DefraDB 1.0.0, and decided by that; a node of another version is tried (`probe`):
//!
//! * A request is a transaction, and its cost grows with the square of its size. So a chunk is one small
//!   request, and one is in flight at a time.
//! * Every chunk begins with a compare-and-set of the book's `BookSync`: an upsert that matches the expected
//!   writer and number, and that otherwise tries to add a document without its required fields. That the node
//!   refuses, and with it the whole request. Updates of documents are guarded in the same way, so that a patch
//!   of a document that is not there changes nothing at all.
//! * Documents are found by their key, never by the node's ids: those differ from node to node, and an id that
//!   is out of date would silently touch nothing.
//! * An empty list, a null filter or a null id would touch every document of a collection. Variables are
//!   required ones, lists are never empty.
//!
//! Reading order: `wire` (what goes over), `operations` (the typed operations), `compose` (several in one
//! request), `chunk` and `load` (what is asked), `failure` (what answers mean), `client`, `schema`, `prepare`,
//! `probe` and `replication` (set-up), `known`, [`DefraTarget`].

mod chunk;
mod client;
mod compose;
mod failure;
mod known;
mod load;
mod operations;
mod options;
mod prepare;
mod probe;
mod replication;
mod schema;
mod target;
mod wire;

pub use options::{DefraOptions, DefraUrlError};
pub use target::{DEFRADB_LIMITS, DefraTarget};
