//! What a file says of the lines of a page: which block each belongs to, and its text without marks of Markdown.
//!
//! Files that are no prints (EPUB, HTML, Markdown) say what is a heading, a list, code, a note. A page's stored text is
//! its Markdown; here its lines find back to the blocks that they came from.
//!
//! Invariant: one entry per line of the page, or none at all: a text that is not the page's own has none.

use super::page_text::{Line, lines};
use crate::page::{BlockKind, Page};
use std::sync::Arc;

/// A line of a page whose file says what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidLine {
    /// Its block, by its place on the page.
    pub block: usize,
    /// What that is.
    pub kind: Arc<BlockKind>,
    /// Its text without marks of Markdown; none for what is nothing but such a mark.
    pub text: Option<String>,
    /// Empty lines of its block before it.
    pub blanks: usize,
    /// Raised signs: their place in its text, in bytes, and what they say.
    pub raised: Vec<(usize, String)>,
}

/// What the page says of the lines of its stored text.
pub(super) fn said_lines(stored: &[Line], page: &Page) -> Vec<SaidLine> {
    let kinds: Vec<Arc<BlockKind>> = page.blocks.iter().map(|block| Arc::new(block.kind.clone())).collect();
    let mut out = Vec::with_capacity(stored.len());
    let mut blanks = (0, 0);
    let mut left = stored.iter();
    for marked in page.marked_lines() {
        if blanks.0 != marked.block {
            blanks = (marked.block, 0);
        }
        // As the stored text has it.
        let kept: String = marked.text.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        let Some(shown) = lines(&kept).pop() else {
            blanks.1 += 1;
            continue;
        };
        if left.next().is_none_or(|line| line.text != shown.text) {
            return Vec::new();
        }
        let Some(kind) = kinds.get(marked.block) else { return Vec::new() };
        let of = page.blocks.get(marked.block).and_then(|block| block.lines.get(marked.line?));
        let mut text = of.map(|_| String::new());
        let mut raised = Vec::new();
        for span in of.into_iter().flat_map(|line| &line.spans) {
            let Some(text) = &mut text else { continue };
            let ink = span.text.trim();
            if span.style.raised && !ink.is_empty() {
                raised.push((text.len() + span.text.len() - span.text.trim_start().len(), ink.to_owned()));
            }
            text.push_str(&span.text);
        }
        out.push(SaidLine {
            block: marked.block,
            kind: Arc::clone(kind),
            text,
            blanks: std::mem::take(&mut blanks.1),
            raised,
        });
    }
    if left.next().is_some() { Vec::new() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::structure::page_markdown;
    use std::path::Path;

    fn said(markdown: &str) -> (Vec<Line>, Vec<SaidLine>) {
        let source = Source::from_bytes(Path::new("a.md"), markdown.as_bytes().to_vec()).unwrap();
        let stored = lines(&page_markdown(&source.page_text(1).unwrap().text).markdown);
        let said = said_lines(&stored, &source.page(1).unwrap());
        (stored, said)
    }

    #[test]
    fn each_line_is_found_in_its_block() {
        let (stored, said) =
            said("# One\n\n```sh\n# a\n\n  b\n```\n\n- i\n- j\n\nText[^1].\n\n[^1]: Note.\n");
        assert_eq!(stored.len(), said.len());
        let texts: Vec<_> = said.iter().map(|line| (line.block, line.text.as_deref(), line.blanks)).collect();
        let expected = [
            (0, Some("One"), 0),
            (1, None, 0),
            (1, Some("# a"), 0),
            (1, Some("  b"), 1),
            (1, None, 0),
            (2, Some("i"), 0),
            (3, Some("j"), 0),
            (4, Some("Text1."), 0),
            (5, Some("Note."), 0),
        ];
        assert_eq!(texts, expected);
        assert_eq!(said[7].raised, [(4, "1".to_owned())]);
        assert_eq!(*said[8].kind, BlockKind::Footnote { mark: "1".into() });
    }

    #[test]
    fn a_text_that_is_not_the_pages_says_nothing() {
        let (mut stored, _) = said("# One\n\nText.\n");
        let page =
            Source::from_bytes(Path::new("a.md"), b"# One\n\nText.\n".to_vec()).unwrap().page(1).unwrap();
        assert_eq!(said_lines(&stored, &page).len(), 2);
        stored[1].text.push('x');
        assert_eq!(said_lines(&stored, &page), []);
        stored.truncate(1);
        assert_eq!(said_lines(&stored, &page), []);
    }
}
