//! `bookstate reset BOOK OPERATION`.

use bookstate_domain::{BookId, JobStatus, OperationName};
use bookstate_store::{BookHandle, Library};
use serde::Serialize;

use crate::{failure::Failure, library, logging::say, output, settings::Settings, source::Source};

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

/// Undoes an operation and all that follows from it.
pub(crate) async fn run(
    settings: &Settings,
    book: &str,
    operation: OperationName,
    json: bool,
) -> Result<(), Failure> {
    let library = library::open(settings)?;
    let sink = library::start_sink(&library, settings)?;
    let done = reset(&library, book, operation);
    library::finish(library, sink, settings).await?;
    let (id, seq) = done?;
    let cascade: Vec<String> = operation.cascade().iter().map(ToString::to_string).collect();
    if json {
        return output::json(&Reset { book_id: &id, operation, reset: cascade, seq });
    }
    let pages = if operation == OperationName::Ocr { "the pages' texts, " } else { "" };
    output::line(&format!("{id}: reset {pages}{}; `bookstate process` runs them again", cascade.join(", ")))
}

/// Undoes an operation of a server's book.
pub(crate) async fn remote(
    source: &Source,
    book: &str,
    operation: OperationName,
    json: bool,
) -> Result<(), Failure> {
    let id = source.find(book).await?;
    let body = serde_json::json!({"operation": operation});
    let answer: serde_json::Value =
        source.server()?.post(&["api", "books", id.as_str(), "reset"], Some(&body)).await?;
    if json {
        return output::json(&answer);
    }
    let cascade: Vec<String> = operation.cascade().iter().map(ToString::to_string).collect();
    output::line(&format!("{id}: reset {}; starting its job runs them again", cascade.join(", ")))
}

fn reset(library: &Library, book: &str, operation: OperationName) -> Result<(BookId, u32), Failure> {
    let id = library::find(library, book)?;
    let handle = library.open_book(&id, "reset")?;
    cancel_interrupted(&handle)?;
    let receipt = handle.persist_reset(operation)?;
    Ok((id, receipt.seq.get()))
}
