//! The OpenAPI document, and a page that shows it.

use axum::{
    http::header,
    response::{Html, IntoResponse},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{document, state::ApiState};

/// Where the document is.
pub(crate) const DOCUMENT_PATH: &str = "/openapi.json";

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(openapi)).routes(routes!(docs))
}

/// Show the OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "server",
    responses((status = 200, content_type = "application/json", body = serde_json::Value)))]
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document::openapi_text())
}

/// Show the routes, for people
#[utoipa::path(get, path = "/docs", tag = "server",
    responses((status = 200, content_type = "text/html", body = String)))]
async fn docs() -> Html<&'static str> {
    Html(document::viewer_page())
}
