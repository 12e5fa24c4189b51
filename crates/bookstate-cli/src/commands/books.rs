//! `bookstate books`.

use bookstate_api::view::Books;
use bookstate_domain::Text;

use crate::{
    failure::Failure,
    output::{self, shortened},
};

/// Lists the books.
pub(crate) fn run(books: &Books, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(books);
    }
    let mut table = output::table(&["book", "title", "author", "pages", "status"]);
    for row in &books.books {
        let text = |text: &Option<Text>| text.as_ref().map(|text| shortened(text, 60)).unwrap_or_default();
        table.add_row([
            row.id.clone(),
            text(&row.title),
            text(&row.author),
            row.page_count.to_string(),
            row.status.map(|status| status.to_string()).unwrap_or_default(),
        ]);
    }
    output::print(&table, "no books yet: `bookstate process FILE` takes one in")
}
