//! Finalize: the numberings of a table of contents, what they imply, and the gaps between its entries.
//!
//! Invariants: a numbering is taken for one only when its numbers rise strictly through the table; a complete
//! table implies nothing. An implied entry is found only where a heading of its form and number stands, and only
//! when there is one such heading.

use super::entry_facts::EntryFacts;
use super::headings::{HeadingKind, PageHeading};
use super::matter::known_title;
use super::series::book_headings;
use super::typed;
use crate::toc::{BookText, Numeral, NumeralStyle};
use bookstate_domain::{
    ExcludedRange, Gap, MissingEntry, NumberingPattern, PatternAnalysis, Text, persist::Discovery,
};
use std::collections::{BTreeMap, BTreeSet};

/// A stretch of more pages than this between two entries is a gap.
pub const GAP_PAGES: u32 = 15;
/// An entry with one neighbour only is looked for so many pages from it.
const REACH: u32 = 20;
/// So many entries of the outline are taken beyond the printed ones: each is looked for by itself.
const MOST_BEYOND: usize = 300;
/// How such an entry is called among the missing ones, with its place: as long for all, because names are put in order.
const BEYOND: &str = "outline:";
/// The same for one that is told by type.
const TYPED: &str = "type:";
/// Fewer entries are no numbering.
const FEWEST: usize = 3;

/// What the members of a numbering share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Numbering {
    pub(super) level: i32,
    pub(super) level_name: Option<Text>,
    /// What comes before the counted part: `3.` in `3.2`.
    pub(super) prefix: String,
    pub(super) style: NumeralStyle,
}

impl Numbering {
    /// A heading of this numbering: the same word, depth, prefix and style.
    pub(super) fn value_of(&self, heading: &PageHeading) -> Option<u32> {
        let printed = heading.number.as_deref()?;
        let (prefix, last) = split_number(printed);
        let numeral = match self.style {
            NumeralStyle::Letter => Numeral::as_letter(last),
            _ => heading.numeral,
        }?;
        let word = match (self.level_name.as_deref(), heading.level_name) {
            (Some(name), Some(printed)) => name == printed,
            (None, None) => true,
            // "Chapter 3" on the page for "3" in the table, and the other way round; never for dotted numbers.
            _ => self.prefix.is_empty(),
        };
        let style = numeral.style == self.style || heading.kind == HeadingKind::Named;
        let titled = heading.kind != HeadingKind::Bare
            && (heading.kind == HeadingKind::Named || !heading.title.is_empty());
        (word && style && titled && prefix == self.prefix).then_some(numeral.value)
    }

    pub(super) fn identifier(&self, value: u32) -> String {
        format!("{}{}", self.prefix, Numeral { style: self.style, value }.write())
    }
}

/// The members of a numbering, as value and index into the entries; the values rise.
pub(super) type Members = Vec<(u32, usize)>;

/// `3.2` is `3.` and `2`.
fn split_number(number: &str) -> (&str, &str) {
    let number = number.trim_end_matches('.');
    let at = number.rfind('.').map_or(0, |i| i + 1);
    (number.get(..at).unwrap_or_default(), number.get(at..).unwrap_or_default())
}

/// The numberings of a table whose values rise strictly.
pub(super) fn numberings(entries: &[EntryFacts]) -> BTreeMap<Numbering, Members> {
    // A "C" is a letter where there is an "A" or "B" and a roman number where there is not.
    let lettered: BTreeSet<i32> =
        entries.iter().filter(|e| matches!(e.number.as_deref(), Some("A" | "B"))).map(|e| e.level).collect();
    let mut all: BTreeMap<Numbering, Members> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        let Some(number) = entry.number.as_deref() else { continue };
        let (prefix, last) = split_number(number);
        let letter =
            Numeral::as_letter(last).filter(|_| lettered.contains(&entry.level) && prefix.is_empty());
        let Some(numeral) = letter.or_else(|| Numeral::parse(last)) else { continue };
        let key = Numbering {
            level: entry.level,
            level_name: entry.level_name.clone(),
            prefix: prefix.to_owned(),
            style: numeral.style,
        };
        all.entry(key).or_default().push((numeral.value, i));
    }
    all.retain(|_, members| members.is_sorted_by(|a, b| a.0 < b.0));
    all
}

/// The pattern phase: numberings, excluded ranges, and the entries that the numberings imply and the table lacks.
/// `entries` are in their order, `contents` are the pages of the table.
pub fn patterns(book: &BookText, entries: &[EntryFacts], contents: Option<(u32, u32)>) -> PatternAnalysis {
    let mut analysis =
        PatternAnalysis { excluded_ranges: excluded(book, entries, contents), ..Default::default() };
    for (numbering, members) in numberings(entries).iter().filter(|(_, m)| m.len() >= FEWEST) {
        let (Some((first, _)), Some((last, _))) = (members.first(), members.last()) else { continue };
        if numbering.prefix.is_empty() {
            analysis.patterns.push(NumberingPattern {
                word: numbering.level_name.clone().unwrap_or_default(),
                style: numbering.style.name().into(),
                level: numbering.level,
                first: page_number(*first),
                last: page_number(*last),
            });
        }
        // A table that begins with 2 lacks its 1; one that begins with 7 counts something else.
        let begin = if *first == 2 { 1 } else { *first };
        let missing: Vec<u32> = (begin..*last).filter(|v| members.iter().all(|(m, _)| m != v)).collect();
        if missing.len() * 2 <= members.len() {
            let to_find = missing.iter().map(|v| missing_entry(book, entries, numbering, members, *v));
            analysis.entries_to_find.extend(to_find);
        }
    }
    // What the file's own table of contents has beyond the printed one.
    let beyond = (0..).zip(book.beyond_contents()).take(MOST_BEYOND);
    analysis.entries_to_find.extend(beyond.map(|(i, entry): (usize, _)| MissingEntry {
        identifier: format!("{BEYOND}{i:03}").into(),
        level: i32::try_from(entry.level).unwrap_or(i32::MAX),
        level_name: None,
        heading: entry.title.as_str().into(),
        from_page: page_number(entry.page),
        to_page: page_number(entry.page),
    }));
    // Headings below the printed levels, where no outline tells them.
    if book.beyond_contents().is_empty() {
        let below = (0..).zip(typed::below_entries(book, entries)).take(MOST_BEYOND);
        analysis.entries_to_find.extend(below.map(|(i, heading): (usize, _)| MissingEntry {
            identifier: format!("{TYPED}{i:03}").into(),
            level: heading.level,
            level_name: None,
            heading: heading.title,
            from_page: page_number(heading.page),
            to_page: page_number(heading.page),
        }));
    }
    // Two numberings of one level, with and without a word, would ask for the same thing twice.
    let mut seen = BTreeSet::new();
    analysis.entries_to_find.retain(|m| seen.insert(m.subject()));
    analysis.reasoning = format!(
        "{} numberings, {} excluded ranges, {} entries implied but not in the table",
        analysis.patterns.len(),
        analysis.excluded_ranges.len(),
        analysis.entries_to_find.len()
    )
    .into();
    analysis
}

fn page_number(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn missing_entry(
    book: &BookText,
    entries: &[EntryFacts],
    numbering: &Numbering,
    members: &Members,
    value: u32,
) -> MissingEntry {
    let page = |m: &(u32, usize)| entries.get(m.1).and_then(|e| e.page);
    let before = members.iter().filter(|m| m.0 < value).filter_map(page).max();
    let after = members.iter().filter(|m| m.0 > value).filter_map(page).min();
    let last = book.page_count().max(1);
    let from = before.or_else(|| after.map(|p| p.saturating_sub(REACH))).unwrap_or(1).clamp(1, last);
    let to = after.or_else(|| before.map(|p| p.saturating_add(REACH))).unwrap_or(last).clamp(from, last);
    let identifier = numbering.identifier(value);
    let heading = match numbering.level_name.as_deref() {
        Some(word) => format!("{} {identifier}", capitalised(word)),
        None => identifier.clone(),
    };
    MissingEntry {
        identifier: identifier.into(),
        level: numbering.level,
        level_name: numbering.level_name.clone(),
        heading: heading.into(),
        from_page: page_number(from),
        to_page: page_number(to),
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The contents, what has no chapters in it (index, bibliography, lists), and index pages that no entry names.
fn excluded(book: &BookText, entries: &[EntryFacts], contents: Option<(u32, u32)>) -> Vec<ExcludedRange> {
    let range = |from: u32, to: u32, reason: &str| ExcludedRange {
        start_page: page_number(from),
        end_page: page_number(to),
        reason: reason.into(),
    };
    let mut ranges: Vec<ExcludedRange> =
        contents.iter().map(|(from, to)| range(*from, *to, "contents")).collect();
    let pages: BTreeSet<u32> = entries.iter().filter_map(|e| e.page).collect();
    // Deep in the table such a word is what a section is about: an option "index", a file "notes".
    let top = entries.iter().map(|e| e.level).min().unwrap_or(1);
    for entry in entries.iter().filter(|e| e.level == top) {
        let (Some(page), Some(title)) = (entry.page, entry.title.as_deref()) else { continue };
        let Some(known) = known_title(title).filter(|k| !k.read_aloud && k.content_type != "license") else {
            continue;
        };
        let next = pages.range(page + 1..).next().map_or(book.page_count(), |n| n - 1);
        ranges.push(range(page, next.max(page), known.content_type));
    }
    let index = (1..=book.page_count()).rev().take_while(|n| is_index(book, *n)).last();
    if let Some(from) = index {
        ranges.push(range(from, book.page_count(), "index"));
    }
    ranges.sort_by_key(|r| (r.start_page, r.end_page));
    ranges.dedup_by_key(|r| (r.start_page, r.end_page));
    ranges
}

/// A page of an index: most lines end in page numbers. A blank page at the end counts.
fn is_index(book: &BookText, n: u32) -> bool {
    let Some(page) = book.page(n) else { return false };
    let ends = |text: &str| {
        let last = text.rsplit([' ', ',', '.']).next().unwrap_or_default();
        text.contains([',', '.', ' ']) && !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
    };
    let numbered = page.lines.iter().filter(|l| ends(&l.text)).count();
    numbered * 2 >= page.lines.len()
}

pub(super) fn is_excluded(ranges: &[ExcludedRange], page: u32) -> bool {
    let page = page_number(page);
    ranges.iter().any(|r| (r.start_page..=r.end_page).contains(&page))
}

/// The discover phase: looks for one missing entry. Found only when exactly one heading in its pages has its form.
pub fn discover(book: &BookText, missing: &MissingEntry, excluded: &[ExcludedRange]) -> Discovery {
    let none = Discovery { missing: missing.clone(), found: None };
    if let Some(i) = missing.identifier.strip_prefix(BEYOND) {
        let entry = i.parse().ok().and_then(|i: usize| book.beyond_contents().get(i));
        let found = entry.map(|e| (page_number(e.page), Text::from(e.title.as_str())));
        return Discovery { found, ..none };
    }
    if missing.identifier.starts_with(TYPED) {
        // Seen when the table was analysed, with its page and its words.
        return Discovery { found: Some((missing.from_page, missing.heading.clone())), ..none };
    }
    let (prefix, last) = split_number(&missing.identifier);
    let letter = Numeral::as_letter(last).filter(|n| n.value != 9 && n.value != 22 && n.value != 24);
    let Some(sought) = letter.or_else(|| Numeral::parse(last)) else { return none };
    let numbering = Numbering {
        level: missing.level,
        level_name: missing.level_name.clone(),
        prefix: prefix.to_owned(),
        style: sought.style,
    };
    let page = |n: i32| u32::try_from(n).unwrap_or(0);
    let (from, to) = (page(missing.from_page), page(missing.to_page));
    let headings = book_headings(book, |n| (from..=to).contains(&n) && !is_excluded(excluded, n));
    let mut fitting = headings.iter().filter(|h| numbering.value_of(&h.heading) == Some(sought.value));
    let (Some(first), None) = (fitting.next(), fitting.next()) else { return none };
    let title =
        if first.heading.title.is_empty() { first.heading.text() } else { first.heading.title.clone() };
    Discovery { found: Some((page_number(first.page), title.into())), ..none }
}

/// The gaps of the validate phase: more than [`GAP_PAGES`] pages between neighbouring linked entries, before the
/// first and after the last, excluded ranges not counted. None when no entry is linked.
pub fn gaps(entries: &[EntryFacts], excluded: &[ExcludedRange], page_count: u32) -> Vec<Gap> {
    let pages: BTreeSet<u32> = entries.iter().filter_map(|e| e.page).filter(|p| *p <= page_count).collect();
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return Vec::new() };
    let between = pages.iter().zip(pages.iter().skip(1)).map(|(a, b)| (*a, *b));
    let all = [(1, *first)].into_iter().chain(between).chain([(*last, page_count)]);
    let wide = |(from, to): &(u32, u32)| {
        let inside = (*from..*to).filter(|n| !is_excluded(excluded, *n)).count();
        inside > GAP_PAGES as usize
    };
    let gap = |(from, to): (u32, u32)| Gap {
        key: format!("{from}-{to}").into(),
        from_page: page_number(from),
        to_page: page_number(to),
    };
    all.filter(wide).map(gap).collect()
}

#[cfg(test)]
#[path = "finalize_tests.rs"]
mod tests;
