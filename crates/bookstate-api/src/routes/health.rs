//! How the server is.

use std::time::Instant;

use axum::{Json, extract::State};
use bookstate_store::journal::JournalState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    problem::{Code, Problem},
    state::ApiState,
    view,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready)).routes(routes!(status))
}

/// That the server answers.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// `ok`.
    status: &'static str,
    /// What a person should look at; it stops nothing.
    warnings: Vec<String>,
}

/// Show that the server answers
#[utoipa::path(get, path = "/api/health", tag = "server", responses((status = 200, body = Alive)))]
async fn health() -> Json<Alive> {
    Json(Alive { status: "ok", warnings: Vec::new() })
}

/// Show whether the server takes work
///
/// Documents that a target refuses are a warning.
#[utoipa::path(get, path = "/api/ready", tag = "server",
    responses((status = 200, body = Alive), (status = 503, body = crate::problem::ProblemBody)))]
async fn ready(State(state): State<ApiState>) -> Result<Json<Alive>, Problem> {
    state.require_running()?;
    if let JournalState::Poisoned(_) = state.journal().state {
        let detail = "the journal takes nothing more: look at the disk, then start the server again";
        return Err(Problem::new(Code::JournalPoisoned, detail));
    }
    Ok(Json(Alive { status: "ok", warnings: warnings(&state) }))
}

/// What a person should look at. Names no books and no places: anybody may ask.
fn warnings(state: &ApiState) -> Vec<String> {
    let mut warnings = Vec::new();
    if state.journal().state == JournalState::Full {
        warnings.push("the journal's disk is full".to_owned());
    }
    for target in state.targets() {
        if target.parked > 0 {
            warnings.push(format!("target {} refuses {} documents", target.name, target.parked));
        }
        match target.health {
            bookstate_sink::Health::Failing { .. } => {
                warnings.push(format!("target {} cannot be reached", target.name));
            }
            bookstate_sink::Health::Unusable { .. } => {
                warnings.push(format!("target {} cannot be used", target.name));
            }
            _ => {}
        }
        if !target.foreign.is_empty() {
            let books = target.foreign.len();
            warnings.push(format!("target {} takes {books} books from another data directory", target.name));
        }
    }
    warnings
}

/// Show how journal, local store, targets and jobs are
#[utoipa::path(get, path = "/api/status", tag = "server", responses((status = 200, body = view::Status)))]
async fn status(State(state): State<ApiState>) -> Result<Json<view::Status>, Problem> {
    let (bytes, books) = state.store_size().await?;
    let now = Instant::now();
    let targets = state.targets();
    let jobs = state.jobs().await?;
    let running = state.running_jobs();
    let jobs = jobs.iter().filter_map(|job| {
        let live = running.iter().find(|live| live.book_id == job.book_id && live.job_id == job.job_id)?;
        Some(view::JobRow::of(job, Some(live)))
    });
    Ok(Json(view::Status {
        process: view::Process {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: state.epoch().to_owned(),
            started_at: state.started_at().to_string(),
            uptime_seconds: state.uptime().as_secs_f64(),
        },
        journal: view::Journal::of(&state.journal()),
        local_store: view::LocalStore { bytes, books, free_bytes: state.free_bytes() },
        targets: targets
            .iter()
            .map(|target| view::TargetRow::of(target, state.lag().seconds(target, now)))
            .collect(),
        jobs: jobs.collect(),
        providers: state.providers(),
        warnings: warnings(&state),
    }))
}
