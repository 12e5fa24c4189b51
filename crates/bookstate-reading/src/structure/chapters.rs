//! Which chapters a book has: from its contents, else from its headings, else one.
//!
//! Invariants: chapters come in the order of their pages, `ch_001` first; a chapter ends one page before the next
//! begins, never before its own start, the last one with the book; every linked entry is a chapter, at every
//! level, so that the chapters' texts are disjoint and together are the book from the first chapter on. A parent
//! is the last chapter on a higher level.

use super::entry_facts::EntryFacts;
use super::headings::{HeadingKind, PageHeading};
use super::locate::{ChapterStart, Position, locate};
use super::made_from::{
    BACK_MATTER_SOURCE, CONTENTS_SOURCE, FRONT_MATTER_SOURCE, HEADING_SOURCE, OUTLINE_SOURCE, PART_SOURCE,
    WHOLE_BOOK_SOURCE,
};
use super::matter::{end_of_book, known_title, start_of_book};
use super::order::put_in_order;
use super::parts::{PART_BYTES, cuts};
use super::series::{BookHeading, Form, book_headings, series};
use super::typed;
use crate::toc::{BookText, NumeralStyle, is_contents_title, level_of_word, split_title};
use bookstate_domain::{ChapterSubject, Text, persist::NewChapter};

const FRONT_MATTER_TITLE: &str = "Front matter";
const BACK_MATTER_TITLE: &str = "Back matter";

/// Distance between the sort orders of neighbouring chapters.
const SORT_STEP: i32 = 100;

/// One chapter per linked entry, and one for what stands before the first; `entries` are in their order. Empty when no
/// entry has a page.
#[must_use]
pub fn from_contents(book: &BookText, entries: &[EntryFacts]) -> Vec<NewChapter> {
    let pages = 1..=book.page_count();
    let mut linked: Vec<(u32, &EntryFacts)> =
        entries.iter().filter_map(|e| Some((e.page.filter(|p| pages.contains(p))?, e))).collect();
    if linked.is_empty() {
        return Vec::new();
    }
    linked.sort_by_key(|(page, _)| *page);
    put_in_order(book, &mut linked);
    let drafts = linked.into_iter().map(|(page, entry)| Draft {
        subject: Some(ChapterSubject::Entry(entry.ident.clone())),
        number: entry.number.clone(),
        title: entry.title.clone(),
        level: entry.level.max(1),
        level_name: entry.level_name.clone(),
        page,
        source: CONTENTS_SOURCE,
    });
    number(book, with_matter(book, drafts.collect()))
}

/// One chapter per entry of the file's own table of contents, and one for what stands before the first. Empty when
/// there is none that goes through the book.
#[must_use]
pub fn from_outline(book: &BookText) -> Vec<NewChapter> {
    if book.outline().is_empty() {
        return Vec::new();
    }
    let drafts = book.outline().iter().filter(|e| !is_contents_title(&e.title)).map(|entry| {
        let parts = split_title(&entry.title);
        let title = if parts.rest.is_empty() { entry.title.as_str() } else { parts.rest };
        Draft {
            subject: None,
            number: parts.number.map(Text::from),
            title: Some(title.into()),
            level: i32::try_from(entry.level).unwrap_or(i32::MAX),
            level_name: parts.word.and_then(level_of_word).map(Text::from),
            page: entry.page,
            source: OUTLINE_SOURCE,
        }
    });
    let mut drafts: Vec<Draft> = drafts.collect();
    drafts.sort_by_key(|d| d.page);
    number(book, with_matter(book, drafts))
}

/// The chapters of a book without contents: its longest consistent series of numbered headings (with parts,
/// appendices, preface and the like around it), else its Markdown headings, else headings that are set alike, else one
/// chapter with the book's `title`. What stands before the first is a chapter too.
#[must_use]
pub fn from_headings(book: &BookText, title: Option<&str>) -> Vec<NewChapter> {
    let headings = book_headings(book, |_| true);
    let lines = (1..=book.page_count()).filter_map(|n| book.page(n)).map(|page| page.lines.len()).sum();
    let mut drafts = markdown_chapters(&headings)
        .or_else(|| numbered_chapters(book, &headings, lines))
        .or_else(|| chapters_by_type(book, lines))
        .or_else(|| chapters_set_alike(&headings, lines))
        .or_else(|| days(&headings, lines))
        .unwrap_or_default();
    if drafts.is_empty() {
        drafts.push(Draft {
            subject: None,
            number: None,
            title: title.map(Text::from),
            level: 1,
            level_name: None,
            page: 1,
            source: WHOLE_BOOK_SOURCE,
        });
        return number(book, drafts);
    }
    number(book, with_matter(book, drafts))
}

/// Puts a chapter before the first for what stands there, and one behind the last for the licence of a digital
/// library, so that every line of the book is in a chapter.
fn with_matter(book: &BookText, mut drafts: Vec<Draft>) -> Vec<Draft> {
    let starts = |drafts: &[Draft]| -> Vec<ChapterStart> {
        let start = |d: &Draft| ChapterStart {
            subject: d.subject.clone().unwrap_or(ChapterSubject::Orphan(0)),
            number: d.number.clone(),
            title: d.title.clone(),
            page: d.page,
            source: Some(d.source.into()),
        };
        drafts.iter().map(start).collect()
    };
    let end = (1..=book.page_count())
        .rev()
        .find_map(|n| Some(Position { page: n, line: book.page(n).and_then(end_of_book)? }));
    let begin = (1..=book.page_count().min(5))
        .find_map(|n| Some(Position { page: n, line: book.page(n).and_then(start_of_book)? }));
    let mut places = locate(book, &starts(&drafts)).into_iter();
    let inside = |p: Position| begin.is_none_or(|b| p >= b) && end.is_none_or(|e| p < e);
    let mut first: Option<Position> = None;
    drafts.retain(|_| {
        let place = places.next();
        let kept = place.is_none_or(inside);
        first = first.or(place.filter(|_| kept));
        kept
    });
    let level = drafts.iter().map(|d| d.level).min().unwrap_or(1);
    let matter = |title: &str, page, source| Draft {
        subject: None,
        number: None,
        title: Some(title.into()),
        level,
        level_name: None,
        page,
        source,
    };
    let first = first.unwrap_or(Position { page: 1, line: 0 });
    let before = |n: u32, i: usize| Position { page: n, line: i } < first && !book.is_contents_line(n, i);
    let has_words = |n: u32| {
        let lines = book.page(n).into_iter().flat_map(|page| page.lines.iter().enumerate());
        lines.into_iter().any(|(i, l)| before(n, i) && l.text.contains(char::is_alphanumeric))
    };
    if (1..=first.page).any(has_words) {
        drafts.insert(0, matter(FRONT_MATTER_TITLE, 1, FRONT_MATTER_SOURCE));
    }
    if let Some(end) = end {
        drafts.push(matter(BACK_MATTER_TITLE, end.page, BACK_MATTER_SOURCE));
    }
    drafts
}

/// A chapter before it has its place.
struct Draft {
    subject: Option<ChapterSubject>,
    number: Option<Text>,
    title: Option<Text>,
    level: i32,
    level_name: Option<Text>,
    page: u32,
    source: &'static str,
}

/// Cuts what is too long for a chapter of its own into parts.
fn in_parts(book: &BookText, drafts: Vec<Draft>, most: usize) -> Vec<Draft> {
    let starts: Vec<u32> = drafts.iter().map(|d| d.page).collect();
    let nexts = starts.iter().skip(1).copied().chain([book.page_count().saturating_add(1)]);
    let mut out = Vec::with_capacity(drafts.len());
    for (draft, next) in drafts.into_iter().zip(nexts) {
        let further = cuts(book, draft.page, next, most).into_iter().zip(2..).map(|(page, part)| Draft {
            subject: None,
            number: None,
            title: draft.title.as_ref().map(|title| format!("{title} ({part})").into()),
            level: draft.level,
            level_name: draft.level_name.clone(),
            page,
            source: PART_SOURCE,
        });
        let further: Vec<Draft> = further.collect();
        out.push(draft);
        out.extend(further);
    }
    out
}

fn number(book: &BookText, drafts: Vec<Draft>) -> Vec<NewChapter> {
    numbered(in_parts(book, drafts, PART_BYTES), book.page_count())
}

fn numbered(drafts: Vec<Draft>, page_count: u32) -> Vec<NewChapter> {
    let page = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let starts: Vec<u32> = drafts.iter().map(|d| d.page).collect();
    let ends = starts.iter().skip(1).map(|next| next.saturating_sub(1)).chain([page_count]);
    let mut open: Vec<(i32, Text)> = Vec::new();
    let mut chapters = Vec::with_capacity(starts.len());
    for ((place, draft), end) in (1i32..).zip(drafts).zip(ends) {
        let entry_id: Text = format!("ch_{place:03}").into();
        open.retain(|(level, _)| *level < draft.level);
        let parent_id = open.last().map(|(_, id)| id.clone());
        open.push((draft.level, entry_id.clone()));
        let sort_order = place.saturating_mul(SORT_STEP);
        chapters.push(NewChapter {
            subject: draft.subject.unwrap_or(ChapterSubject::Orphan(sort_order)),
            entry_id,
            sort_order,
            title: draft.title,
            level: draft.level,
            level_name: draft.level_name,
            entry_number: draft.number,
            start_page: page(draft.page),
            end_page: page(end.max(draft.page)),
            parent_id,
            source: Some(draft.source.into()),
        });
    }
    chapters
}

fn draft(found: &BookHeading, level: i32) -> Draft {
    let heading = &found.heading;
    let title = if heading.title.is_empty() { heading.text() } else { heading.title.clone() };
    // "CHAPTER ONE" has the number 1 to whoever reads the field.
    let number = match heading.numeral {
        Some(numeral) if numeral.style == NumeralStyle::Word => Some(numeral.write()),
        _ => heading.number.clone(),
    };
    Draft {
        subject: None,
        number: number.map(Text::from),
        title: Some(title.into()),
        level,
        level_name: heading.level_name.map(Text::from),
        page: found.page,
        source: HEADING_SOURCE,
    }
}

/// The highest level with several headings, and what is above it but for the book's title.
fn markdown_chapters(headings: &[BookHeading]) -> Option<Vec<Draft>> {
    let marked: Vec<&BookHeading> =
        headings.iter().filter(|h| h.heading.kind == HeadingKind::Markdown).collect();
    let at = |level: u32| marked.iter().filter(|h| h.heading.level == level).count();
    let level = (1..=6).find(|l| at(*l) >= 2)?;
    let lowest = marked.iter().map(|h| h.heading.level).min()?;
    let chapters = marked.iter().enumerate().filter(|(i, h)| {
        let is_title = *i == 0 && h.heading.level < level;
        h.heading.level <= level && !is_title
    });
    let depth = |h: &BookHeading| i32::try_from(h.heading.level.saturating_sub(lowest)).unwrap_or(5);
    let drafts: Vec<Draft> = chapters.map(|(_, h)| draft(h, depth(h) + 1)).collect();
    // Without anything above them the chapters are the highest level.
    let top = drafts.iter().map(|d| d.level).min()?;
    Some(drafts.into_iter().map(|d| Draft { level: d.level - top + 1, ..d }).collect())
}

fn is_division(form: &Form) -> bool {
    matches!(form.level_name, Some("part" | "book" | "volume"))
}

fn numbered_chapters(book: &BookText, headings: &[BookHeading], lines: usize) -> Option<Vec<Draft>> {
    let page = |i: &usize| headings.get(*i).map_or(0, |h| h.page);
    let whole = series(headings, &[]);
    let divisions: Vec<usize> = whole
        .iter()
        .filter(|(form, run)| is_division(form) && run.len() >= 2)
        .max_by_key(|(_, run)| run.len())
        .map(|(_, run)| run.clone())
        .unwrap_or_default();
    let breaks: Vec<u32> = divisions.iter().map(page).collect();
    let all = if breaks.is_empty() { whole } else { series(headings, &breaks) };
    let chapters = all
        .iter()
        .filter(|(form, run)| !is_division(form) && is_chapter_series(form, run, headings, lines))
        .max_by_key(|(form, run)| run.len() * weight(form))
        .map(|(_, run)| run.clone())
        .unwrap_or_default();
    let (main, above) = if chapters.is_empty() { (divisions, Vec::new()) } else { (chapters, divisions) };
    let (first, last) = (*main.first()?, *main.last()?);
    let level = if above.is_empty() { 1 } else { 2 };
    let mut picked: Vec<(usize, i32)> = main.iter().map(|i| (*i, level)).collect();
    picked.extend(above.iter().map(|i| (*i, 1)));
    picked.extend(surroundings(book, headings, first, last).into_iter().map(|i| (i, 1)));
    picked.sort_unstable();
    picked.dedup_by_key(|(i, _)| *i);
    Some(picked.iter().filter_map(|(i, level)| Some(draft(headings.get(*i)?, *level))).collect())
}

/// How much a form says about its members being chapters.
fn weight(form: &Form) -> usize {
    match form.level_name {
        Some("chapter") => 10,
        Some("section" | "article") => 6,
        Some(_) => 7,
        None if form.word.is_some() => 6,
        None if form.bare => 4,
        None => 6,
    }
}

/// Named headings are a series when there are two; numbers and words of the book's own must be more and span it.
fn is_chapter_series(form: &Form, run: &[usize], headings: &[BookHeading], lines: usize) -> bool {
    let at = |i: Option<&usize>| i.and_then(|i| headings.get(*i)).map_or(0, |h| h.at);
    let span = at(run.last()).saturating_sub(at(run.first()));
    match form.level_name {
        Some("appendix") => false,
        Some(_) => run.len() >= 2,
        // A letter series alone is a list or the appendices.
        None => form.style != NumeralStyle::Letter && run.len() >= 3 && span * 2 >= lines,
    }
}

/// Unnumbered neighbours of the series: preface and prologue before it, appendices, epilogue and index after it.
fn surroundings(book: &BookText, headings: &[BookHeading], first: usize, last: usize) -> Vec<usize> {
    let outside = headings.iter().enumerate().filter(|(i, _)| *i < first || *i > last);
    let fits = |h: &BookHeading| {
        let heading = &h.heading;
        let appendix = heading.level_name == Some("appendix");
        let known = known_title(&heading.text())
            .is_some_and(|k| !matches!(k.content_type, "contents" | "list" | "copyright"));
        let alone = matches!(heading.kind, HeadingKind::Capitals | HeadingKind::Isolated);
        appendix || (known && alone && (heading.first == 0 || book.flows()))
    };
    outside.filter(|(_, h)| fits(h)).map(|(i, _)| i).collect()
}

/// Headings told by type: the largest look that divides the whole book is the chapters', what is larger and recurs is
/// above them.
fn chapters_by_type(book: &BookText, lines: usize) -> Option<Vec<Draft>> {
    let looks = typed::looks(book);
    let divides = |members: &[BookHeading]| {
        let (first, last) = (members.first().map_or(0, |h| h.at), members.last().map_or(0, |h| h.at));
        members.len() >= 3 && (last - first) * 2 >= lines && members.len() * FEWEST_LINES <= lines
    };
    let at = looks.iter().position(|members| divides(members))?;
    let mut all: Vec<(&BookHeading, i32)> = Vec::new();
    for (members, level) in looks.iter().take(at + 1).zip(1..) {
        all.extend(members.iter().map(|h| (h, level)));
    }
    all.sort_by_key(|(h, _)| h.at);
    Some(all.into_iter().map(|(h, level)| draft(h, level)).collect())
}

/// Headings that are set alike and divide the whole book: in capitals or far below the text before them, more than
/// other lines are. No number of theirs is part of a series.
fn chapters_set_alike(headings: &[BookHeading], lines: usize) -> Option<Vec<Draft>> {
    let by_look = |h: &BookHeading| match &h.heading.otherwise {
        Some(look) => {
            BookHeading { heading: PageHeading { gap: h.heading.gap, ..(**look).clone() }, ..h.clone() }
        }
        None => h.clone(),
    };
    let headings: Vec<BookHeading> = headings.iter().map(by_look).collect();
    let capitals = |h: &PageHeading| h.kind == HeadingKind::Capitals;
    let far = |h: &PageHeading| h.gap.is_none_or(|gap| gap >= FAR);
    let looks: [&dyn Fn(&PageHeading) -> bool; 4] = [
        &|h| capitals(h) && far(h),
        &|h| h.kind == HeadingKind::Isolated && h.gap.is_some_and(|gap| gap >= FAR),
        &|h| capitals(h) && h.first == 0,
        &|h| capitals(h),
    ];
    looks.iter().find_map(|look| {
        let of_look = headings.iter().filter(|h| look(&h.heading));
        let mut members: Vec<&BookHeading> = Vec::new();
        for heading in of_look {
            // Right below a heading stands its second line; what stands above one is the book's title.
            match members.last() {
                Some(last) if heading.at < last.at + APART => {
                    if last.at < APART {
                        members.pop();
                        members.push(heading);
                    }
                }
                _ => members.push(heading),
            }
        }
        // The first line of all is the book's title where other lines of a title page follow.
        if members.first().is_some_and(|h| h.at == 0 && title_page(&headings, h)) {
            members.remove(0);
        }
        let (first, last) = (members.first()?.at, members.last()?.at);
        let enough =
            members.len() >= 3 && (last - first) * 2 >= lines && members.len() * FEWEST_LINES <= lines;
        enough.then(|| members.into_iter().map(|h| draft(h, 1)).collect())
    })
}

/// More blank lines than between paragraphs.
const FAR: usize = 2;
/// Headings nearer than this are one.
const APART: usize = 4;
/// Chapters have this many lines at least, on average.
const FEWEST_LINES: usize = 8;

/// The next heading of any look follows so closely that there is no text between.
fn title_page(headings: &[BookHeading], title: &BookHeading) -> bool {
    headings.iter().any(|h| h.at > title.at && h.at <= title.at + FEWEST_LINES)
}

/// The days of a diary, when they go through the whole book.
fn days(headings: &[BookHeading], lines: usize) -> Option<Vec<Draft>> {
    let days: Vec<&BookHeading> = headings.iter().filter(|h| h.heading.kind == HeadingKind::Day).collect();
    let span = days.last()?.at - days.first()?.at;
    let value = |h: &BookHeading| h.heading.numeral.map_or(0, |n| n.value);
    let rising = days.iter().zip(days.iter().skip(1)).filter(|(a, b)| value(a) <= value(b)).count();
    let enough = days.len() >= 4 && span * 2 >= lines && rising * 5 >= (days.len() - 1) * 4;
    let one = |h: &BookHeading| Draft { number: None, ..draft(h, 1) };
    enough.then(|| days.into_iter().map(one).collect())
}

#[cfg(test)]
#[path = "chapters_tests.rs"]
mod tests;
