//! Pictures in the places that they have between the blocks of a text.
//!
//! A chapter's text does not say where its pages begin; the first words of a page do, in the block that has them. A
//! picture goes where its page begins, and one on a page without text (a plate) where the next page begins.

use bookstate_domain::BookState;

use super::content::{Placed, Section, letters};

/// A picture that a page of the book has.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The page, counted from 1.
    pub page: i32,
    /// The picture, a JPEG file.
    pub jpeg: Vec<u8>,
}

/// Fewer letters of a page are everywhere in a text.
const TELLING: usize = 16;
/// So many plates may lie between a text and where it goes on.
const PLATES: i32 = 4;

/// Puts each picture into the section of its page; a book of nothing but pictures gets a section for them.
pub(super) fn place(state: &BookState, sections: &mut Vec<Section<'_>>, figures: &[Figure]) {
    if let (true, Some(first)) = (sections.is_empty(), figures.first()) {
        sections.push(Section::of_page(first.page, Vec::new()));
    }
    for (nth, figure) in figures.iter().enumerate() {
        let of_page = sections.iter().rposition(|section| section.first_page <= figure.page);
        let Some(section) = sections.get_mut(of_page.unwrap_or(0)) else { continue };
        let pages = figure.page..=figure.page.saturating_add(PLATES);
        let found = pages.into_iter().find_map(|page| begins(state, section, page));
        let before = found.unwrap_or(section.blocks.len());
        section.figures.push(Placed { before, nth, page: figure.page });
    }
    for section in sections {
        section.figures.sort_by_key(|placed| placed.before);
    }
}

/// The block of the section that is nearest to where the text of a page begins.
fn begins(state: &BookState, section: &Section<'_>, page: i32) -> Option<usize> {
    let text = state.page(page)?.ocr_markdown.as_deref()?;
    let telling = |line: &str| Some(letters(line)).filter(|line| line.chars().count() >= TELLING);
    // A running head is not in the chapter's text.
    text.lines().filter_map(telling).take(3).find_map(|line| {
        section.blocks.iter().enumerate().find_map(|(n, block)| {
            let block = letters(block.text);
            let at = block.find(&line)?;
            Some(if 2 * at < block.len() { n } else { n + 1 })
        })
    })
}
