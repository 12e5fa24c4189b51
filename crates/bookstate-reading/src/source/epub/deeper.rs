//! Headings below the levels that a book's navigation has: makers of books cut it off at some depth.
//!
//! Only where the navigation is made of the headings, and only those deeper than all that it has: what it leaves out
//! at its own levels it leaves out on purpose.

use std::collections::HashMap;

use crate::page::{BlockKind, Line};

use super::super::draft::Piece;
use super::navigation::Target;

/// A heading stands so many pieces behind the place that leads to it.
const NEAR: usize = 3;

/// The navigation with the deeper headings in their places; each gets a name that leads to it.
pub(super) fn with_deeper(navigation: &[Target], pieces: &mut [Piece]) -> Vec<Target> {
    let mut at: HashMap<&str, usize> = HashMap::new();
    for (n, piece) in pieces.iter().enumerate() {
        for id in &piece.ids {
            at.entry(id).or_insert(n);
        }
    }
    let places: Vec<Option<usize>> =
        navigation.iter().map(|target| at.get(target.to.as_str()).copied()).collect();
    let heading_of = |(target, place): (&Target, &Option<usize>)| {
        let near = pieces.get((*place)?..)?.iter().take(NEAR);
        near.filter_map(heading).find(|(_, text)| is_title(text, &target.title))
    };
    let found: Vec<Option<(u8, String)>> = navigation.iter().zip(&places).map(heading_of).collect();
    let levels: Vec<u8> = found.iter().flatten().map(|(level, _)| *level).collect();
    let in_order = places.iter().flatten().is_sorted();
    let deepest = levels.iter().copied().max().unwrap_or(u8::MAX);
    if !in_order || levels.len() * 5 < navigation.len() * 4 {
        return navigation.to_vec();
    }
    let mut out = Vec::with_capacity(navigation.len());
    let mut open: Vec<u8> = Vec::new();
    // The heading has its number, which the navigation may lack.
    let whole = navigation.iter().zip(found).map(|(target, found)| match found {
        Some((_, title)) => Target { title, ..target.clone() },
        None => target.clone(),
    });
    let mut next = whole.zip(&places).peekable();
    let mut above = 0_u8;
    for (n, piece) in pieces.iter_mut().enumerate() {
        while let Some((target, _)) = next.next_if(|(_, place)| place.is_none_or(|place| place <= n)) {
            above = target.level;
            open.clear();
            out.push(target);
        }
        let Some((level, text)) = heading(piece).filter(|(level, _)| *level > deepest) else { continue };
        while open.last().is_some_and(|before| *before >= level) {
            open.pop();
        }
        open.push(level);
        let to = format!("\0deeper {n}");
        piece.ids.push(to.clone());
        let depth = u8::try_from(open.len()).unwrap_or(u8::MAX);
        out.push(Target { title: text, level: above.saturating_add(depth), to });
    }
    out.extend(next.map(|(target, _)| target));
    out
}

fn heading(piece: &Piece) -> Option<(u8, String)> {
    let BlockKind::Heading { level } = piece.block.kind else { return None };
    let text = piece.block.lines.iter().map(Line::text).collect::<Vec<_>>().join(" ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty() && piece.note.is_none()).then_some((level.unwrap_or(1), text))
}

/// The heading is the title, with a number before it or without.
fn is_title(heading: &str, title: &str) -> bool {
    let plain = heading.trim_start_matches(|c: char| !c.is_alphabetic());
    letters(heading) == letters(title) || (letters(plain) == letters(title) && !plain.is_empty())
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Block;

    fn pieces(of: &[(u8, &str)]) -> Vec<Piece> {
        let piece = |(n, (level, text)): (usize, &(u8, &str))| {
            let kind =
                if *level > 0 { BlockKind::Heading { level: Some(*level) } } else { BlockKind::Paragraph };
            let block = Block { kind, lines: vec![Line::plain(*text)] };
            Piece { ids: vec![format!("p{n}")], ..Piece::new(block) }
        };
        of.iter().enumerate().map(piece).collect()
    }

    fn target(title: &str, level: u8, to: &str) -> Target {
        Target { title: title.into(), level, to: to.into() }
    }

    #[test]
    fn what_is_cut_off_by_its_depth_is_there_and_what_is_left_out_is_not() {
        let mut book = pieces(&[
            (1, "One"),
            (0, "text"),
            (2, "1.1 Sub"),
            (3, "deep"),
            (4, "deeper"),
            (3, "deep again"),
            (2, "left out"),
            (1, "Two"),
        ]);
        let navigation = [target("One", 1, "p0"), target("sub", 2, "p2"), target("Two", 1, "p7")];
        let found = with_deeper(&navigation, &mut book);
        let shown: Vec<_> = found.iter().map(|target| (target.title.as_str(), target.level)).collect();
        let expected =
            [("One", 1), ("1.1 Sub", 2), ("deep", 3), ("deeper", 4), ("deep again", 3), ("Two", 1)];
        assert_eq!(shown, expected);
        assert!(book[3].ids.contains(&found[2].to));
    }

    #[test]
    fn a_navigation_with_titles_of_its_own_stays_as_it_is() {
        let mut book = pieces(&[(1, "One"), (3, "deep"), (1, "Two")]);
        let navigation = [target("Cover", 1, "p0"), target("The second", 1, "p2")];
        assert_eq!(with_deeper(&navigation, &mut book), navigation);
        let navigation = [target("Two", 1, "p2"), target("One", 1, "p0")];
        assert_eq!(with_deeper(&navigation, &mut book), navigation, "in another order");
    }
}
