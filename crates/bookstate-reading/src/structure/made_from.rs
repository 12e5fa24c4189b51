//! What a chapter was made from, as its `source` says.

/// `source` of a chapter made from an entry of the contents.
pub const CONTENTS_SOURCE: &str = "toc";
/// `source` of a chapter made from an entry of the file's own table of contents.
pub const OUTLINE_SOURCE: &str = "outline";
/// `source` of a chapter made from a heading.
pub const HEADING_SOURCE: &str = "heading";
/// `source` of the only chapter of a book without contents and headings.
pub const WHOLE_BOOK_SOURCE: &str = "whole_book";

/// `source` of the chapter for what stands before the first.
pub const FRONT_MATTER_SOURCE: &str = "front_matter";
/// `source` of the chapter for what a digital library puts behind a book.
pub const BACK_MATTER_SOURCE: &str = "back_matter";

/// `source` of a chapter that goes on with the one before it, which is too long for one.
pub const PART_SOURCE: &str = "part";
