//! Pages of a book filled row by row on a fixed grid.
//!
//! Every page has [`ROWS`] rows of text below its running head; a page is begun when the first row on it is
//! needed.

use crate::typeset::{Align, Font, Line, Page, Style, roman};

/// The page size in points: six by nine inches.
pub(super) const SIZE: (f32, f32) = (432.0, 648.0);
/// The left edge of the text.
pub(super) const LEFT: f32 = 54.0;
/// The width of the text.
pub(super) const WIDTH: f32 = SIZE.0 - 2.0 * LEFT;
/// Rows on a page.
pub(super) const ROWS: usize = 38;
const LEADING: f32 = 13.0;
const FIRST_BASELINE: f32 = 84.0;
const HEAD_BASELINE: f32 = 54.0;
const FOOT_BASELINE: f32 = 606.0;

/// Body text.
pub(super) const BODY: Style = Style::new(Font::Roman, 10.5);
const HEAD: Style = Style::new(Font::RomanItalic, 9.5);
const FOLIO: Style = Style::new(Font::Roman, 9.5);

/// How the pages are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folio {
    /// i, ii, iii, beginning with the given number.
    Roman(u32),
    /// 1, 2, 3, beginning with the given number.
    Arabic(u32),
}

/// A run of pages under composition.
pub(super) struct Sheets {
    pub(super) pages: Vec<Page>,
    /// The row to be filled next; [`ROWS`] when the page is full or there is none.
    row: usize,
    folio: Folio,
    running_heads: bool,
    /// The running head of even pages.
    pub(super) even_head: String,
    /// The running head of odd pages.
    pub(super) odd_head: String,
}

impl Sheets {
    pub(super) fn new(folio: Folio, running_heads: bool) -> Self {
        let (even_head, odd_head) = (String::new(), String::new());
        Self { pages: Vec::new(), row: ROWS, folio, running_heads, even_head, odd_head }
    }

    fn number(&self, index: usize) -> u32 {
        let (Folio::Roman(first) | Folio::Arabic(first)) = self.folio;
        first + u32::try_from(index).unwrap_or(0)
    }

    /// The number printed on the page with this index.
    pub(super) fn printed(&self, index: usize) -> String {
        let number = self.number(index);
        match self.folio {
            Folio::Roman(_) => roman(number),
            Folio::Arabic(_) => number.to_string(),
        }
    }

    /// The index of the page that the next row falls on.
    pub(super) fn next_index(&self) -> usize {
        if self.row >= ROWS { self.pages.len() } else { self.pages.len() - 1 }
    }

    /// Rows left on the page, none if it is full.
    pub(super) fn rows_left(&self) -> usize {
        ROWS - self.row
    }

    /// Rows used since the page with index `since`, whole pages included.
    pub(super) fn rows_since(&self, since: usize) -> usize {
        (self.pages.len() - since) * ROWS - self.rows_left()
    }

    /// Leaves the rest of the page empty.
    pub(super) fn finish_page(&mut self) {
        self.row = ROWS;
    }

    /// A page with nothing on it, not even a number.
    pub(super) fn blank_page(&mut self) {
        self.pages.push(Page::new());
        self.row = ROWS;
    }

    /// Begins a page that opens a chapter: its number is at the foot and it has no running head.
    pub(super) fn opening_page(&mut self) {
        self.pages.push(Page::new());
        self.row = 0;
        self.foot();
    }

    fn foot(&mut self) {
        let printed = self.printed(self.pages.len() - 1);
        if let Some(page) = self.pages.last_mut() {
            page.text(LEFT + (WIDTH - FOLIO.width(&printed)) / 2.0, FOOT_BASELINE, FOLIO, &printed);
        }
    }

    fn running_page(&mut self) {
        self.pages.push(Page::new());
        self.row = 0;
        if !self.running_heads {
            return self.foot();
        }
        let index = self.pages.len() - 1;
        let printed = self.printed(index);
        let even = self.number(index).is_multiple_of(2);
        let head = if even { self.even_head.clone() } else { self.odd_head.clone() };
        let head = shortened(&head, WIDTH - 60.0);
        if let Some(page) = self.pages.last_mut() {
            if even {
                page.text(LEFT, HEAD_BASELINE, FOLIO, &printed);
                page.text_right(LEFT + WIDTH, HEAD_BASELINE, HEAD, &head);
            } else {
                page.text(LEFT, HEAD_BASELINE, HEAD, &head);
                page.text_right(LEFT + WIDTH, HEAD_BASELINE, FOLIO, &printed);
            }
            page.fill(LEFT, HEAD_BASELINE + 4.0, WIDTH, 0.4, 0.0);
        }
    }

    /// The page and baseline of the next row, which is used up.
    pub(super) fn next_row(&mut self) -> (Option<&mut Page>, f32) {
        if self.row >= ROWS {
            self.running_page();
        }
        let y = FIRST_BASELINE + LEADING * self.row as f32;
        self.row += 1;
        (self.pages.last_mut(), y)
    }

    /// Leaves rows empty, at most to the end of the page.
    pub(super) fn skip(&mut self, rows: usize) {
        self.row = (self.row + rows).min(ROWS);
    }

    /// Goes back to a row of the present page, for a second column.
    pub(super) fn back_to(&mut self, row: usize) {
        self.row = row.min(ROWS);
    }

    /// Sets a line in the next row.
    pub(super) fn line(&mut self, indent: f32, line: &Line, align: Align) {
        let (page, y) = self.next_row();
        if let Some(page) = page {
            page.line(LEFT + indent, y, WIDTH - indent, line, align);
        }
    }
}

/// `head` cut at a word so that it is at most `width` wide.
fn shortened(head: &str, width: f32) -> String {
    let mut short = head.to_owned();
    while HEAD.width(&short) > width {
        let Some(space) = short.rfind(' ') else { break };
        short.truncate(space);
    }
    short
}
