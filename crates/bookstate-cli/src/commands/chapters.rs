//! `bookstate chapters BOOK`.

use bookstate_domain::{BookState, Chapter, MatterType, Text};
use serde::Serialize;

use crate::{failure::Failure, output};

#[derive(Serialize)]
struct Row<'a> {
    entry_id: &'a Text,
    title: Option<&'a Text>,
    level: i32,
    start_page: i32,
    end_page: i32,
    matter_type: Option<MatterType>,
    parent_id: Option<&'a Text>,
    word_count: i32,
    text: Option<&'a Text>,
}

impl<'a> Row<'a> {
    fn of(chapter: &'a Chapter, include_text: bool) -> Self {
        Self {
            entry_id: &chapter.entry_id,
            title: chapter.title.as_ref(),
            level: chapter.level,
            start_page: chapter.start_page,
            end_page: chapter.end_page,
            matter_type: chapter.matter_type,
            parent_id: chapter.parent_id.as_ref(),
            word_count: chapter.word_count,
            text: chapter.text().filter(|_| include_text),
        }
    }
}

#[derive(Serialize)]
struct Chapters<'a> {
    chapters: Vec<Row<'a>>,
}

/// Lists the chapters.
pub(crate) fn run(state: &BookState, include_text: bool, json: bool) -> Result<(), Failure> {
    let chapters = state.ordered_chapters();
    let rows = chapters.iter().map(|chapter| Row::of(chapter, include_text));
    if json {
        return output::json(&Chapters { chapters: rows.collect() });
    }
    if include_text {
        for row in rows {
            output::line(&format!("{}  {}\n", row.entry_id, row.title.map_or("", |title| title)))?;
            output::line(&format!("{}\n", row.text.map_or("", |text| text)))?;
        }
        return Ok(());
    }
    let mut table = output::table(&["chapter", "title", "pages", "matter", "words"]);
    for row in rows {
        let indent = "  ".repeat(usize::try_from(row.level - 1).unwrap_or(0));
        table.add_row([
            row.entry_id.to_string(),
            format!("{indent}{}", row.title.map_or("", |title| title)),
            format!("{}-{}", row.start_page, row.end_page),
            row.matter_type.map(|matter| matter.to_string()).unwrap_or_default(),
            row.word_count.to_string(),
        ]);
    }
    output::print(&table, "the book has no chapters yet")
}
