//! A page's text as it is stored, with the headings on it.
//!
//! Invariants: the Markdown is the page's layout text: every line is kept, with its indent and its gaps, because
//! contents pages and tables are read from them later; only line ends, trailing white space and control
//! characters are put in order. `Heading::line` counts the lines of this text. Running heads stay in the text:
//! only the whole book tells them from the rest ([`BookText`] does); header and footer are what the page by
//! itself shows beyond doubt.

use super::headings::{HeadingKind, PageHeading, gap_after, gap_before, headings};
use crate::toc::{BookText, Line, PageNumber};
use bookstate_domain::{Heading, Text};
use std::sync::Arc;

/// What is stored of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct PageMarkdown {
    /// The text.
    pub markdown: Text,
    /// The headings in it.
    pub headings: Vec<Heading>,
    /// A line at the top that carries a page number and nothing else of the text.
    pub header: Option<Text>,
    /// The same at the bottom.
    pub footer: Option<Text>,
}

/// Makes a page's Markdown from what a provider read on it.
pub fn page_markdown(read: &str) -> PageMarkdown {
    let markdown: Text = tidy(read).into();
    let book = BookText::new(vec![Arc::clone(&markdown)]);
    let Some(page) = book.page(1) else {
        return PageMarkdown { markdown, headings: Vec::new(), header: None, footer: None };
    };
    let (header, footer) = edges(&page.lines);
    let is_edge = |i: usize| (header.is_some() && i == 0) || (footer.is_some() && i + 1 == page.lines.len());
    // A number alone may be the page's, and a plain line on top of a page its running head.
    let doubtful = |h: &PageHeading| {
        // A series needs the whole book.
        matches!(h.kind, HeadingKind::Bare | HeadingKind::Counted | HeadingKind::Day)
            || (h.kind == HeadingKind::Isolated && h.first == 0)
            || is_edge(h.first)
    };
    let found = headings(page).into_iter().filter(|h| !doubtful(h));
    let headings = found
        .filter_map(|h| {
            let line = page.lines.get(h.first)?.number;
            let level = i32::try_from(h.level).unwrap_or(i32::MAX);
            Some(Heading { level, text: h.text().into(), line: i32::try_from(line).ok()? })
        })
        .collect();
    PageMarkdown { headings, header, footer, markdown }
}

fn tidy(read: &str) -> String {
    let mut out = String::with_capacity(read.len());
    for line in read.replace("\r\n", "\n").split(['\n', '\r', '\u{c}', '\u{b}']) {
        let kept: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        out.push_str(kept.trim_end());
        out.push('\n');
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out
}

fn edges(lines: &[Line]) -> (Option<Text>, Option<Text>) {
    let last = lines.len().saturating_sub(1);
    let head = lines.first().filter(|l| lines.len() > 1 && gap_after(lines, 0) && is_running(&l.text));
    let foot = lines.get(last).filter(|l| lines.len() > 1 && gap_before(lines, last) && is_running(&l.text));
    (head.map(|l| l.text.as_str().into()), foot.map(|l| l.text.as_str().into()))
}

/// A number alone, or one that a wide gap sets off from a few words.
fn is_running(text: &str) -> bool {
    let number = |t: &str| PageNumber::parse(t.trim_matches(['-', '–', '—', '[', ']', ' '])).is_some();
    if text.chars().all(|c| !c.is_alphabetic()) {
        return number(text);
    }
    let Some(gap) = text.find("   ") else { return false };
    let (left, right) = text.split_at(gap);
    let (left, right) = (left.trim(), right.trim());
    text.chars().count() <= 160 && !right.contains("   ") && (number(left) != number(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layout_stays_and_headings_point_into_it() {
        let read = "Title of the Book                12\r\n\r\n  3.1 Purpose\r\n\r\nText of the page   \r\nand more of it.\r\n\u{c}";
        let page = page_markdown(read);
        assert_eq!(
            &*page.markdown,
            "Title of the Book                12\n\n  3.1 Purpose\n\nText of the page\nand more of it."
        );
        assert_eq!(page.headings, [Heading { level: 2, text: "3.1 Purpose".into(), line: 2 }]);
        assert_eq!(page.header.as_deref(), Some("Title of the Book                12"));
        assert_eq!(page.footer, None);
    }

    #[test]
    fn a_page_number_is_a_footer_and_a_sentence_is_not() {
        assert_eq!(page_markdown("Text.\n\n- 12 -").footer.as_deref(), Some("- 12 -"));
        assert_eq!(page_markdown("Text.\n\nThe end of 12").footer, None);
        assert_eq!(page_markdown("12").footer, None, "the only line of a page is its text");
    }

    #[test]
    fn contents_lines_are_kept_as_they_are() {
        let contents = "Contents\n\n1 One ........ 3\n  1.1 Two      4";
        assert_eq!(&*page_markdown(contents).markdown, contents);
        assert_eq!(page_markdown("").markdown.len(), 0);
    }

    proptest! {
        #[test]
        fn any_text(read in "(?s)(.|[ \n#.0-9A-Z]){0,400}") {
            let page = page_markdown(&read);
            let ink = |t: &str| t.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect::<String>();
            prop_assert_eq!(ink(&page.markdown), ink(&read));
            prop_assert_eq!(&page_markdown(&page.markdown), &page, "twice is once");
            let lines = page.markdown.split('\n').count();
            for heading in &page.headings {
                prop_assert!((0..i32::try_from(lines).unwrap()).contains(&heading.line));
            }
        }
    }
}
