//! What every request goes through on its way to its route, outermost first: its id and span, panics,
//! security headers, other sites, time limits, tokens, another machine that owns the book, compression.

use std::time::Instant;

use axum::{
    Extension, Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
    middleware::{self, Next},
    response::IntoResponse,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
    timeout::RequestBodyTimeoutLayer,
};
use tracing::Instrument;

use crate::{
    auth,
    connections::Peer,
    document, elsewhere,
    problem::{Code, Problem},
    read, routes,
    state::ApiState,
    web,
};

/// Names a request in answers and logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a page may load and do: nothing from elsewhere, and no script that is not in a file.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// The route that may take longer than others, since files are large.
const UPLOAD: &str = "/api/books/upload";

/// All routes behind all layers. They are one stack, since each call of `layer` costs every request an
/// allocation or two.
pub(crate) fn app(state: &ApiState) -> Router {
    let (api, _) = document::all_routes().split_for_parts();
    let limits = &state.config().limits;
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(state.clone(), traced))
        .layer(CatchPanicLayer::custom(panicked))
        .option_layer(cors(&state.config().cors_origins))
        .layer(middleware::from_fn(web::for_people))
        .layer(middleware::from_fn_with_state(state.clone(), admitted))
        .layer(middleware::from_fn_with_state(state.clone(), elsewhere::answered))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(state.clone(), held))
        .layer(RequestBodyTimeoutLayer::new(limits.body_time))
        .layer(DefaultBodyLimit::max(limits.body_bytes));
    api.merge(web::routes())
        .merge(routes::session::routes())
        .fallback(async || Problem::new(Code::NotFound, "there is no such route: see /docs"))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "the route does not take this method: see /docs")
        })
        .layer(layers)
        .with_state(state.clone())
}

/// Gives a request its id and span, and its answer the id and the security headers. An id that the client
/// brings is not taken over: it could write anything into our log. The query is not logged: it says more
/// about people than about the server.
async fn traced(State(state): State<ApiState>, request: Request, next: Next) -> axum::response::Response {
    let began = Instant::now();
    let id = state.request_id();
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = next.run(request).instrument(span.clone()).await;
    secure(response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let (status, micros) = (response.status(), began.elapsed().as_micros());
    span.in_scope(|| told(status, micros));
    response
}

fn told(status: StatusCode, micros: u128) {
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(status = status.as_u16(), micros, "answered");
    } else {
        tracing::info!(status = status.as_u16(), micros, "answered");
    }
}

fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Lets those through who may ask, and ends answers that take too long. An event stream's answer is its
/// beginning.
async fn admitted(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> axum::response::Response {
    match auth::check(&state, &request) {
        Ok(client) => request.extensions_mut().insert(client),
        Err(problem) => return problem.into_response(),
    };
    if request.uri().path() == UPLOAD {
        return next.run(request).await;
    }
    match tokio::time::timeout(state.config().limits.answer_time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Timeout, "the answer took too long").into_response(),
    }
}

/// Bounds the memory of answers that are not read, and says for how long a connection is answered.
async fn held(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    let answering = peer.answering();
    drop(peer);
    state.answers().hold(next.run(request).await, answering)
}

/// Lets pages of other sites in; no layer at all when there are none.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if allowed.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([
            header::ETAG,
            elsewhere::OWNER,
            read::SOURCE,
            read::TARGET,
            read::SEQ,
            read::PERSISTED_SEQ,
            REQUEST_ID,
        ]);
    Some(layer)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer gives the panic away")]
fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&format_args!("a route panicked: {text}")).into_response()
}
