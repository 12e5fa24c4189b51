//! A book that was read whole when it was opened: what every source but PDF gives.

use std::collections::HashMap;

use crate::page::{BlockKind, Line, Page};

use super::draft::Piece;
use super::{NavigationEntry, Resource, SourceInfo};

/// A book that was read.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Its pages.
    pub(super) pages: Vec<Page>,
    /// Its parts as it names them.
    pub(super) navigation: Vec<NavigationEntry>,
    /// What it says of itself.
    pub(super) info: SourceInfo,
    /// Its pictures.
    pub(super) resources: Vec<Resource>,
}

/// The headings of a book without navigation of its own.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// The book's title: its first heading, when it is the only one of the highest level.
    pub(super) title: Option<String>,
    entries: Vec<(String, u8, String)>,
}

impl Outline {
    /// Gathers the headings of pieces, and gives each a name that leads to it. A level that is left out is none.
    pub(super) fn of_headings(pieces: &mut [Piece]) -> Self {
        let mut found: Vec<(String, u8, String)> = Vec::new();
        for (n, piece) in pieces.iter_mut().enumerate() {
            let BlockKind::Heading { level } = piece.block.kind else { continue };
            let text = piece.block.lines.iter().map(Line::text).collect::<Vec<_>>().join(" ");
            if text.trim().is_empty() || piece.note.is_some() {
                continue;
            }
            let id = format!("\0heading {n}");
            piece.ids.push(id.clone());
            found.push((text.trim().to_owned(), level.unwrap_or(1), id));
        }
        // A title that is written twice, one below the other, is one.
        let title_again = |found: &[(String, u8, String)]| match found {
            [(first, level, _), (second, of, _), ..] => first == second && level == of,
            _ => false,
        };
        while title_again(&found) {
            found.remove(1);
        }
        let highest = found.iter().map(|(_, level, _)| *level).min();
        let first = found.first().map(|(_, level, _)| *level);
        let of_highest = found.iter().filter(|(_, level, _)| Some(*level) == highest).count();
        let title = (found.len() > 1 && first == highest && of_highest == 1).then(|| found.remove(0).0);
        let mut open: Vec<u8> = Vec::new();
        let entries = found.into_iter().map(|(text, level, id)| {
            while open.last().is_some_and(|above| *above >= level) {
                open.pop();
            }
            open.push(level);
            (text, u8::try_from(open.len()).unwrap_or(u8::MAX), id)
        });
        let mut entries: Vec<(String, u8, String)> = entries.collect();
        below_their_numbers(&mut entries);
        Self { title, entries }
    }

    /// The headings with their pages.
    pub(super) fn entries(self, places: &HashMap<String, u32>) -> Vec<NavigationEntry> {
        let entry = |(title, level, id): (String, u8, String)| NavigationEntry {
            title,
            level,
            page: places.get(&id).copied(),
            top: None,
        };
        self.entries.into_iter().map(entry).collect()
    }
}

/// A heading whose number goes on with that of another one is below it, though both are set alike: HTML has not enough
/// levels for some makers of books.
fn below_their_numbers(entries: &mut [(String, u8, String)]) {
    let mut levels: HashMap<String, u8> = HashMap::new();
    for (text, level, _) in entries {
        let Some(number) = number(text) else { continue };
        let above = number.rsplit_once('.').and_then(|(above, _)| levels.get(above).copied());
        *level = above.map_or(*level, |above| above.saturating_add(1).max(*level));
        levels.insert(number, *level);
    }
}

/// The number that a heading begins with: `2`, `2.1.3`, `A.3`.
fn number(heading: &str) -> Option<String> {
    let number = heading.split_whitespace().next()?.trim_end_matches('.');
    let mut parts = number.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let first = parts.next()?;
    let letter = first.len() == 1 && first.bytes().all(|b| b.is_ascii_uppercase());
    ((is_number(first) || letter) && parts.all(is_number)).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_that_are_set_alike_are_below_their_numbers() {
        let headings = [
            ("2 Objects", 1, 1),
            ("2.1 Basic types", 2, 2),
            ("2.1.3 Language objects", 3, 3),
            ("2.1.3.1 Symbol objects", 3, 4),
            ("2.1.4 Expression objects", 3, 3),
            ("A large thing", 3, 3),
            ("A.1.1 Nobody is above it", 3, 3),
        ];
        let mut entries: Vec<_> =
            headings.iter().map(|(text, level, _)| ((*text).to_owned(), *level, String::new())).collect();
        below_their_numbers(&mut entries);
        assert_eq!(entries.iter().map(|(_, level, _)| *level).collect::<Vec<_>>(), headings.map(|(.., l)| l));
    }
}
