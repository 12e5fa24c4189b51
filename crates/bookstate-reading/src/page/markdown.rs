//! A page as Markdown: the view of a page whose source says what each block is.
//!
//! Nothing is escaped: rules read this text as they read a printed page.

use super::{BlockKind, Line, Page};

impl Page {
    /// The page's text with the marks of Markdown: headings, fences, lists.
    #[must_use]
    pub fn markdown_text(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            if !out.is_empty() {
                out.push('\n');
            }
            let lines: Vec<String> = block.lines.iter().map(Line::text).collect();
            let text = lines.join("\n");
            match &block.kind {
                BlockKind::Heading { level } => {
                    let marks = usize::from(level.unwrap_or(1)).clamp(1, 6);
                    out.push_str(&format!("{} {text}", "#".repeat(marks)));
                }
                BlockKind::ListItem { depth, marker } => {
                    let marker = if marker == "•" { "-" } else { marker.as_str() };
                    out.push_str(&format!("{}{marker} {text}", "  ".repeat(usize::from(*depth))));
                }
                BlockKind::Preformatted { language } => {
                    let fence = fence(&text);
                    out.push_str(&format!(
                        "{fence}{}\n{text}\n{fence}",
                        language.as_deref().unwrap_or_default()
                    ));
                }
                BlockKind::Quote { .. } => out.push_str(&format!("> {text}")),
                BlockKind::Footnote { mark } if !mark.is_empty() => {
                    out.push_str(&format!("[^{mark}]: {text}"))
                }
                BlockKind::Table => {
                    for line in &lines {
                        out.push_str(&format!("| {} |\n", line.replace('\t', " | ")));
                    }
                }
                _ => out.push_str(&text),
            }
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        out
    }
}

/// A fence that is in none of the lines that it holds.
pub(crate) fn fence(text: &str) -> String {
    let longest = text.lines().map(|line| line.trim_start().chars().take_while(|c| *c == '`').count()).max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}
