//! A book as its exports see it: sections of blocks with their notes.
//!
//! Invariants: every word of every chapter's best text and of its notes is in exactly one section, in the book's
//! order; a section's heading is not said again by its first block; a book without chapters is its pages.

use std::borrow::Cow;

use bookstate_domain::{Book, BookState, Chapter, LayoutKind, Note, layout_blocks};

use super::{aligned::aligned, block::ContentBlock, edited::edited};
use crate::structure::FRONT_MATTER_SOURCE;

/// The deepest heading that Markdown and HTML have.
pub(super) const DEEPEST: usize = 6;

/// A book.
pub(super) struct Content<'a> {
    /// Its title; of a book without one what stands for it.
    pub(super) title: &'a str,
    /// What follows its title.
    pub(super) subtitle: Option<&'a str>,
    /// Who wrote it.
    pub(super) authors: Vec<&'a str>,
    /// Publisher, year and ISBN on one line; empty when nothing is known.
    pub(super) imprint: String,
    /// Its parts in order.
    pub(super) sections: Vec<Section<'a>>,
}

/// A chapter, or what stands before the first.
pub(super) struct Section<'a> {
    /// Its heading; none for what stands before the first chapter, and for pages.
    pub(super) heading: Option<String>,
    /// The heading's level: 1 is the highest.
    pub(super) level: usize,
    /// How it is called in a list of contents.
    pub(super) name: Cow<'a, str>,
    /// Its text.
    pub(super) blocks: Vec<ContentBlock<'a>>,
    /// Its notes.
    pub(super) notes: &'a [Note],
    /// The page on which it begins.
    pub(super) first_page: i32,
    /// Its pictures, in the order of their places; none where the form has none.
    pub(super) figures: Vec<Placed>,
}

/// A picture in a section.
#[derive(Debug)]
pub(super) struct Placed {
    /// The block that it stands before; as many as there are for the section's end.
    pub(super) before: usize,
    /// Which of the figures, from 0.
    pub(super) nth: usize,
    /// Its page.
    pub(super) page: i32,
}

impl<'a> Section<'a> {
    /// A page of a book that has no chapters.
    pub(super) fn of_page(page: i32, blocks: Vec<ContentBlock<'a>>) -> Self {
        let name = Cow::Owned(format!("Page {page}"));
        Self { heading: None, level: 1, name, blocks, notes: &[], first_page: page, figures: Vec::new() }
    }

    /// The notes that no block refers to.
    pub(super) fn unreferred(&self) -> impl Iterator<Item = usize> {
        let referred: std::collections::HashSet<usize> =
            self.blocks.iter().flat_map(|block| &block.references).map(|(_, note)| *note).collect();
        (0..self.notes.len()).filter(move |note| !referred.contains(note))
    }

    /// The level of a heading in the section's text, whose own level is `level`, or 0 where that is not known; the
    /// section's is `own`.
    pub(super) fn heading_level(own: usize, level: u8) -> usize {
        usize::from(level).max(own + 1).min(DEEPEST)
    }
}

/// What a format shows of itself above the book's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Above {
    /// Title, subtitle and authors: the front matter does not say them again.
    Title,
    /// They are beside the text, and the front matter says them as printed.
    Nothing,
}

/// The content of a book.
pub(super) fn content(state: &BookState, above: Above) -> Content<'_> {
    let book = state.book();
    let text =
        |of: fn(&Book) -> Option<&bookstate_domain::Text>| book.and_then(|b| of(b)).map(|text| &**text);
    let authors: Vec<&str> = match book.map(|book| book.authors.as_slice()) {
        Some([]) | None => text(|book| book.author.as_ref()).into_iter().collect(),
        Some(authors) => authors.iter().map(AsRef::as_ref).collect(),
    };
    let mut imprint: Vec<String> = Vec::new();
    imprint.extend(text(|book| book.publisher.as_ref()).map(str::to_owned));
    imprint.extend(book.and_then(|book| book.publication_year).map(|year| year.to_string()));
    imprint.extend(text(|book| book.isbn.as_ref()).map(|isbn| format!("ISBN {isbn}")));
    let mut content = Content {
        title: text(|book| book.title.as_ref()).unwrap_or("Untitled"),
        subtitle: text(|book| book.subtitle.as_ref()),
        authors,
        imprint: imprint.join(", "),
        sections: Vec::new(),
    };
    content.sections = sections(state, &content, above);
    content
}

fn sections<'a>(state: &'a BookState, content: &Content<'a>, above: Above) -> Vec<Section<'a>> {
    let chapters = state.ordered_chapters();
    if chapters.is_empty() {
        let page = |page: &'a bookstate_domain::Page| {
            Some(Section::of_page(page.page_num, paragraphs(page.ocr_markdown.as_deref()?)))
        };
        return state.pages().values().filter_map(|of| page(of)).collect();
    }
    let section = |chapter: &'a Chapter| {
        let mut blocks = blocks(chapter);
        let name = heading(chapter);
        // The title's own chapter has no heading, and begins with what is said above it.
        let is_front = chapter.source.as_deref() == Some(FRONT_MATTER_SOURCE);
        if is_front {
            let authors = content.authors.concat();
            let by = format!("by {authors}");
            let lines = match above {
                Above::Title => [content.title, content.subtitle.unwrap_or_default(), &authors, &by],
                Above::Nothing => Default::default(),
            };
            let mut said: Vec<String> =
                lines.into_iter().map(letters).filter(|line| line.len() > 2).collect();
            blocks.retain(|block| match said.iter().position(|said| *said == letters(block.text)) {
                Some(at) => {
                    said.remove(at);
                    false
                }
                None => true,
            });
        } else {
            let repeats = blocks.first().is_some_and(|block| repeats_heading(block.text, chapter));
            if repeats {
                blocks.remove(0);
            }
        }
        let level = usize::try_from(chapter.level.max(1)).unwrap_or(DEEPEST);
        let notes = chapter.notes.as_deref().map(Vec::as_slice).unwrap_or_default();
        Section {
            heading: (!is_front).then(|| name.clone()),
            level,
            name: name.into(),
            blocks,
            notes,
            first_page: chapter.start_page,
            figures: Vec::new(),
        }
    };
    chapters.into_iter().map(|chapter| section(chapter)).collect()
}

/// A chapter's best text in blocks, with its notes.
fn blocks(chapter: &Chapter) -> Vec<ContentBlock<'_>> {
    let Some(text) = chapter.text() else { return Vec::new() };
    let mechanical = chapter.mechanical_text.as_deref().unwrap_or_default();
    let layout = chapter.layout.as_deref().map(Vec::as_slice).unwrap_or_default();
    let laid = layout_blocks(mechanical, layout).filter(|blocks| !blocks.is_empty());
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (n, note) in chapter.notes.iter().flat_map(|notes| notes.iter()).enumerate() {
        places.extend(note.at.and_then(|at| usize::try_from(at).ok()).map(|at| (at, n)));
    }
    places.sort_unstable();
    // What does not lie over the text is paragraphs, and notes at its end.
    let laid = laid.and_then(|laid| aligned(&laid, text, &places).or_else(|| edited(&laid, text, &places)));
    laid.unwrap_or_else(|| paragraphs(text))
}

/// Blocks of a text of which nothing is known.
fn paragraphs(text: &str) -> Vec<ContentBlock<'_>> {
    let mut out = Vec::new();
    for part in text.split("\n\n").map(|part| part.trim_matches('\n').trim_end()) {
        let kind = if part.contains('\n') { LayoutKind::Verse } else { LayoutKind::Paragraph };
        out.extend((!part.trim().is_empty()).then(|| ContentBlock::plain(kind, part)));
    }
    out
}

fn heading(chapter: &Chapter) -> String {
    let title = chapter.title.as_deref().unwrap_or_default().trim();
    let number = chapter.entry_number.as_deref().unwrap_or_default().trim();
    let mut heading = number.to_owned();
    if title != number && !title.is_empty() {
        if !heading.is_empty() {
            heading.push(' ');
        }
        heading.push_str(title);
    }
    if heading.is_empty() { chapter.entry_id.to_string() } else { heading }
}

/// What is left of a line when two headings are compared.
pub(super) fn letters(line: &str) -> String {
    line.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The text is the chapter's own heading.
fn repeats_heading(text: &str, chapter: &Chapter) -> bool {
    let title = letters(chapter.title.as_deref().unwrap_or_default());
    let text = letters(text);
    !title.is_empty() && (text == title || text == letters(&heading(chapter)))
}

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};

    /// An edited letter changes that letter, and no block or note around it.
    #[test]
    fn a_chapter_is_laid_out_alike_before_and_behind_an_edit() {
        let state = fixture::book();
        let chapter = (**state.ordered_chapters()[0]).clone();
        let text = chapter.mechanical_text.as_deref().unwrap();
        let edited =
            Chapter { polished_text: Some(text.replace("years", "ycars").into()), ..chapter.clone() };
        let of = |chapter: &Chapter| -> Vec<_> {
            let laid =
                |block: ContentBlock<'_>| (block.kind.into_owned(), block.text.to_owned(), block.references);
            blocks(chapter).into_iter().map(laid).collect()
        };
        let mut expected = of(&chapter);
        assert!(expected.len() == 5 && expected.iter().any(|(_, _, references)| !references.is_empty()));
        expected.iter_mut().for_each(|(_, text, _)| *text = text.replace("years", "ycars"));
        assert_eq!(of(&edited), expected);
    }
}
