//! HTTP to one node: GraphQL requests and the routes of its collections.
//!
//! Whoever writes holds [`Client::writing`]: the node lets two transactions that add documents conflict with
//! each other, whatever they add, so that a second one in flight only costs. Reads do not wait for writes.

use std::{fmt, path::PathBuf, time::Duration};

use parking_lot::RwLock;
use reqwest::{
    Method, StatusCode,
    header::{self, HeaderValue},
    redirect,
};
use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    compose::Answer,
    failure::{CallError, shortened},
    options::{DefraOptions, DefraUrlError, base_url},
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a node.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    /// The header with the token.
    authorization: RwLock<Option<HeaderValue>>,
    token_file: Option<PathBuf>,
    writing: Mutex<()>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for a node. Nothing is sent yet.
    pub(super) fn new(options: &DefraOptions) -> Result<Self, DefraUrlError> {
        let base = base_url(&options.url)?;
        let mut headers = header::HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let authorization = RwLock::new(options.token.as_deref().map(bearer).transpose()?);
        #[cfg(feature = "defradb-tls")]
        // An error says that the process has chosen a provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(options.timeout)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(2)
            .build()
            .map_err(|error| DefraUrlError::Client(error.to_string()))?;
        let token_file = options.token_file.clone();
        Ok(Self { http, base, authorization, token_file, writing: Mutex::new(()) })
    }

    /// The node's URL.
    pub(super) fn base(&self) -> &str {
        &self.base
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
        let used = self.authorization.read().clone();
        let again = self.token_file.is_some().then(|| (method.clone(), body.clone()));
        let (status, answer) = self.call_with(used.as_ref(), method, path, body).await?;
        // It has done nothing then, so that the same can be asked again.
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && let Some((method, body)) = again
            && let Some(new) = self.read_token().await.filter(|new| Some(new) != used.as_ref())
        {
            return self.call_with(Some(&new), method, path, body).await;
        }
        Ok((status, answer))
    }

    async fn call_with(
        &self,
        authorization: Option<&HeaderValue>,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), CallError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = request.send().await.map_err(|error| {
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

    /// Reads the token's file anew. A file that cannot be read, or holds no token, is as good as an old one: what the
    /// node has answered tells.
    async fn read_token(&self) -> Option<HeaderValue> {
        let path = self.token_file.clone()?;
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        let new = bearer(read.ok()?.ok()?.trim()).ok()?;
        *self.authorization.write() = Some(new.clone());
        Some(new)
    }
}

fn bearer(token: &str) -> Result<HeaderValue, DefraUrlError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| DefraUrlError::Token)?;
    value.set_sensitive(true);
    Ok(value)
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
    fn a_token_is_never_shown() {
        let mut options = DefraOptions::new("http://host");
        options.token = Some("secret".to_owned());
        let client = Client::new(&options).unwrap();
        assert!(!format!("{client:?} {options:?}").contains("secret"));
        options.token = Some("a\nb".to_owned());
        let error = Client::new(&options).unwrap_err();
        assert_eq!(error, DefraUrlError::Token);
    }
}
