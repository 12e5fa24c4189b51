//! HTML and XHTML: from a document's text to pieces of the page model, and one file of it as a book.
//!
//! Reading order: `tree` (the document as a tree), `reader` (its text as blocks), `html` (a file that is a book).

mod elements;
mod html;
mod inline;
mod reader;
mod tree;

pub(super) use elements::is_html_tag;
pub(super) use html::{read, text_of as html_text};
pub(super) use inline::Inline;
pub(super) use reader::{Part, pieces};
pub(super) use tree::{NodeId, Step, Tree};
