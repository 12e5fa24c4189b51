//! The finder: on which pages a book prints its contents, and all that is on them.
//!
//! One detector for all: what it takes for contents is no heading anywhere else.

use super::contents_page::{Evidence, Mode, Printed, evidence};
use super::entry::{ContentsEntry, ContentsRange, ContentsSummary};
use super::lists::{self, List};
use super::outline::{self, OutlineEntry};
use super::page_text::{BookText, Region};
use super::{summarised, unnumbered};

/// A book's printed contents: the lists that are it, and where they stand.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The first list's pages, and the shape of all.
    pub(super) range: Option<ContentsRange>,
    pub(super) entries: Vec<ContentsEntry>,
    /// For each entry the page that the file says: by its outline, or by a link on the entry's line.
    pub(super) stated: Vec<Option<Stated>>,
    /// What the outline has beyond the entries.
    pub(super) beyond: Vec<OutlineEntry>,
    /// The lines of all that is contents, kept lists or not.
    pub(super) regions: Vec<Region>,
}

/// What the file says of an entry's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stated {
    ByOutline(u32),
    ByLink(u32),
}

impl Contents {
    /// Merges with what the file says: levels and pages are the outline's, printed numbers the list's.
    fn merged(self, book: &BookText, printed: &[Printed]) -> Self {
        let mut entries = self.entries;
        let matched = outline::matched(&entries, book.outline());
        outline::take_levels(&mut entries, book.outline(), &matched);
        let beyond = outline::left_over(book.outline(), &matched);
        let stated = matched.iter().zip(printed).map(|(i, p)| {
            let of_outline = i.and_then(|i| book.outline().get(i)).map(|e| Stated::ByOutline(e.page));
            of_outline.or_else(|| book.link(p.on_page, p.line).map(Stated::ByLink))
        });
        Self { stated: stated.collect(), beyond, entries, ..self }
    }
}

/// Finds the printed contents, wherever in the book; `None` when there are none that the book bears out.
#[must_use]
pub fn find(book: &BookText) -> Option<ContentsRange> {
    book.contents().range.clone()
}

/// Reads the entries of the contents at `range`, in the order in which they are printed. Empty when the pages
/// have no contents of the kind that `range` tells.
#[must_use]
pub fn extract(book: &BookText, range: &ContentsRange) -> Vec<ContentsEntry> {
    let found = book.contents();
    if found.range.as_ref() == Some(range) {
        return found.entries.clone();
    }
    // A range from elsewhere: an older version's, or another engine's.
    let (first, last) = (range.start_page.max(1), range.end_page.min(book.page_count()));
    if !range.summary.page_numbers {
        return unnumbered::list(book, first, last).map(|l| unnumbered::entries(&l)).unwrap_or_default();
    }
    let mode = |n| evidence(book, n, None).map(|e| (n, e.mode));
    let pages: Vec<(u32, Mode)> = (first..=last).filter_map(mode).collect();
    lists::best(book, &Block { pages, titled: false, led: false })
        .map(|list| list.entries())
        .unwrap_or_default()
}

/// Everything that the finder finds.
pub(super) fn contents(book: &BookText) -> Contents {
    let blocks = blocks(book);
    let lists: Vec<List> = blocks.iter().flat_map(|block| lists::all(book, block)).collect();
    let shown = lists.iter().filter(|list| list.is_contents());
    let mut regions: Vec<Region> = shown.flat_map(|list| list.regions(book)).collect();
    let kept = lists::of_the_book(lists);
    let Some(first) = kept.first() else {
        let list = if let Some(list) = summarised::find(book) {
            regions.extend(summarised::regions(&list));
            list
        } else if let Some(list) = unnumbered::find(book) {
            regions.extend(unnumbered::regions(book, &list));
            list
        } else {
            return Contents { regions, ..Contents::default() };
        };
        let (start_page, end_page) =
            list.first().zip(list.last()).map_or((1, 1), |(a, b)| (a.on_page, b.on_page));
        let entries = unnumbered::entries(&list);
        let levels: Vec<u32> = entries.iter().map(|e| e.level).collect();
        let summary = ContentsSummary::of(&list, &levels);
        let range = Some(ContentsRange { start_page, end_page, summary });
        return Contents { range, entries, regions, ..Contents::default() }.merged(book, &list);
    };
    let (start_page, end_page) = (first.first_page(), first.last_page());
    let entries: Vec<ContentsEntry> = kept.iter().flat_map(List::entries).collect();
    let printed: Vec<_> = kept.iter().flat_map(|l| l.printed.iter().cloned()).collect();
    let levels: Vec<u32> = kept.iter().flat_map(|l| l.levels.iter().copied()).collect();
    let summary = ContentsSummary::of(&printed, &levels);
    let range = Some(ContentsRange { start_page, end_page, summary });
    Contents { range, entries, regions, ..Contents::default() }.merged(book, &printed)
}

/// Neighbouring pages that may be contents.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) pages: Vec<(u32, Mode)>,
    /// A name for contents stands above them.
    pub(super) titled: bool,
    /// Dots lead to the numbers of most entries of its first page.
    pub(super) led: bool,
}

fn blocks(book: &BookText) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut n = 1;
    while n <= book.page_count() {
        let Some(found) = evidence(book, n, None).filter(is_contents) else {
            n += 1;
            continue;
        };
        let mut block = Block {
            pages: vec![(n, found.mode)],
            titled: found.titled,
            led: 2 * found.leaders > found.entries,
        };
        let taken = blocks.last().and_then(|b| b.pages.last()).map_or(0, |(page, _)| *page);
        // The page before may hold only a few entries, and so may the last one.
        let before = n.saturating_sub(1);
        if !found.titled
            && before > taken
            && evidence(book, before, Some(found.mode)).is_some_and(|e| goes_on(&e))
        {
            block.pages.insert(0, (before, found.mode));
        }
        let mut last = found;
        while let Some(next) = evidence(book, n + 1, Some(last.mode)).filter(goes_on) {
            // A list under a name of its own is another one, and may be printed in another way.
            let other =
                evidence(book, n + 1, None).filter(|e| e.titled && is_contents(e) && e.mode != next.mode);
            if other.is_some() {
                break;
            }
            n += 1;
            block.pages.push((n, last.mode));
            last = Evidence { mode: last.mode, ..next };
        }
        blocks.push(block);
        n += 1;
    }
    blocks
}

fn is_contents(e: &Evidence) -> bool {
    if e.titled {
        return e.entries >= 2 && e.ordered >= 0.6 && e.plausible >= 0.8;
    }
    let dense = e.share >= 0.35 || (e.leaders >= 5 && e.share >= 0.15);
    e.entries >= 3 && dense && e.ordered >= 0.7 && e.plausible >= 0.9
}

fn goes_on(e: &Evidence) -> bool {
    let some = e.share >= 0.3 || (e.leaders >= 2 && e.share >= 0.12);
    e.entries >= 1 && some && e.ordered >= 0.6 && e.plausible >= 0.8
}
