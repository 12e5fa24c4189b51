//! The web page: books, one book live, its texts, targets and what they refuse.
//!
//! Server-rendered: reading needs no script. One script (`page.js`) keeps what is shown up to date. A book is
//! read through [`crate::read`] as everywhere, and shown by way of [`crate::view`]. Every text goes through
//! maud's escaping; nothing here writes HTML by hand. Not here: who may see it, which is [`crate::auth`]'s.

mod assets;
mod book;
mod books;
mod frame;
mod machines;
mod people;
mod prose;
mod sections;
mod targets;
mod texts;
mod window;
mod words;

use axum::{
    Router,
    routing::{get, post},
};

use crate::state::ApiState;

pub(crate) use assets::STYLE_PATH;
pub(crate) use people::for_people;

/// The routes of the page.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(books::list))
        .route("/books/{book_id}", get(book::show))
        .route("/books/{book_id}/pages/{page_num}", get(texts::page))
        .route("/books/{book_id}/chapters/{entry_id}", get(texts::chapter))
        .route("/targets", get(targets::show))
        .route("/targets/{name}/retry", post(targets::retry))
        .route("/login", get(people::login))
        .route(assets::STYLE_PATH, get(assets::style))
        .route(assets::SCRIPT_PATH, get(assets::script))
}
