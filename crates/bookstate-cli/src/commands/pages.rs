//! `bookstate pages BOOK`.

use bookstate_api::view::{PageRow, Pages};

use crate::{
    failure::Failure,
    output,
    table::{Column, Table},
};

fn state(page: &PageRow) -> String {
    match (page.ocr_failed, page.ocr_complete, page.extract_complete) {
        (true, ..) => format!("failed: {}", page.failure_reason.as_deref().unwrap_or("no reason given")),
        (_, true, _) => "read".to_owned(),
        (_, _, true) => "extracted".to_owned(),
        _ => "waiting".to_owned(),
    }
}

/// Lists the pages that have a result.
pub(crate) fn run(pages: &Pages, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(pages);
    }
    let mut table = Table::new(&[
        Column::number("page"),
        Column::text("state", 10),
        Column::number("characters").rank(1),
        Column::text("begins", 12).rank(2),
    ]);
    for page in &pages.pages {
        let cells =
            [page.page_num.to_string(), state(page), page.characters.to_string(), page.begins.clone()];
        table.row(cells);
    }
    output::print(&table, "no page has been read yet")
}
