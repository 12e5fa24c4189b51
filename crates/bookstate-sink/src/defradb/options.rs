//! How to reach a node, and what cannot be one.

use std::{path::PathBuf, time::Duration};

use super::failure::shortened;

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

/// How to reach a node.
#[derive(Clone)]
#[non_exhaustive]
pub struct DefraOptions {
    /// Its URL: `http://HOST:PORT`.
    pub url: String,
    /// A bearer token, if the node asks for one.
    pub token: Option<String>,
    /// The file with the token, if it comes from one: read anew when the node does not accept the token any more.
    pub token_file: Option<PathBuf>,
    /// How long a request may take.
    pub timeout: Duration,
}

impl DefraOptions {
    /// A node at this URL, without a token, 30 seconds per request.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), token: None, token_file: None, timeout: Duration::from_secs(30) }
    }

    /// Whether the URL is one of a node, for this program.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self) -> Result<(), DefraUrlError> {
        base_url(&self.url).map(|_| ())
    }
}

impl std::fmt::Debug for DefraOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "(hidden)");
        f.debug_struct("DefraOptions")
            .field("url", &self.url)
            .field("token", &token)
            .field("token_file", &self.token_file)
            .field("timeout", &self.timeout)
            .finish()
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
}
