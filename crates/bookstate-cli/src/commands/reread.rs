//! `bookstate reread BOOK`: which of its pages are to be read again.

use bookstate_api::view::{PageRow, Pages};
use bookstate_domain::{BookId, Provider};
use bookstate_jobs::{choose::provider_among, forget_answers};
use serde_json::{Value, json};

use super::reset::cancel_interrupted;
use crate::{
    args::RereadArgs,
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

/// The pages, once it is agreed that they are read again.
fn agreed(id: &BookId, args: &RereadArgs, pages: &Pages) -> Result<Vec<i32>, Failure> {
    let pages = meant(args, &pages.pages);
    if pages.is_empty() {
        return Err(Failure::input(format_args!("{id}: no page is meant; nothing was changed")));
    }
    let pages_again = count(pages.len(), "page");
    say("note", format_args!("{id}: {pages_again} will be read again, and contents and chapters made anew"));
    consent::ask(args.yes)?;
    Ok(pages)
}

fn tell(id: &BookId, pages: &[i32], seq: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"book_id": id, "pages": pages, "seq": seq}));
    }
    output::line(&format!("{id}: `bookstate process` reads {} again", count(pages.len(), "page")))
}

/// The provider of the engine that is to read again: one that would be used.
fn provider(settings: &Settings, args: &RereadArgs) -> Result<Option<Provider>, Failure> {
    let Some(engine) = args.engine.as_deref() else { return Ok(None) };
    let known = &settings.engines.ocr;
    provider_among(&settings.engines, engine).map(Some).ok_or_else(|| {
        Failure::usage(format_args!(
            "no engine {engine} reads pages here: {} do; add it to jobs.ocr first",
            known.join(", ")
        ))
    })
}

/// Has pages read again, of a book in the data directory.
///
/// # Errors
/// There is no such engine, the book is not there, no page is meant, it is not agreed to, or the journal does not accept
/// it.
pub(crate) async fn run(settings: &Settings, args: &RereadArgs, json: bool) -> Result<(), Failure> {
    let provider = provider(settings, args)?;
    // What is asked about is what is read again: nothing changes between, since the data directory is ours.
    let library = library::open(settings)?;
    let id = library::find(&library, &args.book.book)?;
    let reading = library.read(&id).await?;
    let reading = reading.ok_or_else(|| Failure::input(format_args!("there is no book {id} any more")))?;
    let pages = agreed(&id, args, &Pages::of(&reading.snapshot.state, 0, usize::MAX))?;
    let sink = library::start_sink(&library, settings)?;
    // What a model answered of them before would be its answer again.
    forget_answers(library.dir(), &id).map_err(Failure::unexpected)?;
    let done = library.open_book(&id, "rereading").map_err(Failure::from).and_then(|handle| {
        cancel_interrupted(&handle)?;
        Ok(handle.persist_reread(pages.clone(), provider)?)
    });
    library::finish(library, sink, settings).await?;
    tell(&id, &pages, &json!(done?.seq.get()), json)
}

/// Has pages read again, of a server's book.
///
/// # Errors
/// The server cannot be asked, or refuses; no page is meant, or it is not agreed to.
pub(crate) async fn remote(source: &Source, args: &RereadArgs, json: bool) -> Result<(), Failure> {
    let pages = source.pages(&args.book.book).await?;
    let id = BookId::new(&pages.book_id).map_err(Failure::unexpected)?;
    let pages = agreed(&id, args, &pages)?;
    let body = json!({"pages": pages, "engine": args.engine});
    let answer: Value = source.server()?.post(&["api", "books", id.as_str(), "reread"], Some(&body)).await?;
    tell(&id, &pages, &answer["seq"], json)
}
