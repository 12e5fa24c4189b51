//! Who may do what.

use bookstate_api::{Access, BindError, Server, ServerConfig, ServerParts, Tokens};
use bookstate_domain::{Engines, Variant};
use bookstate_jobs::{Scheduler, SchedulerConfig, engines::EngineCatalog};
use bookstate_sink::{Sink, SinkConfig};
use bookstate_store::{Library, LibraryConfig};
use reqwest::{Method, StatusCode, header};

use super::place::{Place, Running};

const FULL: &str = "full-full-full-full";
const READ: &str = "read-read-read-read";

fn tokens() -> Tokens {
    let mut tokens = Tokens::default();
    tokens.add(FULL, Access::Full).unwrap();
    tokens.add(READ, Access::Read).unwrap();
    tokens
}

async fn status(server: &Running, method: Method, path: &str, token: Option<&str>) -> StatusCode {
    let request = server.request(method, path);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    server.send(request).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_what_it_is_for() {
    let place = Place::new();
    let server = place.server_with("data", Vec::new(), |config| config.tokens = tokens());
    let document = serde_json::to_value(bookstate_api::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let of = |token| status(&server, method.clone(), &path, token);
            let open = ["/api/health", "/api/ready"].contains(&&*path);
            for token in [None, Some("wrong-wrong-wrong-wrong"), Some("")] {
                let refused = of(token).await == StatusCode::UNAUTHORIZED;
                assert_eq!(refused, !open, "{method} {path} {token:?}");
            }
            assert_ne!(of(Some(FULL)).await, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_ne!(of(Some(FULL)).await, StatusCode::FORBIDDEN, "{method} {path}");
            let changes = method != Method::GET;
            assert_eq!(of(Some(READ)).await == StatusCode::FORBIDDEN, changes, "{method} {path}");
        }
    }
    let refused = server.get("/api/books").await;
    assert_eq!((&*refused.problem(), refused.header("www-authenticate")), ("unauthorized", "Bearer"));
    let basic = server.request(Method::GET, "/api/books").basic_auth("x", Some(FULL));
    assert_eq!(server.send(basic).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, Method::GET, "/api/nothing", None).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_gets_its_token_in_a_cookie_that_no_script_reads() {
    let place = Place::new();
    let server = place.server_with("data", Vec::new(), |config| config.tokens = tokens());
    let login = |token| {
        let redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirects).build().unwrap();
        client.post(server.url("/login")).form(&[("token", token)]).send()
    };
    assert_eq!(login("wrong-wrong-wrong-wrong").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let response = login(READ).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let (pair, _) = cookie.split_once(';').unwrap();
    let with = |method| server.send(server.request(method, "/api/books").header(header::COOKIE, pair));
    assert_eq!(with(Method::GET).await.status, StatusCode::OK);
    assert_eq!(with(Method::POST).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_only_this_machine_is_answered_and_no_other_sites_page_changes_anything() {
    let place = Place::new();
    let server = place.server_with("data", Vec::new(), |config| {
        config.cors_origins = vec!["https://friend.example".to_owned()]
    });
    let host = |host: &str| server.send(server.request(Method::GET, "/api/books").header(header::HOST, host));
    assert_eq!(host("localhost:1234").await.status, StatusCode::OK);
    assert_eq!(host("evil.example").await.problem(), "forbidden");
    let from = |method, origin: &str| {
        server.send(server.request(method, "/api/books/upload").header(header::ORIGIN, origin))
    };
    assert_eq!(from(Method::POST, "https://evil.example").await.problem(), "forbidden");
    assert_eq!(from(Method::POST, "null").await.problem(), "forbidden");
    assert_eq!(from(Method::POST, "https://friend.example").await.problem(), "unsupported_media_type");
    let listed =
        |origin: &str| server.send(server.request(Method::GET, "/api/books").header(header::ORIGIN, origin));
    let allowed = listed("https://friend.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://friend.example");
    assert_eq!(listed("https://evil.example").await.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_the_security_headers_and_an_id() {
    let place = Place::new();
    let server = place.server();
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/api/books", "/api/nothing", "/docs", "/api/books/../x"] {
        let request = server.request(Method::GET, path).header("x-request-id", "forged");
        let answer = server.send(request).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(!answer.header("x-request-id").contains("forged"), "{path}");
        assert!(ids.insert(answer.header("x-request-id").to_owned()), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let (library, _) = Library::open(LibraryConfig::new(dir.path())).unwrap();
    let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
    let sink = std::sync::Arc::new(Sink::start(&library, Vec::new(), &SinkConfig::new()));
    let parts = ServerParts { library, scheduler, sink };
    let engines = Engines { ocr: vec!["text-layer".into()], analysis: "local".into() };
    let config = ServerConfig::new(Variant::Standard, engines);
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = Server::bind(address.parse().unwrap(), parts.clone(), config.clone());
        assert!(matches!(refused, Err(BindError::TokenNeeded { .. })), "{address}");
    }
    let with = ServerConfig { tokens: tokens(), ..config };
    assert!(Server::bind("0.0.0.0:0".parse().unwrap(), parts, with).is_ok());
}
