//! How the lines of a page's plain text are set, where the source knows it.
//!
//! Invariant: one entry per line of the page that shows something, in the order of its plain text.

use crate::page::{Page, Rect};

/// How a line is set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineType {
    /// Where it is.
    pub place: Option<Rect>,
    /// The size of most of its letters, in points; 0 where it is not known.
    pub size: f32,
    /// All of it is bold.
    pub bold: bool,
    /// All of it is monospaced.
    pub monospace: bool,
    /// It was read from an image: where it is and its size are as exact as a scan.
    pub scanned: bool,
    /// Raised signs in it: their place in its text without indent, in bytes, and what they say.
    pub raised: Vec<(usize, String)>,
}

/// The lines of a page: their texts without indent, and how they are set.
pub(crate) fn line_types(page: &Page) -> Vec<(String, LineType)> {
    let mut out = Vec::new();
    for line in page.blocks.iter().flat_map(|b| &b.lines) {
        let mut text = String::new();
        let mut raised = Vec::new();
        let (mut letters, mut most): (usize, (usize, f32)) = (0, (0, 0.0));
        let (mut bold, mut monospace) = (true, true);
        let scanned = line.spans.iter().any(|span| span.style.confidence.is_some());
        for span in &line.spans {
            let ink = span.text.trim();
            if span.style.raised && !ink.is_empty() {
                let before = span.text.len() - span.text.trim_start().len();
                raised.push((text.len() + before, ink.to_owned()));
            } else {
                let signs = raised_characters(&span.text);
                raised.extend(signs.map(|(at, sign)| (text.len() + at, sign.to_owned())));
            }
            text.push_str(&span.text);
            let count = ink.chars().filter(|c| c.is_alphanumeric()).count();
            letters += count;
            if count > most.0 {
                most = (count, span.style.size);
            }
            bold &= span.style.bold || ink.is_empty();
            monospace &= span.style.monospace || ink.is_empty();
        }
        if text.trim().is_empty() {
            continue;
        }
        let indent = text.len() - text.trim_start().len();
        raised.iter_mut().for_each(|(at, _)| *at = at.saturating_sub(indent));
        let size = if letters == 0 { line.spans.first().map_or(0.0, |s| s.style.size) } else { most.1 };
        let set = LineType { place: line.place, size, bold, monospace, scanned, raised };
        out.push((text.trim().to_owned(), set));
    }
    out
}

/// Runs of digits that Unicode has as raised, with their places.
fn raised_characters(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    let ascii = text.is_ascii();
    std::iter::from_fn(move || {
        let from = rest + text.get(rest..).filter(|_| !ascii)?.find(|c| raised_digit(c).is_some())?;
        let run = text.get(from..)?;
        let length = run.find(|c| raised_digit(c).is_none()).unwrap_or(run.len());
        rest = from + length;
        Some((from, run.get(..length)?))
    })
}

/// The digit that a raised digit of Unicode is.
pub(crate) fn raised_digit(c: char) -> Option<char> {
    Some(match c {
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁰' | '⁴'..='⁹' => char::from_digit(u32::from(c) - 0x2070, 10)?,
        _ => return None,
    })
}

/// The size that most letters of a book are set in; 0 where no size is known.
pub(crate) fn body_size<'a>(lines: impl Iterator<Item = (&'a str, &'a LineType)>) -> f32 {
    let mut counts: std::collections::BTreeMap<i32, usize> = std::collections::BTreeMap::new();
    for (text, line) in lines.filter(|(_, l)| l.size > 0.0) {
        *counts.entry((line.size * 4.0).round() as i32).or_default() += text.len();
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(0.0, |(size, _)| size as f32 / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_digits_are_found_where_they_stand() {
        let found: Vec<(usize, &str)> = raised_characters("a word¹² and ⁴").collect();
        assert_eq!(found, [(6, "¹²"), (15, "⁴")]);
        assert_eq!("⁰¹²³⁴⁹".chars().filter_map(raised_digit).collect::<String>(), "012349");
        assert_eq!(raised_characters("x 12").count(), 0);
    }
}
