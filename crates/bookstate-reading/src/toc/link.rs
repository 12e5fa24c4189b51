//! Which page each entry of a contents is on.
//!
//! The printed number plus an offset gives the page; the offset of each series of numbers is voted by titles
//! that stand as headings where the number says, and by the page numbers printed on the pages. A title that
//! stands as a heading a page or two beside corrects it. Entries without a page number go where their title
//! is a heading, in the order of the entries.

use super::chain::{Candidate, heaviest};
use super::entry::{ContentsEntry, ContentsRange};
use super::find::Stated;
use super::lists::{Turn, turns};
use super::numbers::{NumberStyle, PageNumber};
use super::page_text::{BookText, Region, TitleMatch};
use super::same_title::normalise;
use super::title_index::TitleIndex;
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
    /// The file's outline says so.
    Outline,
    /// The file's outline says so, and the title is a heading there.
    OutlineAndHeading,
    /// A link on the contents page leads there.
    PageLink,
    /// A link on the contents page leads there, and the title is a heading there.
    PageLinkAndHeading,
    /// The title is a heading on the page that the number gives.
    HeadingOnPage,
    /// The title is a heading near the page that the number gives.
    HeadingNearby,
    /// There is no page number; the title is a heading in the place that the order of the entries leaves.
    HeadingInOrder,
    /// The title is no heading near the page that the number gives; its word and number are one, in the place that the
    /// order of the entries leaves.
    OpeningInOrder,
    /// The printed number and the book's offset; the title was not found as a heading.
    NumberOnly,
    /// A title without page number and heading; the entries around it are on one page.
    BetweenNeighbours,
    /// A title without page number and heading, placed where the next entry is.
    BeforeNext,
    /// The number gives no page of the book, or nothing links numbers to pages.
    NoPage,
}

impl std::fmt::Display for LinkReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Outline => "the file's outline says so",
            Self::OutlineAndHeading => "the file's outline says so, and the title is a heading there",
            Self::PageLink => "the link on the contents page leads there",
            Self::PageLinkAndHeading => {
                "the link on the contents page leads there, and the title is a heading there"
            }
            Self::HeadingOnPage => "the title is a heading on the page of its number",
            Self::HeadingNearby => "the title is a heading near the page of its number",
            Self::HeadingInOrder => "the title is a heading at its place in the order of entries",
            Self::OpeningInOrder => "its word and number are a heading at its place in the order of entries",
            Self::NumberOnly => "by the printed number alone, the title is no heading there",
            Self::BetweenNeighbours => "without number and heading, on the page of the entries around it",
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
/// Where a chapter's word and number stand on more pages than this, they are a running head.
const MOST_OPENINGS: usize = 3;

impl Linker {
    /// Analyses all `entries` of the contents at `range`; headings within printed contents do not count.
    pub fn new(book: &BookText, entries: &[ContentsEntry], range: &ContentsRange) -> Self {
        let found = book.contents();
        if found.range.as_ref() == Some(range) {
            let stated: &[Option<Stated>] = if found.entries == entries { &found.stated } else { &[] };
            return Self::with(book, entries, &found.regions, stated);
        }
        let region = |page| Region { page, first: 0, last: usize::MAX };
        let pages = range.start_page.max(1)..=range.end_page.min(book.page_count());
        Self::without(book, entries, &pages.map(region).collect::<Vec<_>>())
    }

    /// The same, where headings in the lines of `regions` do not count.
    pub(super) fn without(book: &BookText, entries: &[ContentsEntry], regions: &[Region]) -> Self {
        Self::with(book, entries, regions, &[])
    }

    fn with(
        book: &BookText,
        entries: &[ContentsEntry],
        regions: &[Region],
        stated: &[Option<Stated>],
    ) -> Self {
        let wanted = Wanted::all(entries);
        let mut partial: HashMap<u32, TitleIndex> = HashMap::new();
        for region in regions {
            partial
                .entry(region.page)
                .or_insert_with(|| book.titles_outside(region.page, regions).unwrap_or_default());
        }
        let search = Search { book, partial };
        // Numbers that begin again in each chapter tell a page only together with their chapter.
        let restarts = wanted.iter().map(|w| w.stretch).max().unwrap_or(0);
        let by_stretch = restarts > 0;
        let offsets = if by_stretch { HashMap::new() } else { search.offsets(&wanted) };
        let known = !by_stretch || book.labels().restarts() == restarts;
        let link = |w| if known { search.by_number(w, &offsets, by_stretch) } else { NO_PAGE };
        let says = |i: usize, w: &Wanted| search.stated(w, stated.get(i).copied().flatten()?);
        let mut links: Vec<Link> =
            wanted.iter().enumerate().map(|(i, w)| says(i, w).unwrap_or_else(|| link(w))).collect();
        search.settle_by_neighbours(&wanted, &mut links);
        search.settle_by_openings(&wanted, &mut links);
        search.place_in_order(&wanted, &mut links);
        search.count_from_neighbours(&wanted, &mut links);
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
    /// How often page numbers began again before it.
    stretch: u32,
    /// Number and title, with and without the level word.
    with_number: Vec<String>,
    title: String,
    /// Level word and number without the title: `chapteriv`.
    opening: Option<String>,
    level_word: bool,
}

impl Wanted {
    fn all(entries: &[ContentsEntry]) -> Vec<Self> {
        let titles: Vec<String> = entries.iter().map(ContentsEntry::printed_title).collect();
        let number = |e: &ContentsEntry| e.printed_page.as_deref().and_then(PageNumber::parse);
        let turns = turns(titles.iter().map(String::as_str).zip(entries.iter().map(number)));
        let mut stretch = 0;
        let one = |(entry, turn): (&ContentsEntry, Turn)| {
            stretch += u32::from(turn == Turn::Restart);
            Self { stretch, ..Self::new(entry) }
        };
        entries.iter().zip(turns).map(one).collect()
    }

    fn new(entry: &ContentsEntry) -> Self {
        let title = normalise(&entry.title);
        let mut with_number = Vec::new();
        if let Some(number) = &entry.entry_number {
            with_number.push(format!("{}{title}", normalise(number)));
            with_number.push(normalise(&entry.printed_title()));
        }
        let opening = entry.level_name.as_ref().zip(entry.entry_number.as_ref());
        let opening = opening.map(|(word, number)| normalise(&format!("{word} {number}")));
        let number = entry.printed_page.as_deref().and_then(PageNumber::parse);
        Self { number, stretch: 0, with_number, title, opening, level_word: entry.level_name.is_some() }
    }
}

/// How a title stands on a page: 3 a heading with its number, 2 a heading, 0 not there.
type Strength = u32;
const HEADING: Strength = 2;

struct Search<'a> {
    book: &'a BookText,
    /// Titles on pages of which some lines do not count.
    partial: HashMap<u32, TitleIndex>,
}

impl Search<'_> {
    /// The title is a heading of the page, printed contents left out.
    fn is_heading(&self, title: &str, page: u32) -> bool {
        match self.partial.get(&page) {
            Some(titles) => titles.has(title),
            None => self.book.is_heading(title, page),
        }
    }

    fn strength(&self, wanted: &Wanted, page: i64, fuzzy: bool) -> Strength {
        let Ok(page) = u32::try_from(page) else { return 0 };
        let is_heading = |title: &str| self.is_heading(title, page);
        if wanted.with_number.iter().any(|t| is_heading(t)) {
            return 3;
        }
        let similar = || match self.partial.get(&page) {
            Some(titles) => titles.has_similar(&wanted.title),
            None => self.book.score(&wanted.title, page, true) == TitleMatch::Heading,
        };
        if is_heading(&wanted.title) || (fuzzy && similar()) { HEADING } else { 0 }
    }

    /// What the file says, and whether the page's headings agree.
    fn stated(&self, wanted: &Wanted, stated: Stated) -> Option<Link> {
        let (page, agreed, alone) = match stated {
            Stated::ByOutline(page) => (page, LinkReason::OutlineAndHeading, LinkReason::Outline),
            Stated::ByLink(page) => (page, LinkReason::PageLinkAndHeading, LinkReason::PageLink),
        };
        let heading = self.strength(wanted, i64::from(page), true) >= HEADING;
        Some(Link { page: Some(page), verified: true, reason: if heading { agreed } else { alone } })
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
            let Some(number) = entry.number.filter(|n| n.section == 0) else { continue };
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
            for offset in self.book.labels().offsets(style) {
                if !offsets.contains(&offset) {
                    offsets.push(offset);
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

    fn by_number(&self, wanted: &Wanted, offsets: &HashMap<NumberStyle, Vec<i64>>, by_stretch: bool) -> Link {
        let Some(number) = wanted.number else { return NO_PAGE };
        let labels = self.book.labels();
        let printed = labels.page(number, by_stretch.then_some(wanted.stretch));
        let stated = labels.stated(number).filter(|_| !by_stretch);
        let value = i64::from(number.value);
        let offsets =
            offsets.get(&number.style).filter(|_| number.section == 0).map_or(&[][..], Vec::as_slice);
        // What the pages bear comes first; the first offset is the book's, others are followed only to a heading.
        let mut pages: Vec<u32> = Vec::new();
        let counted = offsets.iter().take(4).filter_map(|offset| self.exists(value + offset));
        for page in stated.into_iter().chain(printed).chain(counted) {
            if !pages.contains(&page) {
                pages.push(page);
            }
        }
        let Some(first) = pages.first().copied() else { return NO_PAGE };
        for strong in [3, HEADING] {
            for (i, page) in pages.iter().enumerate() {
                if self.strength(wanted, i64::from(*page), strong == HEADING && i == 0) >= strong {
                    return Link { page: Some(*page), verified: true, reason: LinkReason::HeadingOnPage };
                }
            }
            for beside in NEARBY {
                let page = i64::from(first) + beside;
                if self.strength(wanted, page, false) >= strong
                    && let Some(page) = self.exists(page)
                {
                    return Link { page: Some(page), verified: true, reason: LinkReason::HeadingNearby };
                }
            }
        }
        Link { page: Some(first), verified: false, reason: LinkReason::NumberOnly }
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
            // What pages bear is surer than what neighbours suggest.
            if number.section > 0 || self.book.labels().page(number, None) == link.page {
                continue;
            }
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

    /// A title that a reader by machine spoilt is no heading anywhere; `CHAPTER IV` above it in the book may be.
    fn settle_by_openings(&self, wanted: &[Wanted], links: &mut [Link]) {
        let candidates = |(wanted, link): (&Wanted, &Link)| match (link.page, &wanted.opening) {
            (Some(page), _) if link.verified => vec![Candidate { page, weight: 12 }],
            (Some(_), Some(opening)) => {
                let pages = (1..=self.book.page_count()).filter(|page| self.is_heading(opening, *page));
                let found: Vec<Candidate> =
                    pages.map(|page| Candidate { page, weight: 1 }).take(MOST_OPENINGS + 1).collect();
                if found.len() > MOST_OPENINGS { Vec::new() } else { found }
            }
            _ => Vec::new(),
        };
        if links.iter().all(|link| link.verified) {
            return;
        }
        let candidates: Vec<Vec<Candidate>> = wanted.iter().zip(links.iter()).map(candidates).collect();
        for (link, placed) in links.iter_mut().zip(heaviest(&candidates)) {
            if !link.verified && placed.is_some() {
                *link = Link { page: placed, verified: true, reason: LinkReason::OpeningInOrder };
            }
        }
    }

    /// Links what has no page number, or one that tells no page, between what has.
    fn place_in_order(&self, wanted: &[Wanted], links: &mut [Link]) {
        if links.iter().all(|l| l.page.is_some()) {
            return;
        }
        let candidates: Vec<Vec<Candidate>> = wanted
            .iter()
            .zip(links.iter())
            .map(|(w, link)| match link.page {
                Some(page) => vec![Candidate { page, weight: if link.verified { 12 } else { 6 } }],
                None => self.candidates(w),
            })
            .collect();
        let placed = heaviest(&candidates);
        for (i, entry) in wanted.iter().enumerate().rev() {
            let next = links.get(i + 1).and_then(|l| l.page);
            let before = links.get(..i).and_then(|links| links.iter().rev().find_map(|link| link.page));
            let Some(link) = links.get_mut(i).filter(|l| l.page.is_none()) else { continue };
            let heading = placed.get(i).copied().flatten();
            if heading.is_some() {
                *link = Link { page: heading, verified: true, reason: LinkReason::HeadingInOrder };
            } else if entry.number.is_none() && next.is_some() && next == before {
                *link = Link { page: next, verified: false, reason: LinkReason::BetweenNeighbours };
            } else if entry.number.is_none() && entry.level_word && next.is_some() {
                *link = Link { page: next, verified: false, reason: LinkReason::BeforeNext };
            }
        }
    }

    /// Entries whose number alone tells no page are as far from a neighbour of their chapter as their numbers.
    fn count_from_neighbours(&self, wanted: &[Wanted], links: &mut [Link]) {
        let known: Vec<Option<(u32, PageNumber, u32)>> = wanted
            .iter()
            .zip(links.iter())
            .map(|(w, l)| Some((w.stretch, w.number?, l.page.filter(|_| l.verified)?)))
            .collect();
        for (i, link) in links.iter_mut().enumerate() {
            let Some((stretch, number)) = wanted.get(i).and_then(|w| Some((w.stretch, w.number?))) else {
                continue;
            };
            let same = |k: &&(u32, PageNumber, u32)| {
                k.0 == stretch && k.1.style == number.style && k.1.section == number.section
            };
            let before = || known.get(..i).and_then(|k| k.iter().rev().flatten().find(same));
            let after = || known.get(i..).and_then(|k| k.iter().flatten().find(same));
            if link.page.is_none()
                && let Some((_, n, page)) = before().or_else(after)
            {
                let page = self.exists(i64::from(*page) + i64::from(number.value) - i64::from(n.value));
                *link = Link { page, verified: false, reason: LinkReason::NumberOnly };
            }
        }
    }

    fn candidates(&self, wanted: &Wanted) -> Vec<Candidate> {
        let pages = 1..=i64::from(self.book.page_count());
        let mut found: Vec<Candidate> = Vec::new();
        // A wrong letter is allowed for where nothing but the title tells; comparing is slow.
        let rounds: &[bool] = if wanted.number.is_some() { &[false] } else { &[false, true] };
        for fuzzy in rounds.iter().copied() {
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
