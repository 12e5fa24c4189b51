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
        Self { title, entries: entries.collect() }
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
