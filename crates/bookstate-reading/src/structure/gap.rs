//! A look into a gap between two entries: an entry is missing, or one has the wrong page, or all is well.
//!
//! Invariants: an entry is added only for a heading that carries the next number of a numbering that the table
//! counts without holes up to the gap; an entry is moved only to a page where its number and title stand as a
//! heading, from one where its title does not, and never past its neighbours.

use super::entry_facts::EntryFacts;
use super::finalize::{Members, Numbering, is_excluded, numberings};
use super::headings::HeadingKind;
use super::series::{BookHeading, headings_within};
use std::collections::HashSet;

use crate::toc::{BookText, TitleMatch, normalise, similar};
use bookstate_domain::{Gap, PatternAnalysis, persist::GapFix};

/// Looks into one gap; `entries` are in their order.
pub fn look_into(book: &BookText, entries: &[EntryFacts], analysis: &PatternAnalysis, gap: &Gap) -> GapFix {
    let page = |n: i32| u32::try_from(n).unwrap_or(0);
    let (from, to) = (page(gap.from_page), page(gap.to_page));
    let bound: HashSet<u32> = entries.iter().filter_map(|e| e.page).collect();
    let inside = |n: u32| !bound.contains(&n) && !is_excluded(&analysis.excluded_ranges, n);
    // A book may have many gaps: none of them costs a walk through all of it.
    let headings = headings_within(book, from.max(1)..=to.min(book.page_count()), inside);
    if let Some(fix) = corrected(book, entries, &headings) {
        return fix;
    }
    let numberings = numberings(entries);
    if let Some(fix) =
        numberings.iter().find_map(|(n, members)| added(entries, n, members, &headings, (from, to)))
    {
        return fix;
    }
    numberings.iter().find_map(|(n, members)| jump(entries, n, members, (from, to))).unwrap_or(GapFix::None)
}

/// An entry whose number and title stand as a heading in the gap, and not on the page it is linked to.
fn corrected(book: &BookText, entries: &[EntryFacts], headings: &[BookHeading]) -> Option<GapFix> {
    // The most that is asked of an entry is the headings of this gap, and mostly there are none.
    let entries_of = if headings.is_empty() { &[] } else { entries };
    for (i, entry) in entries_of.iter().enumerate() {
        let title = normalise(entry.title.as_deref().unwrap_or_default());
        if title.chars().count() < 4 {
            continue;
        }
        let before = entries.get(..i)?.iter().rev().find_map(|e| e.page).unwrap_or(1);
        let after = entries.get(i + 1..)?.iter().find_map(|e| e.page).unwrap_or(book.page_count());
        let same = |h: &&BookHeading| {
            let number = h.heading.number.as_deref().is_none_or(|n| entry.number.as_deref() == Some(n));
            number && (before..=after).contains(&h.page) && similar(&normalise(&h.heading.title), &title)
        };
        let mut fitting = headings.iter().filter(same);
        let (Some(heading), None) = (fitting.next(), fitting.next()) else { continue };
        // Asked of few entries: it may compare a title with every line of a page.
        let linked = entry.page.is_some_and(|p| {
            book.title_score(entry.title.as_deref().unwrap_or_default(), p) == TitleMatch::Heading
        });
        if !linked {
            return Some(GapFix::Correct {
                entry: entry.ident.clone(),
                page: i32::try_from(heading.page).ok()?,
            });
        }
    }
    None
}

/// The last value of a numbering before the gap, and the first behind it.
fn around(entries: &[EntryFacts], members: &Members, (from, to): (u32, u32)) -> (Option<u32>, Option<u32>) {
    let page = |m: &&(u32, usize)| entries.get(m.1).and_then(|e| e.page);
    let before = members.iter().filter(|m| page(m).is_some_and(|p| p <= from)).map(|m| m.0).max();
    let after = members.iter().filter(|m| page(m).is_some_and(|p| p >= to)).map(|m| m.0).min();
    (before, after)
}

fn added(
    entries: &[EntryFacts],
    numbering: &Numbering,
    members: &Members,
    headings: &[BookHeading],
    gap: (u32, u32),
) -> Option<GapFix> {
    let (before, after) = around(entries, members, gap);
    let last = before?;
    // Two at least, and none missing so far, or the table does not count them all.
    let up_to: Vec<u32> = members.iter().map(|m| m.0).filter(|v| *v <= last).collect();
    let whole = up_to.len() >= 2 && up_to.iter().zip(up_to.iter().skip(1)).all(|(a, b)| *b == *a + 1);
    let next = last.checked_add(1)?;
    if !whole || after.is_some_and(|a| next >= a) || members.iter().any(|m| m.0 == next) {
        return None;
    }
    let fits = |h: &&BookHeading| {
        h.heading.kind != HeadingKind::Bare && numbering.value_of(&h.heading) == Some(next)
    };
    let mut fitting = headings.iter().filter(fits);
    let (Some(found), None) = (fitting.next(), fitting.next()) else { return None };
    let heading = &found.heading;
    let title = if heading.title.is_empty() { heading.text() } else { heading.title.clone() };
    Some(GapFix::Add {
        title: title.into(),
        entry_number: Some(numbering.identifier(next).into()),
        level: numbering.level,
        page: i32::try_from(found.page).ok()?,
    })
}

/// Numbers of the highest levels that jump over the gap.
fn jump(entries: &[EntryFacts], numbering: &Numbering, members: &Members, gap: (u32, u32)) -> Option<GapFix> {
    let (Some(before), Some(after)) = around(entries, members, gap) else { return None };
    if after <= before + 1 || members.iter().any(|m| m.0 > before && m.0 < after) {
        return None;
    }
    let (from, to) = (numbering.identifier(before), numbering.identifier(after));
    let note =
        format!("numbers go from {from} to {to} over pages {} to {}, with no heading between", gap.0, gap.1);
    Some(GapFix::Flag { note: note.into() })
}
