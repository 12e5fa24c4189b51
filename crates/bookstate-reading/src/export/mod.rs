//! A book in forms for people and other programs: one JSON document, or one Markdown file.
//!
//! Pure functions of a state. Not here: reading the book from anywhere, and writing the result to a file.

#[cfg(test)]
mod fixture;
mod json;
mod markdown;

pub use json::{JsonForm, json};
pub use markdown::markdown;
