//! The finder: on which pages a book prints its contents.

use super::contents_page::{Evidence, evidence};
use super::entry::{ContentsEntry, ContentsRange};
use super::lists::{List, best};
use super::page_text::BookText;
use super::unnumbered;

/// Finds the printed contents, wherever in the book; `None` when there are none that the book bears out.
pub fn find(book: &BookText) -> Option<ContentsRange> {
    let lists = blocks(book).into_iter().filter_map(|(first, last)| best(book, first, last));
    let list = lists.reduce(|best, list| if list.score() > best.score() { list } else { best });
    match list.filter(List::is_borne_out) {
        Some(list) => Some(list.range),
        None => unnumbered::find(book),
    }
}

/// Reads the entries of the contents at `range`, in the order in which they are printed. Empty when the pages
/// have no contents of the kind that `range` tells.
pub fn extract(book: &BookText, range: &ContentsRange) -> Vec<ContentsEntry> {
    let (first, last) = (range.start_page.max(1), range.end_page.min(book.page_count()));
    if range.summary.page_numbers {
        best(book, first, last).map(|list| list.entries()).unwrap_or_default()
    } else {
        unnumbered::extract(book, first, last)
    }
}

/// Runs of pages that may be contents: first and last page.
fn blocks(book: &BookText) -> Vec<(u32, u32)> {
    let pages: Vec<(u32, Evidence)> = (1..=book.page_count()).map(|n| (n, evidence(book, n))).collect();
    let mut blocks: Vec<(u32, u32)> = Vec::new();
    for (page, _) in pages.iter().filter(|(_, e)| is_contents(e)) {
        match blocks.last_mut() {
            Some((_, last)) if *last + 1 == *page => *last = *page,
            _ => blocks.push((*page, *page)),
        }
    }
    let partly = |page: u32| {
        let evidence = page.checked_sub(1).and_then(|i| pages.get(i as usize)).map(|(_, e)| e);
        evidence.is_some_and(|e| e.entries >= 1 && e.share >= 0.3)
    };
    // A block's first and last page may hold only a few entries.
    for (first, last) in &mut blocks {
        if partly(first.saturating_sub(1)) {
            *first -= 1;
        }
        if partly(*last + 1) {
            *last += 1;
        }
    }
    blocks
}

fn is_contents(e: &Evidence) -> bool {
    e.entries >= 3 && e.share >= 0.35 && e.ordered >= 0.7 && e.plausible >= 0.9 && e.distinct >= 0.6
}
