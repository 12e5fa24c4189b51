//! `bookstate books`.

use bookstate_api::view::Books;
use bookstate_domain::Text;

use crate::{
    failure::Failure,
    output,
    table::{Column, Table},
};

/// Lists the books.
pub(crate) fn run(books: &Books, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(books);
    }
    let mut table = Table::new(&[
        Column::whole("book"),
        Column::text("title", 10),
        Column::text("author", 10).rank(2),
        Column::count("pages").rank(1),
        Column::text("status", 10).toned(),
    ]);
    for row in &books.books {
        let text = |text: &Option<Text>| text.as_deref().unwrap_or_default().to_owned();
        table.row([
            row.id.clone(),
            row.name().unwrap_or_default().to_owned(),
            text(&row.author),
            row.page_count.to_string(),
            row.status.map(|status| status.to_string()).unwrap_or_default(),
        ]);
    }
    output::print(&table, "no books yet: `bookstate process FILE` takes one in")
}
