//! What is known of the code before any body is read: files, items, names, types.
//!
//! Reading order: [`workspace`] (which files), [`names`] and [`program`] (which items), [`types`] and [`signatures`]
//! (what is known of a value), [`std_types`], [`expand`] (macros by example).

pub(crate) mod canonical;
pub(crate) mod expand;
pub(crate) mod names;
pub(crate) mod program;
pub(crate) mod signatures;
pub(crate) mod std_types;
pub(crate) mod types;
pub(crate) mod workspace;
