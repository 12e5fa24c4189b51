//! Requests for a book that another machine of the fleet owns: they are answered by that machine, through this one.
//!
//! What comes back is passed on as it is, status, `ETag`, ranges and event streams included, with the owner's name in
//! `x-bookstate-owner`. An owner that does not answer in [`PATIENCE`] does not keep a reader waiting: this machine
//! answers from what it has or what a target has, and says so. A change is never made here then: it would be of a book
//! that this machine does not own.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bookstate_domain::BookId;

use crate::{
    others::{PASSED_ON, passed_on},
    ownership::{Elsewhere, NotOwned},
    problem::Problem,
    state::ApiState,
    view,
};

/// Which machine answered, or should have.
pub(crate) const OWNER: HeaderName = HeaderName::from_static("x-bookstate-owner");

/// How long a reader waits for an owner that says nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// Answers here what is answered here, and elsewhere the rest.
pub(crate) async fn answered(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let Some(elsewhere) = owner(&state, &request) else { return next.run(request).await };
    let name = HeaderValue::from_str(&elsewhere.machine).unwrap_or(HeaderValue::from_static("unnamed"));
    let reads = request.method().is_safe();
    let (parts, body) = request.into_parts();
    // A page that a browser reads has no body.
    let (kept, body) = if reads { (Some(parts.clone()), Body::empty()) } else { (None, body) };
    let patience = (reads && !is_made(parts.uri.path())).then_some(PATIENCE);
    let answer = match passed_on(parts, body, &elsewhere) {
        Some(request) => state.others().ask(request, patience).await,
        None => None,
    };
    let (mut response, said) = match (answer, kept) {
        (Some(answer), _) => (answer, name),
        (None, Some(parts)) => {
            let said = format!("{} (no answer)", elsewhere.machine);
            let said = HeaderValue::from_str(&said).unwrap_or(name);
            (next.run(Request::from_parts(parts, Body::empty())).await, said)
        }
        (None, None) => (Problem::from(NotOwned::Elsewhere(elsewhere)).into_response(), name),
    };
    response.headers_mut().insert(OWNER, said);
    response
}

/// The machine that is to answer, if it is not this one.
fn owner(state: &ApiState, request: &Request) -> Option<Elsewhere> {
    let ownership = state.config().ownership.as_ref()?;
    if request.headers().contains_key(PASSED_ON) {
        return None;
    }
    ownership.elsewhere(&book_of(request.uri().path())?)
}

/// The book that a path is about.
fn book_of(path: &str) -> Option<BookId> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let first = parts.next()?;
    let named = match (first, if first == "api" { parts.next()? } else { "" }) {
        ("books", _) | ("api", "books") => parts.next()?,
        ("api", "jobs") => match parts.next()? {
            "start" | "status" => parts.next()?,
            job => return job.parse().ok().map(|job: view::JobId| job.book_id),
        },
        _ => return None,
    };
    BookId::new(named).ok()
}

/// Whether the answer is made for the request, and so takes its time, or has no end.
fn is_made(path: &str) -> bool {
    ["/image", "/export", "/words", "/events", "/cover"].iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_of_a_path_is_found_where_there_is_one() {
        let id = |path| book_of(path).map(|id| id.to_string());
        for path in [
            "/api/books/b-1",
            "/api/books/b-1/pages/3/image",
            "/api/jobs/start/b-1",
            "/api/jobs/status/b-1/detailed",
            "/books/b-1/chapters/x",
        ] {
            assert_eq!(id(path).as_deref(), Some("b-1"), "{path}");
        }
        for path in ["/", "/api/books", "/api/status", "/books", "/targets/b-1", "/api/jobs", "/metrics"] {
            assert_eq!(id(path), None, "{path}");
        }
    }
}
