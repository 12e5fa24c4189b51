//! How deep each entry of a contents is: by its number, else by its indent next to numbered ones.
//!
//! Invariants: levels start at 1; parts are above chapters; equal numbering depth is equal level.

use super::contents_page::Printed;
use super::numerals::{Numeral, NumeralStyle};
use super::title::{TitleParts, level_of_word, split_title};

/// Indents this close are one indent.
const SAME_INDENT: usize = 1;
/// Numbers tell the levels when at least this share of the entries has one.
const MOSTLY_NUMBERED: f64 = 0.4;
/// Lines that begin so far apart are no longer set to the left.
const APART: usize = 4;
/// No contents is deeper.
const DEEPEST: u32 = 6;

/// What an entry's number says about its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// Part, book, volume: above chapters.
    Part,
    /// This deep below the chapters' level, which is 1.
    Depth(u32),
    /// Nothing: no number, or one that may be a chapter's, a part's or an appendix's.
    Open,
}

pub(super) fn levels(entries: &[Printed]) -> Vec<u32> {
    let parts: Vec<TitleParts<'_>> = entries.iter().map(|e| split_title(&e.title)).collect();
    let centred: Vec<Printed>;
    let entries = match is_centred(entries) {
        // Where its lines begin says nothing.
        true => {
            centred = entries.iter().map(|entry| Printed { indent: 0, ..entry.clone() }).collect();
            &centred
        }
        false => entries,
    };
    let indents = Indents::new(entries);
    let ranks = ranks(entries, &parts, &indents);
    let ranked = ranks.iter().filter(|r| matches!(r, Rank::Depth(_))).count();
    let by_number = ranked as f64 >= MOSTLY_NUMBERED * entries.len() as f64;
    let usual = |depth| usual_indent(entries, &ranks, Rank::Depth(depth)).map(|indent| (indent, depth));
    let known: Vec<(usize, u32)> = (1..=DEEPEST).filter_map(usual).collect();
    let base = |i: usize, entry: &Printed| -> u32 {
        match ranks.get(i) {
            Some(Rank::Depth(depth)) if by_number => *depth,
            Some(Rank::Part) if by_number => 1,
            _ if by_number => nearest(&known, entry.indent),
            _ => indents.rank(entry.indent),
        }
    };
    let mut levels: Vec<u32> = entries.iter().enumerate().map(|(i, e)| base(i, e)).collect();
    shift_below_parts(entries, &ranks, by_number, &mut levels);
    levels.iter().map(|l| (*l).clamp(1, DEEPEST)).collect()
}

/// The lines of the list are set to its middle or to its right: where they begin follows from how long they are.
fn is_centred(entries: &[Printed]) -> bool {
    let length =
        |e: &Printed| e.title.chars().count() + e.printed.as_deref().map_or(0, |p| p.chars().count());
    let spread = |value: &dyn Fn(&Printed) -> usize| {
        let values = || entries.iter().map(value);
        values().max().unwrap_or(0) - values().min().unwrap_or(0)
    };
    let begins = spread(&|e| 2 * e.indent);
    let (middle, end) = (spread(&|e| 2 * e.indent + length(e)), spread(&|e| 2 * (e.indent + length(e))));
    entries.len() >= 4 && begins >= 2 * APART && (3 * middle <= begins || 2 * end <= begins)
}

fn ranks(entries: &[Printed], parts: &[TitleParts<'_>], indents: &Indents) -> Vec<Rank> {
    let word = |p: &TitleParts<'_>| p.word.and_then(level_of_word).or_else(|| spelled(p));
    let named = |name: &str| parts.iter().any(|p| word(p) == Some(name));
    let (chapters, decimals) = (named("chapter"), parts.iter().any(|p| p.word.is_none() && p.is_decimal()));
    let chapter_indent =
        entries.iter().zip(parts).filter(|(_, p)| word(p) == Some("chapter")).map(|(e, _)| e.indent).min();
    let roman: Vec<bool> = parts.iter().map(is_bare_roman).collect();
    let roman_indents: Vec<usize> = entries
        .iter()
        .zip(&roman)
        .filter(|(_, r)| **r)
        .map(|(e, _)| indents.rank(e.indent) as usize)
        .collect();
    // Roman numbers over a decimal count are parts, and so are roman ones among unnumbered titles of their
    // indent.
    let others_beside = entries
        .iter()
        .zip(&roman)
        .any(|(e, r)| !r && roman_indents.contains(&(indents.rank(e.indent) as usize)));
    let romans = roman_indents.len();
    // `I.1` below `I`: roman numbers are the chapters'.
    let roman_chapters = parts.iter().any(is_below_roman);
    let roman_parts = romans > 0 && 3 * romans < entries.len() && (decimals || chapters || others_beside);
    let mut out = Vec::with_capacity(entries.len());
    for ((entry, p), is_roman) in entries.iter().zip(parts).zip(&roman) {
        let depth = p.depth().unwrap_or(1);
        out.push(match word(p) {
            Some("part" | "book" | "volume") => Rank::Part,
            Some("section") if chapters => Rank::Depth(depth.max(2)),
            Some(_) => Rank::Depth(depth),
            None if *is_roman => {
                if roman_chapters {
                    Rank::Depth(1)
                } else if roman_parts {
                    Rank::Part
                } else {
                    Rank::Open
                }
            }
            // Numbers that start again below each "Chapter N".
            None if p.is_decimal() && depth == 1 && chapter_indent.is_some_and(|c| entry.indent > c + 1) => {
                Rank::Depth(2)
            }
            None if p.is_decimal() || depth > 1 => Rank::Depth(depth),
            None => Rank::Open,
        });
    }
    out
}

/// The level of a title whose number is spelled out and so left in it: `PART ONE: The Coast`.
fn spelled(parts: &TitleParts<'_>) -> Option<&'static str> {
    let mut words = parts.rest.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    let level = level_of_word(words.next()?).filter(|_| parts.number.is_none())?;
    let number = words.find(|w| !w.eq_ignore_ascii_case("the"))?;
    Numeral::parse(number).filter(|n| n.style == NumeralStyle::Word).map(|_| level)
}

fn is_below_roman(parts: &TitleParts<'_>) -> bool {
    let first = parts.number.and_then(|n| n.split_once('.')).map(|(first, _)| first);
    parts.word.is_none() && first.is_some_and(|n| n.bytes().all(|b| matches!(b, b'I' | b'V' | b'X' | b'L')))
}

fn is_bare_roman(parts: &TitleParts<'_>) -> bool {
    parts.word.is_none()
        && parts.number.is_some_and(|n| n.bytes().all(|b| matches!(b, b'I' | b'V' | b'X' | b'L')))
}

/// Moves everything from the first part on, but the parts, one level down, unless indents have done so.
fn shift_below_parts(entries: &[Printed], ranks: &[Rank], by_number: bool, levels: &mut [u32]) {
    let is_part = |i: usize| ranks.get(i) == Some(&Rank::Part);
    let Some(first) = (0..ranks.len()).find(|i| is_part(*i)) else { return };
    let part_indent = usual_indent(entries, ranks, Rank::Part).unwrap_or(0);
    let beside = |i: usize| entries.get(i).is_some_and(|e| e.indent.abs_diff(part_indent) <= SAME_INDENT);
    if !by_number && !(0..entries.len()).any(|i| !is_part(i) && beside(i)) {
        return;
    }
    // Where chapters are indented below their parts, an unnumbered title that is not (an index) is beside the
    // parts.
    let chapter_indent = usual_indent(entries, ranks, Rank::Depth(1));
    let indented = chapter_indent.is_some_and(|c| c > part_indent + SAME_INDENT);
    // What is set like the titles before the first part, behind all that is numbered, is beside the parts too.
    let rank = |i: usize| ranks.get(i).copied();
    let last =
        (0..ranks.len()).rev().find(|i| matches!(rank(*i), Some(Rank::Depth(_) | Rank::Part))).unwrap_or(0);
    let before: Vec<usize> = entries.iter().take(first).map(|e| e.indent).collect();
    let like_before = |i: usize| {
        let indent = entries.get(i).map_or(0, |e| e.indent);
        i > last && rank(i) == Some(Rank::Open) && before.iter().any(|b| b.abs_diff(indent) <= SAME_INDENT)
    };
    for (i, level) in levels.iter_mut().enumerate().skip(first) {
        if is_part(i) || like_before(i) || (indented && ranks.get(i) == Some(&Rank::Open) && beside(i)) {
            *level = 1;
        } else {
            *level += 1;
        }
    }
}

/// The median indent of the entries of a rank.
fn usual_indent(entries: &[Printed], ranks: &[Rank], rank: Rank) -> Option<usize> {
    let of_rank = entries.iter().zip(ranks).filter(|(_, r)| **r == rank);
    let mut indents: Vec<usize> = of_rank.map(|(e, _)| e.indent).collect();
    indents.sort_unstable();
    indents.get(indents.len() / 2).copied()
}

/// The indents that occur, in groups.
struct Indents {
    groups: Vec<(usize, usize)>,
}

impl Indents {
    fn new(entries: &[Printed]) -> Self {
        let mut indents: Vec<usize> = entries.iter().map(|e| e.indent).collect();
        indents.sort_unstable();
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for indent in indents {
            match groups.last_mut() {
                Some((_, last)) if indent - *last <= SAME_INDENT => *last = indent,
                _ => groups.push((indent, indent)),
            }
        }
        Self { groups }
    }

    /// 1 for the leftmost group.
    fn rank(&self, indent: usize) -> u32 {
        let left = self.groups.iter().filter(|(start, _)| *start <= indent).count();
        u32::try_from(left.max(1)).unwrap_or(DEEPEST)
    }
}

fn nearest(known: &[(usize, u32)], indent: usize) -> u32 {
    known.iter().min_by_key(|(at, level)| (at.abs_diff(indent), *level)).map_or(1, |(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Vec<u32> {
        let entry = |l: &&str| Printed {
            title: l.trim().to_owned(),
            page: None,
            printed: None,
            indent: l.len() - l.trim_start().len(),
            on_page: 1,
            line: 0,
        };
        levels(&lines.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_decide_and_indents_follow() {
        let found = of(&["Preface", "1 One", "  1.1 A", "    1.1.1 B", "  Exercises", "2 Two", "Index"]);
        assert_eq!(found, [1, 1, 2, 3, 2, 1, 1]);
    }

    #[test]
    fn indents_alone() {
        assert_eq!(of(&["Alpha", "   Beta", "      Gamma", "    Delta", "Epsilon"]), [1, 2, 3, 2, 1]);
    }

    #[test]
    fn parts_are_above_chapters() {
        assert_eq!(
            of(&["Part I Old", "  1 One", "   1.1 A", "Index"]),
            [1, 2, 3, 1],
            "an index beside the parts"
        );
        assert_eq!(
            of(&["Preface", "Part I Old", "1 One", " 1.1 A", "Part II New", "2 Two"]),
            [1, 1, 2, 3, 1, 2]
        );
        assert_eq!(
            of(&["I Gnuplot", "Copyright", "   New", "Old", "II Plots", "Fit", "   Lin"]),
            [1, 2, 3, 2, 1, 2, 3]
        );
        assert_eq!(
            of(&["Part One: x", "  Alpha", "  Beta"]),
            [1, 2, 2],
            "where indents say so nothing is shifted"
        );
    }

    #[test]
    fn parts_whose_numbers_are_spelled_out_are_parts() {
        let lines =
            ["PART ONE: The Coast", "Chapter 1. a", "Chapter 2. b", "PART TWO: The Valley", "Chapter 1. c"];
        assert_eq!(of(&lines), [1, 2, 2, 1, 2]);
    }

    #[test]
    fn titles_behind_the_last_part_are_set_as_those_before_the_first() {
        let lines = [
            "     Foreword",
            "Part I Old",
            "Chapter 1: x",
            "Chapter 2: y",
            "Part II New",
            "Chapter 3: z",
            "     Notes",
        ];
        assert_eq!(of(&lines), [1, 1, 2, 2, 1, 2, 1]);
    }

    #[test]
    fn roman_chapters_are_no_parts() {
        assert_eq!(
            of(&["Preface", "I Alpha", "  I.1 a", "  I.2 b", "II Beta", "  II.1 c"]),
            [1, 1, 2, 2, 1, 2]
        );
        assert_eq!(of(&["I. Alpha", "II. Beta", "III. Gamma"]), [1, 1, 1]);
    }

    #[test]
    fn numbers_that_start_again_below_chapters() {
        assert_eq!(of(&["Chapter 1 A", "   1. x", "   2. y", "Chapter 2 B", "   1. z"]), [1, 2, 2, 1, 2]);
    }
}
