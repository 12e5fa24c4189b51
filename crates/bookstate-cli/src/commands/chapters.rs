//! `bookstate chapters BOOK`.

use bookstate_api::view::Chapters;

use crate::{
    failure::Failure,
    output,
    table::{Column, Table},
};

/// Lists the chapters.
pub(crate) fn run(chapters: &Chapters, include_text: bool, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(chapters);
    }
    let rows = &chapters.chapters;
    if include_text {
        for row in rows {
            output::line(&format!("{}  {}\n", row.entry_id, row.title.as_deref().unwrap_or_default()))?;
            output::line(&format!("{}\n", row.text.as_deref().unwrap_or_default()))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::whole("chapter"),
        Column::text("title", 16),
        Column::number("pages"),
        Column::text("matter", 12).rank(2),
        Column::count("words").rank(1),
    ]);
    for row in rows {
        let indent = "  ".repeat(usize::try_from(row.level - 1).unwrap_or(0));
        table.row([
            row.entry_id.to_string(),
            format!("{indent}{}", row.title.as_deref().unwrap_or_default()),
            format!("{}-{}", row.start_page, row.end_page),
            row.matter_type.map(|matter| matter.to_string()).unwrap_or_default(),
            row.word_count.to_string(),
        ]);
    }
    output::print(&table, "the book has no chapters yet")
}
