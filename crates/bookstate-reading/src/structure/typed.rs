//! Headings told by type alone: lines that are set larger or heavier than the text, alike wherever they occur.
//!
//! Invariants: a look says something only when it recurs; contents, code and captions have no headings; a stretch of
//! more lines than a title takes is text in another type. Only books whose source knows sizes have any.

use super::entry_facts::EntryFacts;
use super::headings::{HeadingKind, PageHeading};
use super::named::named;
use super::series::BookHeading;
use crate::text::line::{LineType, body_size};
use crate::toc::{BookText, Numeral, PageText, level_of_word, normalise, similar, split_title};
use bookstate_domain::Text;
use std::collections::BTreeMap;

/// A line of this many times the text's size is larger.
const LARGER: f32 = 1.15;
/// A bold line is a heading from this share of the text's size on.
const AS_LARGE: f32 = 0.95;
/// A look that recurs occurs so often, on pages of its own.
const RECURS: usize = 3;
/// No heading has more lines, or more letters.
const LINES: usize = 4;
const LONGEST: usize = 160;
/// Lines of one heading are no further apart than this share of their size.
const LEADING: f32 = 0.9;
/// What stands right below a number is its title, up to this share of the number's size away.
const BELOW_NUMBER: f32 = 2.5;
/// Printed entries that must be headings of a known look before what is below them is told by type.
const KNOWN: f64 = 0.5;

/// How a heading is set; larger and heavier ones come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    /// Quarters of a point, negative so that larger is less.
    size: i32,
    light: bool,
}

impl Look {
    fn of(set: &LineType) -> Self {
        Self { size: -((set.size * 4.0).round() as i32), light: !set.bold }
    }
}

/// A heading below the printed entries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Below {
    pub(super) title: Text,
    pub(super) level: i32,
    pub(super) page: u32,
}

/// The headings of each look that recurs, in the book's order; the looks from the largest on.
pub(super) fn looks(book: &BookText) -> Vec<Vec<BookHeading>> {
    recurring(book).into_values().collect()
}

fn recurring(book: &BookText) -> BTreeMap<Look, Vec<BookHeading>> {
    let text = Body::of(book);
    let mut all: BTreeMap<Look, Vec<BookHeading>> = BTreeMap::new();
    let mut lines = 0;
    for n in 1..=book.page_count() {
        let Some(page) = book.page(n) else { continue };
        for (look, heading) in text.headings(book, n, page) {
            all.entry(look).or_default().push(BookHeading { page: n, at: lines + heading.first, heading });
        }
        lines += page.lines.len();
    }
    all.retain(|_, members| {
        let mut pages: Vec<u32> = members.iter().map(|h| h.page).collect();
        pages.dedup();
        pages.len() >= RECURS
    });
    all
}

/// What headings are told from.
struct Body {
    size: f32,
    /// Most of the text is bold, so that bold says nothing.
    bold: bool,
}

impl Body {
    fn of(book: &BookText) -> Self {
        let pages = || (1..=book.page_count()).filter_map(|n| book.page(n));
        let lines = || pages().flat_map(|p| p.lines.iter().map(|l| l.text.as_str()).zip(&p.types));
        let size = body_size(lines());
        let (mut bold, mut all) = (0, 0);
        for (text, set) in lines().filter(|(_, t)| (t.size - size).abs() < 0.3) {
            all += text.len();
            bold += if set.bold { text.len() } else { 0 };
        }
        Self { size, bold: bold * 2 > all }
    }

    fn stands_out(&self, set: &LineType) -> bool {
        let heavy = set.bold && !self.bold && set.size >= AS_LARGE * self.size;
        self.size > 0.0 && !set.monospace && (set.size >= LARGER * self.size || heavy)
    }

    /// The headings of a page, each with its look.
    fn headings(&self, book: &BookText, n: u32, page: &PageText) -> Vec<(Look, PageHeading)> {
        let mut out = Vec::new();
        let mut i = 0;
        while i < page.lines.len() {
            let Some(set) = page.types.get(i).filter(|set| self.stands_out(set)) else {
                i += 1;
                continue;
            };
            let look = Look::of(set);
            let mut end = run_end(page, i, look);
            let title = joined(page, i..end);
            let whole = end - i <= LINES && title.chars().count() <= LONGEST;
            if whole && is_title(&title) && !book.is_contents_line(n, i) {
                let mut heading = heading(&title, i, end);
                // A number, and below it in another type the title that it counts.
                let below =
                    || page.types.get(end).is_some_and(|t| self.stands_out(t) || t.size > self.size * 1.05);
                if heading.title.is_empty() && below() && is_close(page, end, BELOW_NUMBER) {
                    let look_below = page.types.get(end).map_or(look, Look::of);
                    let last = run_end(page, end, look_below);
                    let title = joined(page, end..last);
                    if last - end <= LINES && title.chars().count() <= LONGEST {
                        (heading.title, heading.last) = (title, last.saturating_sub(1));
                        end = last;
                    }
                }
                out.push((look, heading));
            }
            i = end;
        }
        out
    }
}

/// Behind the last line of the run of one look that begins at `first`.
fn run_end(page: &PageText, first: usize, look: Look) -> usize {
    let same = |i: usize| page.types.get(i).is_some_and(|t| Look::of(t) == look);
    (first + 1..page.lines.len())
        .find(|i| !same(*i) || !is_close(page, *i, LEADING))
        .unwrap_or(page.lines.len())
}

/// Line `i` is right below the one before.
fn is_close(page: &PageText, i: usize, share: f32) -> bool {
    let place = |i: usize| page.types.get(i).and_then(|t| Some((t.place?, t.size)));
    match (i.checked_sub(1).and_then(place), place(i)) {
        (Some((above, size)), Some((below, _))) => {
            let gap = below.y0 - above.y1;
            gap <= share * size && gap >= -size
        }
        _ => false,
    }
}

fn joined(page: &PageText, lines: std::ops::Range<usize>) -> String {
    let mut out = String::new();
    for line in page.lines.get(lines).unwrap_or_default() {
        if out.ends_with('-') {
            out.pop();
        } else if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&line.text);
    }
    out
}

/// Words or a number; no sentence, no caption, nothing that goes on.
fn is_title(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let goes_on = text.ends_with([',', ';', ':']) || (text.ends_with('.') && words > 8);
    let caption = split_title(text).word.is_some_and(|w| level_of_word(w).is_none());
    text.chars().any(char::is_alphanumeric) && !goes_on && !caption
}

fn heading(text: &str, first: usize, end: usize) -> PageHeading {
    let mut heading = PageHeading::new(HeadingKind::Typed, 1, text, first);
    heading.last = end.saturating_sub(1);
    let parts = split_title(text);
    if let Some(read) = named(text) {
        heading.level_name = Some(read.level_name);
        (heading.word, heading.number) = (Some(read.word.to_owned()), Some(read.number.to_owned()));
        (heading.numeral, heading.title) = (Some(read.numeral), read.rest.to_owned());
    } else if let (Some(number), None) = (parts.number, parts.word) {
        heading.number = Some(number.to_owned());
        heading.numeral = number.rsplit('.').next().and_then(Numeral::parse);
        heading.title = parts.rest.to_owned();
    } else if let Some(numeral) = Numeral::parse(text.trim_end_matches('.')) {
        heading.number = Some(text.trim_end_matches('.').to_owned());
        (heading.numeral, heading.title) = (Some(numeral), String::new());
    }
    heading
}

/// Headings that are set smaller than those of the printed entries, wherever these lead.
pub(super) fn below_entries(book: &BookText, entries: &[EntryFacts]) -> Vec<Below> {
    let looks = recurring(book);
    let linked = || entries.iter().filter_map(|e| Some((e, e.page?)));
    let mut printed: BTreeMap<Look, i32> = BTreeMap::new();
    let mut known = 0;
    for (entry, page) in linked() {
        let title = normalise(entry.title.as_deref().unwrap_or_default());
        let whole = format!("{}{title}", normalise(entry.number.as_deref().unwrap_or_default()));
        let same = |h: &BookHeading| {
            let text = normalise(&h.heading.text());
            h.page == page && (similar(&text, &whole) || similar(&normalise(&h.heading.title), &title))
        };
        let Some((look, _)) = looks.iter().find(|(_, members)| members.iter().any(same)) else { continue };
        known += 1;
        let level = printed.entry(*look).or_insert(entry.level);
        *level = entry.level.max(*level);
    }
    let first = linked().map(|(_, page)| page).min().unwrap_or(u32::MAX);
    let Some(smallest) =
        printed.keys().next_back().filter(|_| f64::from(known) >= KNOWN * linked().count() as f64)
    else {
        return Vec::new();
    };
    let deepest = printed.values().copied().max().unwrap_or(1);
    let mut out: Vec<(usize, Below)> = Vec::new();
    for (level, (_, members)) in (deepest + 1..).zip(looks.iter().filter(|(look, _)| *look > smallest)) {
        let inside = members.iter().filter(|h| h.page >= first);
        out.extend(inside.map(|h| (h.at, Below { title: h.heading.text().into(), level, page: h.page })));
    }
    out.sort_by_key(|(at, _)| *at);
    out.into_iter().map(|(_, below)| below).collect()
}
