//! What is wrong with the calls that were collected: the rules, the exemptions from them, and the walk from the hot
//! roots. Nothing here reads a file.

pub(crate) mod exemptions;
pub(crate) mod graph;
pub(crate) mod rules;
