//! A book as plain text: a line per paragraph, empty lines between, notes at the end of their chapter.

use bookstate_domain::{BookState, LayoutKind};

use super::{
    block::{ContentBlock, Run},
    content::{Above, Section, content},
};

/// A book as plain text.
#[must_use]
pub fn text(state: &BookState) -> String {
    let content = content(state, Above::Title);
    let mut out = String::new();
    if state.book().is_some() {
        let authors = content.authors.join(", ");
        let lines = [content.title, content.subtitle.unwrap_or_default(), &authors, &content.imprint];
        for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
            out.push_str(line.trim());
            out.push('\n');
        }
    }
    for section in &content.sections {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        if let Some(heading) = &section.heading {
            out.push_str(heading);
            out.push('\n');
        }
        for block in &section.blocks {
            out.push('\n');
            if let LayoutKind::Item { depth, .. } = &*block.kind {
                out.extend(std::iter::repeat_n("  ", usize::from(*depth)));
            }
            out.push_str(&inline(block, section));
            out.push('\n');
        }
        for note in section.notes {
            out.push_str(&format!("\n[{}] {}\n", note.mark, note.text));
        }
    }
    out
}

fn inline(block: &ContentBlock<'_>, section: &Section<'_>) -> String {
    let mut out = String::new();
    for run in block.runs() {
        match run {
            Run::Text(text) => out.push_str(text),
            Run::Reference(note) => {
                out.extend(section.notes.get(note).map(|note| format!("[{}]", note.mark)));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture::book;
    use super::*;

    #[test]
    fn a_book_is_its_chapters_and_their_notes() {
        let expected = "Moby Dick\nor, The Whale\nHerman Melville\nHarper, 1851, ISBN 9780142437247\n\n\n1 Loomings\n\n\
                        Call me Ishmael.[*]\n\n# not a heading\n\nOn ships\n\nSome years ago.\n\n[*] Or so he says.\n\n\n\
                        1.1 The Inn\n\n\nXV\n\nEdited text.\n";
        assert_eq!(text(&book()), expected);
    }
}
