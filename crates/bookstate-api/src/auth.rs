//! Who may do what: bearer tokens, and pages of other sites.
//!
//! Tokens are kept as hashes and compared in constant time; nothing here is ever shown or logged. A browser
//! may bring a token in a cookie, which no script can read and no other site can send. Without any token the
//! server is for this machine alone; then the `Host` that a client names must be this machine, so that a page
//! of another site cannot get here by a name that it resolves to this machine.

use std::{fmt, net::IpAddr};

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header},
};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    problem::{Code, Problem},
    state::ApiState,
};

/// The name of the cookie in which a browser brings its token.
const COOKIE: &str = "bookstate_token";
/// A token is at least so long: what is shorter can be guessed.
const SHORTEST: usize = 16;
/// What anybody may ask, so that a supervisor needs no token and a browser gets as far as a form for it.
const OPEN: [&str; 5] = ["/api/health", "/api/ready", "/login", "/logout", crate::web::STYLE_PATH];

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Look.
    Read,
    /// Change something.
    Full,
}

/// Not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token has at least {SHORTEST} characters, all of them visible ASCII")]
pub struct TokenError;

type Hash = [u8; 32];

/// The tokens that the server takes. They are not shown, not even by `Debug`.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Hash, Access)>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

impl Tokens {
    /// Takes a token.
    ///
    /// # Errors
    /// The text is too short or has characters that cannot stand in a header.
    pub fn add(&mut self, token: &str, access: Access) -> Result<(), TokenError> {
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError);
        }
        self.0.push((hash(token), access));
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a token allows. Takes the same time whatever the token is.
    #[must_use]
    pub fn access(&self, token: &str) -> Option<Access> {
        let given = hash(token);
        let (mut read, mut full) = (Choice::from(0), Choice::from(0));
        for (known, access) in &self.0 {
            let same = known.ct_eq(&given);
            match access {
                Access::Read => read |= same,
                Access::Full => full |= same,
            }
        }
        match (bool::from(full), bool::from(read)) {
            (true, _) => Some(Access::Full),
            (_, true) => Some(Access::Read),
            _ => None,
        }
    }
}

/// The `Set-Cookie` that makes a browser bring a token. `secure`: only over HTTPS.
pub(crate) fn cookie(token: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

fn given(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(token.trim());
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, token)| token.trim())
}

/// What a request needs.
fn needed(method: &Method) -> Access {
    if method.is_safe() { Access::Read } else { Access::Full }
}

/// Whether a request may go on.
///
/// # Errors
/// What the client is told when it may not.
pub(crate) fn check(state: &ApiState, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let config = state.config();
    check_origin(headers, request.method(), &config.cors_origins)?;
    if config.tokens.is_empty() {
        return check_host(headers);
    }
    if OPEN.contains(&request.uri().path()) {
        return Ok(());
    }
    let access = given(headers).and_then(|token| config.tokens.access(token)).ok_or_else(|| {
        Problem::new(Code::Unauthorized, "a token is needed: `Authorization: Bearer TOKEN`")
    })?;
    if access < needed(request.method()) {
        return Err(Problem::new(Code::Forbidden, "this token may only read"));
    }
    Ok(())
}

/// Refuses changes that a page of another site asks for. Browsers name the page's origin; other clients do
/// not.
fn check_origin(headers: &HeaderMap, method: &Method, others: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| !method.is_safe()) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host));
    if ours || others.iter().any(|other| other == origin) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "a page of another site may not change anything here"))
}

fn check_host(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let local = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if local {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "without tokens this server answers to the names of this machine only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_what_it_is_for_and_nothing_else_does() {
        let mut tokens = Tokens::default();
        tokens.add("reader-reader-reader", Access::Read).unwrap();
        tokens.add("writer-writer-writer", Access::Full).unwrap();
        assert_eq!(tokens.access("reader-reader-reader"), Some(Access::Read));
        assert_eq!(tokens.access("writer-writer-writer"), Some(Access::Full));
        for wrong in ["", "reader-reader-reade", "reader-reader-readerx", "READER-READER-READER"] {
            assert_eq!(tokens.access(wrong), None, "{wrong}");
        }
        assert_eq!(tokens.add("short", Access::Read), Err(TokenError));
        assert_eq!(tokens.add("sixteen characters and a space", Access::Read), Err(TokenError));
        assert!(!format!("{tokens:?}").contains("reader"));
    }

    #[test]
    fn a_token_comes_in_a_header_or_a_cookie() {
        let with = |name, value: &'static str| {
            HeaderMap::from_iter([(name, axum::http::HeaderValue::from_static(value))])
        };
        assert_eq!(given(&with(header::AUTHORIZATION, "Bearer abc")), Some("abc"));
        assert_eq!(given(&with(header::AUTHORIZATION, "bearer  abc ")), Some("abc"));
        assert_eq!(given(&with(header::AUTHORIZATION, "Basic abc")), None);
        assert_eq!(given(&with(header::COOKIE, "a=b; bookstate_token=abc")), Some("abc"));
        assert_eq!(given(&HeaderMap::new()), None);
    }

    #[test]
    fn only_names_of_this_machine_and_its_own_pages() {
        let host = |value: &'static str| {
            HeaderMap::from_iter([(header::HOST, axum::http::HeaderValue::from_static(value))])
        };
        for name in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "127.8.8.8"] {
            assert!(check_host(&host(name)).is_ok(), "{name}");
        }
        for name in ["evil.example", "evil.example:8080", "10.0.0.1", "localhost.evil.example", ""] {
            assert!(check_host(&host(name)).is_err(), "{name}");
        }
        let from = |origin: &'static str| {
            let mut headers = host("localhost:8080");
            headers.insert(header::ORIGIN, axum::http::HeaderValue::from_static(origin));
            headers
        };
        let others = ["https://friend.example".to_owned()];
        let post = |origin| check_origin(&from(origin), &Method::POST, &others).is_ok();
        assert!(post("http://localhost:8080") && post("https://friend.example"));
        assert!(!post("http://localhost:9999") && !post("https://evil.example") && !post("null"));
        assert!(check_origin(&from("https://evil.example"), &Method::GET, &others).is_ok());
    }
}
