//! Whole-system tests of bookstate, and what they are made with.
//!
//! [`books`] makes books together with their answer keys, [`typeset`] composes pages, [`shim`] puts faults
//! into a process's file operations, [`node`] runs the real database, and what a network does to it, [`nats`] runs real
//! NATS servers, both built as [`go_program`] says, [`models`] is a server of language models that does as it is told,
//! [`paddle`] fetches real models that read pages, [`system`] runs the real program, [`warnings`] hears what is logged.
//! None of it is part of the product.

pub mod books;
pub mod go_program;
mod guard;
pub mod models;
pub mod nats;
pub mod node;
pub mod paddle;
pub mod shim;
pub mod system;
pub mod typeset;
pub mod warnings;
