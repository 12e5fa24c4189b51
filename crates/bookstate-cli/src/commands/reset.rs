//! `bookstate reset BOOK OPERATION`: says what will be lost, asks, undoes it.

use bookstate_domain::{BookId, BookState, JobStatus, Operation, OperationName};
use bookstate_store::{BookHandle, Library};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::ResetArgs,
    consent,
    failure::Failure,
    library,
    logging::say,
    output::{self, count, shortened},
    settings::Settings,
    source::Source,
};

#[derive(Serialize)]
struct Reset<'a> {
    book_id: &'a BookId,
    operation: OperationName,
    reset: Vec<String>,
    seq: u32,
}

/// Cancels the job that an interrupted process left active: nobody works on it, since the data directory is
/// ours.
///
/// # Errors
/// The journal does not accept it.
pub(crate) fn cancel_interrupted(handle: &BookHandle) -> Result<(), Failure> {
    if let Some(job) = handle.snapshot().state.active_job() {
        handle.persist_job_status(&job.job_id, JobStatus::Cancelled, Some("reset".into()))?;
        say(
            "note",
            format_args!("{} of book {}, which was interrupted, is cancelled", job.job_id, handle.id()),
        );
    }
    Ok(())
}

/// What a reset takes away, for people.
fn lost(state: &BookState, operation: OperationName) -> String {
    let cascade: Vec<String> = operation.cascade().iter().map(ToString::to_string).collect();
    let resets = |name: Operation| operation.cascade().contains(&name);
    let read = state.pages().values().filter(|page| page.ocr_complete).count();
    let mut lost = Vec::new();
    lost.extend((operation == OperationName::Ocr).then(|| format!("the texts of {}", count(read, "page"))));
    let entries = state.toc_entries().size();
    lost.extend(resets(Operation::TocExtract).then(|| format!("{entries} entries of the contents")));
    lost.extend(resets(Operation::Structure).then(|| count(state.chapters().size(), "chapter")));
    format!("{} ({})", cascade.join(", "), lost.join(", "))
}

/// Undoes an operation and all that follows from it, once that is agreed to.
///
/// # Errors
/// The data directory cannot be opened, the book is not there, or the journal does not accept it.
pub(crate) async fn run(settings: &Settings, args: &ResetArgs, json: bool) -> Result<(), Failure> {
    let operation = args.operation;
    // What is asked about is what is reset: nothing changes between, since the data directory is ours.
    let library = library::open(settings)?;
    let id = library::find(&library, &args.book.book)?;
    let reading = library.read(&id).await?;
    let reading = reading.ok_or_else(|| Failure::input(format_args!("there is no book {id} any more")))?;
    let lost = lost(&reading.snapshot.state, operation);
    let title = reading.snapshot.state.book().and_then(|book| book.title.as_deref());
    let title = title.map(|title| format!(" ({})", shortened(title, 40))).unwrap_or_default();
    if args.dry_run {
        if json {
            return output::json(&json!({"book_id": id, "operation": operation, "would_be_lost": lost}));
        }
        return output::line(&format!("{id}: would be reset: {lost}; nothing was changed"));
    }
    say("note", format_args!("{id}{title}: this undoes {lost}"));
    consent::ask(args.yes)?;
    let sink = library::start_sink(&library, settings)?;
    let done = reset(&library, &id, operation);
    library::finish(library, sink, settings).await?;
    let seq = done?;
    let cascade: Vec<String> = operation.cascade().iter().map(ToString::to_string).collect();
    if json {
        return output::json(&Reset { book_id: &id, operation, reset: cascade, seq });
    }
    output::line(&format!("{id}: reset {lost}; `bookstate process` runs them again"))
}

/// Undoes an operation of a server's book.
///
/// # Errors
/// The server cannot be asked, or refuses.
pub(crate) async fn remote(source: &Source, args: &ResetArgs, json: bool) -> Result<(), Failure> {
    let (id, operation) = (source.find(&args.book.book).await?, args.operation);
    let cascade: Vec<String> = operation.cascade().iter().map(ToString::to_string).collect();
    let cascade = cascade.join(", ");
    if args.dry_run {
        return output::line(&format!("{id}: would be reset: {cascade}; nothing was changed"));
    }
    say("note", format_args!("{id}: this undoes {cascade}"));
    consent::ask(args.yes)?;
    let body = serde_json::json!({"operation": operation});
    let answer: serde_json::Value =
        source.server()?.post(&["api", "books", id.as_str(), "reset"], Some(&body)).await?;
    if json {
        return output::json(&answer);
    }
    output::line(&format!("{id}: reset {cascade}; starting its job runs them again"))
}

fn reset(library: &Library, id: &BookId, operation: OperationName) -> Result<u32, Failure> {
    let handle = library.open_book(id, "reset")?;
    cancel_interrupted(&handle)?;
    let receipt = handle.persist_reset(operation)?;
    Ok(receipt.seq.get())
}
