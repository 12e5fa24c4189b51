//! A book in forms for people and other programs: EPUB, one HTML file, plain text, Markdown, JSON.
//!
//! Pure functions of a state. Not here: reading the book from anywhere, and writing the result to a file. Reading
//! order: `content` (a book as sections) and `block`, `aligned` (the layout over edited texts), `figures` (pictures
//! between blocks), `escape`, then a file per
//! form; `markup` is what HTML and EPUB share.

mod aligned;
mod block;
mod content;
mod edited;
mod epub;
mod escape;
mod figures;
#[cfg(test)]
mod fixture;
mod html;
mod json;
mod markdown;
mod markup;
mod text;

pub use epub::epub;
pub use figures::Figure;
pub use html::html;
pub use json::{JsonForm, json};
pub use markdown::markdown;
pub use text::text;
