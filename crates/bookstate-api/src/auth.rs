//! Who may do what: bearer tokens, and pages of other sites.
//!
//! Nothing here is ever shown or logged. A browser
//! may bring a token in a cookie, which no script can read and no other site can send. Without any token the
//! server is for this machine alone; then the `Host` that a client names must be this machine, so that a page
//! of another site cannot get here by a name that it resolves to this machine.

use std::{borrow::Cow, net::IpAddr};

use axum::{
    extract::Request,
    http::{HeaderMap, Method, Uri, header},
};

use crate::{
    clients::Client,
    connections::Peer,
    problem::{Code, Problem},
    state::ApiState,
    tokens::{Access, hash},
};

/// The name of the cookie in which a browser brings its token.
const COOKIE: &str = "bookstate_token";
/// What anybody may ask, so that a supervisor needs no token and a browser gets as far as a form for it.
const OPEN: [&str; 5] = ["/api/health", "/api/ready", "/login", "/logout", crate::web::STYLE_PATH];

/// The `Set-Cookie` that makes a browser bring a token. `secure`: only over HTTPS.
pub(crate) fn cookie(token: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    let value = cookie_value(token);
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// A token as a cookie's value, in which some visible characters have a meaning of their own.
fn cookie_value(token: &str) -> String {
    let mut value = String::with_capacity(token.len());
    for character in token.chars() {
        match character {
            '%' | ';' | ',' | '"' | '\\' => value.push_str(&format!("%{:02X}", u32::from(character))),
            _ => value.push(character),
        }
    }
    value
}

/// The token of a cookie's value.
fn cookie_token(value: &str) -> String {
    let mut parts = value.split('%');
    let mut token = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                token.push(char::from(byte));
                token.push_str(part.get(2..).unwrap_or_default());
            }
            None => {
                token.push('%');
                token.push_str(part);
            }
        }
    }
    token
}

fn given(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(token.trim().into());
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| cookie_token(value.trim()).into())
}

/// What a request needs.
fn needed(method: &Method) -> Access {
    if method.is_safe() { Access::Read } else { Access::Full }
}

/// Whether a request may go on, and whose it is.
///
/// # Errors
/// What the client is told when it may not.
pub(crate) fn check(state: &ApiState, request: &Request) -> Result<Client, Problem> {
    let headers = request.headers();
    let config = state.config();
    if head_bytes(request) > config.limits.head_bytes {
        return Err(Problem::new(Code::HeadTooLarge, "the request's head is larger than allowed"));
    }
    let host = host(headers, request.uri())?;
    check_origin(headers, host, request.method(), &config.cors_origins)?;
    check_site(headers, request.method(), &config.cors_origins)?;
    let peer = request.extensions().get::<Peer>();
    let peer = peer.ok_or_else(|| Problem::internal(&"a request has no connection"))?;
    let address = peer.address();
    if config.tokens.is_empty() {
        check_local(host)?;
        return Ok(Client { address, token: None });
    }
    let shown = given(headers).map(|token| hash(&token));
    let known = shown.and_then(|token| Some((token, config.tokens.access_of(&token)?)));
    if known.is_some() {
        peer.has_token();
    }
    let client = Client { address, token: known.map(|(token, _)| token) };
    if OPEN.contains(&request.uri().path()) {
        return Ok(client);
    }
    let (_, access) = known.ok_or_else(|| {
        Problem::new(Code::Unauthorized, "a token is needed: `Authorization: Bearer TOKEN`")
    })?;
    if access < needed(request.method()) {
        return Err(Problem::new(Code::Forbidden, "this token may only read"));
    }
    Ok(client)
}

/// The size of a request's head, without its spaces and line ends.
fn head_bytes(request: &Request) -> usize {
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    path + fields.sum::<usize>()
}

/// The one name that a request gives this server. Several, or one in its target that differs, could mean another
/// thing to a proxy before us than to us.
fn host<'r>(headers: &'r HeaderMap, target: &Uri) -> Result<&'r str, Problem> {
    let mut named = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return Err(Problem::new(Code::InvalidRequest, "a request has exactly one `Host`"));
    };
    let host = host.to_str().unwrap_or_default();
    if target.authority().is_some_and(|target| !target.as_str().eq_ignore_ascii_case(host)) {
        return Err(Problem::new(Code::InvalidRequest, "the request's target and its `Host` differ"));
    }
    Ok(host)
}

/// Refuses what a page of another site has a browser ask for, as far as the browser says so: all but following a
/// link to a page of ours.
fn check_site(headers: &HeaderMap, method: &Method, others: &[String]) -> Result<(), Problem> {
    let said = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(site) = said("sec-fetch-site") else { return Ok(()) };
    let follows = method.is_safe()
        && said("sec-fetch-mode") == Some("navigate")
        && said("sec-fetch-dest") == Some("document");
    let is_friend = said("origin").is_some_and(|origin| others.iter().any(|other| other == origin));
    if ["same-origin", "none"].contains(&site) || follows || is_friend {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "a page of another site may not ask for this"))
}

/// Refuses changes that a page of another site asks for. Browsers name the page's origin; other clients do
/// not.
fn check_origin(headers: &HeaderMap, host: &str, method: &Method, others: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| !method.is_safe()) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let ours = origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host));
    if ours || others.iter().any(|other| other == origin) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "a page of another site may not change anything here"))
}

fn check_local(host: &str) -> Result<(), Problem> {
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
    fn a_token_comes_in_a_header_or_a_cookie() {
        let with = |name, value: &'static str| {
            HeaderMap::from_iter([(name, axum::http::HeaderValue::from_static(value))])
        };
        let given = |name, value| given(&with(name, value)).map(Cow::into_owned);
        assert_eq!(given(header::AUTHORIZATION, "Bearer abc").as_deref(), Some("abc"));
        assert_eq!(given(header::AUTHORIZATION, "bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(given(header::AUTHORIZATION, "Basic abc"), None);
        assert_eq!(given(header::COOKIE, "a=b; bookstate_token=abc").as_deref(), Some("abc"));
        assert_eq!(super::given(&HeaderMap::new()), None);
    }

    #[test]
    fn a_cookie_brings_every_character_of_a_token() {
        let every: String = (b'!'..=b'~').map(char::from).collect();
        let set = cookie(&every, false);
        let value = set.split(';').next().unwrap().strip_prefix("bookstate_token=").unwrap();
        assert!(!value.contains([',', '"', '\\']), "{value}");
        assert_eq!(cookie_token(value), every);
        assert_eq!(cookie_token("100%;%zz%C3"), "100%;%zz%C3");
    }

    #[test]
    fn a_request_names_its_server_once() {
        let named = |hosts: &[&'static str], target: &str| {
            let headers = hosts.iter().map(|host| (header::HOST, axum::http::HeaderValue::from_static(host)));
            let headers = headers.fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            });
            host(&headers, &target.parse().unwrap()).is_ok()
        };
        assert!(named(&["localhost"], "/x") && named(&["LocalHost:1"], "http://localhost:1/x"));
        assert!(!named(&[], "/x") && !named(&["localhost", "localhost"], "/x"));
        assert!(!named(&["localhost"], "http://evil.example/x"));
    }

    #[test]
    fn a_browser_says_which_site_asks() {
        let others = ["https://friend.example".to_owned()];
        let asks = |method, fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
            });
            check_site(&fields.collect(), &method, &others).is_ok()
        };
        let (cross, same) = (("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin"));
        let link = [cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(asks(Method::POST, &[]) && asks(Method::POST, &[same]));
        assert!(asks(Method::GET, &link) && !asks(Method::POST, &link));
        assert!(!asks(Method::GET, &[cross]) && !asks(Method::GET, &[("sec-fetch-site", "same-site")]));
        assert!(!asks(Method::GET, &[cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]));
        assert!(asks(Method::POST, &[cross, ("origin", "https://friend.example")]));
    }

    #[test]
    fn only_names_of_this_machine_and_its_own_pages() {
        for name in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "127.8.8.8"] {
            assert!(check_local(name).is_ok(), "{name}");
        }
        for name in ["evil.example", "evil.example:8080", "10.0.0.1", "localhost.evil.example", ""] {
            assert!(check_local(name).is_err(), "{name}");
        }
        let from = |origin: &'static str| {
            HeaderMap::from_iter([(header::ORIGIN, axum::http::HeaderValue::from_static(origin))])
        };
        let others = ["https://friend.example".to_owned()];
        let post = |origin| check_origin(&from(origin), "localhost:8080", &Method::POST, &others).is_ok();
        assert!(post("http://localhost:8080") && post("https://friend.example"));
        assert!(!post("http://localhost:9999") && !post("https://evil.example") && !post("null"));
        let get = check_origin(&from("https://evil.example"), "localhost:8080", &Method::GET, &others);
        assert!(get.is_ok());
    }
}
