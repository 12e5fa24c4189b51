//! Breaking inline text into lines of a given width.
//!
//! The breaks of a paragraph are chosen together, so that the sum of the cubed looseness of its lines is
//! least; the last line may be short. Invariants: no line is wider than asked (a word that is too wide by
//! itself is cut), and joining the lines gives the words back. It does not place anything on a page.

use super::font::Style;

/// A stretch of inline text in one style.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The text; spaces are where lines may break, no-break spaces are not.
    pub text: String,
    /// Its style.
    pub style: Style,
}

impl Run {
    /// `text` in `style`.
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// How a line stands in its measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left edge, ragged right.
    Left,
    /// Stretched to both edges, except a paragraph's last line.
    Justified,
    /// In the middle.
    Centre,
    /// At the right edge.
    Right,
}

/// One line of a paragraph.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The text from left to right; single spaces between words are in it.
    pub runs: Vec<Run>,
    /// Its width in points without stretching.
    pub width: f32,
    /// Whether the paragraph ends with it.
    pub last: bool,
}

impl Line {
    /// A line of its own from one run.
    #[must_use]
    pub fn single(text: impl Into<String>, style: Style) -> Self {
        let text = text.into();
        let width = style.width(&text);
        Self { runs: vec![Run { text, style }], width, last: true }
    }

    /// The text of the line.
    #[must_use]
    pub fn text(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }

    /// The largest type size in it.
    pub(super) fn size(&self) -> f32 {
        self.runs.iter().map(|run| run.style.size).fold(0.0, f32::max)
    }

    /// The spaces that justification may stretch.
    pub(super) fn spaces(&self) -> usize {
        self.runs.iter().map(|run| run.text.matches(' ').count()).sum()
    }
}

/// A piece of text that is never broken inside.
struct Atom {
    runs: Vec<Run>,
    width: f32,
    /// The style of the space before it, if there is one; without it the atom continues the word before.
    space: Option<Style>,
    /// What it takes to end a line after this atom in the middle of a word.
    division: Division,
}

/// How a word is divided after a piece of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Division {
    /// With a hyphen of this style.
    Hyphen(Style),
    /// After a dash or slash of its own.
    Dash,
    /// Only because nothing else fits.
    Forced,
}

impl Division {
    fn width(self) -> f32 {
        match self {
            Self::Hyphen(style) => style.width("-"),
            Self::Dash | Self::Forced => 0.0,
        }
    }

    const fn cost(self) -> f64 {
        match self {
            Self::Hyphen(_) | Self::Dash => 0.0004,
            Self::Forced => 1.0,
        }
    }
}

/// Breaks `runs` into lines no wider than `width` points.
///
/// `hyphenate` gives the character positions at which a word may be divided (none: never divide).
#[must_use]
pub fn break_lines(runs: &[Run], width: f32, hyphenate: Option<fn(&str) -> Vec<usize>>) -> Vec<Line> {
    let atoms = atoms(runs, width, hyphenate);
    let count = atoms.len();
    // best[i]: the least cost of setting the first i atoms, and where its last line begins.
    let mut best: Vec<(f64, usize)> = vec![(f64::INFINITY, 0); count + 1];
    if let Some(first) = best.first_mut() {
        *first = (0.0, 0);
    }
    for start in 0..count {
        let Some(&(cost_before, _)) = best.get(start) else { continue };
        if !cost_before.is_finite() {
            continue;
        }
        let mut natural = 0.0;
        for (end, atom) in atoms.iter().enumerate().skip(start) {
            if end > start {
                natural += atom.space.map_or(0.0, |style| style.width(" "));
            }
            natural += atom.width;
            let in_word = atoms.get(end + 1).is_some_and(|next| next.space.is_none());
            let hyphen = if in_word { atom.division.width() } else { 0.0 };
            if natural > width && end > start {
                break;
            }
            if natural + hyphen > width && end > start {
                continue;
            }
            let slack = f64::from((width - natural - hyphen).max(0.0) / width);
            let last = end + 1 == count;
            let mut cost = cost_before + if last { 0.0 } else { slack.powi(3) + 0.0005 };
            if in_word {
                cost += atom.division.cost();
            }
            if let Some(entry) = best.get_mut(end + 1)
                && cost < entry.0
            {
                *entry = (cost, start);
            }
        }
    }
    let mut cuts = Vec::new();
    let mut end = count;
    while end > 0 {
        let start = best.get(end).map_or(0, |entry| entry.1);
        cuts.push((start, end));
        end = start;
    }
    cuts.reverse();
    cuts.into_iter()
        .map(|(start, end)| line_of(atoms.get(start..end).unwrap_or_default(), atoms.get(end)))
        .collect()
}

/// The line made of `atoms`, of which `next` begins the line after it.
fn line_of(atoms: &[Atom], next: Option<&Atom>) -> Line {
    let mut line = Line { runs: Vec::new(), width: 0.0, last: next.is_none() };
    for (index, atom) in atoms.iter().enumerate() {
        if let (Some(style), true) = (atom.space, index > 0) {
            push(&mut line, " ", style);
        }
        for run in &atom.runs {
            push(&mut line, &run.text, run.style);
        }
    }
    let in_word = next.is_some_and(|next| next.space.is_none());
    if let (true, Some(Division::Hyphen(style))) = (in_word, atoms.last().map(|atom| atom.division)) {
        push(&mut line, "-", style);
    }
    line
}

fn push(line: &mut Line, text: &str, style: Style) {
    line.width += style.width(text);
    match line.runs.last_mut() {
        Some(run) if run.style == style => run.text.push_str(text),
        _ => line.runs.push(Run::new(text, style)),
    }
}

/// The words of `runs`, divided where they may be and where they are wider than `width`.
fn atoms(runs: &[Run], width: f32, hyphenate: Option<fn(&str) -> Vec<usize>>) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let mut space: Option<Style> = None;
    let mut in_word = false;
    for run in runs {
        let mut rest = run.text.as_str();
        while let Some(first) = rest.chars().next() {
            if first == ' ' || first == '\n' {
                space = Some(run.style);
                in_word = false;
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            let end = rest.find([' ', '\n']).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            for (index, (piece, division)) in
                pieces(word, run.style, width, hyphenate).into_iter().enumerate()
            {
                let piece_width = run.style.width(&piece);
                let joined = in_word && index == 0;
                match atoms.last_mut() {
                    // A word whose style changes inside ("`code`,") stays together if it fits.
                    Some(last) if joined && last.width + piece_width + division.width() <= width => {
                        last.width += piece_width;
                        last.runs.push(Run::new(piece, run.style));
                        last.division = division;
                    }
                    _ => atoms.push(Atom {
                        runs: vec![Run::new(piece, run.style)],
                        width: piece_width,
                        space: if index == 0 { space.take() } else { None },
                        division,
                    }),
                }
            }
            in_word = true;
            rest = tail;
        }
    }
    atoms
}

/// `word` in the pieces between which it may be divided, each with how.
fn pieces(
    word: &str,
    style: Style,
    width: f32,
    hyphenate: Option<fn(&str) -> Vec<usize>>,
) -> Vec<(String, Division)> {
    let points = hyphenate.map_or_else(Vec::new, |hyphenate| hyphenate(word));
    let mut pieces: Vec<(String, Division)> = Vec::new();
    let mut piece = String::new();
    let hyphen_width = style.width("-");
    for (index, c) in word.chars().enumerate() {
        let too_wide = style.width(&piece) + f32::from(style.font.advance(c)) * style.size / 1000.0;
        if points.contains(&index) && !piece.is_empty() {
            pieces.push((std::mem::take(&mut piece), Division::Hyphen(style)));
        } else if too_wide + hyphen_width > width
            && style.width(word) + hyphen_width > width
            && !piece.is_empty()
        {
            pieces.push((std::mem::take(&mut piece), Division::Forced));
        }
        piece.push(c);
        // A compound or a long path or name may be divided after its own dash, slash or the like, and shows
        // no other hyphen.
        let dash = c == '-' || (matches!(c, '/' | '|' | '_') && word.chars().count() > 12);
        if dash && index > 0 && index + 1 < word.chars().count() {
            pieces.push((std::mem::take(&mut piece), Division::Dash));
        }
    }
    if !piece.is_empty() {
        pieces.push((piece, Division::Forced));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::font::Font;
    use super::*;

    const BODY: Style = Style::new(Font::Roman, 10.0);
    const CODE: Style = Style::new(Font::Mono, 9.0);

    #[test]
    fn breaks_are_chosen_for_the_whole_paragraph() {
        let style = Style::new(Font::Mono, 10.0);
        let lines = break_lines(&[Run::new("aaa bb cc ddddd", style)], 36.0, None);
        let text: Vec<_> = lines.iter().map(Line::text).collect();
        // A greedy breaker sets "aaa bb" first and leaves "cc" alone on its line.
        assert_eq!(text, ["aaa", "bb cc", "ddddd"]);
        assert_eq!(lines.iter().map(|line| line.last).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_divided_word_shows_a_hyphen_only_at_a_line_end() {
        let style = Style::new(Font::Mono, 10.0);
        let lines = break_lines(&[Run::new("abcdef abcdef", style)], 66.0, Some(|_| vec![3]));
        assert_eq!(lines.iter().map(Line::text).collect::<Vec<_>>(), ["abcdef abc-", "def"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(
            words in proptest::collection::vec("[a-zäöü/-]{1,40}", 0..60),
            mono in proptest::collection::vec(any::<bool>(), 60),
            glue in proptest::collection::vec(any::<bool>(), 60),
            width in 60.0f32..400.0,
        ) {
            let mut runs = Vec::new();
            for (index, word) in words.iter().enumerate() {
                let space = if glue[index] { "" } else { " " };
                runs.push(Run::new(format!("{space}{word}"), if mono[index] { CODE } else { BODY }));
            }
            let lines = break_lines(&runs, width, None);
            let mut joined = String::new();
            for line in &lines {
                prop_assert!(line.width <= width + 0.01, "{} > {width}", line.width);
                joined.push_str(&line.text());
            }
            joined.retain(|c| c != ' ');
            let given: String = runs.iter().flat_map(|run| run.text.chars()).filter(|c| *c != ' ').collect();
            prop_assert_eq!(joined, given);
        }

        #[test]
        fn a_hyphen_fits_into_the_line_that_shows_it(
            words in proptest::collection::vec("[a-z]{1,20}", 1..40),
            width in 60.0f32..200.0,
        ) {
            let every_third = |word: &str| (3..word.chars().count()).step_by(3).collect();
            for line in break_lines(&[Run::new(words.join(" "), BODY)], width, Some(every_third)) {
                prop_assert!(line.width <= width + 0.01, "{} > {width}: {}", line.width, line.text());
                prop_assert!((BODY.width(&line.text()) - line.width).abs() < 0.01);
            }
        }

        #[test]
        fn spaces_between_words_are_kept_or_are_line_ends(
            words in proptest::collection::vec("[a-z]{1,8}", 1..60),
            width in 60.0f32..400.0,
        ) {
            let text = words.join(" ");
            let lines = break_lines(&[Run::new(&text, BODY)], width, None);
            prop_assert_eq!(lines.iter().map(Line::text).collect::<Vec<_>>().join(" "), text);
        }
    }
}
