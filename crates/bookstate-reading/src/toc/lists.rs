//! Which of the lists on contents pages is the contents: not the list of figures, not the short overview.

use super::contents_page::{Printed, entries, longest_rise};
use super::entry::{ContentsEntry, ContentsRange, ContentsSummary};
use super::levels::levels;
use super::link::Linker;
use super::page_text::BookText;

/// A list with its place and how well the book bears it out.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) range: ContentsRange,
    pub(super) printed: Vec<Printed>,
    pub(super) levels: Vec<u32>,
    verified: usize,
    score: f64,
}

/// Fewer entries are no list.
const FEWEST: usize = 3;
/// Page numbers that jump back by no more than this are printing errors, not a new list.
const JITTER: u32 = 3;
/// A list must keep this share of its entries when those out of order are left out.
const IN_ORDER: f64 = 0.75;
/// The share of entries that must be headings where they lead.
const VERIFIED: f64 = 0.2;

impl List {
    /// Enough entries are headings where they lead.
    pub(super) fn is_borne_out(&self) -> bool {
        self.verified as f64 >= (VERIFIED * self.printed.len() as f64).max(2.0)
    }

    pub(super) fn entries(&self) -> Vec<ContentsEntry> {
        self.printed.iter().zip(&self.levels).map(|(p, level)| ContentsEntry::new(p, *level)).collect()
    }
}

/// The list on the pages `first..=last` that the book bears out best.
pub(super) fn best(book: &BookText, first: u32, last: u32) -> Option<List> {
    let lists =
        split(entries(book, first, last)).into_iter().filter_map(|list| judge(book, list, first, last));
    // The first of equals.
    lists.reduce(|best, list| if list.score > best.score { list } else { best })
}

impl List {
    pub(super) fn score(&self) -> f64 {
        self.score
    }
}

/// Cuts where page numbers start again.
fn split(all: Vec<Printed>) -> Vec<Vec<Printed>> {
    let numbers: Vec<_> = all.iter().map(|p| p.page).collect();
    let mut lists = Vec::new();
    let mut list: Vec<Printed> = Vec::new();
    let mut largest = None;
    for (i, entry) in all.into_iter().enumerate() {
        if let (Some(page), Some(most)) = (entry.page, largest)
            && page < most
        {
            let ahead: Vec<_> = numbers.iter().skip(i).flatten().take(4).collect();
            let below = ahead.iter().filter(|n| ***n < most).count();
            let far = page.style < most.style || most.value.saturating_sub(page.value) > JITTER;
            if far && ahead.len() >= 2 && below >= ahead.len().min(3) {
                lists.push(std::mem::take(&mut list));
                largest = None;
            }
        }
        largest = largest.max(entry.page);
        list.push(entry);
    }
    lists.push(list);
    lists
}

fn judge(book: &BookText, list: Vec<Printed>, first: u32, last: u32) -> Option<List> {
    let numbers: Vec<_> = list.iter().filter_map(|p| p.page).collect();
    let keep = longest_rise(&numbers);
    if keep.len() < FEWEST || (keep.len() as f64) < IN_ORDER * numbers.len() as f64 {
        return None;
    }
    let mut at = 0;
    let in_order = |p: &Printed| {
        if p.page.is_none() {
            return true;
        }
        at += 1;
        keep.binary_search(&(at - 1)).is_ok()
    };
    let printed: Vec<Printed> = list.into_iter().filter(in_order).collect();
    let levels = levels(&printed);
    let (start_page, end_page) = (printed.first()?.on_page, printed.last()?.on_page);
    let summary = ContentsSummary::of(&printed, &levels);
    let range = ContentsRange { start_page, end_page, summary };
    let mut list = List { range, printed, levels, verified: 0, score: 0.0 };
    // No page of the block counts as evidence: lists on it repeat each other's titles.
    let block = ContentsRange { start_page: first, end_page: last, ..list.range.clone() };
    let entries = list.entries();
    let linker = Linker::new(book, &entries, &block);
    let links: Vec<_> = (0..entries.len()).map(|i| linker.link(i)).collect();
    list.verified = links.iter().filter(|l| l.verified).count();
    let pages = || links.iter().filter_map(|l| l.page);
    let span = f64::from(pages().max()?.saturating_sub(pages().min()?)) / f64::from(book.page_count().max(1));
    let (verified, total) = (list.verified as f64, entries.len() as f64);
    list.score = (verified + 0.1 * total) * (0.3 + span.min(1.0));
    if verified < 0.25 * total {
        list.score *= 0.3;
    }
    Some(list)
}
