//! The edit list of a chapter: what is changed in its mechanical text, and nothing else.
//!
//! Invariants: edits are in order and do not overlap; the text outside of them stays byte for byte; words are
//! never changed but for ligatures and soft hyphens; applied to its own result the list is empty.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// What an edit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EditKind {
    /// Runs of spaces, spaces at a line's end, runs of blank lines.
    WhiteSpace,
    /// `ﬁ` becomes `fi`.
    Ligature,
    /// An invisible hyphen or zero-width space goes.
    SoftHyphen,
    /// A space before a full stop or comma goes.
    SpaceBeforePunctuation,
    /// A page number that stayed between two halves of a sentence goes.
    PageNumber,
    /// A running head that stayed between two paragraphs goes.
    RunningHead,
}

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes of the text that are replaced.
    pub range: Range<usize>,
    /// What they become.
    pub replacement: Cow<'static, str>,
    /// Why.
    pub kind: EditKind,
}

const LIGATURES: [(char, &str); 7] = [
    ('\u{fb00}', "ff"),
    ('\u{fb01}', "fi"),
    ('\u{fb02}', "fl"),
    ('\u{fb03}', "ffi"),
    ('\u{fb04}', "ffl"),
    ('\u{fb05}', "st"),
    ('\u{fb06}', "st"),
];

/// The edited text. `running_heads` are the headers and footers of the chapter's pages.
pub fn polish(text: &str, running_heads: &[&str]) -> String {
    // A removed line can bring white space together: again until nothing is left to do, which two rounds mostly do.
    let mut text = text.to_owned();
    for _ in 0..4 {
        let edits = edits(&text, running_heads);
        match apply(&text, &edits) {
            Some(edited) if !edits.is_empty() => text = edited,
            _ => break,
        }
    }
    text
}

/// Applies edits to the text they were made for; `None` when they are out of order or do not fit it.
pub fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.range.start)?);
        out.push_str(&edit.replacement);
        text.get(edit.range.clone())?;
        at = edit.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// What is to be changed in `text`.
pub fn edits(text: &str, running_heads: &[&str]) -> Vec<Edit> {
    let mut edits = left_over(text, running_heads);
    let removed: Vec<Range<usize>> = edits.iter().map(|e| e.range.clone()).collect();
    let is_removed = |at: usize| removed.iter().any(|r| r.contains(&at));
    let mut line = 0;
    while let Some(rest) = text.get(line..).filter(|r| !r.is_empty()) {
        let length = rest.find('\n').map_or(rest.len(), |i| i + 1);
        if !is_removed(line) {
            in_line(line, rest.get(..length).unwrap_or_default(), &mut edits);
        }
        line += length;
    }
    blank_lines(text, &is_removed, &mut edits);
    edits.sort_by_key(|e| (e.range.start, e.range.end));
    let mut end = 0;
    edits.retain(|e| {
        let free = e.range.start >= end;
        end = if free { e.range.end } else { end };
        free
    });
    edits
}

/// Paragraphs that are page furniture.
fn left_over(text: &str, running_heads: &[&str]) -> Vec<Edit> {
    // A single word ("Example:") may stand on top of many pages and still belong to the text.
    let heads: HashSet<String> = running_heads.iter().map(|h| shape(h)).filter(|h| h.contains(' ')).collect();
    let mut edits = Vec::new();
    let mut at = 0;
    let paragraphs: Vec<(usize, &str)> = text
        .split("\n\n")
        .map(|p| {
            let start = at;
            at += p.len() + 2;
            (start, p)
        })
        .collect();
    for (i, (start, paragraph)) in paragraphs.iter().enumerate() {
        let (Some(before), Some(after)) =
            (i.checked_sub(1).and_then(|b| paragraphs.get(b)), paragraphs.get(i + 1))
        else {
            // A chapter's first paragraph is its heading and may look like a running head.
            continue;
        };
        let broken = !before.1.trim_end().ends_with(['.', '!', '?', ':', '"', '”', '»'])
            && after.1.starts_with(char::is_lowercase);
        let kind = if is_page_number(paragraph)
            && (broken || paragraph.trim().starts_with(['-', '–', '—', '[']))
        {
            EditKind::PageNumber
        } else if !paragraph.contains('\n') && !heads.is_empty() && heads.contains(&shape(paragraph)) {
            EditKind::RunningHead
        } else {
            continue;
        };
        // The halves of a sentence come together again.
        let (range, replacement) = if broken {
            (start.saturating_sub(2)..start + paragraph.len() + 2, " ")
        } else {
            (*start..start + paragraph.len() + 2, "")
        };
        edits.push(Edit { range, replacement: replacement.into(), kind });
    }
    edits
}

fn is_page_number(paragraph: &str) -> bool {
    let text = paragraph.trim();
    let core = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '[' | ']'));
    (1..=4).contains(&core.len()) && core.bytes().all(|b| b.is_ascii_digit()) && text.len() <= core.len() + 8
}

/// A line in lower case without numbers and signs.
fn shape(line: &str) -> String {
    let letters =
        line.chars().filter(|c| c.is_alphabetic() || c.is_whitespace()).flat_map(char::to_lowercase);
    letters.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn in_line(start: usize, line: &str, edits: &mut Vec<Edit>) {
    let body = line.trim_end_matches('\n');
    let ink = body.trim_end().len();
    let mut push = |range: Range<usize>, replacement: &'static str, kind| {
        let range = start + range.start..start + range.end;
        edits.push(Edit { range, replacement: replacement.into(), kind });
    };
    if ink < body.len() {
        push(ink..body.len(), "", EditKind::WhiteSpace);
    }
    // The indent and the gaps of code and tables carry meaning; only prose has single spaces.
    let indent = body.len() - body.trim_start().len();
    let prose = indent == 0 && !body.contains("   ");
    let Some(inked) = body.get(..ink) else { return };
    let mut spaces = None;
    for (at, c) in inked.char_indices() {
        if let Some((_, plain)) = LIGATURES.iter().find(|(l, _)| *l == c) {
            push(at..at + c.len_utf8(), plain, EditKind::Ligature);
        }
        if matches!(c, '\u{ad}' | '\u{200b}' | '\u{feff}') {
            push(at..at + c.len_utf8(), "", EditKind::SoftHyphen);
        }
        if c == ' ' && at >= indent {
            spaces = spaces.or(Some(at));
            continue;
        }
        if let Some(from) = spaces.take() {
            if closes(c, inked.get(at + c.len_utf8()..).unwrap_or_default())
                && prose
                && after_word(inked, from)
            {
                push(from..at, "", EditKind::SpaceBeforePunctuation);
            } else if prose && at - from > 1 {
                push(from..at, " ", EditKind::WhiteSpace);
            }
        }
    }
}

/// A sign that follows its word without a space; not `...` or `.5` or `. . .`. French sets a space before `:;!?`.
fn closes(c: char, rest: &str) -> bool {
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    matches!(c, ',' | '.') && ends && !rest.trim_start().starts_with([',', '.'])
}

fn after_word(line: &str, at: usize) -> bool {
    line.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric))
}

/// Three line ends or more in a row are two; none at the start and end of the text.
fn blank_lines(text: &str, is_removed: &impl Fn(usize) -> bool, edits: &mut Vec<Edit>) {
    let mut from = None;
    let ends = text.char_indices().map(|(i, c)| (i, Some(c))).chain([(text.len(), None)]);
    for (at, c) in ends {
        if c == Some('\n') && !is_removed(at) {
            from = from.or(Some(at));
        } else if let Some(start) = from.take() {
            let (edge, most) = (start == 0 || at == text.len(), 2);
            if edge || at - start > most {
                let replacement = if edge { "" } else { "\n\n" };
                edits.push(Edit {
                    range: start..at,
                    replacement: replacement.into(),
                    kind: EditKind::WhiteSpace,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind() {
        assert_eq!(polish("one  two   \n\n\n\nthree", &[]), "one two\n\nthree");
        assert_eq!(polish("ﬁnd the oﬀer", &[]), "find the offer");
        assert_eq!(polish("soft\u{ad}ware", &[]), "software");
        assert_eq!(polish("a word , and more .", &[]), "a word, and more.");
        assert_eq!(polish("goes on\n\n12\n\nto the next", &[]), "goes on to the next");
        assert_eq!(polish("Ends.\n\n- 12 -\n\nNext", &[]), "Ends.\n\nNext");
        let heads = ["The Title of the Book    12"];
        assert_eq!(polish("Ends.\n\nThe Title of the Book 13\n\nNext", &heads), "Ends.\n\nNext");
    }

    #[test]
    fn what_could_mean_something_stays() {
        for text in [
            "The year\n\n1984\n\nWas a book",
            "Ends here.\n\n42\n\nThe answer.",
            "    code(a ,  b) ;",
            "name      value",
            "Quoi ? Oui ! « Non »",
            "“quotes” and 'single' -- untouched…",
            "run .profile and wait ...",
            "lapply . . . . . 12",
            "One.\n\nExample:\n\nTwo.",
            "The Title\n\nbody text",
        ] {
            assert_eq!(polish(text, &["The Title", "Example:"]), text);
        }
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let edit = |range| Edit { range, replacement: "x".into(), kind: EditKind::WhiteSpace };
        assert_eq!(apply("abc", &[edit(1..2)]).as_deref(), Some("axc"));
        assert_eq!(apply("abc", &[edit(2..3), edit(0..1)]), None);
        assert_eq!(apply("abc", &[edit(2..9)]), None);
        assert_eq!(apply("äb", &[edit(1..2)]), None);
    }

    proptest! {
        #[test]
        fn any_text(text in "(?s)([a-zA-Z ,.ﬁ\u{ad}]{0,20}|\n|[0-9]{1,3}|- [0-9] -|Head of it){0,20}") {
            let heads = ["Head of it"];
            let list = edits(&text, &heads);
            prop_assert!(list.windows(2).all(|w| w[0].range.end <= w[1].range.start), "{:?}", list);
            prop_assert!(apply(&text, &list).is_some());
            let done = polish(&text, &heads);
            prop_assert_eq!(&polish(&done, &heads), &done);
        }

        #[test]
        fn letters_stay_but_for_ligatures(text in "(?s).{0,200}") {
            let letters = |t: &str| t.chars().filter(|c| c.is_alphabetic() && !LIGATURES.iter().any(|(l, _)| l == c)).count();
            let ligatures = |t: &str| LIGATURES.iter().map(|(l, plain)| t.matches(*l).count() * plain.len()).sum::<usize>();
            prop_assert_eq!(letters(&polish(&text, &[])), letters(&text) + ligatures(&text));
        }
    }
}
