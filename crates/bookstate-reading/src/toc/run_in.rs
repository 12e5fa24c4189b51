//! Entries that run on in a paragraph: `3.3.1 Paragraphs 49, 3.3.2 Double spacing 50`.

use super::entry_line::{EntryLine, Lead, is_title};
use super::numbers::PageNumber;
use super::title::split_title;

/// The entries of a paragraph that runs several together.
///
/// `text` is the whole paragraph on one line. `None` unless all of it reads as two or more entries,
/// separated by punctuation, with page numbers that never fall, and each with a number or (three or more,
/// or any on a page that is `known` to be contents) a capital.
pub(super) fn parse_run_in(text: &str, known: bool) -> Option<Vec<EntryLine>> {
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
                entries.push(EntryLine {
                    title: name.to_owned(),
                    page,
                    printed: bare.to_owned(),
                    lead: Lead::Space,
                    has_leader: false,
                    of_section: None,
                });
                title.clear();
            }
            None if title.is_empty() && word.chars().all(|c| !c.is_alphanumeric() && c != '§') => {}
            None => title.push(word),
        }
    }
    let numbered = entries.iter().all(|e| split_title(&e.title).number.is_some());
    let capital = |e: &EntryLine| e.title.chars().next().is_some_and(|c| c.is_uppercase() || c.is_numeric());
    let short = entries.iter().all(|e| e.title.chars().count() <= 100);
    let enough =
        entries.len() >= 2 && (numbered || ((entries.len() >= 3 || known) && entries.iter().all(capital)));
    (title.is_empty() && enough && short).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_in_entries() {
        let text = "3.3.1 Paragraphs 49, 3.3.2 Double spacing 50, 3.3.3 Footnotes 50";
        let titles: Vec<String> = parse_run_in(text, false).unwrap().into_iter().map(|e| e.title).collect();
        assert_eq!(titles, ["3.3.1 Paragraphs", "3.3.2 Double spacing", "3.3.3 Footnotes"]);
        assert_eq!(parse_run_in("Early years, 3 — At sea, 9 — Home again, 21", false).unwrap().len(), 3);
        for prose in
            ["He was born in 1990, married in 2010, died in 2020.", "Loops 5, Branches 3, Calls 9", "A 5"]
        {
            assert_eq!(parse_run_in(prose, false), None, "{prose}");
        }
        let two = "The Silver Signal 4, No Measure 5";
        assert_eq!(parse_run_in(two, false), None, "two could be a sentence");
        assert_eq!(parse_run_in(two, true).unwrap().len(), 2);
    }
}
