//! Printed numbers of lines in a margin.
//!
//! Invariant: numbers are those of lines only where they count up by one step over most of the page, stand at one
//! edge of its lines behind a gap or alone, and most pages of the book have such.

/// A page has at least this many.
const FEWEST: usize = 8;
/// At least this share of a page's numbers counts up.
const COUNTING: f32 = 0.8;

/// Where a line has a number that may be its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbered {
    /// The line is nothing else.
    Alone,
    /// Bytes of the line's text up to the number and the gap before it.
    Right(usize),
    /// Bytes of the number and the gap behind it.
    Left(usize),
}

/// The lines of each page that bear a number; empty for pages, and books, that do not number their lines.
pub(crate) fn line_numbers(pages: &[Vec<&str>]) -> Vec<Vec<(usize, Numbered)>> {
    for left in [false, true] {
        let found: Vec<Vec<(usize, Numbered)>> = pages.iter().map(|p| on_page(p, left)).collect();
        let (mut long, mut numbered) = (0_usize, 0_usize);
        for (page, found) in pages.iter().zip(&found) {
            long += usize::from(page.len() >= 2 * FEWEST);
            numbered += usize::from(!found.is_empty());
        }
        if numbered >= 3 && numbered * 3 >= long * 2 {
            return found;
        }
    }
    vec![Vec::new(); pages.len()]
}

fn on_page(lines: &[&str], left: bool) -> Vec<(usize, Numbered)> {
    let found: Vec<(usize, u32, Numbered)> = lines
        .iter()
        .enumerate()
        .filter_map(|(i, text)| number(text, left).map(|(value, how)| (i, value, how)))
        .collect();
    if found.len() < FEWEST || found.len() * 2 < lines.len() {
        // Every fifth line may be numbered.
        let step = found.windows(2).all(|w| matches!(w, [a, b] if b.1 == a.1 + 5));
        if found.len() < FEWEST / 2 || !step {
            return Vec::new();
        }
    }
    let mut steps: Vec<i64> = found
        .windows(2)
        .filter_map(|w| match w {
            [a, b] => Some(i64::from(b.1) - i64::from(a.1)),
            _ => None,
        })
        .collect();
    steps.sort_unstable();
    let step = steps.get(steps.len() / 2).copied().unwrap_or(0);
    let alike = steps.iter().filter(|s| **s == step).count();
    if step < 1 || (alike as f32) < COUNTING * steps.len() as f32 {
        return Vec::new();
    }
    let mut next: Option<i64> = None;
    let mut out = Vec::new();
    for (i, value, how) in found {
        let value = i64::from(value);
        if next.is_none_or(|n| n == value) || out.is_empty() {
            out.push((i, how));
            next = Some(value + step);
        }
    }
    out
}

fn number(text: &str, left: bool) -> Option<(u32, Numbered)> {
    let value = |word: &str| (word.len() <= 4).then(|| word.parse::<u32>().ok()).flatten();
    if let Some(value) = value(text) {
        return Some((value, Numbered::Alone));
    }
    if left {
        let word = text.split(' ').next()?;
        let rest = text.get(word.len()..)?;
        let gap = rest.len() - rest.trim_start().len();
        return (gap >= 2).then_some((value(word)?, Numbered::Left(word.len() + gap)));
    }
    let word = text.rsplit(' ').next()?;
    let rest = text.get(..text.len() - word.len())?;
    let kept = rest.trim_end().len();
    (rest.len() - kept >= 2).then_some((value(word)?, Numbered::Right(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(from: usize, gap: &str) -> Vec<String> {
        (from..from + 20)
            .map(|n| if n % 3 == 0 { n.to_string() } else { format!("words of it{gap}{n}") })
            .collect()
    }

    #[test]
    fn numbers_that_count_the_lines_are_found_in_a_book_of_such_pages() {
        let pages: Vec<Vec<String>> = (0..4).map(|p| page(1 + 20 * p, "   ")).collect();
        let view = |pages: &[Vec<String>]| -> Vec<usize> {
            let pages: Vec<Vec<&str>> =
                pages.iter().map(|p| p.iter().map(String::as_str).collect()).collect();
            line_numbers(&pages).iter().map(Vec::len).collect()
        };
        assert_eq!(view(&pages), [20; 4]);
        assert_eq!(view(&pages[..1]), [0], "one such page is a list");
        let inside: Vec<Vec<String>> = (0..4).map(|_| page(1, " ")).collect();
        assert_eq!(view(&inside), [0; 4], "a number within a sentence");
        let contents: Vec<String> = (1..20).map(|n| format!("Title   {}", n * n)).collect();
        assert_eq!(view(&vec![contents; 4]), [0; 4]);
    }
}
