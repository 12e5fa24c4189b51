//! One printed line of a contents page: a title, something that leads the eye, a page number.
//!
//! Invariant: what is returned is part of the line as printed, leaders and outer white space aside.

use super::numbers::{NumberStyle, PageNumber};
use super::title::split_title;

/// How much must stand between title and page number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// Leader dots, or a gap of two spaces: what sentences do not have.
    Strict,
    /// One space is enough. Only for pages that are known to be contents.
    Lenient,
}

/// A line read as an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryLine {
    pub(super) title: String,
    pub(super) page: PageNumber,
    /// The page number as printed.
    pub(super) printed: String,
    /// Dots led to the number.
    pub(super) has_leader: bool,
}

/// A longer title is a paragraph.
const LONGEST_TITLE: usize = 220;

pub(super) fn is_leader(c: char) -> bool {
    matches!(c, '.' | '·' | '•' | '…' | '‧' | '∙' | '⋅' | '_' | '․' | '‥' | '．' | '-' | '–' | '—' | '*')
}

/// Reads a line (without indent) as an entry.
pub(super) fn parse(line: &str, lead: Lead) -> Option<EntryLine> {
    let line = line.trim_end();
    let printed_at = line.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |i| i + char_len(line, i));
    let (before, printed) = line.split_at_checked(printed_at)?;
    let page = PageNumber::parse(printed)?;
    let title_end = before.trim_end_matches(|c: char| c.is_whitespace() || is_leader(c));
    let led = before.get(title_end.len()..)?;
    let dots: usize =
        led.chars().map(|c| if matches!(c, '…' | '‥') { 3 } else { usize::from(is_leader(c)) }).sum();
    let gap = longest_gap(led);
    let dashes = led.chars().any(|c| matches!(c, '-' | '–' | '—' | '_' | '*'));
    let has_leader = if dashes { dots >= 3 } else { dots >= 2 };
    let enough = match lead {
        Lead::Strict => has_leader || gap >= 2 || led.trim() == "·" || led.trim() == "•",
        Lead::Lenient => has_leader || gap >= 1,
    };
    // A lone letter is a page number only where dots lead to it.
    let lone_letter =
        page.style == NumberStyle::Roman && printed.len() == 1 && printed != "i" && printed != "v";
    if !enough || (lone_letter && !has_leader && printed != "x") {
        return None;
    }
    // A full stop or dash that belongs to the title is not part of a leader.
    let own_mark = led.chars().next().filter(|c| matches!(c, '.' | '…') && dots == 1 && gap >= 1);
    let mut title = title_end.to_owned();
    title.extend(own_mark);
    is_title(&title).then(|| EntryLine { title, page, printed: printed.to_owned(), has_leader })
}

/// What can be a title: it has a letter, a bounded length, and does not stop at a comma.
pub(super) fn is_title(text: &str) -> bool {
    let text = text.trim();
    text.chars().any(char::is_alphabetic) && !text.ends_with(',') && text.chars().count() <= LONGEST_TITLE
}

/// The entries of a paragraph that runs several together: `3.3.1 Paragraphs 49, 3.3.2 Double spacing 50`.
///
/// `text` is the whole paragraph on one line. `None` unless all of it reads as two or more entries,
/// separated by punctuation, with page numbers that never fall, and each with a number or (three or more,
/// or any on a page that is known to be contents) a capital.
pub(super) fn parse_run_in(text: &str, lead: Lead) -> Option<Vec<EntryLine>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut entries: Vec<EntryLine> = Vec::new();
    let mut title: Vec<&str> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches([',', ';', '.', '—', '–', '•', '·']);
        let next = words.get(i + 1);
        let separated = bare.len() < word.len()
            || next.is_none_or(|n| {
                n.chars().all(|c| matches!(c, '—' | '–' | '-' | '•' | '·' | '|' | '/' | '∙'))
            });
        let page = PageNumber::parse(bare).filter(|_| separated && !title.is_empty());
        match page {
            Some(page) => {
                let joined = title.join(" ");
                let name = joined.trim_end_matches([',', ';', ':', '.']).trim_end();
                if !is_title(name) || entries.last().is_some_and(|last| page < last.page) {
                    return None;
                }
                let printed = bare.to_owned();
                entries.push(EntryLine { title: name.to_owned(), page, printed, has_leader: false });
                title.clear();
            }
            None if title.is_empty() && word.chars().all(|c| !c.is_alphanumeric() && c != '§') => {}
            None => title.push(word),
        }
    }
    let numbered = entries.iter().all(|e| split_title(&e.title).number.is_some());
    let capital = |e: &EntryLine| e.title.chars().next().is_some_and(|c| c.is_uppercase() || c.is_numeric());
    let short = entries.iter().all(|e| e.title.chars().count() <= 100);
    let enough = entries.len() >= 2
        && (numbered || ((entries.len() >= 3 || lead == Lead::Lenient) && entries.iter().all(capital)));
    (title.is_empty() && enough && short).then_some(entries)
}

fn longest_gap(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c.is_whitespace() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn char_len(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strict(line: &str) -> Option<(String, String)> {
        parse(line, Lead::Strict).map(|e| (e.title, e.printed))
    }

    #[test]
    fn leaders_and_gaps() {
        for (line, title, page) in [
            ("1. Greetings! . . . . . . . 4", "1. Greetings!", "4"),
            ("Preface .......... vii", "Preface", "vii"),
            ("Статьи      33", "Статьи", "33"),
            ("1.1.1. TEX . . . .       5", "1.1.1. TEX", "5"),
            ("Notes on Mr. K.   12", "Notes on Mr. K.", "12"),
            ("Vorwort…12", "Vorwort", "12"),
            ("A title _______ 3", "A title", "3"),
            ("A title ------ 3", "A title", "3"),
        ] {
            assert_eq!(strict(line), Some((title.to_owned(), page.to_owned())), "{line}");
        }
    }

    #[test]
    fn sentences_are_no_entries() {
        for line in [
            "It happened in 1990",
            "see section 3.12",
            "1  2  3",
            "names,   12",
            "Appendix    C",
            "version 2.3",
            "",
            "12",
            "......... 12",
            "a - 5",
        ] {
            assert_eq!(strict(line), None, "{line}");
        }
    }

    #[test]
    fn one_space_is_enough_only_when_lenient() {
        assert_eq!(strict("Loops and branches 43"), None);
        let entry = parse("Loops and branches 43", Lead::Lenient).unwrap();
        assert_eq!((entry.title.as_str(), entry.page.value), ("Loops and branches", 43));
    }

    #[test]
    fn run_in_entries() {
        let text = "3.3.1 Paragraphs 49, 3.3.2 Double spacing 50, 3.3.3 Footnotes 50";
        let titles: Vec<String> =
            parse_run_in(text, Lead::Strict).unwrap().into_iter().map(|e| e.title).collect();
        assert_eq!(titles, ["3.3.1 Paragraphs", "3.3.2 Double spacing", "3.3.3 Footnotes"]);
        assert_eq!(
            parse_run_in("Early years, 3 — At sea, 9 — Home again, 21", Lead::Strict).unwrap().len(),
            3
        );
        for prose in
            ["He was born in 1990, married in 2010, died in 2020.", "Loops 5, Branches 3, Calls 9", "A 5"]
        {
            assert_eq!(parse_run_in(prose, Lead::Strict), None, "{prose}");
        }
        let two = "The Silver Signal 4, No Measure 5";
        assert_eq!(parse_run_in(two, Lead::Strict), None, "two could be a sentence");
        assert_eq!(parse_run_in(two, Lead::Lenient).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(
            line in "\\PC{0,80}",
            dots in "[ .·…–_]{0,9}",
            page in "[0-9ivx]{0,5}",
        ) {
            let line = format!("{line}{dots}{page}");
            let _ = parse(&line, Lead::Strict);
            let _ = parse_run_in(&line, Lead::Strict);
            if let Some(entry) = parse(&line, Lead::Lenient) {
                prop_assert!(line.contains(&entry.title) && line.trim_end().ends_with(&entry.printed));
            }
        }
    }
}
