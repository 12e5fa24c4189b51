//! `bookstate books`.

use bookstate_domain::{Book, BookStatus, Text, Timestamp};
use serde::Serialize;

use crate::{
    failure::Failure,
    local::LocalReader,
    output::{self, shortened},
};

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: Option<&'a Text>,
    author: Option<&'a Text>,
    page_count: i32,
    status: Option<BookStatus>,
    created_at: Option<Timestamp>,
}

impl<'a> Row<'a> {
    fn of(book: &'a Book) -> Self {
        Self {
            id: book.book_id.as_str(),
            title: book.title.as_ref(),
            author: book.author.as_ref(),
            page_count: book.page_count,
            status: book.status,
            created_at: book.created_at,
        }
    }
}

#[derive(Serialize)]
struct Books<'a> {
    books: Vec<Row<'a>>,
    total: usize,
}

/// Lists the books.
pub(crate) fn run(local: &LocalReader, json: bool) -> Result<(), Failure> {
    let books = local.store().list_book_documents()?;
    local.note_behind(None);
    let rows: Vec<Row<'_>> = books.iter().map(|book| Row::of(book)).collect();
    if json {
        return output::json(&Books { total: rows.len(), books: rows });
    }
    let mut table = output::table(&["book", "title", "author", "pages", "status"]);
    for row in rows {
        let text = |text: Option<&Text>| text.map(|text| shortened(text, 60)).unwrap_or_default();
        table.add_row([
            row.id.to_owned(),
            text(row.title),
            text(row.author),
            row.page_count.to_string(),
            row.status.map(|status| status.to_string()).unwrap_or_default(),
        ]);
    }
    output::print(&table, "no books yet: `bookstate process FILE` takes one in")
}
