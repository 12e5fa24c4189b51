//! A block of a text as exports see it, and the pieces that references to notes cut it into.

use std::borrow::Cow;

use bookstate_domain::LayoutKind;

/// A block of a text.
pub(super) struct ContentBlock<'a> {
    /// What it is.
    pub(super) kind: Cow<'a, LayoutKind>,
    /// Its text.
    pub(super) text: &'a str,
    /// Where in the text notes are referred to, in bytes, rising, and their places among the section's notes.
    pub(super) references: Vec<(usize, usize)>,
}

/// A piece of a block's text.
pub(super) enum Run<'a> {
    /// Text.
    Text(&'a str),
    /// The mark of a note, by its place among the section's notes.
    Reference(usize),
}

impl<'a> ContentBlock<'a> {
    /// A block without references.
    pub(super) fn plain(kind: LayoutKind, text: &'a str) -> Self {
        Self { kind: Cow::Owned(kind), text, references: Vec::new() }
    }

    /// The text in pieces.
    pub(super) fn runs(&self) -> Vec<Run<'a>> {
        let (mut out, mut from) = (Vec::new(), 0);
        for (at, note) in &self.references {
            let Some(text) = self.text.get(from..*at) else { continue };
            out.extend((!text.is_empty()).then_some(Run::Text(text)));
            out.push(Run::Reference(*note));
            from = *at;
        }
        let rest = self.text.get(from..).unwrap_or_default();
        out.extend((!rest.is_empty()).then_some(Run::Text(rest)));
        out
    }
}
