//! `bookstate pages BOOK`.

use bookstate_domain::{BookId, BookState, Page, Text};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{self, shortened},
};

#[derive(Serialize)]
struct Row<'a> {
    page_num: i32,
    extract_complete: bool,
    ocr_complete: bool,
    ocr_failed: bool,
    failure_reason: Option<&'a Text>,
    characters: usize,
}

#[derive(Serialize)]
struct Pages<'a> {
    book_id: &'a BookId,
    page_count: i32,
    pages: Vec<Row<'a>>,
}

impl<'a> Row<'a> {
    fn of(page: &'a Page) -> Self {
        Self {
            page_num: page.page_num,
            extract_complete: page.extract_complete,
            ocr_complete: page.ocr_complete,
            ocr_failed: page.ocr_failed,
            failure_reason: page.failure_reason.as_ref(),
            characters: page.ocr_markdown.as_deref().map_or(0, |text| text.chars().count()),
        }
    }

    fn state(&self) -> String {
        match (self.ocr_failed, self.ocr_complete, self.extract_complete) {
            (true, ..) => {
                format!("failed: {}", self.failure_reason.map_or("no reason given", |reason| reason))
            }
            (_, true, _) => "read".to_owned(),
            (_, _, true) => "extracted".to_owned(),
            _ => "waiting".to_owned(),
        }
    }
}

/// Lists the pages that have a result.
pub(crate) fn run(state: &BookState, json: bool) -> Result<(), Failure> {
    let rows: Vec<Row<'_>> = state.pages().values().map(|page| Row::of(page)).collect();
    if json {
        let page_count = state.book().map_or(0, |book| book.page_count);
        return output::json(&Pages { book_id: state.book_id(), page_count, pages: rows });
    }
    let mut table = output::table(&["page", "state", "characters", "begins"]);
    for row in rows {
        let text = state.page(row.page_num).and_then(|page| page.ocr_markdown.clone()).unwrap_or_default();
        let words = text.split_whitespace().take(12).collect::<Vec<_>>().join(" ");
        let cells =
            [row.page_num.to_string(), row.state(), row.characters.to_string(), shortened(&words, 50)];
        table.add_row(cells);
    }
    output::print(&table, "no page has been read yet")
}
