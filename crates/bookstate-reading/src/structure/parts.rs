//! Chapters that are too long for one: where they are cut.
//!
//! A store takes texts up to a size. What is longer than that is no chapter that anybody reads, but a file that joins
//! books, or one whose contents cover its beginning only; it is kept whole, in parts that begin with pages.

use crate::toc::{BookText, PageText};

/// A part has about so many bytes of text at most: well below what a field may have, since layout adds to it.
pub(super) const PART_BYTES: usize = 6_000_000;

/// The pages at which further parts begin of a chapter that begins on page `first`, before the next one on page `next`.
pub(super) fn cuts(book: &BookText, first: u32, next: u32, most: usize) -> Vec<u32> {
    let mut cuts = Vec::new();
    let mut bytes = 0_usize;
    for n in first..next {
        let page = book.page(n).map_or(0, weight);
        if n > first && bytes.saturating_add(page) > most {
            cuts.push(n);
            bytes = 0;
        }
        bytes = bytes.saturating_add(page);
    }
    cuts
}

/// The bytes of a page's text at most.
fn weight(page: &PageText) -> usize {
    page.lines.iter().map(|line| line.indent + line.text.len() + 2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_part_is_too_long_but_a_page(
            lengths in prop::collection::vec(0usize..60, 1..40),
            most in 10usize..200,
        ) {
            let book = BookText::new(lengths.iter().map(|n| "x".repeat(*n).into()).collect());
            let next = book.page_count() + 1;
            let cuts = cuts(&book, 1, next, most);
            let starts = [1].into_iter().chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain([next]);
            for (start, end) in starts.zip(ends) {
                let bytes: usize = (start..end).filter_map(|n| book.page(n)).map(weight).sum();
                prop_assert!(start < end && (bytes <= most || end == start + 1), "{start}..{end}: {bytes}");
            }
        }
    }
}
