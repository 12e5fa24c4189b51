//! `bookstate toc BOOK`.

use bookstate_api::view::Contents;
use bookstate_domain::{OperationState, Text};

use crate::{
    failure::Failure,
    output,
    table::{Column, Table},
};

/// Shows the table of contents.
pub(crate) fn run(contents: &Contents, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(contents);
    }
    let mut table = Table::new(&[
        Column::text("number", 6),
        Column::text("title", 16),
        Column::number("printed").rank(1),
        Column::number("page"),
        Column::text("source", 9).rank(2),
    ]);
    for row in &contents.entries {
        let indent = "  ".repeat(usize::try_from(row.level - 1).unwrap_or(0));
        let text = |text: &Option<Text>| text.as_ref().map(ToString::to_string).unwrap_or_default();
        table.row([
            text(&row.entry_number),
            format!("{indent}{}", text(&row.title)),
            text(&row.printed_page_number),
            row.actual_page.map(|page| page.to_string()).unwrap_or_default(),
            row.source.map(|source| source.to_string()).unwrap_or_default(),
        ]);
    }
    if let (true, Some(start), Some(end)) = (contents.found, contents.start_page, contents.end_page) {
        output::line(&format!("contents on pages {start} to {end}"))?;
    }
    let empty = match (contents.found, contents.finder) {
        (true, _) => "its entries have not been read yet",
        (_, OperationState::Complete) => "the book has no table of contents",
        (_, OperationState::Failed) => "looking for the table of contents failed",
        _ => "the table of contents has not been looked for yet",
    };
    output::print(&table, empty)
}
