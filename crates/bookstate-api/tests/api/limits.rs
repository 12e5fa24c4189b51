//! How much at once.

use reqwest::{Method, StatusCode, header};

use super::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_than_allowed_are_told_to_come_later() {
    let place = Place::new();
    let server = place.server_with("data", Vec::new(), |config| config.limits.streams = 2);
    let (book_id, _) = server.book().await;
    let path = format!("/api/books/{book_id}/events");
    let open = || server.request(Method::GET, &path).send();
    let (a, b) = (open().await.unwrap(), open().await.unwrap());
    assert_eq!((a.status(), b.status()), (StatusCode::OK, StatusCode::OK));
    let refused = server.get(&path).await;
    assert_eq!((refused.status, &*refused.problem()), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
    assert_eq!(refused.header("retry-after"), "5");
    drop(a);
    let waited = tokio::time::timeout(super::place::PATIENCE, async {
        while open().await.unwrap().status() != StatusCode::OK {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("a stream that ended makes room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_uploads_than_allowed_are_told_to_come_later() {
    let place = Place::new();
    super::place::write(&place.path("data/uploads/left.pdf"), b"half of a book");
    let server = place.server_with("data", Vec::new(), |config| config.limits.uploads = 1);
    let place_of_uploads = place.path("data/uploads");
    assert!(!place_of_uploads.exists(), "what an earlier process left is cleared away");
    // An upload that has begun and does not end.
    let (sender, body) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
    let request = server.request(Method::POST, "/api/books/upload").body(reqwest::Body::wrap_stream(body));
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
    let slow = tokio::spawn(request.send());
    let begin = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nOne.";
    sender.send(Ok(begin.into())).await.unwrap();
    let uploads = place_of_uploads;
    let waited = tokio::time::timeout(super::place::PATIENCE, async {
        while std::fs::read_dir(&uploads).map_or(0, Iterator::count) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("the upload is streamed to the disk");
    let refused = server.upload("b.txt", b"CHAPTER 1\n\nTwo.\n".to_vec()).await;
    assert_eq!((refused.status, &*refused.problem()), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
    sender.send(Ok(b"\r\n--x--\r\n".to_vec())).await.unwrap();
    drop(sender);
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
}
