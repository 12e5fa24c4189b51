//! A book from memory against a bare handler that returns the same bytes.

use std::time::Duration;

use axum::{Router, http::header, routing::get};

use crate::{book, client};

/// The bar: what part of the bare handler's rate is reached at least.
const BAR: f64 = 0.7;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(1500);
const CONNECTIONS: usize = 8;

/// Measures; whether the bar is reached.
pub(crate) fn run() -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(book::serve(300));
    let path = format!("/api/books/{}", served.handle.id());
    let bytes = client::Connection::open(served.address).ask(&path).to_vec();
    println!("GET /api/books/{{id}} of a 300-page book, {} bytes, {CONNECTIONS} connections", bytes.len());
    let bare = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let body = bytes::Bytes::from(bytes);
        let handler = get(async move || ([(header::CONTENT_TYPE, "application/json")], body.clone()));
        let app = Router::new().route("/api/books/{id}", handler);
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    });
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let bare = client::rate(bare, &path, CONNECTIONS, ROUND);
        let ours = client::rate(served.address, &path, CONNECTIONS, ROUND);
        println!("bare {bare:.0}/s, ours {ours:.0}/s, ratio {:.2}", ours / bare);
        ratios.push(ours / bare);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    println!("median ratio {median:.2} (bar {BAR})");
    median >= BAR
}
