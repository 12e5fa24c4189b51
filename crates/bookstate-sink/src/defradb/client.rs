//! HTTP to one node: GraphQL requests and the routes of its collections.
//!
//! Whoever writes holds [`Client::writing`]: the node lets two transactions that add documents conflict with
//! each other, whatever they add, so that a second one in flight only costs. Reads do not wait for writes.

use std::{fmt, time::Duration};

use reqwest::{Method, StatusCode, header, redirect};
use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    compose::Answer,
    failure::{CallError, shortened},
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A node that cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefraUrlError {
    /// Not a URL of a node.
    #[error("{url:?} is not the URL of a node: http://HOST:PORT is expected")]
    Url {
        /// What was given, shortened.
        url: String,
    },
    /// This program has no TLS.
    #[error(
        "this bookstate is built without TLS: use http://, or build it with TLS (bookstate-cli's feature tls)"
    )]
    NoTls,
    /// Not a token.
    #[error("the token holds characters that no token has: a token is one line of visible ASCII")]
    Token,
    /// The machine, or this program, cannot make connections.
    #[error("no client of a node can be made: {0}")]
    Client(String),
}

/// A connection to a node.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    writing: Mutex<()>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the HTTP client, whose headers hold the token.
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// The URL of a node without a slash at its end.
///
/// # Errors
/// It is none.
pub(super) fn base_url(text: &str) -> Result<String, DefraUrlError> {
    let wrong = || DefraUrlError::Url { url: shortened(text) };
    let url: reqwest::Url = text.parse().map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "defradb-tls") => {}
        "https" => return Err(DefraUrlError::NoTls),
        _ => return Err(wrong()),
    }
    if !plain || url.fragment().is_some() || url.host_str().is_none() {
        return Err(wrong());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

impl Client {
    /// A client for the node at this URL. Nothing is sent yet.
    pub(super) fn new(url: &str, token: Option<&str>, timeout: Duration) -> Result<Self, DefraUrlError> {
        let base = base_url(url)?;
        let mut headers = header::HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            let value = header::HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| DefraUrlError::Token)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        #[cfg(feature = "defradb-tls")]
        // An error says that the process has chosen a provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(2)
            .build()
            .map_err(|error| DefraUrlError::Client(error.to_string()))?;
        Ok(Self { http, base, writing: Mutex::new(()) })
    }

    /// Waits until nobody else writes through this client.
    pub(super) async fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Sends a GraphQL request. An answer with errors is an error, whatever else it holds.
    pub(super) async fn graphql(&self, request: Vec<u8>) -> Result<Answer, CallError> {
        #[derive(Deserialize)]
        struct Envelope {
            errors: Option<Vec<Message>>,
            data: Option<Answer>,
        }
        #[derive(Deserialize)]
        struct Message {
            message: String,
        }
        let (status, body) = self.call(Method::POST, "/api/v1/graphql", request).await?;
        if status != StatusCode::OK {
            return Err(CallError::Status(status.as_u16(), shortened(&String::from_utf8_lossy(&body))));
        }
        let envelope: Envelope = serde_json::from_slice(&body)
            .map_err(|error| CallError::Lost(format!("the answer cannot be read: {error}")))?;
        if let Some(first) = envelope.errors.into_iter().flatten().next() {
            return Err(CallError::Errors(first.message));
        }
        envelope.data.ok_or_else(|| CallError::Lost("the answer holds no data".to_owned()))
    }

    /// Sends any request; the answer's status and body.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), CallError> {
        let sent = self.http.request(method, format!("{}{path}", self.base)).body(body).send().await;
        let answer = sent.map_err(|error| {
            if error.is_connect() {
                CallError::NotSent(format!("cannot connect to {}: {}", self.base, cause(&error)))
            } else {
                lost(&error)
            }
        })?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| lost(&error))?;
        Ok((status, body.to_vec()))
    }
}

fn lost(error: &reqwest::Error) -> CallError {
    let what = if error.is_timeout() { "the node does not answer" } else { "the connection broke" };
    CallError::Lost(format!("{what}: {}", cause(error)))
}

/// The innermost of an error's causes: what happened.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    shortened(&innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_of_a_node_or_an_error_that_says_what_is_expected() {
        assert_eq!(base_url("http://127.0.0.1:9181/").as_deref(), Ok("http://127.0.0.1:9181"));
        assert_eq!(base_url("http://host/defra/").as_deref(), Ok("http://host/defra"));
        for wrong in ["127.0.0.1:9181", "ftp://host", "http://a:b@host", "http://host?x=1", "http://", ""] {
            assert!(matches!(base_url(wrong), Err(DefraUrlError::Url { .. })), "{wrong}");
        }
        if cfg!(not(feature = "defradb-tls")) {
            assert_eq!(base_url("https://host"), Err(DefraUrlError::NoTls));
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let client = Client::new("http://host", Some("secret"), Duration::from_secs(1)).unwrap();
        assert!(!format!("{client:?}").contains("secret"));
        let error = Client::new("http://host", Some("a\nb"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error, DefraUrlError::Token);
    }
}
