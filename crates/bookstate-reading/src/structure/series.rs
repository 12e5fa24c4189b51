//! The headings of a whole book, and the numbering series among them.
//!
//! Invariant: a series is a run of headings of one form whose numbers count up by one, in the book's order; a
//! heading elsewhere with the same form (a cross reference, a list) does not belong to it.

use super::headings::{HeadingKind, PageHeading, headings};
use crate::toc::{BookText, Line, NumeralStyle, PageText};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A heading and its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BookHeading {
    pub(super) page: u32,
    /// Lines of the book before it.
    pub(super) at: usize,
    pub(super) heading: PageHeading,
}

/// All headings of the pages that `wanted` accepts, in order.
pub(super) fn book_headings(book: &BookText, wanted: impl Fn(u32) -> bool) -> Vec<BookHeading> {
    headings_within(book, 1..=book.page_count(), wanted)
}

/// As [`book_headings`], of these pages only and as if there were no others.
pub(super) fn headings_within(
    book: &BookText,
    pages: RangeInclusive<u32>,
    wanted: impl Fn(u32) -> bool,
) -> Vec<BookHeading> {
    let mut out = Vec::new();
    let mut lines = 0;
    for n in pages {
        let Some(page) = book.page(n) else { continue };
        if wanted(n) {
            // A printed contents repeats the titles and has none.
            let found = match book.page(n + 1).filter(|_| book.flows()) {
                Some(next) => headings(&gone_on(page, next)),
                None => headings(page),
            };
            let own = |h: &PageHeading| h.first < page.lines.len() && !book.is_contents_line(n, h.first);
            let found = found.into_iter().filter(own);
            out.extend(found.map(|heading| BookHeading { page: n, at: lines + heading.first, heading }));
        }
        lines += page.lines.len();
    }
    out
}

/// So many lines of the next page can belong to a heading on a page's last line, or stand below it.
const LOOK_AHEAD: usize = 5;

/// The page with the next one's first lines, for a text that has been cut in pages anywhere.
fn gone_on(page: &PageText, next: &PageText) -> PageText {
    let end = page.lines.last().map_or(0, |l| l.number + 2);
    let ahead = next.lines.iter().take(LOOK_AHEAD).map(|l| Line { number: l.number + end, ..l.clone() });
    PageText { lines: page.lines.iter().cloned().chain(ahead).collect(), ..PageText::default() }
}

/// The form that the members of a series share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Form {
    pub(super) level_name: Option<&'static str>,
    /// The word or sign that is counted, where it is the book's own.
    pub(super) word: Option<String>,
    pub(super) style: NumeralStyle,
    pub(super) bare: bool,
}

impl Form {
    /// The form of a heading that can belong to a series of chapters: numbered, with one number.
    pub(super) fn of(heading: &PageHeading) -> Option<Self> {
        let style = heading.numeral?.style;
        let dotted = heading.number.as_deref().is_some_and(|n| n.contains('.'));
        let bare = heading.kind == HeadingKind::Bare;
        let own = heading.kind == HeadingKind::Counted;
        let word = heading.word.as_ref().filter(|_| own).map(|w| w.to_lowercase());
        let counts = !dotted && heading.kind != HeadingKind::Day;
        counts.then_some(Self { level_name: heading.level_name, word, style, bare })
    }
}

/// Indices into `headings` of the longest run of each form that counts up by one, numbers without a word from 1 (or
/// from 0): the chapters of a serial may begin with 877. With `breaks`
/// (pages at which numbering may start again) the runs of all stretches are joined.
pub(super) fn series(headings: &[BookHeading], breaks: &[u32]) -> BTreeMap<Form, Vec<usize>> {
    let mut members: BTreeMap<Form, Vec<usize>> = BTreeMap::new();
    for (i, h) in headings.iter().enumerate() {
        if let Some(form) = Form::of(&h.heading) {
            members.entry(form).or_default().push(i);
        }
    }
    let value = |i: usize| headings.get(i).and_then(|h| h.heading.numeral).map_or(0, |n| n.value);
    let page = |i: usize| headings.get(i).map_or(0, |h| h.page);
    members
        .into_iter()
        .map(|(form, members)| {
            let anywhere = form.level_name.is_some() || form.word.is_some();
            let run = |members: &[usize]| longest_run(members, value, anywhere);
            let whole = run(&members);
            let stretch = |i: usize| breaks.iter().filter(|b| **b <= page(i)).count();
            let mut parts = Vec::new();
            for part in members.chunk_by(|a, b| stretch(*a) == stretch(*b)) {
                parts.extend(run(part));
            }
            (form, if parts.len() > whole.len() { parts } else { whole })
        })
        .collect()
}

/// The longest subsequence of `members` whose values are 1, 2, 3, …, (or begin with 0, or `anywhere`); of equally long
/// ones the one that ends first.
fn longest_run(members: &[usize], value: impl Fn(usize) -> u32, anywhere: bool) -> Vec<usize> {
    // For each value the best run that ends in it: its length, its members' chain by index.
    let mut best: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    let mut before: Vec<Option<usize>> = vec![None; members.len()];
    for (at, member) in members.iter().enumerate() {
        let value = value(*member);
        let previous = value.checked_sub(1).and_then(|v| best.get(&v)).copied();
        let length = match previous {
            Some((length, index)) => {
                if let Some(slot) = before.get_mut(at) {
                    *slot = Some(index);
                }
                length + 1
            }
            None if value <= 1 || anywhere => 1,
            None => continue,
        };
        if best.get(&value).is_none_or(|(l, _)| *l < length) {
            best.insert(value, (length, at));
        }
    }
    let mut end =
        best.values().copied().max_by_key(|(length, at)| (*length, std::cmp::Reverse(*at))).map(|b| b.1);
    let mut run = Vec::new();
    while let Some(at) = end {
        run.extend(members.get(at));
        end = before.get(at).copied().flatten();
    }
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(values: &[u32]) -> Vec<u32> {
        let members: Vec<usize> = (0..values.len()).collect();
        longest_run(&members, |i| values[i], false).into_iter().map(|i| values[i]).collect()
    }

    #[test]
    fn strays_do_not_belong() {
        assert_eq!(run(&[1, 7, 2, 3, 1, 2, 4, 9]), [1, 2, 3, 4]);
        assert_eq!(run(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(run(&[5, 6, 7]), [0u32; 0]);
    }

    #[test]
    fn numbering_may_start_again_at_a_part() {
        let text = |body: &str| {
            format!("{body}\n\nSome words that follow here, as they do in every book of this kind.\n")
        };
        let pages = ["CHAPTER 1", "CHAPTER 2", "CHAPTER 1", "CHAPTER 2", "CHAPTER 3"];
        let book = BookText::new(pages.iter().map(|p| text(p).into()).collect());
        let all = book_headings(&book, |_| true);
        let lengths = |breaks: &[u32]| series(&all, breaks).values().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [3]);
        assert_eq!(lengths(&[1, 3]), [5]);
    }

    proptest! {
        #[test]
        fn a_run_counts_up_by_one(values in prop::collection::vec(0u32..9, 0..40)) {
            let run = run(&values);
            prop_assert!(run.first().is_none_or(|v| *v <= 1));
            prop_assert!(run.windows(2).all(|w| w[1] == w[0] + 1));
        }
    }
}
