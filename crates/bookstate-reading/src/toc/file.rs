//! What a book's file says beside its text: outline, page labels, links, and how lines are set.

use super::same_title::{normalise, similar};
use crate::page::Page;
use crate::source::{NavigationEntry, Source};

/// Facts of a file, page by page, that rules use with the pages' texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileFacts {
    /// Its own table of contents; see [`Source::navigation`].
    pub navigation: Vec<NavigationEntry>,
    /// The label of each page, where the file states one.
    pub labels: Vec<Option<String>>,
    /// Per page the lines that lead to another page: the line's number in the page's plain text, and the page.
    pub links: Vec<Vec<(usize, u32)>>,
}

impl FileFacts {
    /// Reads them from a file. Pages that cannot be read have none.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        let navigation = without_book(source.navigation(), source.info().title.as_deref());
        let mut facts = Self { navigation, ..Self::default() };
        for n in 1..=source.page_count() {
            let said = source.with_page(n, |page| (links(page), page.label.clone()));
            let (links, label) = said.unwrap_or_default();
            facts.links.push(links);
            facts.labels.push(label);
        }
        facts
    }
}

/// Takes out the entry of the book itself, of whose `title` all others are parts.
fn without_book(mut navigation: Vec<NavigationEntry>, title: Option<&str>) -> Vec<NavigationEntry> {
    let highest = navigation.iter().map(|e| e.level).min();
    let alone = navigation.iter().filter(|e| Some(e.level) == highest).count() == 1 && navigation.len() > 2;
    let is_book = |entry: &NavigationEntry| {
        let named = title.is_some_and(|title| similar(&normalise(&entry.title), &normalise(title)));
        Some(entry.level) == highest && named
    };
    if alone && navigation.first().is_some_and(is_book) {
        navigation.remove(0);
    }
    navigation
}

/// The lines that links lie on.
fn links(page: &Page) -> Vec<(usize, u32)> {
    if page.links.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut number = 0;
    for (i, laid) in page.laid_lines().into_iter().enumerate() {
        // As the page's plain text has them: an empty line between blocks.
        number += usize::from(i > 0) + usize::from(i > 0 && laid.begins_block);
        let Some(place) = laid.line.place else { continue };
        let middle = (place.y0 + place.y1) / 2.0;
        let over = |l: &&crate::page::Link| {
            (l.place.y0..=l.place.y1).contains(&middle) && l.place.x0 < place.x1 && place.x0 < l.place.x1
        };
        out.extend(page.links.iter().find(over).map(|link| (number, link.page)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_is_no_part_of_itself() {
        let entries = |levels: &[u8]| -> Vec<NavigationEntry> {
            let titles = ["The Mill", "One", "Two", "Three"];
            let one = |(level, title): (&u8, &str)| NavigationEntry {
                title: title.to_owned(),
                level: *level,
                page: Some(1),
                top: None,
            };
            levels.iter().zip(titles).map(one).collect()
        };
        let left = |levels: &[u8], title| without_book(entries(levels), title).len();
        assert_eq!(left(&[1, 2, 3, 2], Some("The mill")), 3);
        assert_eq!(left(&[1, 2, 3, 2], Some("The weir")), 4, "a chapter with sections");
        assert_eq!(left(&[1, 2, 3, 1], Some("The mill")), 4, "a chapter beside others");
        assert_eq!(left(&[1, 2, 3, 2], None), 4);
    }
    use crate::page::{Block, BlockKind, Line, Link, Rect};

    #[test]
    fn a_link_belongs_to_the_line_that_it_lies_on() {
        let line = |y: f32| Line { place: Some(Rect::new(10.0, y, 90.0, y + 10.0)), ..Line::plain("a line") };
        let block = |lines: &[f32]| Block {
            kind: BlockKind::Paragraph,
            lines: lines.iter().map(|y| line(*y)).collect(),
        };
        let link = |y: f32, page| Link { place: Rect::new(5.0, y, 50.0, y + 12.0), page, top: None };
        let page = Page {
            blocks: vec![block(&[0.0, 20.0]), block(&[50.0])],
            links: vec![link(19.0, 7), link(49.0, 9)],
            ..Page::default()
        };
        assert_eq!(links(&page), [(1, 7), (3, 9)]);
    }
}
