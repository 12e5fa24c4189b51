//! Notes at a page's end: which lines they are, and with which mark.
//!
//! Invariants: a page's notes are its last lines; the first of them begins with a mark that the page's text refers
//! to by a raised sign, or that continues the series of notes of the page before in smaller type. Without places and
//! sizes there are no notes: a numbered list at a page's end looks the same. A text refers to a note once.

use super::line::{LineType, raised_digit};
use std::{borrow::Cow, ops::Range};

/// Notes are set at most this share of the text's size.
const SMALLER: f32 = 0.93;

/// A note at a page's end: lines `first..end` of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageNote {
    /// Its mark, as printed; empty for the rest of a note that began on the page before.
    pub(crate) mark: String,
    /// Its first line.
    pub(crate) first: usize,
    /// One behind its last line.
    pub(crate) end: usize,
    /// The mark's bytes at the start of its first line, with what follows it up to the text.
    pub(crate) skip: usize,
}

/// The notes of a page. `body` is the book's size of text; `before`: the page before ends in a note.
pub(crate) fn page_notes(texts: &[&str], types: &[LineType], body: f32, before: bool) -> Vec<PageNote> {
    if types.len() != texts.len() || body <= 0.0 {
        return Vec::new();
    }
    let small = |i: usize| types.get(i).is_some_and(|t| t.size > 0.0 && t.size <= SMALLER * body);
    let mono = |i: usize| types.get(i).is_some_and(|t| t.monospace);
    let mut tail = texts.len();
    while tail > 0 && small(tail - 1) && !mono(tail - 1) {
        tail -= 1;
    }
    let referred = |mark: &str, until: usize| {
        types.iter().take(until).flat_map(|t| &t.raised).any(|(_, sign)| marks(sign).any(|m| m == mark))
    };
    let begins = |i: usize| -> Option<(String, usize)> {
        let (mark, skip) = mark(texts.get(i)?, types.get(i)?)?;
        Some((mark, skip))
    };
    // In smaller type: from the first of the small lines that begins with a mark that the text above refers to.
    let mut start = (tail..texts.len()).find(|i| begins(*i).is_some_and(|(m, _)| referred(&m, *i)));
    if tail == 0 {
        start = None;
    }
    // In the text's size: a last group of lines, set off by a gap, each with a mark or going on with one.
    if start.is_none() {
        let from = texts.len().saturating_sub(24);
        start = (from.max(1)..texts.len()).find(|i| {
            set_off(types, *i, body)
                && begins(*i).is_some_and(|(m, _)| referred(&m, *i))
                && is_lowest(types, *i)
        });
    }
    // A table may begin a line with such a sign, too. Of two lines with one mark the lower one is the note.
    let again = |i: usize| (i + 1..texts.len()).rfind(|j| begins(*j).map(|b| b.0) == begins(i).map(|b| b.0));
    let start = start.map(|i| again(i).unwrap_or(i));
    let Some(start) = start else {
        // The rest of a note of the page before.
        let rest = before && tail > 0 && tail < texts.len() && set_off(types, tail, body);
        return match rest && begins(tail).is_none() {
            true => vec![PageNote { mark: String::new(), first: tail, end: texts.len(), skip: 0 }],
            false => Vec::new(),
        };
    };
    let mut out: Vec<PageNote> = Vec::new();
    if before && start > tail && tail > 0 && set_off(types, tail, body) {
        out.push(PageNote { mark: String::new(), first: tail, end: start, skip: 0 });
    }
    for i in start..texts.len() {
        let next = begins(i).filter(|(m, _)| i == start || referred(m, start) || follows(out.last(), m));
        match (next, out.last_mut()) {
            (Some((mark, skip)), _) => out.push(PageNote { mark, first: i, end: i + 1, skip }),
            (None, Some(last)) => last.end = i + 1,
            (None, None) => {}
        }
    }
    out
}

/// A raised sign that refers to notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The line that it is in.
    pub(crate) line: usize,
    /// Where the sign is in the line's text, in bytes.
    pub(crate) sign: Range<usize>,
    /// The marks of its notes, in its order.
    pub(crate) marks: Vec<String>,
}

/// Which signs of a page's lines refer to its notes, each note once. An exponent looks like a mark: it counts as one
/// where nothing else does.
pub(crate) fn references(texts: &[&str], types: &[LineType], notes: &[&str]) -> Vec<Reference> {
    let mut signs: Vec<(bool, Reference)> = Vec::new();
    for (line, (text, set)) in texts.iter().zip(types).enumerate() {
        for (at, sign) in &set.raised {
            let marks: Vec<String> = marks(sign).map(Cow::into_owned).collect();
            let known = !marks.is_empty() && marks.iter().all(|mark| notes.contains(&mark.as_str()));
            if known && text.get(*at..).is_some_and(|rest| rest.starts_with(sign.as_str())) {
                let sign = *at..at + sign.len();
                signs.push((is_exponent(text, &sign), Reference { line, sign, marks }));
            }
        }
    }
    signs.sort_by_key(|(exponent, found)| (*exponent, found.line, found.sign.start));
    let mut out: Vec<Reference> = Vec::new();
    for (_, found) in signs {
        let new = |mark: &String| !out.iter().any(|of| of.marks.contains(mark));
        if found.marks.iter().all(new) {
            out.push(found);
        }
    }
    out.sort_by_key(|found| (found.line, found.sign.start));
    out
}

/// A raised sign behind a letter or a number that stands alone, or within a word: `x2`, `10-3`, `e2e`.
fn is_exponent(text: &str, sign: &Range<usize>) -> bool {
    let (before, after) =
        (text.get(..sign.start).unwrap_or_default(), text.get(sign.end..).unwrap_or_default());
    let word = before.len() - before.trim_end_matches(char::is_alphanumeric).len();
    let word = before.get(before.len() - word..).unwrap_or_default();
    let short = word.chars().count() == 1 || word.ends_with(|c: char| c.is_numeric());
    short || after.starts_with(char::is_alphanumeric)
}

/// The mark is the next of the series.
fn follows(last: Option<&PageNote>, mark: &str) -> bool {
    let number = |m: &str| m.parse::<u32>().ok();
    last.and_then(|l| number(&l.mark)).zip(number(mark)).is_some_and(|(a, b)| b == a + 1)
}

/// The lines from `i` on are below all others.
fn is_lowest(types: &[LineType], i: usize) -> bool {
    let top = |t: &LineType| t.place.map(|p| p.y0);
    let Some(first) = types.get(i).and_then(top) else { return false };
    types.iter().take(i).filter_map(top).all(|y| y < first)
        && types.iter().skip(i).filter_map(top).all(|y| y >= first)
}

/// There is more space above the line than between lines of text.
fn set_off(types: &[LineType], i: usize, body: f32) -> bool {
    let place = |i: usize| types.get(i).and_then(|t| t.place);
    let (Some(above), Some(own)) = (i.checked_sub(1).and_then(place), place(i)) else { return false };
    own.y0 - above.y1 > 0.55 * body || own.y0 < above.y0
}

/// The marks in a raised sign: `1`, `1,2`, `*`, `¹²`.
pub(crate) fn marks(sign: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let plain = |m: &str| m.chars().map(|c| raised_digit(c).unwrap_or(c)).collect();
    sign.split([',', ' ', ';'])
        .map(|m| m.trim_matches(['(', ')', '[', ']', '.']))
        .map(move |m| if m.is_ascii() { Cow::Borrowed(m) } else { Cow::Owned(plain(m)) })
        .filter(|m| is_mark(m))
}

fn is_mark(text: &str) -> bool {
    let digits = text.len() <= 3 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let letter = text.len() == 1 && text.bytes().all(|b| b.is_ascii_lowercase());
    let signs = !text.is_empty()
        && text.chars().count() <= 3
        && text.chars().all(|c| matches!(c, '*' | '†' | '‡' | '§' | '¶' | '‖' | '∗' | '#'));
    digits || letter || signs
}

/// The mark that a line begins with, and how many bytes it takes with what sets it off.
fn mark(text: &str, line: &LineType) -> Option<(String, usize)> {
    if let Some((0, sign)) = line.raised.first()
        && let Some(mark) = marks(sign).next()
    {
        let rest = text.get(sign.len()..).unwrap_or_default();
        return Some((mark.into_owned(), sign.len() + rest.len() - rest.trim_start().len()));
    }
    let (first, rest) = text.split_once(char::is_whitespace)?;
    let core = first.trim_matches(['(', ')', '[', ']', '.', ':']);
    // A letter alone is an article or a pronoun.
    let plain = core.len() == first.len() && core.starts_with(char::is_alphabetic);
    (is_mark(core) && !plain).then(|| (core.to_owned(), text.len() - rest.trim_start().len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Rect;

    fn line(y: f32, size: f32, raised: &[(usize, &str)]) -> LineType {
        LineType {
            place: Some(Rect::new(50.0, y, 300.0, y + size)),
            size,
            raised: raised.iter().map(|(at, sign)| (*at, (*sign).to_owned())).collect(),
            ..LineType::default()
        }
    }

    #[test]
    fn a_raised_digit_of_unicode_is_a_mark() {
        let of = |sign| marks(sign).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(
            (of("¹²"), of("3,⁴"), of("x")),
            (vec!["12".into()], vec!["3".into(), "4".into()], vec!["x".into()])
        );
    }

    #[test]
    fn notes_that_the_text_refers_to() {
        let texts = ["a word1 and", "another2 word", "1 The first note", "goes on", "2. The second"];
        for size in [8.0, 10.0] {
            let types = [
                line(100.0, 10.0, &[(6, "1")]),
                line(112.0, 10.0, &[(7, "2")]),
                line(400.0, size, &[]),
                line(412.0, size, &[]),
                line(424.0, size, &[]),
            ];
            let found = page_notes(&texts, &types, 10.0, false);
            let marks: Vec<(&str, usize, usize)> =
                found.iter().map(|n| (n.mark.as_str(), n.first, n.end)).collect();
            assert_eq!(marks, [("1", 2, 4), ("2", 4, 5)], "{size}");
        }
    }

    #[test]
    fn an_exponent_is_no_mark_where_a_word_has_it() {
        let texts =
            ["an area of x2 or 102", "and e2e a word2 with", "a word2 again, of plan A1", "of this3,4 and 3"];
        let types = [
            line(100.0, 10.0, &[(12, "2"), (19, "2")]),
            line(112.0, 10.0, &[(5, "2"), (14, "2")]),
            line(124.0, 10.0, &[(6, "2"), (24, "1")]),
            line(136.0, 10.0, &[(7, "3,4"), (15, "3")]),
        ];
        let of = |notes: &[&str]| -> Vec<(usize, usize, String)> {
            let found = references(&texts, &types, notes);
            found.into_iter().map(|r| (r.line, r.sign.start, r.marks.join(" "))).collect()
        };
        let all = [(1, 14, "2".into()), (2, 24, "1".into()), (3, 7, "3 4".into())];
        assert_eq!(of(&["1", "2", "3", "4"]), all);
        assert_eq!(of(&["3"]), [(3, 15, "3".into())]);
        assert_eq!(of(&[]), []);
        let found = references(&texts[..1], &types[..1], &["2"]);
        assert_eq!(found.len(), 1, "nothing else has it");
    }

    #[test]
    fn a_list_at_the_pages_end_is_none() {
        let texts = ["some words and", "1. an item of a list", "2. another"];
        let types = [line(100.0, 10.0, &[]), line(130.0, 10.0, &[]), line(142.0, 10.0, &[])];
        assert_eq!(page_notes(&texts, &types, 10.0, false), []);
        let small = [line(100.0, 10.0, &[]), line(130.0, 8.0, &[]), line(142.0, 8.0, &[])];
        assert_eq!(page_notes(&texts, &small, 10.0, false), []);
    }

    #[test]
    fn of_two_lines_with_one_mark_the_lower_one_is_the_note() {
        let texts = ["a word3 and", "³ three, raised", "⁴ four, raised", "3 The note"];
        let small = |y: f32, raised| line(y, 8.0, raised);
        let types = [
            line(100.0, 10.0, &[(6, "3")]),
            small(200.0, &[(0, "³")]),
            small(212.0, &[(0, "⁴")]),
            small(400.0, &[]),
        ];
        let found = page_notes(&texts, &types, 10.0, false);
        let marks: Vec<(&str, usize)> = found.iter().map(|n| (n.mark.as_str(), n.first)).collect();
        assert_eq!(marks, [("3", 3)]);
    }

    #[test]
    fn the_rest_of_a_note_is_one() {
        let texts = ["some words", "and the end of the note", "3 the next"];
        let types = [line(100.0, 10.0, &[(4, "3")]), line(400.0, 8.0, &[]), line(410.0, 8.0, &[])];
        let found = page_notes(&texts, &types, 10.0, true);
        let marks: Vec<&str> = found.iter().map(|n| n.mark.as_str()).collect();
        assert_eq!(marks, ["", "3"]);
    }
}
