//! The pages from the first chapter to the index, and the preface.
//!
//! Each chapter gets its number of pages first and is then filled with text to exactly that length, its
//! sections spread over it. So a book has the number of pages that was asked for.

use super::plan::{Heading, Kind};
use super::sheets::{BODY, LEFT, ROWS, Sheets, WIDTH};
use super::words::{Language, Words, hyphenation};
use crate::typeset::{Align, Font, Line, Run, Style, break_lines};

const CHAPTER_TITLE: Style = Style::new(Font::SansBold, 18.0);
const CHAPTER_LABEL: Style = Style::new(Font::Sans, 12.0);
const SECTION_TITLE: Style = Style::new(Font::SansBold, 12.5);
const SUBSECTION_TITLE: Style = Style::new(Font::SansBold, 10.5);
const INDENT: f32 = 14.0;
/// Rows from the top of a chapter to its first text.
const OPENING_ROWS: usize = 9;
/// Rows that a section takes at least, its heading included.
const SECTION_ROWS: usize = 14;

/// Pages that bibliography and index have, each.
pub(super) const BACK_PAGES: usize = 2;

/// The fewest pages on which `headings` (from the first part or chapter to the index) can stand.
pub(super) fn least_pages(headings: &[Heading]) -> usize {
    let back =
        headings.iter().filter(|h| matches!(h.kind, Kind::Bibliography | Kind::Index)).count() * BACK_PAGES;
    let parts = headings.iter().filter(|h| h.kind == Kind::Part).count() * 2;
    let chapters: usize = chapters(headings).iter().map(|(_, sections)| least_chapter(*sections)).sum();
    back + parts + chapters
}

const fn least_chapter(sections: usize) -> usize {
    (OPENING_ROWS + SECTION_ROWS * (sections + 1)).div_ceil(ROWS)
}

/// The index of each chapter's heading and the number of headings under it.
fn chapters(headings: &[Heading]) -> Vec<(usize, usize)> {
    let under = |from: usize| {
        headings
            .iter()
            .skip(from + 1)
            .take_while(|h| matches!(h.kind, Kind::Section | Kind::Subsection))
            .count()
    };
    let chapter = |(_, heading): &(usize, &Heading)| heading.kind == Kind::Chapter;
    headings.iter().enumerate().filter(chapter).map(|(index, _)| (index, under(index))).collect()
}

/// Composes `headings` on `pages` pages; returns the index of the page of each heading.
pub(super) fn compose(
    sheets: &mut Sheets,
    headings: &[Heading],
    pages: usize,
    language: Language,
    words: &mut Words,
) -> Vec<usize> {
    let chapters = chapters(headings);
    let spare = pages.saturating_sub(least_pages(headings));
    let weights: Vec<usize> = chapters.iter().map(|_| 100 + words.below(100)).collect();
    let total: usize = weights.iter().sum::<usize>().max(1);
    let mut lengths: Vec<usize> = chapters
        .iter()
        .zip(&weights)
        .map(|((_, sections), weight)| least_chapter(*sections) + spare * weight / total)
        .collect();
    let given: usize = weights.iter().map(|weight| spare * weight / total).sum();
    for length in lengths.iter_mut().take(spare - given) {
        *length += 1;
    }

    let mut places = Vec::with_capacity(headings.len());
    let mut lengths = lengths.into_iter();
    let mut index = 0;
    while let Some(heading) = headings.get(index) {
        let mut used = 1;
        places.push(sheets.pages.len());
        match heading.kind {
            Kind::Part => part(sheets, heading, language),
            Kind::Chapter => {
                let rest = headings.get(index + 1..).unwrap_or_default();
                let under =
                    rest.iter().take_while(|h| matches!(h.kind, Kind::Section | Kind::Subsection)).count();
                let sections = rest.get(..under).unwrap_or_default();
                let length = lengths.next().unwrap_or(1);
                places.extend(chapter(sheets, heading, sections, length, language, words));
                used += under;
            }
            Kind::Bibliography => bibliography(sheets, heading, words),
            Kind::Index => index_pages(sheets, heading, pages, words),
            Kind::Preface | Kind::Section | Kind::Subsection => {}
        }
        index += used;
    }
    places
}

/// A preface of `pages` pages.
pub(super) fn preface(sheets: &mut Sheets, heading: &Heading, pages: usize, words: &mut Words) {
    opening(sheets, heading, None);
    let first = sheets.pages.len() - 1;
    fill(sheets, words, first, pages * ROWS - ROWS / 4);
    sheets.finish_page();
}

fn part(sheets: &mut Sheets, heading: &Heading, language: Language) {
    sheets.opening_page();
    sheets.skip(ROWS / 3);
    let word = match language {
        Language::English => "Part",
        Language::German => "Teil",
    };
    if let Some(number) = &heading.number {
        sheets.line(0.0, &Line::single(format!("{word} {number}"), CHAPTER_LABEL), Align::Centre);
        sheets.skip(1);
    }
    for line in break_lines(&[Run::new(&heading.title, CHAPTER_TITLE)], WIDTH, None) {
        sheets.line(0.0, &line, Align::Centre);
        sheets.skip(1);
    }
    sheets.blank_page();
}

/// Begins a page with a chapter's title; `label` is the line above it ("Chapter 3").
fn opening(sheets: &mut Sheets, heading: &Heading, label: Option<String>) {
    sheets.finish_page();
    sheets.opening_page();
    sheets.even_head.clone_from(&heading.title);
    sheets.odd_head.clone_from(&heading.title);
    let left = sheets.rows_left();
    sheets.skip(1);
    if let Some(label) = label {
        sheets.line(0.0, &Line::single(label, CHAPTER_LABEL), Align::Left);
    }
    sheets.skip(1);
    for line in break_lines(&[Run::new(&heading.title, CHAPTER_TITLE)], WIDTH, None) {
        sheets.line(0.0, &line, Align::Left);
        sheets.skip(1);
    }
    sheets.back_to(sheets.rows_left().abs_diff(ROWS).max(ROWS - left + OPENING_ROWS));
}

fn chapter(
    sheets: &mut Sheets,
    heading: &Heading,
    sections: &[Heading],
    pages: usize,
    language: Language,
    words: &mut Words,
) -> Vec<usize> {
    let word = match language {
        Language::English => "Chapter",
        Language::German => "Kapitel",
    };
    opening(sheets, heading, heading.number.as_ref().map(|number| format!("{word} {number}")));
    let first = sheets.pages.len() - 1;
    // The last page is never quite full, except where there is hardly room.
    let total = pages * ROWS - 1 - words.below(ROWS / 4);
    let step = (total - OPENING_ROWS) / (sections.len() + 1);
    let mut places = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let start = OPENING_ROWS + (nth + 1) * step - words.below(step.saturating_sub(SECTION_ROWS) + 1);
        fill(sheets, words, first, start.saturating_sub(1));
        if sheets.rows_left() < 6 {
            sheets.finish_page();
        } else {
            sheets.skip(1);
        }
        places.push(sheets.next_index());
        section_heading(sheets, section);
    }
    fill(sheets, words, first, total);
    sheets.finish_page();
    places
}

fn section_heading(sheets: &mut Sheets, section: &Heading) {
    let style = if section.kind == Kind::Section { SECTION_TITLE } else { SUBSECTION_TITLE };
    if section.kind == Kind::Section {
        sheets.odd_head = section.full_title();
    }
    let hang = section.number.as_ref().map_or(0.0, |number| style.width(number) + 12.0);
    for (nth, line) in
        break_lines(&[Run::new(&section.title, style)], WIDTH - hang, None).into_iter().enumerate()
    {
        let (page, y) = sheets.next_row();
        let Some(page) = page else { continue };
        if let (0, Some(number)) = (nth, &section.number) {
            page.text(LEFT, y, style, number);
        }
        page.line(LEFT + hang, y, WIDTH - hang, &line, Align::Left);
    }
    // Two lines of text at least follow on the same page.
    if sheets.rows_left() > 3 {
        sheets.skip(1);
    }
}

/// Paragraphs until `target` rows are used since the page with index `first`; the last one ends there.
fn fill(sheets: &mut Sheets, words: &mut Words, first: usize, target: usize) {
    while sheets.rows_since(first) < target {
        let text = format!("\u{A0}\u{A0}\u{A0}\u{A0}{}", words.paragraph());
        let mut lines = break_lines(&[Run::new(text, BODY)], WIDTH, Some(hyphenation));
        lines.truncate(target - sheets.rows_since(first));
        if let Some(last) = lines.last_mut() {
            // Cut or not, the last line ends a sentence.
            let mut text = last.text().trim_end_matches(['-', ',', '.']).to_owned();
            text.push('.');
            *last = Line::single(text, BODY);
        }
        for line in lines {
            sheets.line(0.0, &line, Align::Justified);
        }
    }
}

fn bibliography(sheets: &mut Sheets, heading: &Heading, words: &mut Words) {
    opening(sheets, heading, None);
    let first = sheets.pages.len() - 1;
    let mut number = 0;
    while sheets.rows_since(first) < BACK_PAGES * ROWS - 6 {
        number += 1;
        let (author, title, place) = (words.person(), words.title(), words.person());
        let (year, pages) = (1850 + words.below(150), 40 + words.below(700));
        let runs = [
            Run::new(format!("{author}: "), BODY),
            Run::new(title, Style::new(Font::RomanItalic, BODY.size)),
            Run::new(format!(". {place} & Sons, {year}. {pages} pages."), BODY),
        ];
        let lines = break_lines(&runs, WIDTH - 2.0 * INDENT, Some(hyphenation));
        for (nth, line) in lines.iter().enumerate() {
            let (page, y) = sheets.next_row();
            let Some(page) = page else { continue };
            if nth == 0 {
                page.text(LEFT, y, BODY, &format!("[{number}]"));
            }
            page.line(LEFT + 2.0 * INDENT, y, WIDTH - 2.0 * INDENT, line, Align::Justified);
        }
    }
    sheets.finish_page();
}

/// Two columns of terms, each with the pages of the body where it is said to stand.
fn index_pages(sheets: &mut Sheets, heading: &Heading, pages: usize, words: &mut Words) {
    let style = Style::new(Font::Roman, 9.0);
    let rows_first = 2 * (ROWS - OPENING_ROWS);
    let rows = rows_first + 2 * ROWS * (BACK_PAGES - 1);
    let mut terms: Vec<String> = (0..rows - ROWS / 2)
        .map(|_| {
            let mut places: Vec<usize> = (0..1 + words.below(4))
                .map(|_| 1 + words.below(pages.saturating_sub(BACK_PAGES).max(1)))
                .collect();
            places.sort_unstable();
            places.dedup();
            let places: Vec<String> = places.iter().map(usize::to_string).collect();
            format!("{}, {}", words.person().to_lowercase(), places.join(", "))
        })
        .collect();
    terms.sort();
    opening(sheets, heading, None);
    let mut terms = terms.into_iter();
    for page in 0..BACK_PAGES {
        let top = if page == 0 { OPENING_ROWS } else { 0 };
        for column in 0..2 {
            if column == 1 {
                sheets.back_to(top);
            }
            for _ in top..ROWS {
                let Some(term) = terms.next() else { break };
                let x = LEFT + column as f32 * (WIDTH / 2.0 + 6.0);
                let (page, y) = sheets.next_row();
                if let Some(page) = page {
                    page.text(x, y, style, &term);
                }
            }
        }
        sheets.finish_page();
    }
}
