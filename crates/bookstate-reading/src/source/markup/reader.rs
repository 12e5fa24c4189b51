//! The text of a document as blocks: paragraphs, headings, lists, tables, code, notes, and what links to where.
//!
//! Invariants: every word that a reader would see is in exactly one piece, in the document's order; words that a
//! reader would not see are in pieces that say so. The tree is walked, never recursed into.

use crate::page::{Block, BlockKind, Line, SetAsideReason, Style};

use super::super::draft::{InnerLink, Piece};
use super::elements::{
    BLOCKS, List, NO_TEXT, is_data, is_hidden, is_navigation_bar, is_note_list, is_page_break, language_of,
    list_of, numeral,
};
use super::inline::Inline;
use super::tree::{Element, Kind, NodeId, Step, Tree};

/// A document of a book: its tree and how its places are named.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Part<'t> {
    /// The document.
    pub(in crate::source) tree: &'t Tree,
    /// Its name; a place in it is `name#id`.
    pub(in crate::source) name: &'t str,
    /// Which place a link leads to.
    pub(in crate::source) resolve: fn(&str, &str) -> Option<String>,
}

/// The pieces of a document.
pub(in crate::source) fn pieces(part: Part<'_>) -> Vec<Piece> {
    let mut reader = Reader::new(part);
    let mut walk = part.tree.walk(Tree::ROOT);
    while let Some(step) = walk.next() {
        match step {
            Step::Enter(node) => {
                if reader.enter(node) == Visit::Leave {
                    walk.pass_over();
                }
            }
            Step::Leave(node) => reader.leave(node),
        }
    }
    reader.flush();
    if !reader.ids.is_empty() || reader.page.is_some() {
        reader.put(Vec::new(), BlockKind::Paragraph);
    }
    reader.pieces
}

/// Whether what is in a node is read.
#[derive(PartialEq, Eq)]
enum Visit {
    Into,
    Leave,
}

/// A table whose cells are gathered.
struct TableText {
    node: NodeId,
    rows: Vec<Line>,
    row: Vec<String>,
    cell: Option<Inline>,
}

struct Reader<'t> {
    part: Part<'t>,
    pieces: Vec<Piece>,
    inline: Inline,
    ids: Vec<String>,
    links: Vec<InnerLink>,
    page: Option<Option<String>>,
    /// The elements that set a style, each counted.
    bold: u32,
    italic: u32,
    monospace: u32,
    raised: u32,
    preformatted: u32,
    quote: u8,
    caption: u32,
    language: Option<String>,
    heading: Option<u8>,
    lists: Vec<List>,
    /// The marker of the item that has no text yet.
    marker: Option<String>,
    /// How many items are open.
    items: usize,
    table: Option<TableText>,
    /// The note that is open, by the node that it is.
    note: Option<(NodeId, String)>,
    /// Lists of notes that are open: an item of one is a note.
    note_lists: usize,
    /// Links that are open, with what they are.
    open_links: Vec<InnerLink>,
}

impl<'t> Reader<'t> {
    fn new(part: Part<'t>) -> Self {
        Self {
            part,
            pieces: Vec::new(),
            inline: Inline::default(),
            ids: vec![part.name.to_owned()],
            links: Vec::new(),
            page: None,
            bold: 0,
            italic: 0,
            monospace: 0,
            raised: 0,
            preformatted: 0,
            quote: 0,
            caption: 0,
            language: None,
            heading: None,
            lists: Vec::new(),
            marker: None,
            items: 0,
            table: None,
            note: None,
            note_lists: 0,
            open_links: Vec::new(),
        }
    }

    fn style(&self) -> Style {
        Style {
            bold: self.bold > 0,
            italic: self.italic > 0,
            monospace: self.monospace > 0 || self.preformatted > 0,
            raised: self.raised > 0,
            ..Style::default()
        }
    }

    fn text(&mut self, text: &str) {
        let style = self.style();
        for link in &mut self.open_links {
            link.text.push_str(text);
        }
        if let Some(cell) = self.table.as_mut().and_then(|table| table.cell.as_mut()) {
            cell.text(text, style);
        } else if self.preformatted > 0 {
            self.inline.verbatim(text, style);
        } else {
            self.inline.text(text, style);
        }
    }

    fn in_cell(&self) -> bool {
        self.table.as_ref().is_some_and(|table| table.cell.is_some())
    }

    /// Ends the block that is open.
    fn flush(&mut self) {
        if let Some(cell) = self.table.as_mut().and_then(|table| table.cell.as_mut()) {
            cell.blank();
            return;
        }
        if self.inline.is_empty() {
            self.inline.take();
            return;
        }
        let mut lines = self.inline.take();
        // A heading in a quotation is one of what is quoted.
        let kind = if let Some(level) = self.heading.filter(|_| self.quote == 0) {
            lines = vec![joined(lines)];
            BlockKind::Heading { level: Some(level) }
        } else if self.preformatted > 0 {
            BlockKind::Preformatted { language: self.language.clone() }
        } else if self.caption > 0 {
            lines = vec![joined(lines)];
            BlockKind::Caption
        } else if self.items > 0 {
            lines = vec![joined(lines)];
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
        let block = Block { kind, lines };
        self.pieces.push(Piece {
            ids: std::mem::take(&mut self.ids),
            links: std::mem::take(&mut self.links),
            page: self.page.take(),
            note: self.note.as_ref().map(|(_, name)| name.clone()),
            ..Piece::new(block)
        });
    }

    /// Words that are not read.
    fn aside(&mut self, node: NodeId, reason: SetAsideReason) {
        let text = self.part.tree.text(node);
        if text.chars().any(char::is_alphanumeric) {
            self.flush();
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let block = Block { kind: BlockKind::Paragraph, lines: vec![Line::plain(words)] };
            self.pieces.push(Piece { aside: Some(reason), ..Piece::new(block) });
        }
    }

    fn enter(&mut self, node: NodeId) -> Visit {
        let tree = self.part.tree;
        let element = match tree.kind(node) {
            Kind::Text(text) => {
                self.text(text);
                return Visit::Leave;
            }
            Kind::Other => return Visit::Into,
            Kind::Element(element) => element,
        };
        let name = element.name();
        if NO_TEXT.contains(&name) {
            return Visit::Leave;
        }
        if is_hidden(element) {
            self.aside(node, SetAsideReason::Hidden);
            return Visit::Leave;
        }
        if is_navigation_bar(tree, node) {
            self.aside(node, SetAsideReason::RunningHead);
            return Visit::Leave;
        }
        if BLOCKS.contains(&name) {
            self.flush();
        }
        for id in ["id", "name"].into_iter().filter(|n| *n == "id" || name == "a") {
            if let Some(id) = element.attribute(id) {
                self.ids.push(format!("{}#{id}", self.part.name));
            }
        }
        if is_page_break(element) {
            self.page_break(node, element);
            return Visit::Leave;
        }
        self.open_note(node, element);
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.heading = name.get(1..).and_then(|level| level.parse().ok());
            }
            "b" | "strong" => self.bold += 1,
            "i" | "em" | "cite" | "var" | "dfn" => self.italic += 1,
            "code" | "kbd" | "samp" | "tt" => self.monospace += 1,
            "sup" => self.raised += 1,
            "pre" | "listing" | "xmp" | "plaintext" => {
                self.preformatted += 1;
                self.language = language_of(tree, node);
            }
            "blockquote" => self.quote = self.quote.saturating_add(1),
            "figcaption" | "caption" => self.caption += 1,
            "rt" => self.text("("),
            "br" => self.line_break(),
            "hr" => self.put(vec![Line::plain("* * *")], BlockKind::Break),
            "ul" | "ol" | "menu" | "dir" => self.lists.push(list_of(element)),
            "li" => self.item(element),
            "a" => self.open_link(element),
            "img" | "image" => self.image(element),
            "table" if self.table.is_none() && is_data(tree, node) => {
                self.table = Some(TableText { node, rows: Vec::new(), row: Vec::new(), cell: None });
            }
            "td" | "th" => {
                if let Some(table) = &mut self.table
                    && table.cell.is_none()
                {
                    table.cell = Some(Inline::default());
                }
            }
            _ => {}
        }
        Visit::Into
    }

    fn leave(&mut self, node: NodeId) {
        let Some(element) = self.part.tree.element(node) else { return };
        let name = element.name();
        if NO_TEXT.contains(&name) || is_hidden(element) || is_page_break(element) {
            return;
        }
        if BLOCKS.contains(&name) && !matches!(name, "td" | "th") {
            self.flush();
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading = None,
            "b" | "strong" => self.bold = self.bold.saturating_sub(1),
            "i" | "em" | "cite" | "var" | "dfn" => self.italic = self.italic.saturating_sub(1),
            "code" | "kbd" | "samp" | "tt" => self.monospace = self.monospace.saturating_sub(1),
            "sup" => self.raised = self.raised.saturating_sub(1),
            "pre" | "listing" | "xmp" | "plaintext" => {
                self.preformatted = self.preformatted.saturating_sub(1)
            }
            "blockquote" => self.quote = self.quote.saturating_sub(1),
            "figcaption" | "caption" => self.caption = self.caption.saturating_sub(1),
            "rt" => self.text(")"),
            "ul" | "ol" | "menu" | "dir" => {
                self.lists.pop();
            }
            "li" => {
                self.items = self.items.saturating_sub(1);
                self.marker = None;
            }
            "a" if element.attribute("href").is_some() => {
                let link = self.open_links.pop();
                self.raised = self.raised.saturating_sub(u32::from(link.as_ref().is_some_and(|l| l.is_note)));
                self.links.extend(link);
            }
            "td" | "th" | "tr" | "table" => self.leave_table(node, name),
            _ => {}
        }
        if self.note.as_ref().is_some_and(|(open, _)| *open == node) {
            self.flush();
            self.note = None;
        }
        if is_note_list(element) {
            self.note_lists = self.note_lists.saturating_sub(1);
        }
    }

    fn leave_table(&mut self, node: NodeId, name: &str) {
        let Some(table) = &mut self.table else { return };
        match name {
            "td" | "th" => {
                if let Some(mut cell) = table.cell.take() {
                    let text = cell.take().iter().map(Line::text).collect::<Vec<_>>().join(" ");
                    table.row.push(text);
                }
            }
            "tr" => {
                let row = std::mem::take(&mut table.row);
                if row.iter().any(|cell| !cell.is_empty()) {
                    table.rows.push(Line::plain(row.join("\t")));
                }
            }
            _ if table.node == node => {
                let rows = self.table.take().map(|table| table.rows).unwrap_or_default();
                if !rows.is_empty() {
                    self.put(rows, BlockKind::Table);
                }
            }
            _ => {}
        }
    }

    fn line_break(&mut self) {
        if self.in_cell() {
            self.flush();
        } else if self.inline.at_new_line() && self.preformatted == 0 {
            // Two of them separate paragraphs.
            self.flush();
        } else if !self.inline.is_empty() || self.preformatted > 0 {
            self.inline.line();
        }
        for link in &mut self.open_links {
            link.text.push(' ');
        }
    }

    fn item(&mut self, element: &Element) {
        self.items += 1;
        let mut marker = "•".to_owned();
        if let Some(list) = self.lists.last_mut()
            && list.ordered
        {
            if let Some(value) = element.attribute("value").and_then(|value| value.trim().parse().ok()) {
                list.next = value;
            }
            marker = format!("{}.", numeral(list.next, list.kind));
            list.next = list.next.saturating_add(1);
        }
        self.marker = Some(marker);
    }

    fn open_link(&mut self, element: &Element) {
        let Some(href) = element.attribute("href") else { return };
        let is_note = element.has_word("type", &["noteref"]) || element.has_word("role", &["doc-noteref"]);
        let to = (self.part.resolve)(self.part.name, href).unwrap_or_default();
        let first = self.inline.is_empty() && !self.in_cell();
        // The mark of a note is one, however it is set.
        self.raised += u32::from(is_note);
        self.open_links.push(InnerLink { to, text: String::new(), is_note, first });
    }

    /// A picture of one letter at a paragraph's beginning is that letter.
    fn image(&mut self, element: &Element) {
        let alt = element.attribute("alt").unwrap_or_default().trim();
        let mut chars = alt.chars();
        if let (Some(letter), None) = (chars.next(), chars.next())
            && letter.is_alphabetic()
            && self.inline.is_empty()
        {
            self.text(alt);
        }
    }

    fn page_break(&mut self, node: NodeId, element: &Element) {
        let inner = self.part.tree.text(node);
        let label = ["title", "aria-label"].into_iter().find_map(|name| element.attribute(name));
        let label = label.map(str::trim).filter(|label| !label.is_empty());
        let label = label.or(Some(inner.trim()).filter(|text| !text.is_empty()));
        let label = label.map(|label| label.rsplit(' ').next().unwrap_or(label).trim_matches('.').to_owned());
        if let Some(label) = label {
            // In the middle of a block: the page begins with the next one.
            self.page = Some(Some(label));
        }
        if inner.chars().any(char::is_alphanumeric) {
            let block = Block { kind: BlockKind::Paragraph, lines: vec![Line::plain(inner.trim())] };
            self.pieces.push(Piece { aside: Some(SetAsideReason::PageNumber), ..Piece::new(block) });
        }
    }

    fn open_note(&mut self, node: NodeId, element: &Element) {
        let word = |words: &[&str], roles: &[&str]| {
            element.has_word("type", words) || element.has_word("role", roles)
        };
        let is_note = word(&["footnote", "endnote", "rearnote", "note"], &["doc-footnote", "doc-endnote"]);
        let in_list = self.note_lists > 0 && element.name() == "li";
        if self.note.is_none() && (is_note || in_list) && BLOCKS.contains(&element.name()) {
            self.note = Some((node, format!("{}#{node}", self.part.name)));
        }
        if is_note_list(element) {
            self.note_lists += 1;
        }
    }
}

fn joined(lines: Vec<Line>) -> Line {
    let mut out = Line::default();
    for line in lines.into_iter().filter(|line| !line.spans.is_empty()) {
        if let Some(last) = out.spans.last_mut() {
            last.text.push(' ');
        }
        out.spans.extend(line.spans);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(html: &str) -> Vec<(BlockKind, String)> {
        let tree = Tree::html(html);
        let part = Part { tree: &tree, name: "a", resolve: |name, href| Some(format!("{name}{href}")) };
        let text = |block: &Block| block.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n");
        pieces(part)
            .iter()
            .filter(|p| !p.block.lines.is_empty())
            .map(|p| (p.block.kind.clone(), text(&p.block)))
            .collect()
    }

    fn item(depth: u8, marker: &str, text: &str) -> (BlockKind, String) {
        (BlockKind::ListItem { depth, marker: marker.into() }, text.into())
    }

    #[test]
    fn each_block_is_what_it_is() {
        let found = blocks(
            "<title>no</title><h2>A <i>b</i><br>c</h2><p>one\n two&nbsp;three<p>line<br>line<pre><code class='language-sh'>\n# x\n\n  y\n</code></pre>\
             <blockquote><p>quoted</blockquote><hr><script>no</script>loose",
        );
        let expected = [
            (BlockKind::Heading { level: Some(2) }, "A b c"),
            (BlockKind::Paragraph, "one two three"),
            (BlockKind::Verse, "line\nline"),
            (BlockKind::Preformatted { language: Some("sh".into()) }, "# x\n\n  y"),
            (BlockKind::Quote { depth: 1 }, "quoted"),
            (BlockKind::Break, "* * *"),
            (BlockKind::Paragraph, "loose"),
        ];
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn lists_are_numbered_and_nested_as_they_are_shown() {
        let found = blocks("<ol start=3 type=i><li>a<ul><li>b<p>c</ul><li value=9>d</ol><ul><li><p>e</ul>");
        let expected = [
            item(0, "iii.", "a"),
            item(1, "•", "b"),
            item(1, "", "c"),
            item(0, "ix.", "d"),
            item(0, "•", "e"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_table_of_values_is_one_and_a_table_for_the_layout_is_none() {
        let found = blocks("<table><caption>T</caption><tr><th>a<th>b<tr><td>1<p>x</p><td></table>");
        assert_eq!(
            found,
            [(BlockKind::Caption, "T".to_owned()), (BlockKind::Table, "a\tb\n1 x\t".to_owned())]
        );
        let found = blocks("<table><tr><td><h1>T</h1><p>text<td>side</table>");
        assert_eq!(found.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>(), ["T", "text", "side"]);
    }

    #[test]
    fn what_nobody_sees_is_said_to_be_so() {
        let tree = Tree::html("<p>one</p><p style='display: none'>two</p><div hidden><b>three</b></div>four");
        let part = Part { tree: &tree, name: "a", resolve: |_, _| None };
        let found = pieces(part);
        let aside: Vec<_> =
            found.iter().filter(|p| p.aside.is_some()).map(|p| p.block.lines[0].text()).collect();
        assert_eq!(aside, ["two", "three"]);
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_bar_of_links_is_no_text_and_a_sentence_with_links_is() {
        let bar = "<div><p>Next: <a rel=next href=#b>Lists of all kinds</a>, Up: <a rel=up href=#a>Top</a> \
                   [<a rel=contents href=#c>Contents</a>]</p></div>";
        let said = "<p>See <a rel=next href=#b>the next part</a> and <a rel=prev href=#a>the one before</a>, where \
                    all of this is explained at some length and with examples.</p>";
        // A section that is shorter than its bar.
        let short = "<div><p><a rel=prev href=#a>Back</a> <a rel=up href=#a>Up</a></p><p>Short.</p></div>";
        let html = format!("{bar}<h2>One</h2>{said}<p><a rel=next href=#b>Next</a></p>{short}");
        let tree = Tree::html(&html);
        let part = Part { tree: &tree, name: "a", resolve: |_, _| None };
        let found = pieces(part);
        let text = |aside: Option<SetAsideReason>| -> Vec<String> {
            let those = found.iter().filter(|piece| piece.aside == aside && !piece.block.lines.is_empty());
            those.map(|piece| piece.block.lines[0].text()).collect()
        };
        let heads = text(Some(SetAsideReason::RunningHead));
        assert_eq!(heads, ["Next: Lists of all kinds, Up: Top [Contents]", "Back Up"]);
        let read = text(None);
        assert_eq!((read[0].as_str(), &read[2..]), ("One", &["Next".to_owned(), "Short.".to_owned()][..]));
    }

    #[test]
    fn a_break_of_the_page_has_its_label() {
        let tree = Tree::xml(
            "<body xmlns:epub='e'><p>a</p><span epub:type='pagebreak' id='p1' title='xii'/><p>b</p></body>",
        );
        let part = Part { tree: &tree, name: "a", resolve: |_, _| None };
        let found = pieces(part);
        assert_eq!(found[1].page, Some(Some("xii".to_owned())));
        assert_eq!(found[1].ids, ["a#p1"]);
    }
}
