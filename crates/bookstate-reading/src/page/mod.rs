//! The page model: what every source gives and every rule works on.
//!
//! A [`Page`] is blocks in reading order, a [`Block`] is lines, a [`Line`] is spans of one style. Text is in logical
//! order whatever the script. Sources without geometry (plain text, Markdown, EPUB) leave boxes and sizes out;
//! plain text and Markdown are views of it (see [`Page::plain_text`]).
//!
//! Invariants: a line's text has no line feed; a word of the page is in exactly one line or in exactly one
//! [`SetAside`]; no rule below this module sees a glyph.

mod geometry;
mod markdown;
mod plain;

pub use bookstate_domain::SetAsideReason;
pub use geometry::Rect;
pub(crate) use markdown::fence;
pub use plain::LaidLine;

/// One page of a book as it was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Its printed label as the file states it (`iv`, `A-3`), where it does.
    pub label: Option<String>,
    /// Width and height in points, as it is read (after rotation).
    pub size: Option<(f32, f32)>,
    /// Its text.
    pub blocks: Vec<Block>,
    /// Where images and drawings are.
    pub figures: Vec<Rect>,
    /// What leads from this page to another place of the book.
    pub links: Vec<Link>,
    /// What the source drew and a reader does not read: repeated layers, watermarks.
    pub set_aside: Vec<SetAside>,
    /// The page draws an image. Without text it is a scan; a page with neither is blank.
    pub has_image: bool,
}

/// A place on a page that leads to a page of the book.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Where a reader clicks.
    pub place: Rect,
    /// The page it leads to, 1-based.
    pub page: u32,
    /// How far below that page's upper edge its target is, in points, where the file says.
    pub top: Option<f32>,
}

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its lines, from the first to the last.
    pub lines: Vec<Line>,
}

/// What a block is. A source says what it knows; rules over the whole book say the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockKind {
    /// Running text.
    Paragraph,
    /// A heading; the level where the source has one, 1 the highest.
    Heading {
        /// Its level.
        level: Option<u8>,
    },
    /// An item of a list.
    ListItem {
        /// How deep its list is nested, 0 for a list by itself.
        depth: u8,
        /// What stands before it as printed: `•`, `3.`.
        marker: String,
    },
    /// Text whose line breaks and blanks are meant: code.
    Preformatted {
        /// The language that a fence names.
        language: Option<String>,
    },
    /// Lines whose ends are meant, in the type of the text: verse, an address.
    Verse,
    /// A quotation set off from the text.
    Quote {
        /// How deep it is nested, from 1.
        depth: u8,
    },
    /// A table; its lines are rows, its cells are separated by a tabulator.
    Table,
    /// What is said of a figure or table.
    Caption,
    /// A note at the page's end.
    Footnote {
        /// Its mark, as printed.
        mark: String,
    },
    /// What stands at the head or foot of many pages.
    RunningHead,
    /// The printed number of the page.
    PageNumber,
    /// A break between scenes: `* * *`, a rule.
    Break,
}

/// One line, as it is printed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Its pieces, each of one style.
    pub spans: Vec<Span>,
    /// Where it is, where that is known.
    pub place: Option<Rect>,
}

/// A piece of a line in one style.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    /// Its text.
    pub text: String,
    /// How it is set.
    pub style: Style,
    /// Where it is, where that is known. A gap wider than a space begins a new span, whose text then begins with
    /// spaces that its place does not include.
    pub place: Option<Rect>,
}

/// How text is set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Style {
    /// Font size in points; 0 where it is not known.
    pub size: f32,
    /// Bold.
    pub bold: bool,
    /// Slanted.
    pub italic: bool,
    /// All letters have one width.
    pub monospace: bool,
    /// Raised above the line: a mark of a note, an exponent.
    pub raised: bool,
    /// How sure a reader by machine is, 0 to 1; 1 where nothing had to be guessed.
    pub confidence: Option<f32>,
}

/// Words that no chapter has, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SetAside {
    /// The page, 1-based.
    pub page: u32,
    /// Why.
    pub reason: SetAsideReason,
    /// The words, as they stand there.
    pub text: String,
}

impl Line {
    /// A line of one style, without a place.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { spans: vec![Span { text: text.into(), ..Span::default() }], place: None }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.push_text(&mut out);
        out
    }

    pub(crate) fn push_text(&self, out: &mut String) {
        for span in &self.spans {
            out.push_str(&span.text);
        }
    }
}

impl From<&SetAside> for bookstate_domain::SetAsideText {
    fn from(of: &SetAside) -> Self {
        let page = i32::try_from(of.page).unwrap_or(i32::MAX);
        Self { page, reason: of.reason, text: of.text.as_str().into() }
    }
}
