//! Which number each page of a book bears: what the file states, and what is printed at the pages' edges.
//!
//! Invariant: printed numbers are believed only as a chain over the pages, in which most count one a page; where
//! pages are missing or without a number the chain goes on with another distance, and where chapters begin to
//! count again it begins a new stretch.

use super::numbers::{NumberStyle, PageNumber};
use std::collections::HashMap;

/// Fewer numbers that count the pages are chance.
const FEWEST: usize = 3;
/// A chain goes on over so many pages without a number.
const REACH: usize = 30;
/// What a page that does not count on from the one before costs, where a page that does is worth 1.
const JUMP: f64 = 1.6;
/// The same for a number that begins again.
const RESTART: f64 = 1.8;

/// The numbers of a book's pages.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Per page and series what is printed on it or follows from its neighbours, with its stretch.
    printed: Vec<Vec<Label>>,
    /// What the file states, in lower case; empty when it states nothing of use.
    stated: Vec<Option<String>>,
}

/// The number of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Label {
    number: PageNumber,
    /// How often numbering began again before it.
    stretch: u32,
    /// It stands on the page, rather than follows from the next page's.
    seen: bool,
}

impl Labels {
    /// From the numbers at each page's edges, and what the file states of each page.
    pub(super) fn new(edges: &[Vec<PageNumber>], stated: &[Option<String>]) -> Self {
        let mut printed = vec![Vec::new(); edges.len()];
        for style in [NumberStyle::Roman, NumberStyle::Arabic] {
            // A sheet may show two pages of the book.
            let (single, double) = (chain(edges, style, 1), chain(edges, style, 2));
            let (members, per_page) = if double.0 > 1.5 * single.0 { (double.1, 2) } else { (single.1, 1) };
            fill(&members, per_page, &mut printed);
        }
        // Labels that only count the file's pages say nothing.
        let plain =
            |(i, label): (usize, &Option<String>)| label.as_deref().is_none_or(|l| l == (i + 1).to_string());
        let useful = !stated.iter().enumerate().all(plain);
        let stated =
            stated.iter().map(|l| l.as_ref().map(|l| l.trim().to_lowercase()).filter(|_| useful)).collect();
        Self { printed, stated }
    }

    /// Page `n` bears `number`, to all that is known.
    pub(super) fn give(&self, n: u32, number: PageNumber) -> bool {
        let page = n.checked_sub(1).and_then(|i| self.printed.get(i as usize));
        page.is_some_and(|labels| labels.iter().any(|l| l.number == number))
    }

    /// The page that the file gives this label.
    pub(super) fn stated(&self, number: PageNumber) -> Option<u32> {
        let wanted = number.to_string();
        let mut found = (1..).zip(&self.stated).filter(|(_, l)| l.as_deref() == Some(wanted.as_str()));
        let (page, _) = found.next()?;
        // A label that two pages have names none.
        found.next().is_none().then_some(page)
    }

    /// The page that bears `number` in the given stretch (any, when there is one only); where that page is not in
    /// the book, the next one that is.
    pub(super) fn page(&self, number: PageNumber, stretch: Option<u32>) -> Option<u32> {
        let labels = || {
            let pages = (1u32..).zip(&self.printed);
            pages.flat_map(|(n, labels)| labels.iter().map(move |l| (n, *l)))
        };
        let of_series = |l: &Label| l.number.style == number.style && l.number.section == number.section;
        let alike = |l: &Label| of_series(l) && stretch.is_none_or(|s| l.stretch == s);
        let mut equal = labels().filter(|(_, l)| alike(l) && l.number == number);
        if let Some((page, _)) = equal.next() {
            let again = equal.next().is_some();
            return (!again).then_some(page);
        }
        let before = labels().any(|(_, l)| alike(&l) && l.number < number);
        let next = labels().filter(|(_, l)| alike(l) && l.number > number).map(|(n, l)| (l.number, n)).min();
        next.filter(|_| before).map(|(_, page)| page)
    }

    /// How often numbering begins again.
    pub(super) fn restarts(&self) -> u32 {
        self.printed.iter().flatten().map(|l| l.stretch).max().unwrap_or(0)
    }

    /// Distances between page and number, the commonest first.
    pub(super) fn offsets(&self, style: NumberStyle) -> Vec<i64> {
        let mut votes: HashMap<i64, usize> = HashMap::new();
        for (n, labels) in (1i64..).zip(&self.printed) {
            for label in labels.iter().filter(|l| l.seen && l.number.style == style && l.number.section == 0)
            {
                *votes.entry(n - i64::from(label.number.value)).or_default() += 1;
            }
        }
        let mut votes: Vec<(usize, i64)> = votes.into_iter().map(|(offset, votes)| (votes, offset)).collect();
        votes.sort_by_key(|(votes, offset)| (std::cmp::Reverse(*votes), offset.abs(), *offset));
        let most = votes.first().map_or(0, |(v, _)| *v);
        votes
            .iter()
            .filter(|(v, _)| *v >= FEWEST && 4 * *v >= most)
            .take(6)
            .map(|(_, offset)| *offset)
            .collect()
    }
}

/// A member of a chain: page index, number, stretch.
type Member = (usize, PageNumber, u32);

/// The heaviest chain of numbers of one series, with its weight, where each page counts `per_page`.
fn chain(edges: &[Vec<PageNumber>], style: NumberStyle, per_page: i64) -> (f64, Vec<Member>) {
    struct Node {
        page: usize,
        number: PageNumber,
        weight: f64,
        before: Option<usize>,
        restart: bool,
        counts: usize,
    }
    let mut nodes: Vec<Node> = Vec::new();
    let mut window = 0;
    for (page, numbers) in edges.iter().enumerate() {
        while nodes.get(window).is_some_and(|n| n.page + REACH < page) {
            window += 1;
        }
        let earlier = nodes.len();
        for number in numbers.iter().filter(|n| n.style == style) {
            let mut node =
                Node { page, number: *number, weight: 1.0, before: None, restart: false, counts: 0 };
            for (i, last) in nodes.iter().enumerate().take(earlier).skip(window) {
                let Some((gain, restart)) = step(last.page, last.number, page, *number, per_page) else {
                    continue;
                };
                let weight = last.weight + gain;
                if weight > node.weight {
                    let counts = last.counts + usize::from(gain >= 1.0);
                    node = Node { weight, before: Some(i), restart, counts, ..node };
                }
            }
            nodes.push(node);
        }
    }
    let heaviest =
        nodes.iter().enumerate().max_by(|a, b| a.1.weight.total_cmp(&b.1.weight).then(b.0.cmp(&a.0)));
    let Some((mut at, weight, counts)) = heaviest.map(|(i, n)| (i, n.weight, n.counts)) else {
        return (0.0, Vec::new());
    };
    if counts + 1 < FEWEST {
        return (0.0, Vec::new());
    }
    let mut out = Vec::new();
    while let Some(node) = nodes.get(at) {
        out.push((node.page, node.number, u32::from(node.restart)));
        match node.before {
            Some(before) => at = before,
            None => break,
        }
    }
    out.reverse();
    let mut stretch = 0;
    for member in &mut out {
        stretch += member.2;
        member.2 = stretch;
    }
    (weight, out)
}

/// What a number is worth behind another one, and whether numbering begins again with it.
fn step(from: usize, last: PageNumber, to: usize, number: PageNumber, per_page: i64) -> Option<(f64, bool)> {
    let pages = i64::try_from(to - from).ok()? * per_page;
    let values = i64::from(number.value) - i64::from(last.value);
    if number.section != last.section {
        let next = number.section > last.section && last.section > 0 && number.value <= 5;
        return next.then_some((0.9, false));
    }
    if values == pages {
        return Some((1.0, false));
    }
    if values > 0 {
        let error = (values - pages).unsigned_abs().min(50) as f64;
        return Some((1.0 - JUMP - error / 100.0, false));
    }
    (number.value <= 3 && number.section == 0).then_some((1.0 - RESTART, true))
}

/// Numbers of pages that bear none: counted back from the next page that does, since the first page of a chapter
/// seldom shows its number, and forward to the page before the next stretch.
fn fill(chain: &[Member], per_page: u32, printed: &mut [Vec<Label>]) {
    let mut put = |page: usize, number: PageNumber, value: u32, stretch: u32, seen: bool| {
        let Some(labels) = printed.get_mut(page) else { return };
        for value in value..value + per_page {
            labels.push(Label { number: PageNumber { value, ..number }, stretch, seen });
        }
    };
    let mut last: Option<Member> = None;
    for (page, number, stretch) in chain.iter().copied() {
        put(page, number, number.value, stretch, true);
        let (from, least) = match last {
            Some((p, n, s)) if s == stretch && n.section == number.section => (p + 1, n.value),
            Some((p, ..)) => (p + 1, 0),
            None => (0, 0),
        };
        let mut value = number.value;
        for before in (from..page).rev() {
            value = value.saturating_sub(per_page);
            if value <= least {
                break;
            }
            put(before, number, value, stretch, false);
        }
        last = Some((page, number, stretch));
    }
    // Behind the last number pages go on.
    if let Some((page, number, stretch)) = last {
        let mut value = number.value;
        for behind in (page + 1..).take(REACH) {
            value += per_page;
            put(behind, number, value, stretch, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pages: &[&str]) -> Labels {
        let edges: Vec<Vec<PageNumber>> =
            pages.iter().map(|p| p.split_whitespace().filter_map(PageNumber::parse).collect()).collect();
        Labels::new(&edges, &vec![None; pages.len()])
    }

    fn page(labels: &Labels, number: &str) -> Option<u32> {
        labels.page(PageNumber::parse(number).unwrap(), None)
    }

    #[test]
    fn pages_left_out_and_put_in_move_the_numbers_behind_them() {
        let out = labels(&["", "", "2", "3", "4", "", "8", "9", "10", "11", "", "14", "15", "16"]);
        assert_eq!((page(&out, "1"), page(&out, "3"), page(&out, "7")), (Some(2), Some(4), Some(6)));
        assert_eq!(page(&out, "13"), Some(11), "a chapter's first page shows no number");
        assert_eq!(page(&out, "6"), Some(6), "the page is not in the book");
        let plates = labels(&["1", "2", "3", "4", "", "", "", "5", "6", "7"]);
        assert_eq!((page(&plates, "4"), page(&plates, "5")), (Some(4), Some(8)));
    }

    #[test]
    fn a_sheet_may_have_two_pages() {
        let sheets = labels(&["", "2 3", "4 5", "", "8 9", "10 11", "12 13"]);
        assert_eq!(
            (page(&sheets, "5"), page(&sheets, "6"), page(&sheets, "11")),
            (Some(3), Some(4), Some(6))
        );
    }

    #[test]
    fn strays_and_few_numbers_are_none() {
        assert_eq!(page(&labels(&["7", "40", "2", "99"]), "40"), None);
        let stray = labels(&["1", "2", "1990", "4", "5", "6"]);
        assert_eq!((page(&stray, "1990"), page(&stray, "3")), (None, Some(3)));
    }

    #[test]
    fn series_and_sections_and_restarts() {
        let both = labels(&["i", "ii", "iii", "iv", "1", "2", "3", "4"]);
        assert_eq!((page(&both, "iii"), page(&both, "3")), (Some(3), Some(7)));
        let sections = labels(&["1-1", "1-2", "1-3", "", "2-2", "2-3", "A-1", "A-2"]);
        assert_eq!((page(&sections, "2-1"), page(&sections, "A-2")), (Some(4), Some(8)));
        let restarts = labels(&["1", "2", "3", "4", "1", "2", "3", "1", "2", "3"]);
        assert_eq!(restarts.restarts(), 2);
        let number = PageNumber::parse("2").unwrap();
        assert_eq!((restarts.page(number, Some(1)), restarts.page(number, None)), (Some(6), None));
    }

    #[test]
    fn the_file_may_state_labels() {
        let stated: Vec<Option<String>> =
            ["i", "ii", "1", "2"].iter().map(|l| Some((*l).to_owned())).collect();
        let with = Labels::new(&vec![Vec::new(); 4], &stated);
        assert_eq!(with.stated(PageNumber::parse("2").unwrap()), Some(4));
        let plain: Vec<Option<String>> = (1..5).map(|n| Some(n.to_string())).collect();
        assert_eq!(Labels::new(&vec![Vec::new(); 4], &plain).stated(PageNumber::parse("2").unwrap()), None);
    }
}
