//! Scanned books: page images in, text with its place on the page out.
//!
//! A scan is a folder of photographs, a TIFF, a CBZ, a DjVu file, or a PDF whose pages are images. This crate takes
//! it in as one file ([`input`]), gives the image of any page ([`images`]), of which two may be on one ([`spreads`]),
//! prepares it for reading ([`prepare`]), has the program `tesseract` read it ([`tesseract`]), or neural
//! networks in this process (`paddle`, with the feature of this name), and fills the page model of `bookstate-reading` with the words and
//! their places ([`layout`]). What was read goes out again as a searchable
//! PDF, hOCR or ALTO ([`export`]), and the pictures between it by themselves ([`figures`]).
//!
//! Invariants: the same file gives the same pages and the same images, always; no image makes a call panic, and each
//! is bounded in pixels and time; nothing is read where nothing is printed. This crate must not know jobs, stores,
//! networks or an async runtime. It starts one program, and no process of it outlives the caller.
//!
//! Reading order: [`input`], [`images`], [`spreads`], [`prepare`], [`words`], [`tesseract`], `paddle`, [`layout`],
//! [`export`], [`figures`].

mod codec;
mod error;
pub mod export;
pub mod figures;
pub mod images;
pub mod input;
pub mod layout;
#[cfg(feature = "paddle")]
pub mod paddle;
pub mod prepare;
mod private;
mod sample;
pub mod spreads;
pub mod tesseract;
pub mod words;

pub use error::{InputError, PageError};
