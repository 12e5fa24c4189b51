//! Where a row has spaces: from the gaps between its glyphs, drawn spaces and how the row is spaced.
//!
//! Invariants: a letterspaced row has spaces between its words only; words placed one by one without drawn spaces
//! are told by a gap that is wider than those between letters; signs of a script without spaces stay together.

use super::glyph::Glyph;
use crate::text::script::unspaced;

/// A gap of this share of the size is a space between words: less than a thin space, more than any kern.
const WORD_GAP: f32 = 0.13;
/// The same when a space was drawn as well.
const DRAWN_WORD_GAP: f32 = 0.06;
/// A gap of this share of the size is wider than any space within a sentence.
pub(super) const WIDE_GAP: f32 = 1.2;
/// Letters this far apart, as most of a row's are, are letterspaced.
const LETTERSPACED: f32 = 0.08;
/// Single letters further apart than this are words, unless other gaps of the row are wider still.
const WIDEST_LETTERSPACE: f32 = 0.42;
/// A row without drawn spaces has no word of more letters than this; if it seems to, its gaps are tight.
const LONGEST_WORD: usize = 18;

/// What stands between two neighbouring glyphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing: they are of one word.
    None,
    /// A space.
    Space,
    /// More than a space.
    Wide,
}

/// The gaps between a row's inked glyphs.
#[derive(Debug)]
pub(super) struct Gaps {
    word: f32,
    drawn: f32,
    /// As `drawn`, between signs of a script without spaces.
    drawn_signs: f32,
}

/// Between signs of a script without spaces a gap of this share of the size is a space where one is drawn.
const DRAWN_SIGN_GAP: f32 = 0.4;

impl Gaps {
    /// `spaces_drawn`: the page draws its spaces, so that gaps alone mean less.
    pub(super) fn of(glyphs: &[Glyph], spaces_drawn: bool) -> Self {
        let mut gaps: Vec<(f32, bool)> = Vec::with_capacity(glyphs.len());
        let (mut signs, mut signs_drawn) = (0_usize, 0_usize);
        let mut of_letters = 0_usize;
        let (mut last, mut drawn): (Option<&Glyph>, bool) = (None, false);
        for glyph in glyphs {
            if glyph.is_space() {
                drawn = true;
                continue;
            }
            if let Some(last) = last.replace(glyph) {
                if unspaced(last.last()) && unspaced(glyph.first()) {
                    signs += 1;
                    signs_drawn += usize::from(drawn);
                }
                let letters = last.last().is_alphanumeric() && glyph.first().is_alphanumeric();
                let gap = (glyph.x0 - last.x1) / glyph.size.max(1.0);
                if letters && gap < WIDE_GAP * 2.0 && !(unspaced(last.last()) || unspaced(glyph.first())) {
                    gaps.push((gap, drawn));
                    of_letters += usize::from(last.last().is_alphabetic() && glyph.first().is_alphabetic());
                }
            }
            drawn = false;
        }
        // A row of single digits is a table.
        let spaced = || if of_letters * 2 >= gaps.len() { letterspaced(&gaps) } else { None };
        let own = if gaps.len() < 5 { None } else { spaced().or_else(|| tight(&gaps, spaces_drawn)) };
        let gaps = own.unwrap_or(Self::DEFAULT);
        // Where few of a row's signs are parted by a drawn space, it parts words: `第一章 港`; else it spaces the row out.
        let drawn_signs = if signs_drawn * 2 < signs { gaps.drawn } else { gaps.drawn_signs };
        Self { drawn_signs, ..gaps }
    }

    const DEFAULT: Self = Self { word: WORD_GAP, drawn: DRAWN_WORD_GAP, drawn_signs: DRAWN_SIGN_GAP };

    /// What stands between `before` and `after`; `drawn`: a space was drawn between them.
    pub(super) fn between(&self, before: &Glyph, after: &Glyph, drawn: bool) -> Gap {
        let gap = (after.x0 - before.x1) / after.size.min(before.size).max(1.0);
        let (word, drawn_word) = match unspaced(before.last()) && unspaced(after.first()) {
            true => (0.8, self.drawn_signs),
            false => (self.word, self.drawn),
        };
        if gap > WIDE_GAP.max(1.5 * self.word) {
            Gap::Wide
        } else if gap > word || (drawn && gap > drawn_word) {
            Gap::Space
        } else {
            Gap::None
        }
    }
}

fn letterspaced(gaps: &[(f32, bool)]) -> Option<Gaps> {
    let mut all: Vec<f32> = gaps.iter().map(|(gap, _)| *gap).collect();
    all.sort_by(f32::total_cmp);
    let middle = *all.get(all.len() / 2)?;
    // Of the letters of one word most are evenly apart; a row of single letters and signs is not.
    let even = all.iter().filter(|gap| (**gap - middle).abs() <= 0.25 * middle + 0.02).count();
    if middle < LETTERSPACED || even * 2 < all.len() {
        return None;
    }
    let widest = *all.last()?;
    let drawn = gaps.iter().filter(|(_, drawn)| *drawn).count();
    let two_kinds = widest > middle + 0.12 && widest > 1.5 * middle;
    if middle > WIDEST_LETTERSPACE && !two_kinds {
        return None;
    }
    // Where each letter is followed by a drawn space, only a second kind of gap tells letters from words.
    if drawn * 2 > gaps.len() && !two_kinds {
        return None;
    }
    // The widest step between two gaps that follow each other, above the letters' own.
    let step = all.windows(2).filter_map(|pair| match pair {
        [a, b] if *a >= middle => Some((b - a, (a + b) / 2.0)),
        _ => None,
    });
    let border = match step.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((width, border)) if width > 0.08 => border,
        _ => 1.6 * middle + 0.03,
    };
    Some(Gaps { word: border, drawn: border, ..Gaps::DEFAULT })
}

fn tight(gaps: &[(f32, bool)], spaces_drawn: bool) -> Option<Gaps> {
    let mut longest = 0;
    let mut length = 0;
    for (gap, drawn) in gaps {
        length = if *gap > WORD_GAP || (*drawn && *gap > DRAWN_WORD_GAP) { 0 } else { length + 1 };
        longest = longest.max(length);
    }
    if spaces_drawn || longest < LONGEST_WORD {
        return None;
    }
    let mut all: Vec<f32> = gaps.iter().map(|(gap, _)| *gap).filter(|gap| *gap < WORD_GAP).collect();
    all.sort_by(f32::total_cmp);
    let steps = all.windows(2).filter_map(|pair| match pair {
        [a, b] if *b >= 0.07 && *a > -0.05 => Some((b - a, (a + b) / 2.0)),
        _ => None,
    });
    let (width, border) = steps.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (width >= 0.03).then_some(Gaps { word: border, ..Gaps::DEFAULT })
}

#[cfg(test)]
mod tests {
    use super::super::glyph::set;
    use super::*;

    fn spaced(glyphs: &[Glyph], spaces_drawn: bool) -> String {
        let gaps = Gaps::of(glyphs, spaces_drawn);
        let mut out = String::new();
        let (mut last, mut drawn): (Option<&Glyph>, bool) = (None, false);
        for glyph in glyphs {
            if glyph.is_space() {
                drawn = true;
                continue;
            }
            if last.is_some_and(|last| gaps.between(last, glyph, drawn) != Gap::None) {
                out.push(' ');
            }
            out.push_str(&glyph.text);
            (last, drawn) = (Some(glyph), false);
        }
        out
    }

    /// Glyphs of `text` where each letter is followed by `letter` and each word by `word`, in shares of the size.
    fn apart(text: &str, letter: f32, word: f32, draw: bool) -> Vec<Glyph> {
        let mut x = 50.0;
        let mut out = Vec::new();
        for c in text.chars() {
            if c == ' ' {
                if draw {
                    out.extend(set(" ", x, 100.0, 10.0));
                }
                x += 10.0 * (word - letter);
            } else {
                out.extend(set(&c.to_string(), x, 100.0, 10.0));
                x += 5.0 + 10.0 * letter;
            }
        }
        out
    }

    #[test]
    fn words_are_told_from_letters_however_they_are_spaced() {
        let text = "Every captain kept the harbour";
        for (letter, word) in [(0.0, 0.25), (0.0, 0.135), (0.02, 0.15), (0.2, 0.7), (0.35, 0.9), (0.12, 0.4)]
        {
            assert_eq!(spaced(&apart(text, letter, word, false), false), text, "{letter} {word}");
        }
        assert_eq!(spaced(&apart(text, 0.25, 0.8, true), true), text);
        assert_eq!(spaced(&apart("HARBOUR", 0.3, 0.8, false), true), "HARBOUR");
    }

    #[test]
    fn single_letters_with_drawn_spaces_stay_apart() {
        let letters = "a b c d e f g h";
        assert_eq!(spaced(&set(letters, 50.0, 100.0, 10.0), true), letters);
    }

    #[test]
    fn a_row_of_digits_or_of_letters_far_apart_is_no_word() {
        for (text, gap) in [("1 2 3 4 5 6 7 8 9", 0.3), ("a b c d e f g h", 0.5)] {
            assert_eq!(spaced(&apart(text, 0.0, gap, false), false), text);
        }
        assert_eq!(spaced(&apart("351 mm and 10 pt", 0.0, 0.16, false), false), "351 mm and 10 pt");
    }

    #[test]
    fn no_space_between_signs_of_a_script_without_spaces() {
        assert_eq!(spaced(&apart("潮が引いた港", 0.3, 0.3, false), false), "潮が引いた港");
        assert_eq!(spaced(&apart("第一章 引き潮の港", 0.0, 0.25, true), true), "第一章 引き潮の港");
        assert_eq!(spaced(&apart("目 次", 0.0, 0.25, true), true), "目次", "a word that is spaced out");
    }
}
