//! Numbers at the edges of pages: which those of a line are, and those that end the pages of a text file.

use super::labels::Labels;
use super::numbers::PageNumber;

/// Fewer numbers at the ends of pages may be anything.
const FEWEST_NUMBERS: usize = 4;

/// Numbers of an edge line that may be the page's: at its ends, and anywhere in a short one (`Page 3 of 62`).
pub(super) fn edge_numbers(text: &str) -> Vec<PageNumber> {
    let clean = |word: &str| PageNumber::parse(word.trim_matches(|c: char| !c.is_alphanumeric()));
    let words: Vec<&str> = text.split_whitespace().collect();
    let inside = words.len() <= 12;
    let at_end = |i: usize| i == 0 || i + 1 == words.len();
    let digits = |word: &str| word.contains(char::is_numeric);
    let may =
        |(i, word): (usize, &&str)| (at_end(i) || (inside && digits(word))).then(|| clean(word)).flatten();
    let mut numbers: Vec<PageNumber> = words.iter().enumerate().filter_map(may).collect();
    numbers.dedup();
    numbers
}

/// Which last lines of pages (`None` for a page of one line) are their numbers, and what they are: nothing but a number,
/// and those of most pages count on.
pub(super) fn numbers_at_ends(lines: &[Option<&str>]) -> (Labels, Vec<Vec<PageNumber>>) {
    let number = |line: &Option<&str>| -> Vec<PageNumber> {
        line.filter(|line| !line.contains(char::is_alphabetic)).map(edge_numbers).unwrap_or_default()
    };
    let mut numbers: Vec<Vec<PageNumber>> = lines.iter().map(number).collect();
    let labels = Labels::new(&numbers, &[]);
    for (n, numbers) in (1..).zip(&mut numbers) {
        numbers.retain(|number| labels.give(n, *number));
    }
    let counted = numbers.iter().filter(|numbers| !numbers.is_empty()).count();
    if counted < FEWEST_NUMBERS || counted * 5 < lines.len() * 3 {
        return (Labels::default(), vec![Vec::new(); lines.len()]);
    }
    (labels, numbers)
}

#[cfg(test)]
mod tests {
    use crate::toc::BookText;

    fn of(pages: &[String]) -> BookText {
        BookText::of_text(
            pages.iter().map(|page| page.as_str().into()).collect(),
            crate::toc::FileFacts::default(),
        )
    }

    #[test]
    fn numbers_that_end_the_pages_are_set_aside() {
        for number in [|n: usize| format!("{}", n + 7), |n: usize| format!("- {} -", n + 7)] {
            let pages: Vec<String> =
                (0..6).map(|n| format!("Some text of page.\n\n{}\n", number(n))).collect();
            let book = of(&pages);
            for n in 1..=6 {
                let page = book.page(n).unwrap();
                let texts: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
                assert_eq!(texts, ["Some text of page."]);
                assert_eq!(page.set_aside.len(), 1);
            }
        }
        // Years, chapters at the top, and numbers of few pages stay.
        let pages: Vec<String> =
            (0..6).map(|n| format!("{n}\n\nSome text of {}\n\n{}\n", n, 1900 - n)).collect();
        let book = of(&pages);
        assert!((1..=6).all(|n| book.page(n).unwrap().lines.len() == 3));
        let book = of(&pages[..3]);
        assert!((1..=3).all(|n| book.page(n).unwrap().set_aside.is_empty()));
    }
}
