//! `bookstate correct BOOK PAGE FILE`: a person's text of a page, which no engine replaces.

use std::io::Read;

use bookstate_domain::Text;
use serde_json::json;

use crate::{args::CorrectArgs, failure::Failure, library, output, settings::Settings, source::Source};

/// What the file says, or standard input.
fn text(args: &CorrectArgs) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match args.file.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).map(|_| text),
        false => std::fs::read_to_string(&args.file),
    };
    read.map_err(|error| Failure::input(format_args!("{}: {error}", args.file.display())))
}

/// Corrects a page of a book in the data directory.
///
/// # Errors
/// The text cannot be read, the book has no such page, a job is at work on it, or the journal does not accept it.
pub(crate) async fn run(settings: &Settings, args: &CorrectArgs, json: bool) -> Result<(), Failure> {
    let text = text(args)?;
    let library = library::open(settings)?;
    let id = library::find(&library, &args.book.book)?;
    let sink = library::start_sink(&library, settings)?;
    let corrected = library.open_book(&id, "a correction").map_err(Failure::from).and_then(|handle| {
        let pages = handle.snapshot().state.book().map_or(0, |book| book.page_count);
        if !(1..=pages).contains(&args.page) {
            return Err(Failure::input(format_args!(
                "there is no page {}: the book has {pages} pages",
                args.page
            )));
        }
        super::reset::cancel_interrupted(&handle)?;
        Ok(handle.persist_page_correction(args.page, Text::from(text), Vec::new())?)
    });
    library::finish(library, sink, settings).await?;
    let seq = corrected?.seq.get();
    if json {
        return output::json(&json!({"book_id": id, "page_num": args.page, "seq": seq}));
    }
    said(id.as_str(), args.page)
}

/// Corrects a page of a server's book.
///
/// # Errors
/// The text cannot be read, the server cannot be asked, or refuses.
pub(crate) async fn remote(source: &Source, args: &CorrectArgs, json: bool) -> Result<(), Failure> {
    let id = source.find(&args.book.book).await?;
    let (page, body) = (args.page.to_string(), json!({"text": text(args)?}));
    let path = ["api", "books", id.as_str(), "pages", page.as_str(), "correction"];
    let answer: serde_json::Value = source.server()?.post(&path, Some(&body)).await?;
    if json {
        return output::json(&answer);
    }
    said(id.as_str(), args.page)
}

fn said(id: &str, page: i32) -> Result<(), Failure> {
    output::line(&format!(
        "{id}: page {page} is corrected; `bookstate reset {id} structure` and `bookstate process` bring it into the \
         chapters"
    ))
}
