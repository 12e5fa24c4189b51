//! `bookstate reread BOOK`: which of its pages are to be read again.

use bookstate_api::view::{PageRow, Pages};
use bookstate_domain::{BookId, Provider};
use serde_json::json;

use crate::{
    args::RereadArgs,
    client::ServerAt,
    consent,
    failure::Failure,
    library,
    logging::say,
    output::{self, count},
    settings::Settings,
    source::Source,
};

/// The pages that the arguments mean, of those that have a result.
fn meant(args: &RereadArgs, pages: &[PageRow]) -> Vec<i32> {
    let is_meant = |page: &&PageRow| {
        args.pages.as_ref().is_none_or(|pages| pages.contains(page.page_num))
            && (!args.only_failed || page.ocr_failed)
            && args.below.is_none_or(|below| page.confidence.is_some_and(|sure| sure < below))
    };
    pages.iter().filter(is_meant).map(|page| page.page_num).collect()
}

/// Has pages read again, of a book in the data directory or of a server's.
///
/// # Errors
/// The book is not there, a job works on it, or it is not agreed to.
pub(crate) async fn run(
    settings: &Settings,
    server: Option<&ServerAt>,
    args: &RereadArgs,
    json: bool,
) -> Result<(), Failure> {
    let source = Source::open(settings, server)?;
    let pages: Pages = source.pages(&args.book.book).await?;
    let id = BookId::new(&pages.book_id).map_err(Failure::unexpected)?;
    let pages = meant(args, &pages.pages);
    if pages.is_empty() {
        return Err(Failure::input(format_args!("{id}: no page is meant; nothing was changed")));
    }
    say(
        "note",
        format_args!(
            "{id}: {} will be read again, and contents and chapters made anew",
            count(pages.len(), "page")
        ),
    );
    consent::ask(args.yes)?;
    let seq = match server {
        Some(_) => {
            let body = json!({"pages": pages, "engine": args.engine});
            let answer: serde_json::Value =
                source.server()?.post(&["api", "books", id.as_str(), "reread"], Some(&body)).await?;
            answer.get("seq").cloned().unwrap_or_default()
        }
        None => {
            drop(source);
            json!(local(settings, &id, pages.clone(), args.engine.clone()).await?)
        }
    };
    if json {
        return output::json(&json!({"book_id": id, "pages": pages, "seq": seq}));
    }
    output::line(&format!("{id}: `bookstate process` reads {} again", count(pages.len(), "page")))
}

/// The commit that has pages of a book in the data directory read again.
async fn local(
    settings: &Settings,
    id: &BookId,
    pages: Vec<i32>,
    engine: Option<Provider>,
) -> Result<u32, Failure> {
    let library = library::open(settings)?;
    let sink = library::start_sink(&library, settings)?;
    let done = library.open_book(id, "rereading").map_err(Failure::from).and_then(|handle| {
        super::reset::cancel_interrupted(&handle)?;
        Ok(handle.persist_reread(pages, engine)?)
    });
    library::finish(library, sink, settings).await?;
    Ok(done?.seq.get())
}
