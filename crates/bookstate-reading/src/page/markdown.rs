//! A page as Markdown: the view of a page whose source says what each block is.
//!
//! Nothing is escaped: rules read this text as they read a printed page. Each of its lines knows the line of the page
//! that it shows, so that rules can ask the page what it is.

use super::{BlockKind, Line, Page};

/// A line of a page's Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkedLine {
    /// As it stands in the Markdown.
    pub(crate) text: String,
    /// The block that it belongs to, by its place among the page's.
    pub(crate) block: usize,
    /// The line of the block that it shows; none for a fence.
    pub(crate) line: Option<usize>,
}

impl Page {
    /// The page's text with the marks of Markdown: headings, fences, lists.
    #[must_use]
    pub fn markdown_text(&self) -> String {
        let mut out = String::new();
        let mut before = None;
        for line in self.marked_lines() {
            if before.is_some_and(|block| block != line.block) {
                out.push('\n');
            }
            before = Some(line.block);
            out.push_str(&line.text);
            out.push('\n');
        }
        out
    }

    /// The lines of the Markdown, without the empty ones between blocks.
    pub(crate) fn marked_lines(&self) -> Vec<MarkedLine> {
        let mut out = Vec::new();
        for (block, of) in self.blocks.iter().enumerate() {
            let texts: Vec<String> = of.lines.iter().map(Line::text).collect();
            let mut put = |text: String, line: Option<usize>| out.push(MarkedLine { text, block, line });
            let fence = match &of.kind {
                BlockKind::Preformatted { language } => {
                    let fence = fence(&texts.join("\n"));
                    put(format!("{fence}{}", language.as_deref().unwrap_or_default()), None);
                    Some(fence)
                }
                _ => None,
            };
            for (i, text) in texts.into_iter().enumerate() {
                put(marked(&of.kind, i, text), Some(i));
            }
            if let Some(fence) = fence {
                put(fence, None);
            }
        }
        out
    }
}

/// A line of a block with its mark, which its first line has.
fn marked(kind: &BlockKind, line: usize, text: String) -> String {
    match kind {
        BlockKind::Table => format!("| {} |", text.replace('\t', " | ")),
        _ if line > 0 => text,
        BlockKind::Heading { level } => {
            let marks = usize::from(level.unwrap_or(1)).clamp(1, 6);
            format!("{} {text}", "#".repeat(marks))
        }
        BlockKind::ListItem { depth, marker } => {
            let marker = if marker == "•" { "-" } else { marker.as_str() };
            format!("{}{marker} {text}", "  ".repeat(usize::from(*depth)))
        }
        BlockKind::Quote { .. } => format!("> {text}"),
        BlockKind::Footnote { mark } if !mark.is_empty() => format!("[^{mark}]: {text}"),
        _ => text,
    }
}

/// A fence that is in none of the lines that it holds.
pub(crate) fn fence(text: &str) -> String {
    let longest = text.lines().map(|line| line.trim_start().chars().take_while(|c| *c == '`').count()).max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}
