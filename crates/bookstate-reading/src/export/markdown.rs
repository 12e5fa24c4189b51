//! A book as one Markdown file that a reader of Markdown shows as the book reads.
//!
//! Invariants: what is text in the book is text in the file (what could be markup is escaped); fences hold what they
//! held; a number of a list is the printed one; each note is a footnote, or, where nothing refers to it, a paragraph.

use bookstate_domain::{BookState, LayoutKind};

use super::escape::{Place, escaped};
use super::{
    block::{ContentBlock, Run},
    content::{Above, Content, DEEPEST, Section, content},
};
use crate::page::fence;

/// A book as one Markdown file. A book without chapters (no job of the standard variant has finished) is its pages'
/// texts; a book of which nothing is known is empty.
#[must_use]
pub fn markdown(state: &BookState) -> String {
    let content = content(state, Above::Title);
    let mut out = Blocks::default();
    if state.book().is_some() {
        front(&mut out, &content);
    }
    let mut labels = 0;
    for section in &content.sections {
        add_section(&mut out, section, labels);
        labels += section.notes.len();
    }
    out.text
}

/// Blocks with an empty line between them.
#[derive(Default)]
struct Blocks {
    text: String,
}

impl Blocks {
    fn put(&mut self, block: &str) {
        if !block.trim().is_empty() {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.line(block);
        }
    }

    /// Right below what stands there.
    fn line(&mut self, block: &str) {
        self.text.push_str(block);
        self.text.push('\n');
    }
}

fn front(out: &mut Blocks, content: &Content<'_>) {
    out.put(&format!("# {}", escaped(content.title, Place::Heading)));
    if let Some(subtitle) = content.subtitle.map(str::trim).filter(|text| !text.is_empty()) {
        out.put(&format!("*{}*", escaped(subtitle, Place::Inside)));
    }
    if !content.authors.is_empty() {
        out.put(&format!("by {}", escaped(&content.authors.join(", "), Place::Inside)));
    }
    out.put(&escaped(&content.imprint, Place::Line));
}

/// The book's title is the only heading of level 1.
fn heading_level(level: usize) -> usize {
    level.saturating_add(1).min(DEEPEST)
}

/// `labels`: how many notes come before the section's.
fn add_section(out: &mut Blocks, section: &Section<'_>, labels: usize) {
    let level = heading_level(section.level);
    if let Some(heading) = &section.heading {
        out.put(&format!("{} {}", "#".repeat(level), escaped(heading, Place::Heading)));
    }
    let mut list = List::default();
    let mut quoted = 0;
    for block in &section.blocks {
        let depth = match &*block.kind {
            LayoutKind::Quote(depth) => usize::from(*depth).max(1),
            _ => 0,
        };
        let text = |place: Place| inline(block, place, labels);
        if let LayoutKind::Item { depth, marker } = &*block.kind {
            list.add(out, block, usize::from(*depth), marker, labels);
            quoted = 0;
            continue;
        }
        list = List::default();
        match &*block.kind {
            LayoutKind::Heading(own) => {
                let level = Section::heading_level(level, *own);
                out.put(&format!("{} {}", "#".repeat(level), text(Place::Heading).replace('\n', " ")));
            }
            LayoutKind::Code { language } => {
                let fence = fence(block.text);
                // A word that could end the line of the fence is none.
                let language: String =
                    language.as_deref().unwrap_or_default().chars().filter(|c| *c != '`').collect();
                out.put(&format!("{fence}{}\n{}\n{fence}", language.trim(), block.text));
            }
            LayoutKind::Verse => out.put(&verse(&text(Place::Line))),
            LayoutKind::Table => out.put(&table(&text(Place::Cell))),
            LayoutKind::Break if !block.text.contains(char::is_alphanumeric) => out.put("***"),
            LayoutKind::Quote(_) => {
                let mark = "> ".repeat(depth);
                if quoted == depth {
                    out.line(mark.trim_end());
                    out.line(&format!("{mark}{}", one_line(&text(Place::Line))));
                } else {
                    out.put(&format!("{mark}{}", one_line(&text(Place::Line))));
                }
            }
            _ => out.put(&one_line(&text(Place::Line))),
        }
        quoted = depth;
    }
    let unreferred: Vec<usize> = section.unreferred().collect();
    for (n, note) in section.notes.iter().enumerate() {
        let paragraphs = note.text.split("\n\n").map(|part| one_line(&escaped(part, Place::Line)));
        let paragraphs: Vec<String> = paragraphs.filter(|part| !part.is_empty()).collect();
        if unreferred.contains(&n) {
            out.put(&format!("{} {}", escaped(&note.mark, Place::Line), paragraphs.join("\n\n")));
        } else {
            out.put(&format!("[^{}]: {}", labels + n + 1, paragraphs.join("\n\n    ")));
        }
    }
}

/// The text of a block, with the references to its notes.
fn inline(block: &ContentBlock<'_>, place: Place, labels: usize) -> String {
    let mut out = String::new();
    for run in block.runs() {
        match run {
            Run::Text(text) => {
                let place = if out.is_empty() { place } else { place.inside() };
                out.push_str(&escaped(text, place));
            }
            Run::Reference(note) => out.push_str(&format!("[^{}]", labels + note + 1)),
        }
    }
    out
}

fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Lines whose ends and indents are meant.
fn verse(text: &str) -> String {
    let mut out = String::new();
    for (i, line) in text.split('\n').filter(|line| !line.trim().is_empty()).enumerate() {
        if i > 0 {
            out.push_str("\\\n");
        }
        let ink = line.trim_start();
        out.extend(std::iter::repeat_n("&nbsp;", line.chars().count() - ink.chars().count()));
        out.push_str(ink.trim_end());
    }
    out
}

/// Rows as lines, cells between tabulators; the first row is the head.
fn table(text: &str) -> String {
    let rows: Vec<Vec<&str>> = text.split('\n').map(|row| row.split('\t').collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1);
    let line = |row: &[&str]| {
        let cells = row.iter().copied().chain(std::iter::repeat("")).take(columns);
        format!("| {} |", cells.map(str::trim).collect::<Vec<_>>().join(" | "))
    };
    let mut lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
    lines.insert(1.min(lines.len()), format!("|{}", " --- |".repeat(columns)));
    lines.join("\n")
}

/// A list as it grows.
#[derive(Default)]
struct List {
    /// Where the text of each open item begins, in columns, and its number.
    open: Vec<(usize, Option<u64>)>,
}

impl List {
    fn add(&mut self, out: &mut Blocks, block: &ContentBlock<'_>, depth: usize, marker: &str, labels: usize) {
        let text = one_line(&inline(block, Place::Line, labels));
        if marker.is_empty() {
            // A further paragraph of the item.
            let indent = self.open.get(depth).or(self.open.last()).map_or(0, |(indent, _)| *indent);
            out.put(&format!("{}{text}", " ".repeat(indent)));
            return;
        }
        let number = marker.strip_suffix(['.', ')']).and_then(|digits| digits.parse::<u64>().ok());
        let number = number.filter(|number| *number < 1_000_000_000);
        let is_bullet = marker == "•";
        // What Markdown has no list for keeps its marker behind a bullet.
        let rest = match block.text.strip_prefix(marker).map(str::trim_start) {
            Some(_) if number.is_some() || is_bullet => {
                let skip =
                    block.text.len() - block.text.get(marker.len()..).unwrap_or_default().trim_start().len();
                let references = block.references.iter().filter(|(at, _)| *at >= skip);
                let rest = ContentBlock {
                    kind: block.kind.clone(),
                    text: block.text.get(skip..).unwrap_or_default(),
                    references: references.map(|(at, note)| (at - skip, *note)).collect(),
                };
                one_line(&inline(&rest, Place::Line, labels))
            }
            _ => text,
        };
        let is_new = self.open.is_empty();
        let before = self.open.get(depth).copied();
        self.open.truncate(depth);
        let indent = self.open.last().map_or(0, |(indent, _)| *indent);
        let sign = number.map_or_else(|| "-".to_owned(), |number| format!("{number}."));
        let begins_anew = before.is_some_and(|(_, last)| match (last, number) {
            (Some(last), Some(number)) => number != last + 1,
            (None, None) => false,
            _ => true,
        });
        self.open.push((indent + sign.len() + 1, number));
        let item = format!("{}{sign} {rest}", " ".repeat(indent));
        if begins_anew {
            // A number that does not follow would be counted on from the one before.
            out.put(&format!("{}<!-- -->", " ".repeat(indent)));
            out.put(&item);
        } else if is_new {
            out.put(&item);
        } else {
            out.line(&item);
        }
    }
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;
