//! Which page each entry of a contents is on.
//!
//! The printed number plus an offset gives the page; the offset of each series of numbers is voted by titles
//! that stand as headings where the number says, and by the page numbers printed on the pages. A title that
//! stands as a heading a page or two beside corrects it. Entries without a page number go where their title
//! is a heading, in the order of the entries.

use super::chain::{Candidate, heaviest};
use super::entry::{ContentsEntry, ContentsRange};
use super::numbers::{NumberStyle, PageNumber};
use super::page_text::{BookText, TitleMatch};
use super::title::normalise;
use std::collections::HashMap;

/// Where an entry leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The page, counted from 1; `None` when nothing tells.
    pub page: Option<u32>,
    /// The title stands on that page as a heading.
    pub verified: bool,
    /// How the page was found.
    pub reason: LinkReason,
}

/// What a [`Link`] rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkReason {
    /// The title is a heading on the page that the number gives.
    HeadingOnPage,
    /// The title is a heading near the page that the number gives.
    HeadingNearby,
    /// There is no page number; the title is a heading in the place that the order of the entries leaves.
    HeadingInOrder,
    /// The printed number and the book's offset; the title was not found as a heading.
    NumberOnly,
    /// A title without page number and heading, placed where the next entry is.
    BeforeNext,
    /// The number gives no page of the book, or nothing links numbers to pages.
    NoPage,
}

impl std::fmt::Display for LinkReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HeadingOnPage => "the title is a heading on the page of its number",
            Self::HeadingNearby => "the title is a heading near the page of its number",
            Self::HeadingInOrder => "the title is a heading at its place in the order of entries",
            Self::NumberOnly => "by the printed number alone, the title is no heading there",
            Self::BeforeNext => "without number and heading, placed at the next entry",
            Self::NoPage => "no page of the book belongs to it",
        })
    }
}

/// Finds the pages of a contents' entries; made once per contents, then asked per entry.
#[derive(Debug, Clone)]
pub struct Linker {
    links: Vec<Link>,
}

/// Distances between printed number and page that are tried.
const OFFSETS: std::ops::RangeInclusive<i64> = -40..=80;
/// Titles that vote for an offset.
const VOTERS: usize = 150;
/// How far a heading may be from where its number says.
const NEARBY: [i64; 4] = [1, -1, 2, -2];
/// A title on more pages than this says nothing about its place.
const MOST_CANDIDATES: usize = 40;

impl Linker {
    /// Analyses all `entries` of the contents at `range`; headings on the contents' own pages do not count.
    pub fn new(book: &BookText, entries: &[ContentsEntry], range: &ContentsRange) -> Self {
        let wanted: Vec<Wanted> = entries.iter().map(Wanted::new).collect();
        let search = Search { book, range };
        let offsets = search.offsets(&wanted);
        let mut links: Vec<Link> = wanted.iter().map(|w| search.by_number(w, &offsets)).collect();
        search.settle_by_neighbours(&wanted, &mut links);
        search.place_unnumbered(&wanted, &mut links);
        Self { links }
    }

    /// The link of the entry at the 0-based index `i`; an index beyond the entries gives
    /// [`LinkReason::NoPage`].
    pub fn link(&self, i: usize) -> Link {
        self.links.get(i).copied().unwrap_or(NO_PAGE)
    }
}

const NO_PAGE: Link = Link { page: None, verified: false, reason: LinkReason::NoPage };

/// An entry as it is searched for.
struct Wanted {
    number: Option<PageNumber>,
    /// Number and title, with and without the level word.
    with_number: Vec<String>,
    title: String,
    level_word: bool,
}

impl Wanted {
    fn new(entry: &ContentsEntry) -> Self {
        let title = normalise(&entry.title);
        let mut with_number = Vec::new();
        if let Some(number) = &entry.entry_number {
            with_number.push(format!("{}{title}", normalise(number)));
            with_number.push(normalise(&entry.printed_title()));
        }
        let number = entry.printed_page.as_deref().and_then(PageNumber::parse);
        Self { number, with_number, title, level_word: entry.level_name.is_some() }
    }
}

/// How a title stands on a page: 3 a heading with its number, 2 a heading, 0 not there.
type Strength = u32;
const HEADING: Strength = 2;

struct Search<'a> {
    book: &'a BookText,
    range: &'a ContentsRange,
}

impl Search<'_> {
    fn strength(&self, wanted: &Wanted, page: i64, fuzzy: bool) -> Strength {
        let Ok(page) = u32::try_from(page) else { return 0 };
        if self.range.contains(page) {
            return 0;
        }
        if wanted.with_number.iter().any(|t| self.book.is_heading(t, page)) {
            return 3;
        }
        let heading = self.book.is_heading(&wanted.title, page)
            || (fuzzy && self.book.score(&wanted.title, page, true) == TitleMatch::Heading);
        if heading { HEADING } else { 0 }
    }

    fn exists(&self, page: i64) -> Option<u32> {
        u32::try_from(page).ok().filter(|p| (1..=self.book.page_count()).contains(p))
    }

    /// Offsets of each series, the likeliest first.
    fn offsets(&self, wanted: &[Wanted]) -> HashMap<NumberStyle, Vec<i64>> {
        let mut votes: HashMap<(NumberStyle, i64), u32> = HashMap::new();
        let step = wanted.len().div_ceil(VOTERS).max(1);
        let mut voters: HashMap<NumberStyle, u32> = HashMap::new();
        for entry in wanted.iter().step_by(step) {
            let Some(number) = entry.number else { continue };
            *voters.entry(number.style).or_default() += 1;
            if entry.title.chars().count() < 4 && entry.with_number.is_empty() {
                continue;
            }
            for offset in OFFSETS {
                let strength = self.strength(entry, i64::from(number.value) + offset, false);
                if strength >= HEADING {
                    *votes.entry((number.style, offset)).or_default() += strength - 1;
                }
            }
        }
        let mut out = HashMap::new();
        for style in [NumberStyle::Roman, NumberStyle::Arabic] {
            let mut of_style: Vec<(u32, i64)> =
                votes.iter().filter(|((s, _), _)| *s == style).map(|((_, o), v)| (*v, *o)).collect();
            of_style.sort_by_key(|(v, o)| (std::cmp::Reverse(*v), o.abs(), *o));
            let enough = voters.get(&style).map_or(2, |n| (n / 5).max(2));
            let most = of_style.first().map_or(0, |(v, _)| *v);
            let voted = of_style.iter().filter(|(v, _)| *v >= enough && 4 * *v >= most).take(3);
            let mut offsets: Vec<i64> = voted.map(|(_, o)| *o).collect();
            for label in self.book.offsets().of(style) {
                if !offsets.contains(label) {
                    offsets.push(*label);
                }
            }
            // A single title is weak, but better than nothing.
            if offsets.is_empty() {
                offsets.extend(of_style.first().map(|(_, o)| *o));
            }
            out.insert(style, offsets);
        }
        out
    }

    fn by_number(&self, wanted: &Wanted, offsets: &HashMap<NumberStyle, Vec<i64>>) -> Link {
        let Some(number) = wanted.number else { return NO_PAGE };
        let value = i64::from(number.value);
        let offsets = offsets.get(&number.style).map_or(&[][..], Vec::as_slice);
        let Some(first) = offsets.first() else { return NO_PAGE };
        for strong in [3, HEADING] {
            // The first offset is the book's; others are followed only to a heading.
            for (i, offset) in offsets.iter().take(4).enumerate() {
                let fuzzy = strong == HEADING && i == 0;
                let page = value + offset;
                if self.strength(wanted, page, fuzzy) >= strong
                    && let Some(page) = self.exists(page)
                {
                    return Link { page: Some(page), verified: true, reason: LinkReason::HeadingOnPage };
                }
            }
            for beside in NEARBY {
                let page = value + first + beside;
                if self.strength(wanted, page, false) >= strong
                    && let Some(page) = self.exists(page)
                {
                    return Link { page: Some(page), verified: true, reason: LinkReason::HeadingNearby };
                }
            }
        }
        let page = self.labelled(number, value + first).or_else(|| self.exists(value + first));
        match page {
            Some(page) => Link { page: Some(page), verified: false, reason: LinkReason::NumberOnly },
            None => NO_PAGE,
        }
    }

    /// The page near `about` that bears the number itself.
    fn labelled(&self, number: PageNumber, about: i64) -> Option<u32> {
        [0, 1, -1, 2, -2, 3, -3]
            .into_iter()
            .filter_map(|d| self.exists(about + d))
            .find(|n| self.book.page(*n).is_some_and(|page| page.labels.contains(&number)))
    }

    /// Where pages were left out or put in, the offset changes on the way: an unverified link takes the
    /// offset that both verified neighbours have.
    fn settle_by_neighbours(&self, wanted: &[Wanted], links: &mut [Link]) {
        let offset = |i: usize, links: &[Link]| -> Option<(NumberStyle, i64)> {
            let (link, number) = (links.get(i)?, wanted.get(i)?.number?);
            let page = link.page.filter(|_| link.verified)?;
            Some((number.style, i64::from(page) - i64::from(number.value)))
        };
        let known: Vec<Option<(NumberStyle, i64)>> = (0..links.len()).map(|i| offset(i, links)).collect();
        for (i, link) in links.iter_mut().enumerate() {
            let Some(number) = wanted.get(i).and_then(|w| w.number).filter(|_| !link.verified) else {
                continue;
            };
            let same = |k: &&(NumberStyle, i64)| k.0 == number.style;
            let before = known.get(..i).and_then(|k| k.iter().rev().flatten().find(same));
            let after = known.get(i..).and_then(|k| k.iter().flatten().find(same));
            if let (Some((_, a)), Some((_, b))) = (before, after)
                && a == b
                && let Some(page) = self.exists(i64::from(number.value) + a)
            {
                *link = Link { page: Some(page), verified: false, reason: LinkReason::NumberOnly };
            }
        }
    }

    /// Links what has no page number, between what has.
    fn place_unnumbered(&self, wanted: &[Wanted], links: &mut [Link]) {
        if wanted.iter().all(|w| w.number.is_some()) {
            return;
        }
        let candidates: Vec<Vec<Candidate>> = wanted
            .iter()
            .zip(links.iter())
            .map(|(w, link)| match link.page {
                Some(page) => vec![Candidate { page, weight: if link.verified { 12 } else { 6 } }],
                None if w.number.is_none() => self.candidates(w),
                None => Vec::new(),
            })
            .collect();
        let placed = heaviest(&candidates);
        for (i, entry) in wanted.iter().enumerate().rev() {
            let next = links.get(i + 1).and_then(|l| l.page);
            let Some(link) = links.get_mut(i).filter(|l| l.page.is_none() && entry.number.is_none()) else {
                continue;
            };
            let heading = placed.get(i).copied().flatten();
            if heading.is_some() {
                *link = Link { page: heading, verified: true, reason: LinkReason::HeadingInOrder };
            } else if entry.level_word && next.is_some() {
                *link = Link { page: next, verified: false, reason: LinkReason::BeforeNext };
            }
        }
    }

    fn candidates(&self, wanted: &Wanted) -> Vec<Candidate> {
        let pages = 1..=i64::from(self.book.page_count());
        let mut found: Vec<Candidate> = Vec::new();
        for fuzzy in [false, true] {
            let strong = pages.clone().filter_map(|p| {
                let weight = self.strength(wanted, p, fuzzy);
                let page = self.exists(p)?;
                (weight >= HEADING).then_some(Candidate { page, weight })
            });
            found.extend(strong);
            if !found.is_empty() {
                break;
            }
        }
        if found.len() > MOST_CANDIDATES {
            found.retain(|c| c.weight > HEADING);
            found.truncate(MOST_CANDIDATES);
        }
        found
    }
}
