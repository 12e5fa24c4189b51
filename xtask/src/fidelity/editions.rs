//! The editions of a book against each other: the same table of contents; and an EPUB edition through the program and
//! back to EPUB: every word.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use bookstate_reading::toc::normalise;
use serde_json::Value;

use super::books::words;
use super::readers::{Programs, chapters_in_order, text_of};
use crate::words_in_order::in_order;

/// `source` of chapters that no table of contents has.
const NO_ENTRY: [&str; 3] = ["front_matter", "back_matter", "whole_book"];

/// The titles of an exported book's chapters with their levels, in order. Not their numbers: an edition for screens
/// may number its appendices from 1, and number what the other does not.
fn contents(exported: &Value) -> Result<Vec<String>> {
    let chapters = chapters_in_order(exported)?.into_iter();
    let entries = chapters
        .filter(|chapter| chapter["source"].as_str().is_none_or(|source| !NO_ENTRY.contains(&source)));
    let entry = |chapter: &Value| {
        let title = chapter["title"].as_str().unwrap_or_default();
        format!("{} {}", chapter["level"], normalise(title))
    };
    Ok(entries.map(entry).collect())
}

/// How the tables of contents of two editions compare.
pub(super) struct Contents {
    /// Entries of the PDF, entries of the other, entries that are the same in both, in order.
    pub(super) counts: (usize, usize, usize),
    /// Entries that only one has, `-` for the PDF's.
    pub(super) differing: Vec<String>,
}

/// Compares the tables of contents of two exported books.
///
/// # Errors
/// One of them is no export.
pub(super) fn compare(pdf: &Value, edition: &Value) -> Result<Contents> {
    let (pdf, edition) = (contents(pdf)?, contents(edition)?);
    let mut left: BTreeMap<&str, isize> = BTreeMap::new();
    pdf.iter().for_each(|entry| *left.entry(entry).or_default() -= 1);
    edition.iter().for_each(|entry| *left.entry(entry).or_default() += 1);
    let line = |(entry, count): (&str, isize)| match count {
        0 => None,
        1.. => Some(format!("+ {entry}")),
        _ => Some(format!("- {entry}")),
    };
    let differing = left.into_iter().filter_map(line).collect();
    Ok(Contents { counts: (pdf.len(), edition.len(), in_order(&pdf, &edition)), differing })
}

/// The words of a book that its own EPUB, read again, has not: each with how often.
///
/// # Errors
/// The program cannot write or read the book.
pub(super) fn lost_on_the_way(
    programs: &Programs,
    exported: &Value,
    epub: &[u8],
) -> Result<Vec<(String, usize)>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("again.epub");
    std::fs::write(&path, epub)?;
    let again = programs.export(&path)?.json;
    let count = |book: &Value, aside: bool| -> Result<HashMap<String, usize>> {
        let mut counted = HashMap::new();
        words(&text_of(book, |_| aside)?).into_iter().for_each(|word| *counted.entry(word).or_default() += 1);
        Ok(counted)
    };
    // What was set aside is in no export; reading again may set aside other words.
    let (before, after) = (count(exported, false)?, count(&again, true)?);
    let lost = |(word, n): (String, usize)| {
        let missing = n.saturating_sub(after.get(&word).copied().unwrap_or(0));
        (missing > 0).then_some((word, missing))
    };
    let mut lost: Vec<(String, usize)> = before.into_iter().filter_map(lost).collect();
    lost.sort();
    Ok(lost)
}
