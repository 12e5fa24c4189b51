//! The handbook's blocks as pages: title page, contents, numbered chapters, running heads.
//!
//! Chapters begin on a new page; the body is numbered from 1, what is before it in roman. No line is wider
//! than the text, no heading stands alone at the foot of a page, no paragraph leaves a single line behind.

use bookstate_tests::typeset::{Align, Bookmark, Document, Font, Line, Page, Run, Style, break_lines, roman};

use super::markdown::{Block, Inline, text_of};
use super::style::style;
use super::table::{self, GAP};

/// A4 in points.
const SIZE: (f32, f32) = (595.0, 842.0);
const LEFT: f32 = 94.0;
const WIDTH: f32 = SIZE.0 - 2.0 * LEFT;
const TOP: f32 = 100.0;
const BOTTOM: f32 = 752.0;
const HEAD_BASELINE: f32 = 68.0;
const FOOT_BASELINE: f32 = 790.0;

const BODY_SIZE: f32 = 11.0;
const LEADING: f32 = 14.5;
const PARAGRAPH_SPACE: f32 = 6.0;
const CODE: Style = Style::new(Font::Mono, 8.5);
/// The smallest size to which long lines of code shrink.
const CODE_LEAST: f32 = 6.5;
const CODE_LEADING: f32 = 11.0;
const CELL_LEADING: f32 = 12.0;
const HEAD: Style = Style::new(Font::RomanItalic, 9.5);
const FOLIO: Style = Style::new(Font::Roman, 9.5);
const ENTRY: Style = Style::new(Font::Roman, BODY_SIZE);
const ENTRY_BOLD: Style = Style::new(Font::RomanBold, BODY_SIZE);
/// Headings down to this level stand in the contents.
const CONTENTS_DEPTH: u32 = 2;
/// Headings down to this level have numbers.
const NUMBERED_DEPTH: usize = 3;

/// What stands on the title page.
#[derive(Debug)]
pub(super) struct Cover {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) author: String,
}

/// A heading that was set.
struct Entry {
    level: u32,
    number: String,
    title: String,
    /// The index of its page in the body.
    page: usize,
}

/// Composes the handbook.
pub(super) fn compose(cover: &Cover, blocks: &[Block]) -> Document {
    let mut body = Sheets::default();
    for block in blocks {
        body.block(block, LEFT, WIDTH);
    }
    let contents = contents(&body.entries);
    // Title page and its back; the body begins on a right page.
    let front = (2 + contents.len()).next_multiple_of(2);
    let mut pages = vec![title_page(cover), Page::new()];
    pages.extend(contents);
    for page in pages.iter_mut().skip(2) {
        page.shift_links(front);
    }
    pages.resize_with(front, Page::new);
    pages.extend(body.pages);
    let outline = body.entries.iter().map(|entry| Bookmark {
        title: numbered(entry),
        level: entry.level,
        page: entry.page + front,
    });
    Document {
        title: cover.title.clone(),
        author: cover.author.clone(),
        size: SIZE,
        outline: outline.collect(),
        pages,
    }
}

fn numbered(entry: &Entry) -> String {
    if entry.number.is_empty() { entry.title.clone() } else { format!("{} {}", entry.number, entry.title) }
}

fn title_page(cover: &Cover) -> Page {
    let mut page = Page::new();
    let mut y = SIZE.1 * 0.32;
    let rows = [
        (&cover.title, Style::new(Font::SansBold, 34.0), 44.0),
        (&cover.subtitle, Style::new(Font::RomanItalic, 15.0), 22.0),
        (&cover.author, Style::new(Font::Roman, 12.0), 22.0),
    ];
    for (index, (text, style, leading)) in rows.into_iter().enumerate() {
        for line in break_lines(&[Run::new(text, style)], WIDTH, None) {
            page.line(LEFT, y, WIDTH, &line, Align::Left);
            y += leading;
        }
        if index == 0 {
            page.fill(LEFT, y - 26.0, WIDTH, 1.2, 0.0);
            y += 8.0;
        }
    }
    page
}

/// The pages of the contents; their links are to pages of the body, counted from its first.
fn contents(entries: &[Entry]) -> Vec<Page> {
    let mut sheets = Sheets { roman_from: Some(3), ..Sheets::default() };
    sheets.open(true);
    sheets.y += 30.0;
    sheets.set(&Line::single("Contents", Style::new(Font::SansBold, 22.0)), LEFT, WIDTH, 24.0, Align::Left);
    sheets.y += 18.0;
    sheets.even_head = "Contents".to_owned();
    sheets.odd_head = "Contents".to_owned();
    for entry in entries.iter().filter(|entry| entry.level <= CONTENTS_DEPTH) {
        let chapter = entry.level == 1;
        let style = if chapter { ENTRY_BOLD } else { ENTRY };
        let (indent, hang) = if chapter { (0.0, 20.0) } else { (20.0, 50.0) };
        let lines = break_lines(&[Run::new(&entry.title, style)], WIDTH - hang - 50.0, None);
        let space = if chapter { 6.0 } else { 0.0 };
        sheets.need(space + LEADING * lines.len() as f32);
        sheets.y += space;
        let printed = (entry.page + 1).to_string();
        for (nth, line) in lines.iter().enumerate() {
            sheets.set(line, LEFT + hang, WIDTH - hang, LEADING, Align::Left);
            let y = sheets.y;
            let Some(page) = sheets.pages.last_mut() else { continue };
            page.link(LEFT, y - LEADING + 3.0, WIDTH, LEADING, entry.page);
            if nth == 0 {
                page.text(LEFT + indent, y, style, &entry.number);
            }
            if nth + 1 == lines.len() {
                page.text_right(LEFT + WIDTH, y, style, &printed);
                page.leader(LEFT + hang + line.width + 4.0, LEFT + WIDTH - ENTRY.width("0000"), y, ENTRY);
            }
        }
    }
    sheets.pages
}

/// Pages that are filled from top to bottom.
#[derive(Default)]
struct Sheets {
    pages: Vec<Page>,
    /// The baseline of the last line, or the top of the text.
    y: f32,
    /// The number of the first page if it is roman; else pages are numbered from 1.
    roman_from: Option<u32>,
    even_head: String,
    odd_head: String,
    /// A bullet or number to stand beside the next line, and where it begins.
    marker: Option<(f32, String)>,
    /// The numbers of the last chapter, section and subsection.
    numbers: [u32; NUMBERED_DEPTH],
    entries: Vec<Entry>,
}

impl Sheets {
    /// Begins a page; one that opens a chapter has its number at the foot and no running head.
    fn open(&mut self, opening: bool) {
        let index = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        let (number, printed) = match self.roman_from {
            Some(first) => (first + index, roman(first + index)),
            None => (index + 1, (index + 1).to_string()),
        };
        let mut page = Page::new();
        if opening {
            page.text(LEFT + (WIDTH - FOLIO.width(&printed)) / 2.0, FOOT_BASELINE, FOLIO, &printed);
        } else {
            let even = number.is_multiple_of(2);
            let head = shortened(if even { &self.even_head } else { &self.odd_head });
            if even {
                page.text(LEFT, HEAD_BASELINE, FOLIO, &printed);
                page.text_right(LEFT + WIDTH, HEAD_BASELINE, HEAD, &head);
            } else {
                page.text(LEFT, HEAD_BASELINE, HEAD, &head);
                page.text_right(LEFT + WIDTH, HEAD_BASELINE, FOLIO, &printed);
            }
            page.fill(LEFT, HEAD_BASELINE + 5.0, WIDTH, 0.4, 0.0);
        }
        self.pages.push(page);
        self.y = TOP - LEADING;
    }

    fn fits(&self, height: f32) -> bool {
        !self.pages.is_empty() && self.y + height <= BOTTOM
    }

    /// Begins a page if `height` points are not left on this one.
    fn need(&mut self, height: f32) {
        if !self.fits(height) {
            self.open(false);
        }
    }

    fn at_top(&self) -> bool {
        self.y <= TOP
    }

    fn space(&mut self, height: f32) {
        if !self.at_top() {
            self.y += height;
        }
    }

    /// Sets a line `leading` below the last one.
    fn set(&mut self, line: &Line, left: f32, width: f32, leading: f32, align: Align) {
        self.need(leading);
        self.y += leading;
        let (y, marker) = (self.y, self.marker.take());
        let Some(page) = self.pages.last_mut() else { return };
        if let Some((x, text)) = marker {
            page.text(x, y, Style::new(Font::Roman, BODY_SIZE), &text);
        }
        page.line(left, y, width, line, align);
    }

    fn block(&mut self, block: &Block, left: f32, width: f32) {
        match block {
            Block::Heading { level, title } => self.heading(*level, &text_of(title)),
            Block::Paragraph(inline) => self.paragraph(inline, left, width),
            Block::Code(lines) => self.code(lines, left, width),
            Block::Quote(blocks) => {
                for block in blocks {
                    self.block(block, left + 18.0, width - 36.0);
                }
            }
            Block::List { first, items } => self.list(*first, items, left, width),
            Block::Table { header, rows } => self.table(header, rows, left, width),
            Block::Rule => {
                self.need(LEADING);
                self.y += LEADING / 2.0;
                let y = self.y;
                if let Some(page) = self.pages.last_mut() {
                    page.fill(left + width / 3.0, y, width / 3.0, 0.5, 0.4);
                }
                self.y += LEADING / 2.0;
            }
        }
    }

    fn heading(&mut self, level: u32, title: &str) {
        let depth = (level as usize).clamp(1, NUMBERED_DEPTH + 1);
        for (index, number) in self.numbers.iter_mut().enumerate() {
            match (index + 1).cmp(&depth) {
                std::cmp::Ordering::Equal => *number += 1,
                std::cmp::Ordering::Greater => *number = 0,
                std::cmp::Ordering::Less => {}
            }
        }
        if depth > NUMBERED_DEPTH {
            let style = Style::new(Font::RomanBoldItalic, BODY_SIZE);
            return self.title_lines("", title, style, LEADING, 8.0);
        }
        let numbers: Vec<String> = self.numbers.iter().take(depth).map(u32::to_string).collect();
        let number = numbers.join(".");
        if depth == 1 {
            title.clone_into(&mut self.even_head);
            title.clone_into(&mut self.odd_head);
            self.open(true);
            self.y += 30.0;
            self.entry(level, &number, title);
            self.title_lines(&number, title, Style::new(Font::SansBold, 22.0), 27.0, 0.0);
            self.y += 14.0;
        } else {
            let (size, leading, before) = if depth == 2 { (14.0, 18.0, 16.0) } else { (11.5, 15.0, 11.0) };
            // The heading and three lines of text.
            self.need(before + leading + 3.0 * LEADING);
            if depth == 2 {
                self.odd_head = format!("{number} {title}");
            }
            self.entry(level, &number, title);
            self.title_lines(&number, title, Style::new(Font::SansBold, size), leading, before);
            self.y += 3.0;
        }
    }

    fn entry(&mut self, level: u32, number: &str, title: &str) {
        let (number, title) = (number.to_owned(), title.to_owned());
        self.entries.push(Entry { level, number, title, page: self.pages.len().saturating_sub(1) });
    }

    fn title_lines(&mut self, number: &str, title: &str, style: Style, leading: f32, before: f32) {
        let hang = if number.is_empty() { 0.0 } else { style.width(number) + style.size * 0.9 };
        let lines = break_lines(&[Run::new(title, style)], WIDTH - hang, None);
        self.need(before + leading * lines.len() as f32 + LEADING);
        self.space(before);
        for (nth, line) in lines.iter().enumerate() {
            self.set(line, LEFT + hang, WIDTH - hang, leading, Align::Left);
            let y = self.y;
            if let (0, Some(page)) = (nth, self.pages.last_mut()) {
                page.text(LEFT, y, style, number);
            }
        }
    }

    fn paragraph(&mut self, inline: &Inline, left: f32, width: f32) {
        let runs: Vec<Run> =
            inline.iter().map(|span| Run::new(&span.text, style(span, BODY_SIZE, false))).collect();
        let lines = break_lines(&runs, width, None);
        let count = lines.len();
        let mut here = (0..count).take_while(|nth| self.fits(LEADING * (nth + 1) as f32)).count();
        if here < count {
            // Neither the first nor the last line of a paragraph stands alone on its page.
            if here + 1 == count {
                here -= usize::from(here > 0);
            }
            if here <= 1 {
                here = 0;
            }
        }
        for (nth, line) in lines.iter().enumerate() {
            if nth == here {
                self.open(false);
            }
            self.set(line, left, width, LEADING, Align::Justified);
        }
        self.y += PARAGRAPH_SPACE;
    }

    fn code(&mut self, lines: &[String], left: f32, width: f32) {
        // Small enough for the longest line, within what can be read; what is longer still is folded.
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let room = (width - 16.0) / CODE.width("0");
        let code =
            Style { size: (CODE.size * room / longest.max(1) as f32).clamp(CODE_LEAST, CODE.size), ..CODE };
        let characters = (room * CODE.size / code.size + 0.01) as usize;
        let rows: Vec<String> = lines.iter().flat_map(|line| folded(line, characters.max(8))).collect();
        let height = CODE_LEADING * rows.len() as f32 + 12.0;
        // A short piece stays together, a long one begins with a few lines.
        self.need(if rows.len() <= 12 { height } else { 4.0 * CODE_LEADING + 12.0 });
        let shade = |sheets: &mut Self, height: f32| {
            let y = sheets.y;
            if let Some(page) = sheets.pages.last_mut() {
                page.fill(left, y + 3.5, width, height, 0.945);
            }
        };
        shade(self, 5.0);
        self.y += 5.0;
        for row in rows {
            if !self.fits(CODE_LEADING + 5.0) {
                self.open(false);
            }
            shade(self, CODE_LEADING);
            self.set(&Line::single(row, code), left + 8.0, width - 16.0, CODE_LEADING, Align::Left);
        }
        shade(self, 4.0);
        self.y += 6.0 + PARAGRAPH_SPACE;
    }

    fn list(&mut self, first: Option<u64>, items: &[Vec<Block>], left: f32, width: f32) {
        let body = Style::new(Font::Roman, BODY_SIZE);
        let last = first.map(|first| first + items.len() as u64);
        let indent = last.map_or(16.0, |last| body.width(&format!("{last}.")) + 8.0);
        for (index, item) in items.iter().enumerate() {
            let marker = first.map_or_else(|| "•".to_owned(), |first| format!("{}.", first + index as u64));
            self.marker = Some((left + if first.is_some() { 0.0 } else { 4.0 }, marker));
            for block in item {
                self.block(block, left + indent, width - indent);
            }
            // Items stand closer than paragraphs.
            self.y -= if index + 1 < items.len() { PARAGRAPH_SPACE / 2.0 } else { 0.0 };
        }
        self.marker = None;
    }

    fn table(&mut self, header: &[Inline], rows: &[Vec<Inline>], left: f32, width: f32) {
        let table = table::lay_out(header, rows, width);
        let total = table.widths.iter().sum::<f32>() + GAP * table.widths.len().saturating_sub(1) as f32;
        let height = |row: &[Vec<Line>]| CELL_LEADING * row.iter().map(Vec::len).max().unwrap_or(0) as f32;
        self.need(height(&table.header) + 3.0 * CELL_LEADING);
        self.space(2.0);
        self.table_row(&table.header, &table.widths, left);
        self.table_rule(left, total, 0.8);
        for row in &table.rows {
            // A row stays together unless it is very tall; the header comes again on a new page.
            let tall = height(row).min(200.0);
            if !self.fits(tall + 4.0) {
                self.open(false);
                self.table_row(&table.header, &table.widths, left);
                self.table_rule(left, total, 0.8);
            }
            self.table_row(row, &table.widths, left);
            self.table_rule(left, total, 0.25);
        }
        self.y += PARAGRAPH_SPACE * 1.5;
    }

    fn table_rule(&mut self, left: f32, width: f32, thickness: f32) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            page.fill(left, y + 3.5, width, thickness, 0.2);
        }
        self.y += 3.5;
    }

    fn table_row(&mut self, cells: &[Vec<Line>], widths: &[f32], left: f32) {
        for nth in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            self.need(CELL_LEADING);
            self.y += CELL_LEADING;
            let y = self.y;
            let Some(page) = self.pages.last_mut() else { return };
            let mut x = left;
            for (lines, width) in cells.iter().zip(widths) {
                if let Some(line) = lines.get(nth) {
                    page.line(x, y, *width, line, Align::Left);
                }
                x += width + GAP;
            }
        }
    }
}

/// `line` in rows of at most `characters`; those after the first are indented.
fn folded(line: &str, characters: usize) -> Vec<String> {
    let all: Vec<char> = line.chars().collect();
    let mut rows = Vec::new();
    let mut start = 0;
    while start < all.len() || rows.is_empty() {
        let indent = if start == 0 { "" } else { "    " };
        let room = characters - indent.len();
        let rest = all.get(start..).unwrap_or_default();
        // Fold after the last space that fits, if it is not too far back.
        let space = rest.iter().take(room).rposition(|c| *c == ' ').filter(|at| *at > room / 2);
        let length = if rest.len() <= room { rest.len() } else { space.map_or(room, |at| at + 1) };
        rows.push(format!("{indent}{}", rest.iter().take(length).collect::<String>()));
        start += length.max(1);
    }
    rows
}

fn shortened(head: &str) -> String {
    let mut short = head.to_owned();
    while HEAD.width(&short) > WIDTH - 60.0 {
        let Some(space) = short.rfind(' ') else { break };
        short.truncate(space);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_code_is_folded_and_nothing_is_lost() {
        let line = "cargo run --release -- process book.pdf --data-dir somewhere/else --json";
        let rows = folded(line, 30);
        assert!(rows.len() > 1 && rows.iter().all(|row| row.chars().count() <= 30), "{rows:?}");
        let joined: String =
            rows.iter().enumerate().map(|(nth, row)| &row[if nth == 0 { 0 } else { 4 }..]).collect();
        assert_eq!(joined, line);
        assert_eq!(folded("", 30), [""]);
    }

    #[test]
    fn headings_are_numbered_by_level_and_stand_on_their_pages() {
        let heading = |level, text: &str| Block::Heading {
            level,
            title: vec![super::super::markdown::Span {
                text: text.to_owned(),
                bold: false,
                italic: false,
                code: false,
            }],
        };
        let mut sheets = Sheets::default();
        for (level, text) in [(1, "A"), (2, "a"), (3, "x"), (2, "b"), (3, "y"), (4, "no"), (1, "B"), (2, "c")]
        {
            sheets.block(&heading(level, text), LEFT, WIDTH);
        }
        let entries: Vec<_> = sheets.entries.iter().map(|e| (e.number.as_str(), e.page)).collect();
        let expected = [("1", 0), ("1.1", 0), ("1.1.1", 0), ("1.2", 0), ("1.2.1", 0), ("2", 1), ("2.1", 1)];
        assert_eq!(entries, expected);
    }
}
