//! `bookstate open [BOOK]`: shows a book in the browser.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

use bookstate_domain::BookId;
use serde_json::json;

use super::serve;
use crate::{
    args::ServeArgs,
    failure::{Exit, Failure},
    local::LocalReader,
    logging::say,
    output, served,
    settings::Settings,
    source::Source,
};

/// Opens the page of a server that is there.
///
/// # Errors
/// The server cannot be asked, or has no such book.
pub(crate) async fn remote(
    source: &Source,
    url: &str,
    book: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let id = match book {
        Some(book) => Some(source.find(book).await?),
        None => None,
    };
    let page = page(url, id.as_ref());
    if json {
        output::json(&json!({"url": page}))?;
    }
    show(&page);
    Ok(())
}

/// Is the server, and opens its page.
///
/// # Errors
/// There is no such book, or as [`serve::run`].
pub(crate) async fn run(
    settings: &Settings,
    book: Option<&str>,
    read: impl Fn() -> Result<Settings, Failure> + Send + 'static,
    json: bool,
) -> Result<Exit, Failure> {
    let id = book.map(|book| LocalReader::open(&settings.data_dir)?.find(book)).transpose()?;
    let listening = |address: SocketAddr| {
        show(&page(&format!("http://{}", served::reachable(address)), id.as_ref()));
    };
    serve::run(settings, &ServeArgs::default(), read, listening, json).await
}

fn page(url: &str, book: Option<&BookId>) -> String {
    let url = url.trim_end_matches('/');
    match book {
        Some(id) => format!("{url}/books/{id}"),
        None => format!("{url}/"),
    }
}

/// Asks the system to show a page: the program of `BROWSER`, else what the desktop has.
fn show(page: &str) {
    let desktop = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let program = std::env::var_os("BROWSER").filter(|program| !program.is_empty());
    let program = program.unwrap_or_else(|| desktop.into());
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // It ends when it likes.
        Ok(_) => say("note", format_args!("{page} is opened in the browser")),
        Err(_) => say("note", format_args!("no browser was found: open {page}")),
    }
}
