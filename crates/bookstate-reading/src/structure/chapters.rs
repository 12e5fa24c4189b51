//! Which chapters a book has: from its contents, else from its headings, else one.
//!
//! Invariants: chapters come in the order of their pages, `ch_001` first; a chapter ends one page before the next
//! begins, never before its own start, the last one with the book; every linked entry is a chapter, at every
//! level, so that the chapters' texts are disjoint and together are the book from the first chapter on. A parent
//! is the last chapter on a higher level.

use super::finalize::EntryFacts;
use super::headings::HeadingKind;
use super::matter::known_title;
use super::numerals::NumeralStyle;
use super::series::{BookHeading, Form, book_headings, series};
use crate::toc::BookText;
use bookstate_domain::{ChapterSubject, Text, persist::NewChapter};

/// `source` of a chapter made from an entry of the contents.
pub const CONTENTS_SOURCE: &str = "toc";
/// `source` of a chapter made from a heading.
pub const HEADING_SOURCE: &str = "heading";
/// `source` of the only chapter of a book without contents and headings.
pub const WHOLE_BOOK_SOURCE: &str = "whole_book";

/// Distance between the sort orders of neighbouring chapters.
const SORT_STEP: i32 = 100;

/// One chapter per linked entry; `entries` are in their order. Empty when no entry has a page.
pub fn from_contents(entries: &[EntryFacts], page_count: u32) -> Vec<NewChapter> {
    let mut linked: Vec<(u32, &EntryFacts)> =
        entries.iter().filter_map(|e| Some((e.page.filter(|p| (1..=page_count).contains(p))?, e))).collect();
    linked.sort_by_key(|(page, _)| *page);
    let drafts = linked.into_iter().map(|(page, entry)| Draft {
        subject: Some(ChapterSubject::Entry(entry.ident.clone())),
        number: entry.number.clone(),
        title: entry.title.clone(),
        level: entry.level.max(1),
        level_name: entry.level_name.clone(),
        page,
        source: CONTENTS_SOURCE,
    });
    number(drafts.collect(), page_count)
}

/// The chapters of a book without contents: its longest consistent series of numbered headings (with parts,
/// appendices, preface and the like around it), else its Markdown headings, else headings in capitals on top of
/// pages, else one chapter with the book's `title`.
pub fn from_headings(book: &BookText, title: Option<&str>) -> Vec<NewChapter> {
    let headings = book_headings(book, |_| true);
    let mut drafts = markdown_chapters(&headings)
        .or_else(|| numbered_chapters(&headings, book.page_count()))
        .or_else(|| capital_chapters(&headings, book.page_count()))
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
    }
    number(drafts, book.page_count())
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

fn number(drafts: Vec<Draft>, page_count: u32) -> Vec<NewChapter> {
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

fn numbered_chapters(headings: &[BookHeading], page_count: u32) -> Option<Vec<Draft>> {
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
        .filter(|(form, run)| !is_division(form) && is_chapter_series(form, run, headings, page_count))
        .max_by_key(|(form, run)| run.len() * weight(form))
        .map(|(_, run)| run.clone())
        .unwrap_or_default();
    let (main, above) = if chapters.is_empty() { (divisions, Vec::new()) } else { (chapters, divisions) };
    let (first, last) = (*main.first()?, *main.last()?);
    let level = if above.is_empty() { 1 } else { 2 };
    let mut picked: Vec<(usize, i32)> = main.iter().map(|i| (*i, level)).collect();
    picked.extend(above.iter().map(|i| (*i, 1)));
    picked.extend(surroundings(headings, first, last).into_iter().map(|i| (i, 1)));
    picked.sort_unstable();
    picked.dedup_by_key(|(i, _)| *i);
    Some(picked.iter().filter_map(|(i, level)| Some(draft(headings.get(*i)?, *level))).collect())
}

/// How much a form says about its members being chapters.
fn weight(form: &Form) -> usize {
    match form.level_name {
        Some("chapter") => 10,
        Some(_) => 7,
        None if form.bare => 4,
        None => 6,
    }
}

/// Named headings are a series when there are two; numbers alone must be more and span the book.
fn is_chapter_series(form: &Form, run: &[usize], headings: &[BookHeading], page_count: u32) -> bool {
    let page = |i: Option<&usize>| i.and_then(|i| headings.get(*i)).map_or(0, |h| h.page);
    let span = page(run.last()).saturating_sub(page(run.first()));
    match form.level_name {
        Some("appendix") => false,
        Some(_) => run.len() >= 2,
        // A letter series alone is a list or the appendices.
        None => form.style != NumeralStyle::Letter && run.len() >= 3 && span * 2 >= page_count,
    }
}

/// Unnumbered neighbours of the series: preface and prologue before it, appendices, epilogue and index after it.
fn surroundings(headings: &[BookHeading], first: usize, last: usize) -> Vec<usize> {
    let outside = headings.iter().enumerate().filter(|(i, _)| *i < first || *i > last);
    let fits = |h: &BookHeading| {
        let heading = &h.heading;
        let appendix = heading.level_name == Some("appendix");
        let known = known_title(&heading.text())
            .is_some_and(|k| !matches!(k.content_type, "contents" | "list" | "copyright"));
        let alone = matches!(heading.kind, HeadingKind::Capitals | HeadingKind::Isolated);
        appendix || (known && alone && heading.first == 0)
    };
    outside.filter(|(_, h)| fits(h)).map(|(i, _)| i).collect()
}

/// Headings in capitals that begin pages, when they divide the whole book.
fn capital_chapters(headings: &[BookHeading], page_count: u32) -> Option<Vec<Draft>> {
    let tops: Vec<&BookHeading> = headings
        .iter()
        .filter(|h| h.heading.kind == HeadingKind::Capitals && h.heading.first == 0 && h.page > 1)
        .collect();
    let span = tops.last()?.page.saturating_sub(tops.first()?.page);
    let enough = tops.len() >= 3 && span * 2 >= page_count && tops.len() * 3 <= page_count as usize;
    enough.then(|| tops.into_iter().map(|h| draft(h, 1)).collect())
}

#[cfg(test)]
#[path = "chapters_tests.rs"]
mod tests;
