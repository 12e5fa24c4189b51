//! Contents without page numbers: lines near the book's beginning that come back as headings, in order.
//!
//! Stricter than for numbered contents, because any list of words can look like one: most lines of the list
//! must be headings elsewhere, in order, spread over much of the book.

use super::chain::{Candidate, heaviest};
use super::contents_page::Printed;
use super::entry::ContentsEntry;
use super::entry_line::{is_leader, is_title};
use super::levels::levels;
use super::page_text::{BookText, Line, Region};
use super::same_title::normalise;
use super::title::split_title;
use super::words::is_contents_title;
use std::collections::HashSet;

/// Such contents are looked for on this many pages.
const EARLY_PAGES: u32 = 20;
/// And go on over this many.
const LONGEST: u32 = 6;
/// Fewer lines that come back as headings are chance.
const FEWEST: usize = 5;
/// The share of the list's lines that must come back.
const COME_BACK: f64 = 0.8;
/// The same when the list stands under a word for "contents".
const COME_BACK_TITLED: f64 = 0.6;
/// The headings must span this share of the book.
const SPAN: f64 = 0.25;
/// A heading on more pages than this says nothing.
const MOST_CANDIDATES: usize = 40;

/// The longest such list near the book's beginning.
pub(super) fn find(book: &BookText) -> Option<Vec<Printed>> {
    let early = EARLY_PAGES.min(book.page_count());
    let mut found: Option<Vec<Printed>> = None;
    let mut from = 1;
    while from <= early {
        let mut next = from + 1;
        if let Some(list) = list(book, from, (from + LONGEST - 1).min(book.page_count())) {
            next = next.max(list.last()?.on_page + 1);
            if found.as_ref().is_none_or(|most| list.len() > most.len()) {
                found = Some(list);
            }
        }
        from = next;
    }
    found
}

pub(super) fn entries(list: &[Printed]) -> Vec<ContentsEntry> {
    list.iter().zip(levels(list)).map(|(p, level)| ContentsEntry::new(p, level)).collect()
}

/// The lines of the list, with its title.
pub(super) fn regions(book: &BookText, list: &[Printed]) -> Vec<Region> {
    let mut out: Vec<Region> = Vec::new();
    for p in list {
        match out.last_mut() {
            Some(region) if region.page == p.on_page => region.last = p.line,
            _ => out.push(Region { page: p.on_page, first: p.line, last: p.line }),
        }
    }
    if let Some((region, page)) = out.first_mut().and_then(|r| book.page(r.page).map(|page| (r, page))) {
        let above = page.lines.iter().rev().filter(|l| l.number < region.first).take(3);
        region.first =
            above.filter(|l| is_contents_title(&l.text)).map(|l| l.number).next().unwrap_or(region.first);
    }
    out
}

/// The list that starts on page `first` and ends no later than `last`.
pub(super) fn list(book: &BookText, first: u32, last: u32) -> Option<Vec<Printed>> {
    let mut lines: Vec<(u32, &Line)> = Vec::new();
    for n in first..=last {
        let page = book.page(n)?;
        lines.extend(page.lines.iter().map(|l| (n, l)));
    }
    let (lines, candidates): (Vec<(u32, Line)>, Vec<Vec<Candidate>>) =
        join_wrapped(book, &lines).into_iter().unzip();
    let pages = heaviest(&candidates);
    let (start, end) = densest(&pages)?;
    let titled = start > 0
        && lines.get(start.saturating_sub(3)..start)?.iter().any(|(_, l)| is_contents_title(&l.text));
    let inside = pages.get(start..=end)?;
    let hits: Vec<u32> = inside.iter().flatten().copied().collect();
    let share = hits.len() as f64 / inside.len() as f64;
    let fewest = if titled { 3 } else { FEWEST };
    let span = hits.last()?.saturating_sub(*hits.first()?);
    let wide = f64::from(span) >= SPAN * f64::from(book.page_count());
    let enough = share >= if titled { COME_BACK_TITLED } else { COME_BACK };
    let (first_line, last_line) = (lines.get(start)?, lines.get(end)?);
    // The headings come after the list.
    if hits.len() < fewest || !wide || !enough || first_line.0 != first || *hits.first()? < last_line.0 {
        return None;
    }
    let printed: Vec<Printed> = lines
        .get(start..=end)?
        .iter()
        .zip(inside)
        .enumerate()
        .filter(|(i, (_, page))| {
            page.is_some() || is_counted_in(lines.get(start..=end).unwrap_or_default(), *i)
        })
        .map(|(_, entry)| entry)
        .map(|((on_page, line), _)| Printed {
            title: title_of(&line.text).to_owned(),
            page: None,
            printed: None,
            indent: line.indent,
            on_page: *on_page,
            line: line.number,
        })
        .collect();
    let distinct: HashSet<String> = printed.iter().map(|p| normalise(&p.title)).collect();
    (10 * distinct.len() >= 9 * printed.len()).then_some(printed)
}

/// The lines with their candidates; where a title goes on in the next line the two are one.
fn join_wrapped(book: &BookText, lines: &[(u32, &Line)]) -> Vec<((u32, Line), Vec<Candidate>)> {
    let alone: Vec<Vec<Candidate>> =
        lines.iter().map(|(n, l)| candidates(book, &l.text, (*n, l.number))).collect();
    let mut out = Vec::with_capacity(lines.len());
    let mut i = 0;
    while let Some((n, line)) = lines.get(i) {
        let next = lines.get(i + 1).filter(|(_, next)| next.indent >= line.indent);
        let joined = next.and_then(|(_, next)| {
            let goes_on = split_title(&next.text).number.is_none()
                && (split_title(&line.text).number.is_some() || alone.get(i + 1).is_none_or(Vec::is_empty));
            let text = format!("{} {}", line.text, next.text);
            let found = if goes_on { candidates(book, &text, (*n, line.number)) } else { Vec::new() };
            (!found.is_empty()).then_some((text, found))
        });
        match joined {
            Some((text, found)) => {
                out.push(((*n, Line { text, ..(*line).clone() }), found));
                i += 2;
            }
            None => {
                out.push(((*n, (*line).clone()), alone.get(i).cloned().unwrap_or_default()));
                i += 1;
            }
        }
    }
    out
}

/// Pages on which the line is a heading: later ones, and its own below it.
fn candidates(book: &BookText, line: &str, (on_page, raw): (u32, usize)) -> Vec<Candidate> {
    let title = title_of(line);
    let (whole, rest) = (normalise(title), normalise(split_title(title).rest));
    if !is_title(title)
        || title.chars().count() > 160
        || whole.chars().count() < 4
        || is_contents_title(title)
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    if book.is_heading_below(&whole, on_page, raw) {
        found.push(Candidate { page: on_page, weight: 3 });
    }
    for page in on_page + 1..=book.page_count() {
        if book.is_heading(&whole, page) {
            found.push(Candidate { page, weight: 3 });
        } else if rest.chars().count() >= 4 && book.is_heading(&rest, page) {
            found.push(Candidate { page, weight: 2 });
        }
        if found.len() > MOST_CANDIDATES {
            return Vec::new();
        }
    }
    found
}

/// The run of lines in which headings outweigh other lines most.
fn densest(pages: &[Option<u32>]) -> Option<(usize, usize)> {
    let mut best: Option<(i64, usize, usize)> = None;
    let (mut sum, mut start) = (0_i64, 0);
    for (i, page) in pages.iter().enumerate() {
        if sum <= 0 {
            (sum, start) = (0, i);
        }
        sum += if page.is_some() { 1 } else { -1 };
        if page.is_some() && best.is_none_or(|(most, ..)| sum > most) {
            best = Some((sum, start, i));
        }
    }
    best.map(|(_, start, end)| (start, end))
}

/// The line at `i` has no heading of its own, but its number is the one between its neighbours'.
fn is_counted_in(lines: &[(u32, Line)], i: usize) -> bool {
    let number = |i: usize| -> Option<u32> { split_title(&lines.get(i)?.1.text).number?.parse().ok() };
    let before = i.checked_sub(1).and_then(number);
    matches!((before, number(i), number(i + 1)), (Some(a), Some(b), Some(c)) if a + 1 == b && b + 1 == c)
}

fn title_of(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || is_leader(c))
}
