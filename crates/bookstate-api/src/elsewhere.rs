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
    http::{HeaderName, HeaderValue, Method, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bookstate_domain::BookId;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    ownership::{Elsewhere, NotOwned},
    problem::Problem,
    state::ApiState,
    view,
};

/// Which machine answered, or should have.
pub(crate) const OWNER: HeaderName = HeaderName::from_static("x-bookstate-owner");

/// Marks a request that was passed on once: it is answered by whoever has it then, so that two machines that take each
/// other for the owner do not pass it on for ever.
const PASSED_ON: HeaderName = HeaderName::from_static("x-bookstate-passed-on");

/// How long a reader waits for an owner that says nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is for one connection alone, and not to be passed on.
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Speaks with the other machines.
#[derive(Debug, Clone)]
pub(crate) struct Others(Client<HttpConnector, Body>);

impl Others {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(PATIENCE));
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Passes a request on. `None`: there is no answer, or none in time.
    async fn ask(&self, request: Request, patience: Option<Duration>) -> Option<Response> {
        let answer = self.0.request(request);
        let answer = match patience {
            Some(patience) => tokio::time::timeout(patience, answer).await.ok()?,
            None => answer.await,
        };
        let mut answer =
            answer.inspect_err(|error| tracing::debug!(%error, "the owner does not answer")).ok()?;
        HOP_BY_HOP.iter().for_each(|name| drop(answer.headers_mut().remove(name)));
        Some(answer.map(Body::new))
    }
}

/// Answers here what is answered here, and elsewhere the rest.
pub(crate) async fn answered(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let Some(elsewhere) = owner(&state, &request) else { return next.run(request).await };
    let name = HeaderValue::from_str(&elsewhere.machine).unwrap_or(HeaderValue::from_static("unnamed"));
    let reads = request.method().is_safe();
    let (parts, body) = request.into_parts();
    // A page that a browser reads has no body.
    let (kept, body) = if reads { (Some(parts.clone()), Body::empty()) } else { (None, body) };
    let patience = (reads && !is_made(parts.uri.path())).then_some(PATIENCE);
    let passed_on = passed_on(parts, body, &elsewhere);
    let answer = match passed_on {
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

fn passed_on(mut parts: Parts, body: Body, to: &Elsewhere) -> Option<Request> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = format!("{}{path}", to.address.trim_end_matches('/')).parse().ok()?;
    let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    HOP_BY_HOP.iter().for_each(|name| drop(parts.headers.remove(name)));
    parts.headers.insert(header::HOST, host);
    parts.headers.insert(PASSED_ON, HeaderValue::from_static("1"));
    if parts.method == Method::GET {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    parts.uri = uri;
    parts.version = axum::http::Version::HTTP_11;
    parts.extensions.clear();
    Some(Request::from_parts(parts, body))
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

    #[test]
    fn a_request_is_passed_on_with_its_query_and_once() {
        let request =
            Request::get("/api/books/b-1?x=1").header(header::HOST, "here").body(Body::empty()).unwrap();
        let to = Elsewhere { machine: "m".into(), address: "http://there:8080/".into() };
        let passed = passed_on(request.into_parts().0, Body::empty(), &to).unwrap();
        assert_eq!(passed.uri(), "http://there:8080/api/books/b-1?x=1");
        assert_eq!(passed.headers()[header::HOST], "there:8080");
        assert!(passed.headers().contains_key(PASSED_ON));
        let nowhere = Elsewhere { machine: "m".into(), address: "somewhere else".into() };
        assert!(passed_on(passed.into_parts().0, Body::empty(), &nowhere).is_none());
    }
}
