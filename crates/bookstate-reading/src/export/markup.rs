//! Sections as elements of HTML that are well-formed XML, too: for the one-file export and for EPUB.
//!
//! Invariants: every word of a section is in one element, in order; ids are unique in a book; a note refers back to its
//! mark.

use bookstate_domain::LayoutKind;

use super::escape::xml;
use super::{
    block::{ContentBlock, Run},
    content::{DEEPEST, Placed, Section},
};

/// Which kind of document the elements are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// HTML, which has roles only.
    Html,
    /// EPUB, whose types say the same once more.
    Epub,
}

impl Dialect {
    fn typed(self, role: &str, epub: &str) -> String {
        match self {
            Self::Html => format!(" role=\"{role}\""),
            Self::Epub => format!(" epub:type=\"{epub}\" role=\"{role}\""),
        }
    }
}

/// How exports look; small, so that a reader's own settings prevail.
pub(super) const STYLE: &str = "\
p.caption { font-size: .9em; text-align: center }
p.verse { margin-left: 1.5em }
pre { white-space: pre-wrap }
table { border-collapse: collapse }
td { border: 1px solid; padding: .2em .5em; vertical-align: top }
ul.plain { list-style: none }
aside { font-size: .9em }
figure { margin: 1em 0; text-align: center }
figure img { max-width: 100% }
";

/// A section with the id `s{n}`; the headings of sections of level 1 have `top`.
pub(super) fn section(section: &Section<'_>, n: usize, top: usize, dialect: Dialect) -> String {
    let level = (section.level - 1 + top).min(DEEPEST);
    let mut out = format!("<section id=\"s{n}\">\n");
    if let Some(heading) = &section.heading {
        out.push_str(&format!("<h{level}>{}</h{level}>\n", xml(heading)));
    }
    let mut nesting = Nesting::default();
    let mut figures = section.figures.iter().peekable();
    for (i, block) in section.blocks.iter().enumerate() {
        while let Some(placed) = figures.next_if(|placed| placed.before <= i) {
            nesting.end(&mut out);
            out.push_str(&figure(placed));
        }
        let text = || inline(block, section, n, dialect);
        nesting.prepare(&mut out, &block.kind);
        match &*block.kind {
            LayoutKind::Heading(own) => {
                let level = Section::heading_level(level, *own);
                out.push_str(&format!("<h{level}>{}</h{level}>\n", text()));
            }
            LayoutKind::Code { language } => {
                let class =
                    language.as_deref().map(|language| format!(" class=\"language-{}\"", xml(language)));
                // A first line feed would not be shown.
                let line = if block.text.starts_with('\n') { "\n" } else { "" };
                out.push_str(&format!(
                    "<pre><code{}>{line}{}</code></pre>\n",
                    class.unwrap_or_default(),
                    text()
                ));
            }
            LayoutKind::Verse => out.push_str(&format!("<p class=\"verse\">{}</p>\n", verse(&text()))),
            LayoutKind::Table => out.push_str(&table(&text())),
            LayoutKind::Caption => out.push_str(&format!("<p class=\"caption\">{}</p>\n", text())),
            LayoutKind::Break if !block.text.contains(char::is_alphanumeric) => out.push_str("<hr/>\n"),
            LayoutKind::Item { marker, .. } => {
                let text = text();
                let shown = nesting.is_numbered() || &**marker == "•" || marker.is_empty();
                let text = match text.strip_prefix(xml(marker).as_str()) {
                    Some(rest) if shown => rest.trim_start(),
                    _ => &text,
                };
                nesting.item(&mut out, marker, text);
            }
            _ => out.push_str(&format!("<p>{}</p>\n", text())),
        }
    }
    nesting.end(&mut out);
    out.extend(figures.map(figure));
    let unreferred: Vec<usize> = section.unreferred().collect();
    for (i, note) in section.notes.iter().enumerate() {
        let id = i + 1;
        out.push_str(&format!("<aside id=\"s{n}n{id}\"{}>", dialect.typed("doc-footnote", "footnote")));
        let mark = xml(&note.mark);
        for (k, paragraph) in note.text.split("\n\n").enumerate() {
            let mark = match k {
                0 if unreferred.contains(&i) => format!("{mark} "),
                0 => format!("<a href=\"#s{n}r{id}\" role=\"doc-backlink\">{mark}</a> "),
                _ => String::new(),
            };
            out.push_str(&format!("<p>{mark}{}</p>", xml(paragraph)));
        }
        out.push_str("</aside>\n");
    }
    out.push_str("</section>\n");
    out
}

/// The name of a picture's file.
pub(super) fn figure_name(nth: usize) -> String {
    format!("figure-{:04}.jpg", nth + 1)
}

fn figure(placed: &Placed) -> String {
    let (name, page) = (figure_name(placed.nth), placed.page);
    format!("<figure><img src=\"{name}\" alt=\"Page {page}\"/></figure>\n")
}

fn inline(block: &ContentBlock<'_>, section: &Section<'_>, n: usize, dialect: Dialect) -> String {
    let mut out = String::new();
    for run in block.runs() {
        match run {
            Run::Text(text) => out.push_str(&xml(text)),
            Run::Reference(note) => {
                let mark = section.notes.get(note).map(|note| xml(&note.mark)).unwrap_or_default();
                let id = note + 1;
                let typed = dialect.typed("doc-noteref", "noteref");
                out.push_str(&format!(
                    "<a id=\"s{n}r{id}\" href=\"#s{n}n{id}\"{typed}><sup>{mark}</sup></a>"
                ));
            }
        }
    }
    out
}

/// Lines whose ends and indents are meant.
fn verse(text: &str) -> String {
    let line = |line: &str| {
        let ink = line.trim_start();
        let indent = "&#160;".repeat(line.chars().count() - ink.chars().count());
        format!("{indent}{}", ink.trim_end())
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("<br/>\n")
}

fn table(text: &str) -> String {
    let row = |row: &str| {
        let cells = row.split('\t').map(|cell| format!("<td>{cell}</td>"));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    format!("<table><tbody>\n{}</tbody></table>\n", text.split('\n').map(row).collect::<String>())
}

/// The lists and quotations that are open.
#[derive(Default)]
struct Nesting {
    lists: Vec<Numbering>,
    quotes: usize,
}

/// What stands before the items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// A number, by the list itself.
    Number,
    /// A bullet, by the list itself.
    Bullet,
    /// What the text has.
    Own,
}

fn number(marker: &str) -> Option<u32> {
    marker.strip_suffix('.').and_then(|digits| digits.parse().ok()).filter(|number| *number < 1_000_000_000)
}

impl Nesting {
    /// Ends what does not go on with a block of this kind, and begins what does.
    fn prepare(&mut self, out: &mut String, kind: &LayoutKind) {
        let quotes = match kind {
            LayoutKind::Quote(depth) => usize::from(*depth).clamp(1, 32),
            _ => 0,
        };
        let LayoutKind::Item { depth, marker } = kind else {
            self.end_lists(out, 0);
            while self.quotes > quotes {
                out.push_str("</blockquote>\n");
                self.quotes -= 1;
            }
            while self.quotes < quotes {
                out.push_str("<blockquote>\n");
                self.quotes += 1;
            }
            return;
        };
        if self.quotes > 0 {
            out.push_str(&"</blockquote>\n".repeat(self.quotes));
            self.quotes = 0;
        }
        if marker.is_empty() && !self.lists.is_empty() {
            return;
        }
        let numbering = match number(marker) {
            Some(_) => Numbering::Number,
            None if &**marker == "•" => Numbering::Bullet,
            None => Numbering::Own,
        };
        let depth = usize::from(*depth).min(32) + 1;
        self.end_lists(out, depth);
        if self.lists.len() == depth && self.lists.last() != Some(&numbering) {
            self.end_lists(out, depth - 1);
        }
        if self.lists.len() < depth {
            out.push_str(match numbering {
                Numbering::Number => "<ol>\n",
                Numbering::Bullet => "<ul>\n",
                Numbering::Own => "<ul class=\"plain\">\n",
            });
            self.lists.push(numbering);
        } else {
            out.push_str("</li>\n");
        }
    }

    /// The marker is the list's own.
    fn is_numbered(&self) -> bool {
        self.lists.last() == Some(&Numbering::Number)
    }

    /// The item stays open: a list may be in it.
    fn item(&mut self, out: &mut String, marker: &str, text: &str) {
        if marker.is_empty() && !self.lists.is_empty() {
            out.push_str(&format!("<p>{text}</p>\n"));
            return;
        }
        let value = number(marker).filter(|_| self.is_numbered());
        let value = value.map(|number| format!(" value=\"{number}\"")).unwrap_or_default();
        out.push_str(&format!("<li{value}><p>{text}</p>\n"));
    }

    fn end_lists(&mut self, out: &mut String, depth: usize) {
        while self.lists.len() > depth {
            let list = self.lists.pop();
            out.push_str(if list == Some(Numbering::Number) { "</li>\n</ol>\n" } else { "</li>\n</ul>\n" });
        }
    }

    fn end(&mut self, out: &mut String) {
        self.end_lists(out, 0);
        out.push_str(&"</blockquote>\n".repeat(std::mem::take(&mut self.quotes)));
    }
}

/// An entry of a list of contents.
pub(super) struct ContentsLine {
    /// What it says.
    pub(super) name: String,
    /// 1 is the highest.
    pub(super) level: usize,
    /// Where it leads.
    pub(super) to: String,
}

/// A list of contents as nested lists.
pub(super) fn contents(lines: &[ContentsLine]) -> String {
    let mut out = String::new();
    let mut open: Vec<usize> = Vec::new();
    for line in lines {
        while open.len() > 1 && open.last().is_some_and(|level| *level > line.level) {
            open.pop();
            out.push_str("</li>\n</ol>\n");
        }
        match open.last_mut() {
            Some(level) if *level >= line.level => {
                *level = line.level;
                out.push_str("</li>\n");
            }
            _ => {
                open.push(line.level);
                out.push_str("<ol>\n");
            }
        }
        out.push_str(&format!("<li><a href=\"{}\">{}</a>", line.to, xml(&line.name)));
    }
    out.push_str(&"</li>\n</ol>\n".repeat(open.len()));
    out
}
