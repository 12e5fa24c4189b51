//! Rows: the glyphs that stand on one baseline, from left to right.
//!
//! Invariants: every glyph is in one row; a large glyph beside several lines (a sign, an initial) does not merge
//! them, because nearness is measured in the smaller of two sizes; raised and lowered signs stay on their line; an
//! initial that reaches over several lines stands in the first of them; text that lies over other text of another
//! size is a row of its own.

use super::covered::uncover;
use super::glyph::Glyph;
use super::row::{LARGE, Row};

/// Glyphs whose baselines differ by no more than this share of their size are on one line.
const SAME_LINE: f32 = 0.35;
/// Smaller glyphs up to this share of the size away are super- or subscripts of the line.
const SCRIPT_REACH: f32 = 0.55;
/// A raised mark begins at most so many times the size of a line before it.
const HANGING: f32 = 1.5;
/// Capitals reach this share of their size above the baseline.
const CAP_HEIGHT: f32 = 0.68;
/// An initial this multiple of the text's size before its line is no letter of the line's first word.
const INITIAL_GAP: f32 = 0.8;

/// The rows of a page, from the upper to the lower.
pub(super) fn rows(mut glyphs: Vec<Glyph>) -> Vec<Row> {
    glyphs.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut groups: Vec<Vec<Glyph>> = Vec::new();
    let (mut baseline, mut size) = (f32::MIN, 0.0_f32);
    for glyph in glyphs {
        let apart = glyph.y - baseline > SAME_LINE * size.min(glyph.size).max(1.0);
        match groups.last_mut() {
            Some(group) if !apart => group.push(glyph),
            _ => {
                (baseline, size) = (glyph.y, glyph.size);
                groups.push(vec![glyph]);
            }
        }
    }
    let rows = groups.into_iter().filter_map(Row::new).flat_map(uncover).collect();
    place_initials(join_scripts(rows))
}

/// Puts rows of smaller glyphs, close above or below a line and between its words, into that line.
fn join_scripts(rows: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match out.last_mut() {
            Some(above) if is_script_of(above, &row) || is_script_of(&row, above) => {
                let mut glyphs = std::mem::take(&mut above.glyphs);
                let (y, size) =
                    if above.size >= row.size { (above.y, above.size) } else { (row.y, row.size) };
                let raised = |g: &mut Glyph, of: &Row| {
                    g.style.raised |= g.size <= 0.85 * size && of.y < y;
                };
                glyphs.iter_mut().for_each(|g| raised(g, above));
                let mut added = row.glyphs;
                let below = Row { y: row.y, size: row.size, glyphs: Vec::new() };
                added.iter_mut().for_each(|g| raised(g, &below));
                glyphs.extend(added);
                glyphs.sort_by(|a, b| a.x0.total_cmp(&b.x0));
                *above = Row { y, size, glyphs };
            }
            _ => out.push(row),
        }
    }
    out
}

fn is_script_of(small: &Row, large: &Row) -> bool {
    let distance = (small.y - large.y).abs();
    if distance > SCRIPT_REACH * large.size {
        return false;
    }
    let ((s0, s1), (l0, l1)) = (small.reach(), large.reach());
    // The lowered letters of a logo are as large as their neighbours, but each fills a hole between them.
    let in_holes = || {
        let beside = |g: &Glyph, l: &Glyph| l.x1 <= g.x0 + 0.2 * l.size || l.x0 >= g.x1 - 0.2 * l.size;
        small.glyphs.len() <= large.glyphs.len() && small.inked().all(|g| large.inked().all(|l| beside(g, l)))
    };
    // An initial beside a line is much larger than the line; a line is no script of it.
    let shifted = small.size <= 0.85 * large.size && small.size >= 0.4 * large.size;
    // The raised mark of a note hangs before its text.
    let hangs = small.y < large.y && small.inked().count() <= 3;
    (shifted || (distance <= SAME_LINE * large.size && in_holes()))
        && s0 >= l0 - if hangs { HANGING } else { 1.0 } * large.size
        && s1 <= l1 + 2.0 * large.size
        && !overlaps(small, large)
}

/// More than one glyph of the smaller row lies over glyphs of the larger.
fn overlaps(small: &Row, large: &Row) -> bool {
    let over = |g: &Glyph| large.inked().any(|l| l.x0 + 0.2 * l.size < g.x1 && g.x0 < l.x1 - 0.2 * l.size);
    small.inked().filter(|g| over(g)).nth(1).is_some()
}

/// Moves an initial to the first of the lines that it stands beside.
fn place_initials(mut rows: Vec<Row>) -> Vec<Row> {
    let mut i = 0;
    while i < rows.len() {
        if let Some((count, target)) = initial(&rows, i) {
            let mut taken: Vec<Glyph> = Vec::new();
            if let Some(row) = rows.get_mut(i) {
                let mut left = count;
                let (first, rest): (Vec<Glyph>, Vec<Glyph>) =
                    std::mem::take(&mut row.glyphs).into_iter().partition(|g| {
                        let take = left > 0;
                        left -= usize::from(take && !g.is_space());
                        take
                    });
                taken = first;
                row.glyphs = rest;
            }
            settle_initial(&mut taken, &rows, i, target);
            let emptied = rows.get(i).is_some_and(|row| row.inked().next().is_none());
            if let Some(row) = rows.get_mut(target) {
                taken.append(&mut row.glyphs);
                row.glyphs = taken;
            }
            if emptied {
                rows.remove(i);
                continue;
            }
            if let Some(row) = rows.get_mut(i)
                && let Some(whole) = Row::new(std::mem::take(&mut row.glyphs))
            {
                *row = whole;
            }
        }
        i += 1;
    }
    rows
}

/// The row begins with an initial: how many glyphs it has, and the row that it belongs to.
fn initial(rows: &[Row], i: usize) -> Option<(usize, usize)> {
    let row = rows.get(i)?;
    let first = row.inked().next()?;
    let count = row.inked().take_while(|g| g.size > 0.8 * first.size && g.size == first.size).count();
    if count > 2 || !row.inked().take(count).any(|g| g.first().is_alphabetic()) {
        return None;
    }
    let end = row.inked().take(count).map(|g| g.x1).fold(first.x0, f32::max);
    let top = first.y - CAP_HEIGHT * first.size;
    // Lines beside it: to its right, and of the text's size.
    let beside = |r: &Row| {
        let text = r.inked().find(|g| g.size * LARGE <= first.size)?;
        let near = text.x0 >= end - 0.25 * text.size && text.x0 <= end + 1.5 * text.size;
        let spans =
            r.y - CAP_HEIGHT * text.size >= top - 0.6 * text.size && r.y <= first.y + SAME_LINE * text.size;
        (near && spans).then_some(())
    };
    let from = i.saturating_sub(6);
    let candidates = rows.get(from..=(i + 6).min(rows.len() - 1))?;
    let mut found = candidates.iter().enumerate().filter(|(_, r)| beside(r).is_some()).map(|(k, _)| from + k);
    let target = found.next()?;
    // One line beside it is a large first letter, which stands where it should.
    (found.next().is_some() && target != i)
        .then_some((count, target))
        .filter(|_| row.inked().skip(count).all(|g| g.size * LARGE <= first.size))
}

/// Puts the initial onto its line: as large as the line's letters, close to its word unless a gap is between them, or
/// the line begins further to the right than the lines below it.
fn settle_initial(taken: &mut [Glyph], rows: &[Row], from: usize, target: usize) {
    let Some(line) = rows.get(target) else { return };
    let Some(next) = line.inked().next() else { return };
    let other = rows
        .get(target + 1..=from.max(target + 1))
        .unwrap_or_default()
        .iter()
        .filter_map(|r| r.inked().next())
        .map(|g| g.x0)
        .fold(f32::MAX, f32::min);
    let reach = taken.iter().filter(|g| !g.is_space()).map(|g| g.x1).fold(f32::MIN, f32::max);
    let joined = next.x0 - other < 0.12 * next.size && next.x0 - reach < INITIAL_GAP * next.size;
    let mut end = next.x0 - if joined { 0.0 } else { 0.3 * next.size };
    for glyph in taken.iter_mut().rev().filter(|g| !g.is_space()) {
        glyph.x1 = end;
        end -= 0.1 * next.size;
        glyph.x0 = glyph.x0.min(end);
        (glyph.y, glyph.size) = (line.y, line.size);
        glyph.style.size = line.size;
    }
}

#[cfg(test)]
mod tests {
    use super::super::glyph::set;
    use super::*;

    fn texts(glyphs: Vec<Glyph>) -> Vec<String> {
        rows(glyphs).iter().map(|r| r.glyphs.iter().map(|g| g.text.as_str()).collect()).collect()
    }

    #[test]
    fn a_superscript_stays_on_its_line() {
        let mut glyphs = set("word", 50.0, 100.0, 10.0);
        glyphs.extend(set("2", 70.0, 95.0, 6.0));
        glyphs.extend(set("next", 75.0, 100.0, 10.0));
        glyphs.extend(set("below", 50.0, 112.0, 10.0));
        assert_eq!(texts(glyphs.clone()), ["word2next", "below"]);
        let raised: Vec<bool> = rows(glyphs)[0].glyphs.iter().map(|g| g.style.raised).collect();
        assert_eq!(raised.iter().filter(|r| **r).count(), 1);
    }

    #[test]
    fn the_raised_mark_of_a_note_hangs_before_its_text() {
        let mut glyphs = set("1", 50.0, 96.5, 7.0);
        glyphs.extend(set("The note", 62.0, 100.0, 10.0));
        assert_eq!(texts(glyphs.clone()), ["1The note"]);
        glyphs[0].x0 -= 4.0;
        assert_eq!(texts(glyphs), ["1", "The note"], "a number in the margin");
    }

    #[test]
    fn lowered_letters_fill_their_holes() {
        let mut glyphs = set("L", 50.0, 100.0, 10.0);
        glyphs.extend(set("A", 53.0, 97.9, 7.0));
        for x in [56.0, 76.0] {
            glyphs.extend(set("T", x, 100.0, 10.0));
            glyphs.extend(set("E", x + 4.0, 102.2, 10.0));
            glyphs.extend(set("X", x + 8.0, 100.0, 10.0));
        }
        assert_eq!(texts(glyphs), ["LATEXTEX"]);
    }

    #[test]
    fn a_large_sign_beside_two_lines_does_not_merge_them() {
        for y in [100.0, 104.0, 106.0, 109.0, 112.0] {
            let mut glyphs = set("&", 20.0, y, 30.0);
            glyphs.extend(set("upper words", 60.0, 100.0, 10.0));
            glyphs.extend(set("lower words", 60.0, 112.0, 10.0));
            let found = texts(glyphs).join("|");
            assert!(found.contains("upper words") && found.contains("lower words"), "{y}: {found}");
        }
    }

    #[test]
    fn an_initial_stands_before_its_word() {
        // Over three lines; its baseline is that of the third, or a little off.
        for y in [124.0, 125.0, 121.0] {
            let mut glyphs = set("T", 50.0, y, 42.0);
            glyphs.extend(set("he first line", 72.0, 100.0, 10.0));
            glyphs.extend(set("second line", 72.0, 112.0, 10.0));
            glyphs.extend(set("third line", 72.0, 124.0, 10.0));
            glyphs.extend(set("and the fourth", 50.0, 136.0, 10.0));
            let found = texts(glyphs);
            assert_eq!(found, ["The first line", "second line", "third line", "and the fourth"], "{y}");
        }
    }

    #[test]
    fn a_large_sign_behind_a_gap_is_a_word_of_its_own() {
        let mut glyphs = set("S", 50.0, 117.0, 44.0);
        glyphs.extend(set("upper words", 83.0, 106.0, 11.0));
        glyphs.extend(set("lower words", 83.0, 119.0, 11.0));
        let rows = rows(glyphs);
        let (sign, next) = (&rows[0].glyphs[0], &rows[0].glyphs[1]);
        assert_eq!((sign.text.as_str(), next.text.as_str()), ("S", "u"));
        assert!(next.x0 - sign.x1 > 0.25 * next.size, "a space is between them");
    }
}
