//! Two pages on one image: which images of a scan show two pages.
//!
//! It is decided once, when a book is taken in, and kept beside the file: from then on each half is a page of its own.
//! An image that is higher than wide shows one page. Of the others a few are looked at, all over the book; where they
//! show two pages, all of them do, those too on which one page is blank, but for those whose print runs across the
//! middle: a table that folds out.
//!
//! Reading order: [`Spreads`] (what is kept, and which page is which half), `find` (how it is decided).

mod find;
pub(crate) mod pages;

pub use pages::Spreads;
