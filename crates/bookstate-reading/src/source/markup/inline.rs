//! The text of a block as it grows: spans of one style, white space as a reader sees it.
//!
//! Invariant: outside preformatted text a run of white space is one blank, and there is none at the ends of a line.

use crate::page::{Line, Span, Style};

/// The lines of a block in the making.
#[derive(Debug, Default)]
pub(in crate::source) struct Inline {
    lines: Vec<Line>,
    /// White space is waiting to stand before the next word.
    blank: bool,
    /// Something stands in the last line.
    begun: bool,
}

impl Inline {
    /// Adds text whose white space means nothing.
    pub(in crate::source) fn text(&mut self, text: &str, style: Style) {
        for c in text.chars() {
            match c {
                // What a browser shows only where it breaks a line.
                '\u{ad}' => {}
                c if c.is_whitespace() => self.blank = true,
                c => {
                    if self.blank && self.begun {
                        self.push(' ', style);
                    }
                    self.blank = false;
                    self.push(c, style);
                }
            }
        }
    }

    /// Adds text to the letter.
    pub(in crate::source) fn verbatim(&mut self, text: &str, style: Style) {
        for c in text.chars() {
            match c {
                '\n' => self.line(),
                '\r' => {}
                c => self.push(c, style),
            }
        }
    }

    /// Ends a line.
    pub(in crate::source) fn line(&mut self) {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::default());
        self.blank = false;
        self.begun = false;
    }

    /// White space stands here, whatever the text says.
    pub(in crate::source) fn blank(&mut self) {
        self.blank = true;
    }

    fn push(&mut self, c: char, style: Style) {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.begun = true;
        let Some(line) = self.lines.last_mut() else { return };
        match line.spans.last_mut() {
            Some(span) if span.style == style => span.text.push(c),
            _ => line.spans.push(Span { text: c.to_string(), style, place: None }),
        }
    }

    /// Nothing but white space so far.
    pub(in crate::source) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.spans.is_empty())
    }

    /// The last line has nothing yet, and there is one before it.
    pub(in crate::source) fn at_new_line(&self) -> bool {
        self.lines.len() > 1 && !self.begun
    }

    /// The lines, and begins anew. Empty lines at the ends are none.
    pub(in crate::source) fn take(&mut self) -> Vec<Line> {
        let mut lines = std::mem::take(self).lines;
        let blank = |line: &Line| line.spans.iter().all(|span| span.text.trim().is_empty());
        while lines.last().is_some_and(blank) {
            lines.pop();
        }
        let first = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
        lines.drain(..first);
        lines
    }
}
