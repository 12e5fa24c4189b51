//! Giving a browser its token: a form posts it once, a cookie brings it from then on.

use std::time::Instant;

use axum::{
    Extension, Form, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;

use crate::{
    auth,
    clients::Client,
    problem::{Code, Problem},
    state::ApiState,
};

/// The routes; they are the page's, so the OpenAPI document does not have them.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new().route("/login", post(login)).route("/logout", post(logout))
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

fn to(place: &'static str, cookie: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned()), (header::SET_COOKIE, cookie)])
        .into_response()
}

async fn login(
    State(state): State<ApiState>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Form(Login { token }): Form<Login>,
) -> Result<Response, Problem> {
    // Before the token is looked at: else a guesser would still learn which is right.
    if state.guesses().are_too_many(client.address, Instant::now()) {
        return Err(Problem::new(Code::TooMany, "too many wrong tokens: try again in a minute"));
    }
    let known = state.config().tokens.access(token.trim());
    if known.is_none() {
        state.guesses().add(client.address, Instant::now());
        return Err(Problem::new(Code::Unauthorized, "this is not a token of the server"));
    }
    // A proxy in front that speaks HTTPS says so.
    let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    Ok(to("/", auth::cookie(token.trim(), secure)))
}

async fn logout() -> Response {
    to("/login", format!("{}; Max-Age=0", auth::cookie("", false)))
}
