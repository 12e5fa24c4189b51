//! From the order on paper to the order of reading: Hebrew and Arabic rows, and pages set vertically.
//!
//! Invariants: every piece comes back once. A row without letters of a script from the right stays as it is. Runs of
//! the other direction inside a row (numbers, Latin names) keep theirs. Only places count, not the order in which the
//! file stores its letters.

use super::glyph::Glyph;
use crate::text::script::unspaced;
use unicode_bidi::BidiClass::{AL, AN, CS, EN, ES, ET, L, NSM, R};
use unicode_bidi::{BidiClass, bidi_class};

/// Steps between glyphs that go down, for each that goes to the right, on a page that is set vertically.
const MOSTLY_DOWN: usize = 2;

/// Puts the pieces of a row, given from left to right, into the order of reading. `text` gives a piece's text.
pub(super) fn logical<T>(mut pieces: Vec<T>, text: impl Fn(&mut T) -> &mut String) -> Vec<T> {
    let classes: Vec<BidiClass> = pieces.iter_mut().map(|p| class(text(p))).collect();
    let right = classes.iter().filter(|c| matches!(c, R | AL)).count();
    if right == 0 {
        return pieces;
    }
    let left = classes.iter().filter(|c| **c == L).count();
    let base_right = right >= left;
    let from_right = directions(&classes, base_right);
    let mut out: Vec<T> = Vec::with_capacity(pieces.len());
    let mut runs: Vec<(bool, Vec<T>)> = Vec::new();
    for (piece, from_right) in pieces.into_iter().zip(from_right) {
        match runs.last_mut() {
            Some((direction, run)) if *direction == from_right => run.push(piece),
            _ => runs.push((from_right, vec![piece])),
        }
    }
    if base_right {
        runs.reverse();
    }
    for (from_right, mut run) in runs {
        if from_right {
            run.reverse();
            mirror(&mut run, &text);
        }
        out.extend(run);
    }
    out
}

/// Two letters meet, of which one is read from the left and one from the right.
pub(super) fn turns_between(before: &str, after: &str) -> bool {
    let from_right = |c: Option<char>| match c.map(bidi_class) {
        Some(R | AL) => Some(true),
        Some(L) => Some(false),
        _ => None,
    };
    let directions = (from_right(before.chars().next_back()), from_right(after.chars().next()));
    matches!(directions, (Some(a), Some(b)) if a != b)
}

fn class(text: &str) -> BidiClass {
    text.chars().next().map_or(BidiClass::ON, bidi_class)
}

/// For each piece whether it is read from the right; neutral ones as their neighbours, or as the row.
fn directions(classes: &[BidiClass], base_right: bool) -> Vec<bool> {
    let mut strong: Vec<Option<bool>> = classes
        .iter()
        .map(|c| match c {
            R | AL | NSM => Some(true),
            L | EN | AN => Some(false),
            _ => None,
        })
        .collect();
    // A separator between two digits belongs to the number, a sign of money or share beside one too.
    for i in 0..classes.len() {
        let digit =
            |at: Option<usize>| at.and_then(|at| classes.get(at)).is_some_and(|c| matches!(c, EN | AN));
        let (before, after) = (digit(i.checked_sub(1)), digit(Some(i + 1)));
        let of_number = match classes.get(i) {
            Some(CS | ES) => before && after,
            Some(ET) => before || after,
            _ => false,
        };
        if let Some(slot) = strong.get_mut(i).filter(|_| of_number) {
            *slot = Some(false);
        }
    }
    let mut out = Vec::with_capacity(strong.len());
    let mut before = base_right;
    for i in 0..strong.len() {
        let own = strong.get(i).copied().flatten();
        let direction = own.unwrap_or_else(|| {
            let after = strong.iter().skip(i).find_map(|d| *d).unwrap_or(base_right);
            if before == after { before } else { base_right }
        });
        if own.is_some() {
            before = direction;
        }
        out.push(direction);
    }
    out
}

/// Brackets are stored as they look. In a run from the right the one that looks closing opens.
fn mirror<T>(run: &mut [T], text: &impl Fn(&mut T) -> &mut String) {
    const PAIRS: [(&str, &str); 4] = [("(", ")"), ("[", "]"), ("{", "}"), ("«", "»")];
    let first = run.iter_mut().find_map(|p| {
        let piece: &str = text(p);
        PAIRS.iter().find_map(|(o, c)| (piece == *o).then_some(true).or((piece == *c).then_some(false)))
    });
    if first != Some(false) {
        return;
    }
    for piece in run {
        let piece = text(piece);
        let other = PAIRS.iter().find_map(|(o, c)| (piece == o).then_some(*c).or((piece == c).then_some(*o)));
        if let Some(other) = other {
            *piece = other.to_owned();
        }
    }
}

/// The page is set vertically: its signs follow each other downwards.
pub(super) fn is_vertical(glyphs: &[Glyph]) -> bool {
    let (mut down, mut across) = (0_usize, 0_usize);
    for pair in glyphs.windows(2) {
        let [a, b] = pair else { continue };
        if !unspaced(a.last()) || !unspaced(b.first()) {
            continue;
        }
        let size = a.size.max(1.0);
        let (dx, dy) = ((b.x0 - a.x0) / size, (b.y - a.y) / size);
        down += usize::from(dx.abs() < 0.3 && (0.5..2.0).contains(&dy));
        across += usize::from(dy.abs() < 0.3 && (0.5..2.0).contains(&dx));
    }
    down >= 4 && down > MOSTLY_DOWN * across
}

/// Turns a vertical page so that its columns are rows: along a column to the right, and the next column, which
/// stands to the left on paper, below. Signs that stand side by side within a column (a number) stay together.
pub(super) fn upright(glyphs: Vec<Glyph>, width: f32) -> Vec<Glyph> {
    let mut out: Vec<Glyph> = Vec::with_capacity(glyphs.len());
    // The end on paper of the last group of signs that stand side by side.
    let mut side_by_side: Option<(f32, f32)> = None;
    for glyph in glyphs {
        if glyph.is_space() {
            side_by_side = None;
            continue;
        }
        let narrow = !unspaced(glyph.first());
        let joins = side_by_side.filter(|(end, y)| {
            narrow && (glyph.x0 - end).abs() < 0.3 * glyph.size && (glyph.y - y).abs() < 0.1 * glyph.size
        });
        side_by_side = narrow.then_some((glyph.x1, glyph.y));
        if let (Some(_), Some(last)) = (joins, out.last_mut()) {
            last.text.push_str(&glyph.text);
            continue;
        }
        let middle = match narrow {
            // A column's numbers begin left of its middle line.
            true => glyph.x0 + 0.5 * glyph.size,
            false => (glyph.x0 + glyph.x1) / 2.0,
        };
        out.push(Glyph {
            x0: glyph.y - 0.88 * glyph.size,
            x1: glyph.y + 0.12 * glyph.size,
            y: width - middle,
            ..glyph
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::glyph::set;
    use super::*;
    use proptest::prelude::*;

    /// As `text` stands on paper, read from the left.
    fn read(text: &str) -> String {
        let pieces: Vec<String> = text.chars().map(String::from).collect();
        logical(pieces, |p| p).concat()
    }

    #[test]
    fn rows_from_the_right() {
        assert_eq!(read("plain text (1)"), "plain text (1)");
        assert_eq!(read("םולש"), "שלום");
        assert_eq!(read(".םלוע םולש"), "שלום עולם.");
        // On paper the number stands to the left of the word.
        assert_eq!(read("123-456 דומע"), "עמוד 123-456");
        assert_eq!(read("PDF ץבוק"), "קובץ PDF");
        assert_eq!(read("(ב) א"), "א (ב)");
        assert_eq!(read("see the word םולש here"), "see the word שלום here");
    }

    #[test]
    fn a_vertical_page_is_turned() {
        let mut glyphs = Vec::new();
        for (column, text) in ["潮が引いた港", "船が動かず人"].iter().enumerate() {
            for (i, c) in text.chars().enumerate() {
                let mut sign =
                    set(&c.to_string(), 300.0 - 20.0 * column as f32, 100.0 + 10.0 * i as f32, 10.0);
                sign.iter_mut().for_each(|g| g.x1 = g.x0 + 10.0);
                glyphs.extend(sign);
            }
        }
        assert!(is_vertical(&glyphs) && !is_vertical(&set("plain text", 50.0, 100.0, 10.0)));
        let turned = upright(glyphs, 400.0);
        let rows = super::super::rows::rows(turned);
        let texts: Vec<String> =
            rows.iter().map(|r| r.glyphs.iter().map(|g| g.text.as_str()).collect()).collect();
        assert_eq!(texts, ["潮が引いた港", "船が動かず人"]);
    }

    proptest! {
        #[test]
        fn every_letter_comes_back(text in "[a-c1-3 ,.()אבגابت]{0,30}") {
            let mut before: Vec<char> = text.chars().collect();
            let found = read(&text);
            let mut after: Vec<char> = found.chars().collect();
            let brackets = |c: &mut char| if *c == ')' { *c = '(' };
            before.iter_mut().for_each(brackets);
            after.iter_mut().for_each(brackets);
            before.sort_unstable();
            after.sort_unstable();
            prop_assert_eq!(before, after);
        }
    }
}
