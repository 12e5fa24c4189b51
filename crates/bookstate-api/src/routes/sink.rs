//! Targets: how far behind, what they refuse, and what can be done about it.

use std::time::Instant;

use axum::{Json, extract::State, http::StatusCode};
use bookstate_domain::{AnyKey, BookId, Collection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::Path,
    problem::{Code, Problem},
    read::BookReading,
    state::ApiState,
    view,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(targets))
        .routes(routes!(parked))
        .routes(routes!(retry_all))
        .routes(routes!(retry))
        .routes(routes!(drop_parked))
        .routes(routes!(verify))
        .routes(routes!(resync))
        .routes(routes!(take_over))
}

/// List targets, and how far each has the books
#[utoipa::path(get, path = "/api/targets", tag = "targets", responses((status = 200, body = view::Targets)))]
async fn targets(State(state): State<ApiState>) -> Json<view::Targets> {
    let now = Instant::now();
    let targets = state.targets();
    let rows = targets.iter().map(|target| view::TargetRow::of(target, state.lag().seconds(target, now)));
    Json(view::Targets { targets: rows.collect() })
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// List the documents that a target refuses
#[utoipa::path(get, path = "/api/targets/{name}/parked", tag = "targets",
    params(("name" = String, Path, description = "The target")),
    responses((status = 200, body = view::Parked)))]
async fn parked(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
) -> Result<Json<view::Parked>, Problem> {
    let target = state.target(&named.name)?;
    let parked = state.parked(Some(target)).await?;
    Ok(Json(view::Parked { parked: parked.iter().map(view::ParkedRow::of).collect() }))
}

async fn try_again(
    state: &ApiState,
    name: &str,
    document: Option<AnyKey>,
) -> Result<Json<view::Tried>, Problem> {
    state.require_running()?;
    let target = state.target(name)?;
    if let Some(document) = &document {
        require_parked(state, &target, document).await?;
    }
    let tried = state.retry(&target, document).await?;
    let left = state.parked(Some(target)).await?;
    let still_parked = left.iter().filter(|document| !document.dropped).count();
    Ok(Json(view::Tried { target: name.to_owned(), tried, still_parked }))
}

async fn require_parked(
    state: &ApiState,
    target: &bookstate_store::TargetName,
    document: &AnyKey,
) -> Result<(), Problem> {
    let parked = state.parked(Some(target.clone())).await?;
    if parked.iter().any(|row| row.parked.document == *document) {
        return Ok(());
    }
    Err(Problem::new(Code::UnknownDocument, format!("target {target} does not refuse {document}")))
}

/// Try again what a target refuses, with its present state
#[utoipa::path(post, path = "/api/targets/{name}/parked/retry", tag = "targets",
    params(("name" = String, Path, description = "The target")),
    responses((status = 200, body = view::Tried)))]
async fn retry_all(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
) -> Result<Json<view::Tried>, Problem> {
    try_again(&state, &named.name, None).await
}

#[derive(Debug, Deserialize)]
struct Document {
    name: String,
    collection: String,
    key: String,
}

impl Document {
    fn key(&self) -> Result<AnyKey, Problem> {
        let unknown = || Problem::new(Code::UnknownDocument, "there is no such document");
        let collection: Collection = self.collection.parse().map_err(|_| unknown())?;
        collection.key(&self.key).map_err(|_| unknown())
    }
}

/// Try a document again that a target refuses, with its present state
#[utoipa::path(post, path = "/api/targets/{name}/parked/{collection}/{key}/retry", tag = "targets",
    params(
        ("name" = String, Path, description = "The target"),
        ("collection" = String, Path, description = "The document's collection"),
        ("key" = String, Path, description = "The document's key within it; its slashes as %2F"),
    ),
    responses((status = 200, body = view::Tried)))]
async fn retry(
    State(state): State<ApiState>,
    Path(document): Path<Document>,
) -> Result<Json<view::Tried>, Problem> {
    state.target(&document.name)?;
    try_again(&state, &document.name, Some(document.key()?)).await
}

/// Accept on purpose that a target's copy of a document differs
#[utoipa::path(delete, path = "/api/targets/{name}/parked/{collection}/{key}", tag = "targets",
    params(
        ("name" = String, Path, description = "The target"),
        ("collection" = String, Path, description = "The document's collection"),
        ("key" = String, Path, description = "The document's key within it; its slashes as %2F"),
    ),
    responses((status = 204, description = "Accepted")))]
async fn drop_parked(
    State(state): State<ApiState>,
    Path(document): Path<Document>,
) -> Result<StatusCode, Problem> {
    state.require_running()?;
    let target = state.target(&document.name)?;
    let key = document.key()?;
    require_parked(&state, &target, &key).await?;
    state.drop_parked(&target, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compare a book with its copy in a target, and change nothing
#[utoipa::path(get, path = "/api/targets/{name}/verify/{book_id}", tag = "targets",
    params(
        ("name" = String, Path, description = "The target"),
        ("book_id" = String, Path, description = "The book"),
    ),
    responses((status = 200, body = view::Verified)))]
async fn verify(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
    reading: BookReading,
) -> Result<Json<view::Verified>, Problem> {
    let target = state.target(&named.name)?;
    let book_id = reading.state().book_id();
    let found = state.verify(&target, book_id).await?;
    Ok(Json(view::Verified::of(&named.name, book_id, &found)))
}

#[derive(Debug, Deserialize)]
struct OfBook {
    name: String,
    book_id: String,
}

/// Write a book that another data directory wrote into a target, importing it when it is unknown here
///
/// What the target has of it and this data directory lacks is lost. Who wrote it until now is refused from then on.
#[utoipa::path(post, path = "/api/targets/{name}/takeover/{book_id}", tag = "targets",
    params(
        ("name" = String, Path, description = "The target"),
        ("book_id" = String, Path, description = "The book"),
    ),
    responses((status = 200, body = view::TakenOver)))]
async fn take_over(
    State(state): State<ApiState>,
    Path(OfBook { name, book_id }): Path<OfBook>,
) -> Result<Json<view::TakenOver>, Problem> {
    state.require_running()?;
    let target = state.target(&name)?;
    // It may be unknown here.
    let id = BookId::new(&book_id).map_err(|_| Problem::new(Code::UnknownBook, "there is no such book"))?;
    let taken = state.take_over(&target, &id).await?;
    let previous_writer = taken.from.map(|writer| writer.to_string());
    Ok(Json(view::TakenOver {
        target: name,
        book_id,
        previous_writer,
        in_flux: taken.in_flux,
        parked: taken.parked,
    }))
}

/// That a book is compared.
#[derive(Debug, Serialize, ToSchema)]
struct Resynced {
    /// The target.
    target: String,
    /// The book.
    book_id: String,
}

/// Compare a book with its copy in a target, and send what differs
#[utoipa::path(post, path = "/api/targets/{name}/resync/{book_id}", tag = "targets",
    params(
        ("name" = String, Path, description = "The target"),
        ("book_id" = String, Path, description = "The book"),
    ),
    responses((status = 202, body = Resynced)))]
async fn resync(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
    reading: BookReading,
) -> Result<(StatusCode, Json<Resynced>), Problem> {
    state.require_running()?;
    let target = state.target(&named.name)?;
    let book_id = reading.state().book_id();
    state.resync(&target, book_id).await?;
    Ok((StatusCode::ACCEPTED, Json(Resynced { target: named.name, book_id: book_id.to_string() })))
}
