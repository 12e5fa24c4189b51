//! `bookstate toc BOOK`.

use bookstate_domain::{BookId, BookState, EntrySource, Operation, OperationState, Text, TocEntry};
use serde::Serialize;

use crate::{failure::Failure, output};

#[derive(Serialize)]
struct Row<'a> {
    key: String,
    entry_number: Option<&'a Text>,
    title: Option<&'a Text>,
    level: i32,
    printed_page_number: Option<&'a Text>,
    actual_page: Option<i32>,
    source: Option<EntrySource>,
    sort_order: i32,
}

impl<'a> Row<'a> {
    fn of(entry: &'a TocEntry) -> Self {
        Self {
            key: bookstate_domain::Document::key(entry).to_string(),
            entry_number: entry.entry_number.as_ref(),
            title: entry.title.as_ref(),
            level: entry.level,
            printed_page_number: entry.printed_page_number.as_ref(),
            actual_page: entry.actual_page,
            source: entry.source,
            sort_order: entry.sort_order,
        }
    }
}

#[derive(Serialize)]
struct Contents<'a> {
    book_id: &'a BookId,
    found: bool,
    start_page: Option<i32>,
    end_page: Option<i32>,
    entries: Vec<Row<'a>>,
}

/// Shows the table of contents.
pub(crate) fn run(state: &BookState, json: bool) -> Result<(), Failure> {
    let toc = state.toc();
    let contents = Contents {
        book_id: state.book_id(),
        found: toc.is_some_and(|toc| toc.toc_found),
        start_page: toc.and_then(|toc| toc.start_page),
        end_page: toc.and_then(|toc| toc.end_page),
        entries: state.ordered_entries().into_iter().map(|entry| Row::of(entry)).collect(),
    };
    if json {
        return output::json(&contents);
    }
    let mut table = output::table(&["number", "title", "printed", "page", "source"]);
    for row in &contents.entries {
        let indent = "  ".repeat(usize::try_from(row.level - 1).unwrap_or(0));
        let text = |text: Option<&Text>| text.map(ToString::to_string).unwrap_or_default();
        table.add_row([
            text(row.entry_number),
            format!("{indent}{}", text(row.title)),
            text(row.printed_page_number),
            row.actual_page.map(|page| page.to_string()).unwrap_or_default(),
            row.source.map(|source| source.to_string()).unwrap_or_default(),
        ]);
    }
    if let (true, Some(start), Some(end)) = (contents.found, contents.start_page, contents.end_page) {
        output::line(&format!("contents on pages {start} to {end}"))?;
    }
    let finder = state.operation(Operation::TocFinder).state;
    let empty = match (contents.found, finder) {
        (true, _) => "its entries have not been read yet",
        (_, OperationState::Complete) => "the book has no table of contents",
        (_, OperationState::Failed) => "looking for the table of contents failed",
        _ => "the table of contents has not been looked for yet",
    };
    output::print(&table, empty)
}
