//! What belongs to a chapter's text beside the text itself: what each piece of it is, its notes, and the words of its
//! pages that are not in it.
//!
//! Invariant: the text and its layout go together. The blocks of a layout, in order and with an empty line between
//! them, are the text; see [`layout_blocks`].

use serde::{Deserialize, Serialize};

use crate::value::{Text, word_enum};

/// What a piece of a text is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LayoutKind {
    /// Running text, one line.
    Paragraph,
    /// A heading and its level, 1 the highest; 0 where that is not known.
    Heading(u8),
    /// An item of a list. The text begins with its marker and a blank.
    Item {
        /// How deep its list is nested, from 0.
        depth: u8,
        /// `•`, `3.`, as printed; empty for what goes on with the item before.
        marker: Text,
    },
    /// Code: line ends and blanks are meant.
    Code {
        /// The language, where it is said.
        language: Option<Text>,
    },
    /// Verse, addresses: line ends are meant.
    Verse,
    /// A table: a line is a row, tabulators are between its cells.
    Table,
    /// What is said of a figure or a table.
    Caption,
    /// A quotation set off from the text, and how deep it is nested, from 1.
    Quote(u8),
    /// A break between scenes.
    Break,
}

/// A piece of a chapter's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(LayoutKind, u32)", into = "(LayoutKind, u32)")]
pub struct LayoutBlock {
    /// What it is.
    pub kind: LayoutKind,
    /// Its length in bytes, without the empty line between two blocks.
    pub bytes: u32,
}

impl From<(LayoutKind, u32)> for LayoutBlock {
    fn from((kind, bytes): (LayoutKind, u32)) -> Self {
        Self { kind, bytes }
    }
}

impl From<LayoutBlock> for (LayoutKind, u32) {
    fn from(block: LayoutBlock) -> Self {
        (block.kind, block.bytes)
    }
}

/// What separates two blocks of a text.
pub const BLOCK_SEPARATOR: &str = "\n\n";

/// The blocks of `text`, as `layout` has them; `None` when the two do not belong together.
#[must_use]
pub fn layout_blocks<'a>(text: &'a str, layout: &'a [LayoutBlock]) -> Option<Vec<(&'a LayoutKind, &'a str)>> {
    let mut rest = text;
    let mut found = Vec::with_capacity(layout.len());
    for (n, block) in layout.iter().enumerate() {
        if n > 0 {
            rest = rest.strip_prefix(BLOCK_SEPARATOR)?;
        }
        let (head, tail) = rest.split_at_checked(usize::try_from(block.bytes).ok()?)?;
        found.push((&block.kind, head));
        rest = tail;
    }
    rest.is_empty().then_some(found)
}

/// A note: at the end of a page, of a chapter, or in the margin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its mark, as printed: `1`, `*`.
    pub mark: Text,
    /// What it says; paragraphs are separated by an empty line.
    pub text: Text,
    /// The page on which it stands, 1-based.
    pub page: i32,
    /// Where in the chapter's mechanical text its mark stands, in bytes; none where the text does not refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
}

word_enum! {
    /// Why words of a page are in no chapter.
    SetAsideReason {
        /// They stand at the head or foot of many pages.
        RunningHead = "running_head",
        /// They are the printed number of the page.
        PageNumber = "page_number",
        /// The file draws the same text twice in the same place.
        RepeatedLayer = "repeated_layer",
        /// They lie across the page, or are the same on every page.
        Watermark = "watermark",
        /// They are printed numbers of lines, in the margin.
        LineNumber = "line_number",
        /// The file says that nobody reads them.
        Hidden = "hidden",
        /// They are the printed table of contents, whose entries are the chapters.
        Contents = "contents",
        /// They say something of the book and are not of it: the head of a Markdown file.
        Metadata = "metadata",
    }
}

/// Words of a page that are in no chapter, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideText {
    /// The page, 1-based.
    pub page: i32,
    /// Why.
    pub reason: SetAsideReason,
    /// The words, as they stand there.
    pub text: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(blocks: &[(LayoutKind, u32)]) -> Vec<LayoutBlock> {
        blocks.iter().cloned().map(LayoutBlock::from).collect()
    }

    #[test]
    fn a_layout_lies_over_its_text_and_over_no_other() {
        let code = LayoutKind::Code { language: Some("rust".into()) };
        let layout = layout(&[(LayoutKind::Heading(1), 3), (code.clone(), 5), (LayoutKind::Paragraph, 2)]);
        let text = "One\n\na\n\nb;\n\nzw";
        let found = layout_blocks(text, &layout).unwrap();
        assert_eq!(
            found,
            [(&LayoutKind::Heading(1), "One"), (&code, "a\n\nb;"), (&LayoutKind::Paragraph, "zw")]
        );
        for other in ["One\n\na\n\nb;\n\nzwe", "One\n\na\n\nb;\n\nz", "One", "", "Onf\n\na\n\nbc\n\nzw"] {
            let same_shape = other.len() == text.len();
            assert_eq!(layout_blocks(other, &layout).is_some(), same_shape, "{other:?}");
        }
        // In the middle of a character there is no end of a block.
        assert_eq!(layout_blocks("ä", &self::layout(&[(LayoutKind::Paragraph, 1)])), None);
        assert_eq!(layout_blocks("", &[]), Some(Vec::new()));
    }

    #[test]
    fn a_layout_is_a_short_json() {
        let item = LayoutKind::Item { depth: 0, marker: "•".into() };
        let layout = layout(&[(LayoutKind::Paragraph, 120), (LayoutKind::Heading(2), 7), (item, 30)]);
        let text = serde_json::to_string(&layout).unwrap();
        let expected = r#"[["paragraph",120],[{"heading":2},7],[{"item":{"depth":0,"marker":"•"}},30]]"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Vec<LayoutBlock>>(&text).unwrap(), layout);
    }
}
