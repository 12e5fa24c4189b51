//! Markdown as the blocks that the handbook can set.
//!
//! Everything that pulldown-cmark may give has a place here or is left out on purpose (HTML, pictures).
//! Characters that the standard fonts lack are spelt out or are an error. Nothing is placed on a page here.

use anyhow::{anyhow, bail};
use bookstate_tests::typeset::plain_text;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A stretch of text of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) code: bool,
}

/// The text of a paragraph, heading or cell.
pub(super) type Inline = Vec<Span>;

/// A block of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Heading {
        level: u32,
        title: Inline,
    },
    Paragraph(Inline),
    Code(Vec<String>),
    Quote(Vec<Block>),
    /// Items, numbered from `first` if it is there.
    List {
        first: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    Table {
        header: Vec<Inline>,
        rows: Vec<Vec<Inline>>,
    },
    Rule,
}

/// The text of a title without its looks.
pub(super) fn text_of(inline: &Inline) -> String {
    inline.iter().map(|span| span.text.as_str()).collect()
}

/// The blocks of a Markdown file, which begins with a heading of level 1: it becomes a chapter.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Block>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader { events: Parser::new_ext(text, options), bold: 0, italic: 0, links: Vec::new() };
    let blocks = reader.blocks()?;
    match blocks.first() {
        Some(Block::Heading { level: 1, .. }) => Ok(blocks),
        _ => bail!("a chapter begins with a heading of level 1 (`# Title`)"),
    }
}

/// Makes every heading one level lower, down to the lowest that Markdown has.
pub(super) fn lower_headings(blocks: &mut [Block]) {
    for block in blocks {
        if let Block::Heading { level, .. } = block {
            *level = (*level + 1).min(6);
        }
    }
}

struct Reader<'a> {
    events: Parser<'a>,
    /// How many emphases are open.
    bold: u32,
    italic: u32,
    /// Where the open links lead.
    links: Vec<String>,
}

impl Reader<'_> {
    /// The blocks up to the end of what is open, which is read too.
    fn blocks(&mut self) -> anyhow::Result<Vec<Block>> {
        let mut blocks = Vec::new();
        // Text that stands in an item without a paragraph around it.
        let mut loose = Inline::new();
        while let Some(event) = self.events.next() {
            let block = match event {
                Event::Start(Tag::Paragraph) => Some(Block::Paragraph(self.inline()?)),
                Event::Start(Tag::Heading { level, .. }) => {
                    Some(Block::Heading { level: level as u32, title: self.inline()? })
                }
                Event::Start(Tag::CodeBlock(_)) => Some(self.code()?),
                Event::Start(Tag::BlockQuote(_)) => Some(Block::Quote(self.blocks()?)),
                Event::Start(Tag::List(first)) => Some(self.list(first)?),
                Event::Start(Tag::Table(_)) => Some(self.table()?),
                Event::Start(Tag::HtmlBlock) => {
                    self.inline()?;
                    None
                }
                Event::Rule => Some(Block::Rule),
                event => {
                    if self.inline_event(event, &mut loose)? {
                        break;
                    }
                    continue;
                }
            };
            if !loose.is_empty() {
                blocks.push(Block::Paragraph(std::mem::take(&mut loose)));
            }
            blocks.extend(block);
        }
        if !loose.is_empty() {
            blocks.push(Block::Paragraph(loose));
        }
        Ok(blocks)
    }

    /// The text up to the end of the block that is open.
    fn inline(&mut self) -> anyhow::Result<Inline> {
        let mut inline = Inline::new();
        while let Some(event) = self.events.next() {
            if self.inline_event(event, &mut inline)? {
                break;
            }
        }
        Ok(inline)
    }

    /// Takes one event of a text; true when it ends the block.
    fn inline_event(&mut self, event: Event<'_>, inline: &mut Inline) -> anyhow::Result<bool> {
        match event {
            Event::Text(text) => self.push(&text, false, inline)?,
            Event::Code(text) => self.push(&text, true, inline)?,
            Event::SoftBreak | Event::HardBreak => self.push(" ", false, inline)?,
            Event::Start(Tag::Strong) => self.bold += 1,
            Event::Start(Tag::Emphasis) => self.italic += 1,
            Event::Start(Tag::Link { dest_url, .. }) => self.links.push(dest_url.into_string()),
            Event::End(TagEnd::Strong) => self.bold = self.bold.saturating_sub(1),
            Event::End(TagEnd::Emphasis) => self.italic = self.italic.saturating_sub(1),
            Event::End(TagEnd::Link) => {
                let target = self.links.pop().unwrap_or_default();
                // On paper a link to the web is its address; one to another chapter is its text.
                if target.starts_with("http") && !text_of(inline).ends_with(&target) {
                    self.push(&format!(" ({target})"), false, inline)?;
                }
            }
            Event::End(TagEnd::Strikethrough | TagEnd::Image) => {}
            Event::End(_) => return Ok(true),
            // Other starts (pictures, struck text) keep their text; HTML, footnotes and mathematics are left
            // out.
            _ => {}
        }
        Ok(false)
    }

    fn push(&self, text: &str, code: bool, inline: &mut Inline) -> anyhow::Result<()> {
        let text = spelt(text)?;
        let (bold, italic) = (self.bold > 0, self.italic > 0);
        match inline.last_mut() {
            Some(last) if (last.bold, last.italic, last.code) == (bold, italic, code) => {
                last.text.push_str(&text)
            }
            _ => inline.push(Span { text, bold, italic, code }),
        }
        Ok(())
    }

    fn code(&mut self) -> anyhow::Result<Block> {
        let mut code = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::Text(text) => code.push_str(&spelt(&text)?),
                Event::End(_) => break,
                _ => {}
            }
        }
        Ok(Block::Code(code.trim_end().lines().map(str::to_owned).collect()))
    }

    fn list(&mut self, first: Option<u64>) -> anyhow::Result<Block> {
        let mut items = Vec::new();
        while let Some(event) = self.events.next() {
            match event {
                Event::Start(Tag::Item) => items.push(self.blocks()?),
                Event::End(TagEnd::List(_)) => break,
                _ => {}
            }
        }
        Ok(Block::List { first, items })
    }

    fn table(&mut self) -> anyhow::Result<Block> {
        let (mut header, mut rows, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(event) = self.events.next() {
            match event {
                Event::Start(Tag::TableCell) => cells.push(self.inline()?),
                Event::End(TagEnd::TableHead) => header = std::mem::take(&mut cells),
                Event::End(TagEnd::TableRow) => rows.push(std::mem::take(&mut cells)),
                Event::End(TagEnd::Table) => break,
                _ => {}
            }
        }
        Ok(Block::Table { header, rows })
    }
}

fn spelt(text: &str) -> anyhow::Result<String> {
    plain_text(text).map_err(|c| {
        anyhow!(
            "the standard fonts have no glyph for {c:?} (U+{:04X}); write it in another way",
            u32::from(c)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        Span { text: text.to_owned(), bold: false, italic: false, code: false }
    }

    #[test]
    fn every_kind_of_block_is_read() {
        let text = "# T `c`\n\na *b* **c**\nd [e](f.md) [g](http://h)\n\n- one\n  1. two\n- three\n\n\
                    ```sh\nx  y\n\nz\n```\n\n> q\n\n| A | B |\n|---|---|\n| 1 | `2` |\n\n\
                    ---\n<div>no</div>\n";
        let paragraph = |text: &str| Block::Paragraph(vec![span(text)]);
        let code = |text: &str| Span { code: true, ..span(text) };
        let expected = [
            Block::Heading { level: 1, title: vec![span("T "), code("c")] },
            Block::Paragraph(vec![
                span("a "),
                Span { italic: true, ..span("b") },
                span(" "),
                Span { bold: true, ..span("c") },
                span(" d e g (http://h)"),
            ]),
            Block::List {
                first: None,
                items: vec![
                    vec![
                        paragraph("one"),
                        Block::List { first: Some(1), items: vec![vec![paragraph("two")]] },
                    ],
                    vec![paragraph("three")],
                ],
            },
            Block::Code(vec!["x  y".into(), String::new(), "z".into()]),
            Block::Quote(vec![paragraph("q")]),
            Block::Table {
                header: vec![vec![span("A")], vec![span("B")]],
                rows: vec![vec![vec![span("1")], vec![code("2")]]],
            },
            Block::Rule,
        ];
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn lowered_headings_are_one_level_lower() {
        let mut blocks = parse("# One\n\nText.\n\n###### Six\n").unwrap();
        lower_headings(&mut blocks);
        let levels: Vec<_> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::Heading { level, .. } => Some(*level),
                _ => None,
            })
            .collect();
        assert_eq!(levels, [2, 6]);
    }

    #[test]
    fn a_file_without_a_title_is_refused() {
        assert!(parse("text\n").is_err());
        assert!(parse("## deep\n").is_err());
    }
}
