//! The other machines of a fleet as servers: a request is passed on to one of them.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, Uri, header, request::Parts},
    response::Response,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::ownership::Elsewhere;

/// How long a connection to another machine may take.
const CONNECTING: Duration = Duration::from_millis(300);

/// Marks a request that was passed on once: it is answered by whoever has it then, so that two machines that take each
/// other for the owner do not pass it on for ever.
pub(crate) const PASSED_ON: HeaderName = HeaderName::from_static("x-bookstate-passed-on");

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
        connector.set_connect_timeout(Some(CONNECTING));
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Passes a request on. `None`: there is no answer, or none in time.
    pub(crate) async fn ask(&self, request: Request, patience: Option<Duration>) -> Option<Response> {
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

/// The request as the other machine gets it. `None`: its address is none.
pub(crate) fn passed_on(mut parts: Parts, body: Body, to: &Elsewhere) -> Option<Request> {
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
