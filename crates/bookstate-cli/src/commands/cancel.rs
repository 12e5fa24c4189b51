//! `bookstate cancel BOOK`: ends a book's job.

use bookstate_api::view::JobRow;
use bookstate_domain::{BookId, JobStatus};
use bookstate_store::Library;
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    library, output,
    settings::Settings,
    source::Source,
};

/// Ends the job that an interrupted process left: nobody works on it, since the data directory is ours.
///
/// # Errors
/// The data directory cannot be opened, the book is not there or has no such job, or the journal does not accept it.
pub(crate) async fn run(settings: &Settings, book: &str, json: bool) -> Result<(), Failure> {
    let library = library::open(settings)?;
    let id = library::find(&library, book)?;
    let sink = library::start_sink(&library, settings)?;
    let done = cancel(&library, &id);
    library::finish(library, sink, settings).await?;
    tell(&id, &done?, json)
}

/// Ends the job that a server runs.
///
/// # Errors
/// The server cannot be asked, or refuses, or the book has no job that could be ended.
pub(crate) async fn remote(source: &Source, book: &str, json: bool) -> Result<(), Failure> {
    let id = source.find(book).await?;
    let jobs = source.jobs(Some(id.as_str())).await?.jobs;
    let active = jobs.iter().find(|job| job.status.is_some_and(JobStatus::is_active));
    let job = active.ok_or_else(|| no_job(&id))?;
    let row: JobRow = source.server()?.post(&["api", "jobs", &job.id, "cancel"], None::<&()>).await?;
    tell(&id, &row.job_id, json)
}

fn cancel(library: &Library, id: &BookId) -> Result<String, Failure> {
    let handle = library.open_book(id, "cancel")?;
    let job = handle.snapshot().state.active_job().map(|job| job.job_id.clone());
    let job = job.ok_or_else(|| no_job(id))?;
    handle.persist_job_status(&job, JobStatus::Cancelled, None)?;
    Ok(job.to_string())
}

fn no_job(id: &BookId) -> Failure {
    Failure::new(
        Exit::Input,
        format_args!("book {id} has no job that could be ended: see `bookstate jobs {id}`"),
    )
}

fn tell(id: &BookId, job: &str, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"book_id": id, "job_id": job, "status": JobStatus::Cancelled}));
    }
    output::line(&format!("{id}: {job} is cancelled; `bookstate process` begins a new one"))
}
