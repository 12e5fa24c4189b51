//! Which of the lists on contents pages are the book's: not the list of figures, not the short overview beside the
//! full one, but each of several manuals bound together.

use super::contents_page::{Printed, entries, longest_rise, restarts_at};
use super::counted_on;
use super::entry::ContentsEntry;
use super::find::Block;
use super::levels::levels;
use super::link::Linker;
use super::numbers::PageNumber;
use super::page_text::{BookText, Region};
use super::same_title::normalise;
use super::title::ordinal;
use std::collections::HashSet;

/// A list with its place and how well the book bears it out.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) printed: Vec<Printed>,
    pub(super) levels: Vec<u32>,
    titled: bool,
    /// Dots lead to the numbers of its pages.
    led: bool,
    verified: usize,
    /// Entries whose number some page bears.
    numbered: usize,
    score: f64,
    /// The first and last page that it leads to.
    leads: Option<(u32, u32)>,
}

/// Fewer entries are no list.
const FEWEST: usize = 3;
/// Page numbers that jump back by no more than this are printing errors, not a new list.
const JITTER: u32 = 3;
/// A list must keep this share of its entries when those out of order are left out.
const IN_ORDER: f64 = 0.75;
/// The share of entries that must be headings where they lead.
const VERIFIED: f64 = 0.2;
/// For a list under a name for contents it is enough when pages bear the numbers of this share.
const BORNE: f64 = 0.6;
/// A second list is another one when it shares no more than this with the first.
const SHARED: f64 = 0.3;

impl List {
    /// Enough entries are headings where they lead, or pages bear their numbers.
    fn is_borne_out(&self) -> bool {
        let total = self.printed.len() as f64;
        let headings = self.verified as f64 >= (VERIFIED * total).max(2.0);
        headings || (self.titled && self.numbered as f64 >= (BORNE * total).max(2.0))
    }

    /// It is a list of entries, the book's contents or not: of figures, of another volume. What is neither headed as one
    /// nor borne out is text whose lines happen to end in numbers.
    pub(super) fn is_contents(&self) -> bool {
        self.titled || self.is_borne_out() || self.led
    }

    pub(super) fn entries(&self) -> Vec<ContentsEntry> {
        self.printed.iter().zip(&self.levels).map(|(p, level)| ContentsEntry::new(p, *level)).collect()
    }

    pub(super) fn first_page(&self) -> u32 {
        self.printed.first().map_or(1, |p| p.on_page)
    }

    pub(super) fn last_page(&self) -> u32 {
        self.printed.last().map_or(1, |p| p.on_page)
    }

    /// The lines from the page's first entry (or the page's top, behind the list's first page) to its last.
    pub(super) fn regions(&self, book: &BookText) -> Vec<Region> {
        let mut out: Vec<Region> = Vec::new();
        for p in &self.printed {
            match out.last_mut() {
                Some(region) if region.page == p.on_page => region.last = region.last.max(p.line),
                _ => {
                    // What is above the first entry is the list's title, and its first wrapped line.
                    let lines = super::contents_page::lines(book, p.on_page).0;
                    let first = lines.iter().map(|l| l.number).min().unwrap_or(p.line).min(p.line);
                    let page = book.page(p.on_page);
                    let title = page.into_iter().flat_map(|page| &page.lines);
                    let title =
                        title.filter(|l| l.number < first && super::words::is_contents_title(&l.text));
                    let first = title.map(|l| l.number).next_back().unwrap_or(first);
                    out.push(Region { page: p.on_page, first, last: p.line });
                }
            }
        }
        out
    }

    fn titles(&self) -> HashSet<String> {
        self.printed.iter().map(|p| normalise(&p.title)).collect()
    }
}

/// The lists of a block.
pub(super) fn all(book: &BookText, block: &Block) -> Vec<List> {
    let printed = entries(book, &block.pages);
    // No page of the block counts as evidence, for lists on it repeat each other's titles; but a chapter may begin
    // right behind them.
    let last = printed.last().map_or((0, 0), |p| (p.on_page, p.line));
    let region = |n: u32| Region { page: n, first: 0, last: if n == last.0 { last.1 } else { usize::MAX } };
    let around: Vec<Region> = block.pages.iter().map(|(n, _)| region(*n)).collect();
    split(printed).into_iter().filter_map(|list| judge(book, list, block, &around)).collect()
}

/// The list of a block that the book bears out best.
pub(super) fn best(book: &BookText, block: &Block) -> Option<List> {
    // The first of equals.
    all(book, block).into_iter().reduce(|best, list| if list.score > best.score { list } else { best })
}

/// Of all lists those that together are the book's contents, in the order of what they lead to.
pub(super) fn of_the_book(lists: Vec<List>) -> Vec<List> {
    let mut lists: Vec<List> = lists.into_iter().filter(List::is_borne_out).collect();
    // The best first; a stable sort, so the first of equals.
    lists.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<List> = Vec::new();
    for list in lists {
        let apart = |other: &List| {
            let (a, b) = (list.titles(), other.titles());
            let shared = a.intersection(&b).count() as f64 / a.len().min(b.len()).max(1) as f64;
            let disjoint = match (list.leads, other.leads) {
                (Some((from, to)), Some((first, last))) => to < first || last < from,
                _ => false,
            };
            shared <= SHARED && disjoint
        };
        let total = list.printed.len() as f64;
        let sure = list.verified as f64 >= 0.5 * total && list.titled;
        if kept.is_empty() || (sure && kept.iter().all(apart)) {
            kept.push(list);
        }
    }
    kept.sort_by_key(|list| list.leads);
    kept
}

/// Where each entry stands: how often page numbers have begun again before it within its list, or that it begins
/// another list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes on.
    On,
    /// Page numbers begin again with this chapter.
    Restart,
    /// Another list.
    NewList,
}

/// Reads the turns of a sequence of titles and numbers.
pub(super) fn turns<'t>(all: impl Iterator<Item = (&'t str, Option<PageNumber>)>) -> Vec<Turn> {
    let all: Vec<(&str, Option<PageNumber>)> = all.collect();
    let mut out = Vec::with_capacity(all.len());
    let (mut largest, mut last): (Option<PageNumber>, Option<PageNumber>) = (None, None);
    let mut chapter: Option<u32> = None;
    for (i, (title, page)) in all.iter().enumerate() {
        let number = ordinal(title);
        let mut turn = Turn::On;
        if let (Some(page), Some(most), Some(before)) = (*page, largest, last)
            && page < most
        {
            let counts_on = matches!((number, chapter), (Some(n), Some(c)) if n > c);
            let ahead: Vec<PageNumber> = all.iter().skip(i).filter_map(|(_, n)| *n).take(4).collect();
            let below = ahead.iter().filter(|n| **n < most).count();
            let far = page.style < most.style || most.value.saturating_sub(page.value) > JITTER;
            if restarts_at(title, page, before) && counts_on {
                turn = Turn::Restart;
            } else if far && ahead.len() >= 2 && below >= ahead.len().min(3) {
                turn = Turn::NewList;
            }
        }
        match turn {
            Turn::On => largest = largest.max(*page),
            Turn::Restart => largest = *page,
            Turn::NewList => (largest, chapter) = (*page, None),
        }
        last = page.or(last);
        chapter = chapter.max(number);
        out.push(turn);
    }
    out
}

/// Cuts where another list begins.
fn split(all: Vec<Printed>) -> Vec<Vec<Printed>> {
    let turns = turns(all.iter().map(|p| (p.title.as_str(), p.page)));
    let mut lists = Vec::new();
    let mut list: Vec<Printed> = Vec::new();
    for (entry, turn) in all.into_iter().zip(turns) {
        if turn == Turn::NewList {
            lists.push(std::mem::take(&mut list));
        }
        list.push(entry);
    }
    lists.push(list);
    lists
}

fn judge(book: &BookText, list: Vec<Printed>, block: &Block, around: &[Region]) -> Option<List> {
    let mut stretch = 0;
    let turns = turns(list.iter().map(|p| (p.title.as_str(), p.page)));
    let numbers: Vec<(u32, PageNumber)> = list
        .iter()
        .zip(turns)
        .filter_map(|(p, turn)| {
            stretch += u32::from(turn == Turn::Restart);
            p.page.map(|n| (stretch, n))
        })
        .collect();
    let keep = longest_rise(&numbers);
    let fewest = if block.titled { 2 } else { FEWEST };
    if keep.len() < fewest || (keep.len() as f64) < IN_ORDER * numbers.len() as f64 {
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
    let mut printed: Vec<Printed> = list.into_iter().filter(in_order).collect();
    counted_on::set_apart(&mut printed);
    let levels = levels(&printed);
    let mut list = List {
        printed,
        levels,
        titled: block.titled,
        led: block.led,
        verified: 0,
        numbered: 0,
        score: 0.0,
        leads: None,
    };
    let entries = list.entries();
    let linker = Linker::without(book, &entries, around);
    let links: Vec<_> = (0..entries.len()).map(|i| linker.link(i)).collect();
    list.verified = links.iter().filter(|l| l.verified).count();
    let borne =
        |number: &PageNumber| book.labels().page(*number, None).or_else(|| book.labels().stated(*number));
    list.numbered = list.printed.iter().filter(|p| p.page.as_ref().and_then(borne).is_some()).count();
    let pages = || links.iter().filter_map(|l| l.page);
    list.leads = pages().min().zip(pages().max());
    let span = list.leads.map_or(0, |(from, to)| to - from);
    let span = f64::from(span) / f64::from(book.page_count().max(1));
    let (verified, total) = (list.verified as f64, entries.len() as f64);
    list.score = (verified + 0.1 * total) * (0.3 + span.min(1.0));
    if verified < 0.25 * total && !list.titled {
        list.score *= 0.3;
    }
    Some(list)
}
