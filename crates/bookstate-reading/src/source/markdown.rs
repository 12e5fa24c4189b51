//! Markdown files, block for block: headings, lists, fences to the letter, tables, quotations, notes, the file's head.
//!
//! Invariants: what a Markdown reader shows is in the pieces, once and in order; markup is in none; what looks like an
//! HTML tag and is none is text. The file's head (YAML or TOML between lines of `---` or `+++`) gives facts, and its
//! words are set aside.

use std::collections::HashMap;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use crate::page::{Block, BlockKind, Line, SetAsideReason, Style};

use super::SourceInfo;
use super::document::{Document, Outline};
use super::draft::{InnerLink, Piece, paged, with_notes};
use super::markup::{Inline, Part, Tree, is_html_tag, pieces as html_pieces};

/// Reads a file's text.
pub(super) fn read(text: &str) -> Document {
    let mut reader = Reader::default();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    for event in Parser::new_ext(text, options) {
        reader.event(event);
    }
    reader.flush();
    let mut pieces = with_notes(reader.pieces);
    let outline = Outline::of_headings(&mut pieces);
    let mut info = facts(&reader.head);
    if info.title.is_none() {
        info.title.clone_from(&outline.title);
    }
    let paged = paged(pieces);
    let navigation = outline.entries(&paged.places);
    Document { pages: paged.pages, navigation, info, ..Document::default() }
}

#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    inline: Inline,
    ids: Vec<String>,
    links: Vec<InnerLink>,
    bold: u32,
    italic: u32,
    heading: Option<u8>,
    code: Option<Option<String>>,
    quote: u8,
    /// The next number of each open list, where it has numbers.
    lists: Vec<Option<u64>>,
    marker: Option<String>,
    items: usize,
    note: Option<String>,
    rows: Vec<Line>,
    row: Vec<String>,
    in_cell: bool,
    in_head: bool,
    head: String,
    html: String,
}

impl Reader {
    fn style(&self) -> Style {
        Style { bold: self.bold > 0, italic: self.italic > 0, ..Style::default() }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_head => self.head.push_str(&text),
            Event::Text(text) if self.code.is_some() => self.inline.verbatim(&text, self.style()),
            Event::Text(text) => self.inline.text(&text, self.style()),
            Event::Code(text) => self.inline.text(&text, Style { monospace: true, ..self.style() }),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.inline.text(&text, self.style()),
            Event::InlineHtml(tag) => self.tag(&tag),
            Event::Html(html) => self.html.push_str(&html),
            Event::FootnoteReference(mark) => {
                let style = Style { raised: true, ..self.style() };
                self.inline.text(&mark, style);
                let to = format!("#note {mark}");
                self.links.push(InnerLink { to, text: mark.to_string(), is_note: true, first: false });
            }
            Event::SoftBreak => self.inline.blank(),
            Event::HardBreak => match self.in_cell {
                true => self.inline.blank(),
                false => self.inline.line(),
            },
            Event::Rule => {
                self.flush();
                self.put(vec![Line::plain("* * *")], BlockKind::Break);
            }
            Event::TaskListMarker(done) => self.inline.text(if done { "☑ " } else { "☐ " }, self.style()),
        }
    }

    /// An inline tag: shown as a break, as nothing, or as the text that it is.
    fn tag(&mut self, tag: &str) {
        if tag.starts_with("<!--") {
            self.comment(tag);
        } else if tag.to_ascii_lowercase().starts_with("<br") {
            self.inline.line();
        } else if !is_html_tag(tag) {
            self.inline.text(tag, self.style());
        }
    }

    fn comment(&mut self, text: &str) {
        let words = text.trim_start_matches("<!--").trim_end_matches("-->").trim();
        if words.chars().any(char::is_alphanumeric) {
            self.pieces.push(aside(words, SetAsideReason::Hidden));
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.flush(),
            Tag::Heading { level, id, .. } => {
                self.flush();
                self.heading = Some(level_of(level));
                self.ids.extend(id.map(|id| format!("#{id}")));
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quote = self.quote.saturating_add(1);
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                self.code = Some(match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split([' ', ',', '{']).next().filter(|word| !word.is_empty()).map(str::to_owned)
                    }
                    CodeBlockKind::Indented => None,
                });
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                self.items += 1;
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}.");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "•".to_owned(),
                });
            }
            Tag::FootnoteDefinition(mark) => {
                self.flush();
                self.ids.push(format!("#note {mark}"));
                self.note = Some(mark.to_string());
            }
            Tag::TableCell => {
                self.inline.take();
                self.in_cell = true;
            }
            Tag::Table(_) => self.flush(),
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::MetadataBlock(kind) => {
                self.in_head = true;
                if kind == MetadataBlockKind::PlusesStyle {
                    self.head.push('\n');
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::Heading(_) => {
                self.flush();
                self.heading = None;
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quote = self.quote.saturating_sub(1);
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.code = None;
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                self.items = self.items.saturating_sub(1);
                self.marker = None;
            }
            TagEnd::FootnoteDefinition => {
                self.flush();
                self.note = None;
            }
            TagEnd::TableCell => {
                self.in_cell = false;
                let cell = self.inline.take().iter().map(Line::text).collect::<Vec<_>>().join(" ");
                self.row.push(cell);
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                let row = std::mem::take(&mut self.row);
                self.rows.push(Line::plain(row.join("\t")));
            }
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.rows);
                self.put(rows, BlockKind::Table);
            }
            TagEnd::HtmlBlock => self.html_block(),
            TagEnd::Emphasis => self.italic = self.italic.saturating_sub(1),
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::MetadataBlock(_) => {
                self.in_head = false;
                self.pieces.push(aside(self.head.trim(), SetAsideReason::Metadata));
            }
            _ => {}
        }
    }

    /// A block of HTML: what a reader sees of it.
    fn html_block(&mut self) {
        let html = std::mem::take(&mut self.html);
        let mut rest = html.as_str();
        while let Some((_, after)) = rest.split_once("<!--") {
            let (comment, after) = after.split_once("-->").unwrap_or((after, ""));
            self.comment(comment);
            rest = after;
        }
        let tree = Tree::html(&literal_tags(&html));
        let part =
            Part { tree: &tree, name: "", resolve: |_, href| href.starts_with('#').then(|| href.to_owned()) };
        let found = html_pieces(part).into_iter().filter(|piece| !piece.block.lines.is_empty());
        self.pieces.extend(found);
    }

    fn flush(&mut self) {
        if self.inline.is_empty() {
            // A fence without a line is a fence.
            self.inline.take();
            return;
        }
        let mut lines = self.inline.take();
        let joined = |lines: Vec<Line>| {
            let mut spans = Vec::new();
            for line in lines {
                if let Some(last) = spans.last_mut() {
                    let last: &mut crate::page::Span = last;
                    last.text.push(' ');
                }
                spans.extend(line.spans);
            }
            vec![Line { spans, place: None }]
        };
        // A heading in a quotation is one of what is quoted.
        let kind = if let Some(level) = self.heading.filter(|_| self.quote == 0) {
            lines = joined(lines);
            BlockKind::Heading { level: Some(level) }
        } else if let Some(language) = &self.code {
            BlockKind::Preformatted { language: language.clone() }
        } else if self.items > 0 {
            lines = joined(lines);
            let depth = u8::try_from(self.lists.len().saturating_sub(1)).unwrap_or(u8::MAX);
            BlockKind::ListItem { depth, marker: self.marker.take().unwrap_or_default() }
        } else if lines.len() > 1 {
            BlockKind::Verse
        } else if self.quote > 0 {
            BlockKind::Quote { depth: self.quote }
        } else {
            BlockKind::Paragraph
        };
        self.put(lines, kind);
    }

    fn put(&mut self, lines: Vec<Line>, kind: BlockKind) {
        self.pieces.push(Piece {
            ids: std::mem::take(&mut self.ids),
            links: std::mem::take(&mut self.links),
            note: self.note.clone(),
            ..Piece::new(Block { kind, lines })
        });
    }
}

fn level_of(level: HeadingLevel) -> u8 {
    level as u8
}

fn aside(text: &str, reason: SetAsideReason) -> Piece {
    let lines = text.lines().map(Line::plain).collect();
    Piece { aside: Some(reason), ..Piece::new(Block { kind: BlockKind::Paragraph, lines }) }
}

/// HTML in which what is no tag of HTML is text.
fn literal_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let end = tag.find('>').map_or(tag.len(), |end| end + 1);
        let (head, after) = tag.split_at(end);
        if head.starts_with("<!") || head.starts_with("<?") || is_html_tag(head) {
            out.push_str(head);
        } else {
            out.push_str("&lt;");
            out.push_str(head.get(1..).unwrap_or_default());
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What the head of a file says: `name: value`, `name = "value"`, and lists below a name.
fn facts(head: &str) -> SourceInfo {
    let mut said: HashMap<String, Vec<String>> = HashMap::new();
    let mut name = String::new();
    for line in head.lines() {
        if let Some(item) = line.trim_start().strip_prefix("- ") {
            let item = item.split_once(": ").map_or(item, |(_, value)| value);
            said.entry(name.clone()).or_default().push(unquoted(item));
            continue;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((key, value)) = line.split_once([':', '=']) else { continue };
        name = key.trim().to_lowercase();
        let value = value.trim();
        let list = value.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
        let values: Vec<String> = match list {
            Some(list) => list.split(',').map(unquoted).collect(),
            None => vec![unquoted(value)],
        };
        said.entry(name.clone()).or_default().extend(values.into_iter().filter(|value| !value.is_empty()));
    }
    let all =
        |names: &[&str]| names.iter().find_map(|name| said.get(*name).filter(|values| !values.is_empty()));
    let first = |names: &[&str]| all(names).and_then(|values| values.first().cloned());
    let joined = |names: &[&str], between: &str| all(names).map(|values| values.join(between));
    SourceInfo {
        title: first(&["title"]),
        author: joined(&["author", "authors", "creator"], " and "),
        subject: first(&["subject"]),
        keywords: joined(&["keywords", "tags"], "; "),
        description: first(&["description", "summary", "abstract"]),
        publisher: first(&["publisher"]),
        language: first(&["lang", "language"]),
        isbn: first(&["isbn"]),
        published_year: first(&["date", "year", "published"]).and_then(|date| year_in(&date)),
        ..SourceInfo::default()
    }
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    inner.unwrap_or(value).trim().to_owned()
}

fn year_in(date: &str) -> Option<u16> {
    let mut numbers = date.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() == 4);
    numbers.find_map(|digits| digits.parse().ok()).filter(|year| *year >= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(BlockKind, String)> {
        let pages = read(text).pages;
        let text = |block: &Block| block.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n");
        pages.iter().flat_map(|page| &page.blocks).map(|block| (block.kind.clone(), text(block))).collect()
    }

    #[test]
    fn each_block_is_what_it_is() {
        let found = blocks(
            "# One #\n\nTwo\n===\n\na *b* `c`\nd  \ne\n\n```rust ignore\n# no heading\n\n  x <y>\n```\n\n- i\n  1. j\n\n     k\n\n\
             | a | b |\n|---|---|\n| 1 | `2` |\n\n> q\n\n***\n\n<system>say</system> <b>bold</b>\n\n    indented\n",
        );
        let item = |depth, marker: &str| BlockKind::ListItem { depth, marker: marker.into() };
        let expected = [
            (BlockKind::Heading { level: Some(1) }, "One"),
            (BlockKind::Heading { level: Some(1) }, "Two"),
            (BlockKind::Verse, "a b c d\ne"),
            (BlockKind::Preformatted { language: Some("rust".into()) }, "# no heading\n\n  x <y>"),
            (item(0, "•"), "i"),
            (item(1, "1."), "j"),
            (item(1, ""), "k"),
            (BlockKind::Table, "a\tb\n1\t2"),
            (BlockKind::Quote { depth: 1 }, "q"),
            (BlockKind::Break, "* * *"),
            (BlockKind::Paragraph, "<system>say</system> bold"),
            (BlockKind::Preformatted { language: None }, "indented"),
        ];
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn a_note_stands_behind_what_refers_to_it() {
        let found = blocks("Text[^a] here.\n\nMore.\n\n[^a]: The note.\n\n    Its second paragraph.\n");
        let note = BlockKind::Footnote { mark: "a".into() };
        let expected = [
            (BlockKind::Paragraph, "Texta here."),
            (note.clone(), "The note."),
            (note, "Its second paragraph."),
            (BlockKind::Paragraph, "More."),
        ];
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn the_head_gives_facts_and_is_set_aside() {
        let text = "---\ntitle: \"A: B\"\nauthors:\n  - Ann\n  - Bob\ndate: 2019-05-01\nlang: de\n---\n\n# A: B\n\n## One\n\n#### Deep\n";
        let document = read(text);
        let info = &document.info;
        assert_eq!((info.title.as_deref(), info.author.as_deref()), (Some("A: B"), Some("Ann and Bob")));
        assert_eq!((info.published_year, info.language.as_deref()), (Some(2019), Some("de")));
        assert_eq!(document.pages[0].set_aside[0].reason, SetAsideReason::Metadata);
        let found: Vec<_> = document.navigation.iter().map(|e| (e.title.as_str(), e.level)).collect();
        assert_eq!(found, [("One", 1), ("Deep", 2)]);
    }

    #[test]
    fn comments_are_not_read_and_blocks_of_html_are() {
        let document =
            read("<!-- one two -->\n\n<div>three <em>four</em></div>\n\n<think>\nfive\n</think>\n");
        let page = &document.pages[0];
        assert_eq!(page.set_aside[0].text, "one two");
        let words: Vec<String> = page.plain_text().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["three", "four", "<think>", "five", "</think>"]);
    }
}
