//! Jobs: start, list, show, cancel; how far a book is.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bookstate_domain::{JobStatus, Priority, Variant};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Part,
    books::{operation, word},
};
use crate::{
    extract::{Body, Path, Query},
    problem::{Code, Problem},
    read::BookReading,
    state::{ApiState, Begun},
    view,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(list))
        .routes(routes!(job))
        .routes(routes!(cancel))
        .routes(routes!(status))
        .routes(routes!(detailed))
}

/// Which job.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartRequest {
    /// Which stages it runs: standard, text-only or ocr-only.
    #[serde(default)]
    variant: Option<String>,
    /// The operation to undo first, with all that follows from it.
    #[serde(default)]
    reset_from: Option<String>,
    /// Whether somebody waits for it: interactive before bulk, where both wait for their turn.
    #[serde(default)]
    priority: Option<String>,
}

/// Which of two jobs goes first.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Whether somebody waits for the job: interactive before bulk, where both wait for their turn.
    priority: Option<String>,
}

impl Asked {
    pub(super) fn priority(&self) -> Result<Priority, Problem> {
        Ok(self.priority.as_deref().map(word).transpose()?.unwrap_or_default())
    }
}

/// A job that was started, or resumed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartAnswer {
    /// Names the job among those of all books: the id for `/api/jobs/{id}`. Null when the book is done and
    /// never had a job.
    pub(super) id: Option<String>,
    /// Names the job among those of its book.
    pub(super) job_id: Option<String>,
    /// The book.
    pub(super) book_id: String,
    /// `running`; or where the book stands when nothing is left to do.
    pub(super) status: String,
    /// The job had been interrupted, and goes on.
    pub(super) resumed: bool,
}

impl StartAnswer {
    /// What starting a job led to, and the status of the answer.
    pub(super) fn of(book_id: &bookstate_domain::BookId, begun: &Begun) -> (StatusCode, Self) {
        let answer = |job_id: Option<&bookstate_domain::JobId>, status: &str, resumed| {
            let id = job_id
                .map(|job_id| view::JobId { book_id: book_id.clone(), job_id: job_id.clone() }.to_string());
            Self {
                id,
                job_id: job_id.map(ToString::to_string),
                book_id: book_id.to_string(),
                status: status.to_owned(),
                resumed,
            }
        };
        match begun {
            Begun::Running { job_id, resumed } => {
                (StatusCode::ACCEPTED, answer(Some(job_id), "running", *resumed))
            }
            Begun::NothingToDo { job_id, status } => {
                (StatusCode::OK, answer(job_id.as_ref(), status.as_str(), false))
            }
        }
    }
}

/// Start a job of a book, or resume the one that was interrupted
#[utoipa::path(post, path = "/api/jobs/start/{book_id}", tag = "jobs",
    params(("book_id" = String, Path, description = "The book")),
    request_body = Option<StartRequest>,
    responses(
        (status = 202, body = StartAnswer, description = "It runs"),
        (status = 200, body = StartAnswer, description = "Nothing is left to do"),
    ))]
async fn start(
    State(state): State<ApiState>,
    reading: BookReading,
    body: Option<Body<StartRequest>>,
) -> Result<(StatusCode, Json<StartAnswer>), Problem> {
    state.require_running()?;
    let request = body.map(|Body(request)| request).unwrap_or_default();
    let variant = request.variant.as_deref().map(word::<Variant>).transpose()?;
    let reset = request.reset_from.as_deref().map(operation).transpose()?;
    let priority = request.priority.as_deref().map(word).transpose()?.unwrap_or_default();
    let book_id = reading.state().book_id();
    let begun = state.start_job(book_id, variant, reset, priority).await?;
    let (status, answer) = StartAnswer::of(book_id, &begun);
    Ok((status, Json(answer)))
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those that stand here.
    status: Option<String>,
    /// Only those of this book.
    book_id: Option<String>,
}

/// List jobs, newest first
#[utoipa::path(get, path = "/api/jobs", tag = "jobs", params(Which, Part),
    responses((status = 200, body = view::Jobs)))]
async fn list(
    State(state): State<ApiState>,
    Query(which): Query<Which>,
    Query(part): Query<Part>,
) -> Result<Json<view::Jobs>, Problem> {
    let status = which.status.as_deref().map(word::<JobStatus>).transpose()?;
    // Before what is stored: a job that ends meanwhile is then shown as over, not as one that nobody works on.
    let running = state.running_jobs();
    let mut jobs = state.jobs().await?;
    jobs.retain(|job| {
        (status.is_none() || job.status == status)
            && which.book_id.as_deref().is_none_or(|book_id| job.book_id.as_str() == book_id)
    });
    let rows = jobs.iter().skip(part.offset()).take(part.limit()).map(|job| {
        let live = running.iter().find(|live| live.book_id == job.book_id);
        view::JobRow { awaited: state.is_awaited(job, live), ..view::JobRow::of(job, live) }
    });
    Ok(Json(view::Jobs { jobs: rows.collect(), total: jobs.len() }))
}

#[derive(Debug, Deserialize)]
struct Named {
    id: String,
}

fn job_id(text: &str) -> Result<view::JobId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::UnknownJob, "there is no such job: see /api/jobs"))
}

async fn row(
    state: &ApiState,
    id: &view::JobId,
    headers: &HeaderMap,
) -> Result<(BookReading, view::JobRow), Problem> {
    let unknown = || Problem::new(Code::UnknownJob, format!("there is no job {id}"));
    // Before the book: a job that ends meanwhile is then shown as over, not as one that nobody works on.
    let live = state.job_progress(&id.book_id);
    let reading = BookReading::of(state, &id.book_id, headers).await;
    let reading = reading.map_err(|problem| match problem.code() {
        Code::UnknownBook => unknown(),
        _ => problem,
    })?;
    let job = reading.state().jobs().values().find(|job| job.job_id == id.job_id).ok_or_else(unknown)?;
    let awaited = state.is_awaited(job, live.as_ref());
    let row = view::JobRow { awaited, ..view::JobRow::of(job, live.as_ref()) };
    Ok((reading, row))
}

/// Show a job
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job, as the list has it")),
    responses((status = 200, body = view::JobRow)))]
async fn job(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (reading, row) = row(&state, &job_id(&named.id)?, &headers).await?;
    Ok(reading.unversioned(Json(row)))
}

/// Cancel a job
///
/// What is in flight is dropped, what is persisted stays.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job, as the list has it")),
    responses((status = 202, body = view::JobRow, description = "It ends")))]
async fn cancel(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = job_id(&named.id)?;
    row(&state, &id, &headers).await?;
    if !state.cancel_job(&id).await? {
        return Err(Problem::new(Code::JobOver, "the job is over"));
    }
    let (_, row) = row(&state, &id, &headers).await?;
    Ok((StatusCode::ACCEPTED, Json(row)).into_response())
}

/// Show how far a book is
#[utoipa::path(get, path = "/api/jobs/status/{book_id}", tag = "jobs",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 200, body = view::BookStatusLine)))]
async fn status(reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::BookStatusLine::of(state)))
}

/// Show how far a book is, stage by stage
#[utoipa::path(get, path = "/api/jobs/status/{book_id}/detailed", tag = "jobs",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 200, body = view::BookDetailedStatus)))]
async fn detailed(reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::BookDetailedStatus::of(state)))
}
