//! The fleet, where there is one.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ownership::FleetView,
    problem::{Code, Problem},
    state::ApiState,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(fleet))
}

/// List the machines of the fleet, their books, and the jobs that wait for a machine
#[utoipa::path(get, path = "/api/fleet", tag = "fleet", responses((status = 200, body = FleetView)))]
async fn fleet(State(state): State<ApiState>) -> Result<Json<FleetView>, Problem> {
    let none = || Problem::new(Code::NoFleet, "this server is in no fleet: see `bookstate serve --help`");
    Ok(Json(state.fleet().ok_or_else(none)?))
}
