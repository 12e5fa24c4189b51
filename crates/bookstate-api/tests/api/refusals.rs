//! What is refused, and how: always a problem with its code, never a hanging or a failing server.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::place::{Place, Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_a_problem_with_its_code() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    for (path, status, code) in [
        ("/api/books/b-0/toc".to_owned(), 404, "unknown_book"),
        (format!("/api/books/{book_id}/pages/900"), 404, "unknown_page"),
        (format!("/api/books/{book_id}/pages/0"), 404, "unknown_page"),
        (format!("/api/books/{book_id}/pages/x"), 400, "invalid_request"),
        (format!("/api/books/{book_id}/export?format=docx"), 400, "invalid_request"),
        (format!("/api/jobs/{book_id}~job-9"), 404, "unknown_job"),
        ("/api/jobs/b-0~job-1".to_owned(), 404, "unknown_job"),
        ("/api/jobs/nonsense".to_owned(), 404, "unknown_job"),
        ("/api/targets/none/parked".to_owned(), 404, "unknown_target"),
        ("/api/books/a%2E%2Eb".to_owned(), 400, "invalid_request"),
        ("/api/books/..%2F..%2Fetc%2Fpasswd/toc".to_owned(), 400, "invalid_request"),
        ("/api/nothing".to_owned(), 404, "not_found"),
        ("/api/books/upload/../../x".to_owned(), 404, "not_found"),
    ] {
        let answer = server.get(&path).await;
        assert_eq!((answer.status.as_u16(), &*answer.problem()), (status, code), "{path}");
    }
    for (method, path, status, code) in [
        (Method::DELETE, "/api/books".to_owned(), 405, "method_not_allowed"),
        (Method::POST, "/api/jobs/b-0~job-1/cancel".to_owned(), 404, "unknown_job"),
        (Method::POST, "/api/jobs/start/b-0".to_owned(), 404, "unknown_book"),
        (Method::POST, format!("/api/books/{book_id}/reset"), 415, "unsupported_media_type"),
        (Method::POST, "/api/books/upload".to_owned(), 415, "unsupported_media_type"),
        (Method::POST, "/api/targets/none/parked/Page/b-0%2F1/retry".to_owned(), 404, "unknown_target"),
        (Method::POST, "/api/targets/local/parked/Page/b-0%2F1/retry".to_owned(), 404, "unknown_document"),
        (Method::DELETE, "/api/targets/local/parked/Nope/b-0%2F1".to_owned(), 404, "unknown_document"),
    ] {
        let answer = server.send(server.request(method.clone(), &path)).await;
        assert_eq!((answer.status.as_u16(), &*answer.problem()), (status, code), "{method} {path}");
    }
    let json = |text: &'static str| {
        let reset = server.request(Method::POST, &format!("/api/books/{book_id}/reset"));
        server.send(reset.header(header::CONTENT_TYPE, "application/json").body(text))
    };
    for text in ["", "{", "[]", "{}", "{\"operation\":3}", "{\"operation\":\"ocr\",\"force\":true}"] {
        assert_eq!(json(text).await.problem(), "invalid_request", "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_file_in_a_form_is_refused_not_forgotten() {
    let place = Place::new();
    let server = place.server();
    let part = |text: &'static str| reqwest::multipart::Part::text(text).file_name("a.txt");
    let form = reqwest::multipart::Form::new().part("file", part("One.\n")).part("file", part("Two.\n"));
    let answer = server.send(server.request(Method::POST, "/api/books/upload").multipart(form)).await;
    assert_eq!((answer.status.as_u16(), &*answer.problem()), (400, "invalid_request"));
    assert_eq!(server.get("/api/books").await.json()["total"], 0, "nothing was taken in");
    let form = reqwest::multipart::Form::new().part("file", part("One.\n")).text("note", "mine");
    let answer = server.send(server.request(Method::POST, "/api/books/upload").multipart(form)).await;
    assert_eq!(answer.status.as_u16(), 202, "other fields do no harm");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_books_are_taken_in() {
    let place = Place::new();
    let server = place.server();
    for (name, bytes) in [
        ("a.pdf", b"\x7fELF\x02\x01\x01\0\0\0".to_vec()),
        ("a.pdf", b"%PDF-1.7\nnothing more".to_vec()),
        ("a.pdf", b"no header".to_vec()),
        ("a.txt", b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec()),
        ("a.txt", Vec::new()),
    ] {
        let answer = server.upload(name, bytes).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {answer:?}");
        assert_eq!(answer.problem(), "not_a_book");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains("uploads"), "a path of the server is told: {detail}");
    }
    let form = reqwest::multipart::Form::new().text("other", "x");
    let answer = server.send(server.request(Method::POST, "/api/books/upload").multipart(form)).await;
    assert_eq!(answer.problem(), "invalid_request");
    assert_eq!(server.get("/api/books").await.json()["total"], 0);
    assert_eq!(std::fs::read_dir(place.path("data/uploads")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let place = Place::new();
    let server = place.server_with("data", Vec::new(), |config| config.limits.upload_bytes = 100_000);
    // Announced: 2 GB, of which nothing is sent.
    let head = "POST /api/books/upload HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; \
                boundary=x\r\ncontent-length: 2147483648\r\n\r\n";
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"too_large\""), "{answer}");
    // Not announced: in chunks, as much as the server lets us.
    let begin = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";
    let pieces = std::iter::once(begin.to_owned()).chain(std::iter::repeat_n("a".repeat(10_000), 1000));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let request = server.request(Method::POST, "/api/books/upload").body(body);
    match request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x").send().await {
        Ok(response) => assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE),
        // The answer came and the connection went while we were still sending.
        Err(error) => assert!(error.is_request() || error.is_body(), "{error:?}"),
    }
    let large = json!({"operation": "x".repeat(2 << 20)});
    let (book_id, _) = server.book().await;
    let answer = server.post(&format!("/api/books/{book_id}/reset"), &large).await;
    assert_eq!((answer.status, &*answer.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    assert_eq!(std::fs::read_dir(place.path("data/uploads")).unwrap().count(), 0);
}

/// Long for a server that is told to wait a fifth of a second; shorter than hyper's own limit of 30 seconds.
const CUT_OFF: Duration = Duration::from_secs(20);

/// Sends bytes and reads until the server ends the connection.
async fn raw(server: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let read = tokio::time::timeout(CUT_OFF, async {
        loop {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => answer.extend_from_slice(&piece[..count]),
            }
            // An answer whose length is announced and is all there.
            let text = String::from_utf8_lossy(&answer);
            if text.contains("\r\n\r\n") && text.ends_with('}') {
                return;
            }
        }
    });
    read.await.expect("the server ends the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_dawdles_is_cut_off() {
    let place = Place::new();
    let server = place.server_with("data", Vec::new(), |config| {
        config.limits.head_time = Duration::from_millis(200);
        config.limits.body_time = Duration::from_millis(200);
    });
    // A head that never ends, and a connection that says nothing at all.
    assert!(
        !raw(&server, b"GET /api/health HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await.contains("200 OK")
    );
    assert_eq!(raw(&server, b"").await, "");
    // A body that never ends.
    let (book_id, _) = server.book().await;
    let head = format!(
        "POST /api/books/{book_id}/reset HTTP/1.1\r\nhost: localhost\r\ncontent-type: \
         application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    // Meanwhile others are answered.
    let head = b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(raw(&server, head).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused() {
    let place = Place::new();
    let server = place.server();
    let head =
        format!("GET /api/health HTTP/1.1\r\nhost: localhost\r\nx-large: {}\r\n\r\n", "a".repeat(100_000));
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(server.get("/api/health").await.status, StatusCode::OK);
}
