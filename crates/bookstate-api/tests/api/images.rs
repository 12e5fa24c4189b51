//! The images of pages and the words on them: made once, bounded, and never of what has none.

use std::{ffi::OsString, fs, path::Path, time::Duration};

use async_trait::async_trait;
use bookstate_domain::BookId;
use bookstate_jobs::{
    engine::{BookContext, EngineResult, OcrEngine, OcrReading},
    scan::{TESSERACT, words_dir},
};
use bookstate_scans::{
    images::{ImageProgram, PageImages, Resolution},
    words::{Area, PageWords, Word},
};
use reqwest::{Method, StatusCode, header};
use serde_json::json;

use super::place::{Answer, PATIENCE, Place, Running};

/// What the server keeps of the images of its pages.
fn kept(place: &Place) -> Vec<String> {
    let files = fs::read_dir(place.path("data/page-images")).into_iter().flatten();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

impl Running {
    async fn asked(&self, path: &str, name: header::HeaderName, value: &str) -> Answer {
        self.send(self.request(Method::GET, path).header(name, value)).await
    }

    /// Takes in a file; the book's id.
    async fn taken(&self, name: &str, bytes: Vec<u8>) -> BookId {
        let answer = self.upload(name, bytes).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        BookId::new(answer.json()["book_id"].as_str().unwrap()).unwrap()
    }
}

/// The pixels of an answer, across and down.
fn size(place: &Place, answer: &Answer) -> (u32, u32) {
    let file = place.path("answer.jpg");
    fs::write(&file, &answer.body).unwrap();
    let pixels = PageImages::open(&file).unwrap().image(1, Resolution::Native).unwrap().pixels;
    (pixels.width(), pixels.height())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_made_once_and_asked_for_again_by_its_etag() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let path = format!("/api/books/{book_id}/pages/2/image?width=200");
    let answer = server.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("content-type"), "image/jpeg");
    assert_eq!(answer.header("cache-control"), "private, max-age=86400");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("x-bookstate-source"), "memory");
    let (width, height) = size(&place, &answer);
    assert!(width == 200 && (200..400).contains(&height), "{width} x {height}");
    assert_eq!(kept(&place).len(), 1);

    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with("-2-200-1\""), "strong, and of this image: {etag}");
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = server.asked(&path, header::IF_NONE_MATCH, &known).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!((again.header("etag"), again.header("cache-control")), (&*etag, "private, max-age=86400"));
    }
    assert_eq!(server.asked(&path, header::IF_NONE_MATCH, "\"x\"").await.body, answer.body);

    // What is kept is what is answered: nothing is made again, also by the next process.
    let file = place.path("data/page-images").join(&kept(&place)[0]);
    fs::write(&file, b"\xff\xd8 another one \xff\xd9").unwrap();
    assert_eq!(server.get(&path).await.body, b"\xff\xd8 another one \xff\xd9");
    place.gate.open();
    server.done(&book_id).await;
    server.stop().await;
    let server = place.server();
    let later = server.get(&path).await;
    assert_eq!((&*later.body, later.header("etag")), (&b"\xff\xd8 another one \xff\xd9"[..], &*etag));
    // Another width, another page: another image.
    for path in ["2/image?width=201", "3/image?width=200"] {
        let other = server.get(&format!("/api/books/{book_id}/pages/{path}")).await;
        assert_eq!(other.status, StatusCode::OK);
        assert_ne!(other.header("etag"), etag);
    }
    assert_eq!(kept(&place).len(), 3);

    let removed = server.send(server.request(Method::DELETE, &format!("/api/books/{book_id}"))).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!((kept(&place).len(), server.get(&path).await.problem()), (0, "unknown_book".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_image_is_that_part() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let path = format!("/api/books/{book_id}/pages/1/image?width=100");
    let whole = server.get(&path).await;
    let (length, etag) = (whole.body.len(), whole.header("etag").to_owned());
    assert!(length > 200, "{length}");
    for (range, part) in [("bytes=0-9", 0..10), ("bytes=10-", 10..length), ("bytes=-5", length - 5..length)] {
        let answer = server.asked(&path, header::RANGE, range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.body, whole.body[part.clone()], "{range}");
        let place = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!((answer.header("content-range"), answer.header("etag")), (&*place, &*etag));
    }
    let beyond = server.asked(&path, header::RANGE, &format!("bytes={length}-")).await;
    assert_eq!((beyond.status, &*beyond.problem()), (StatusCode::RANGE_NOT_SATISFIABLE, "range_beyond"));
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    let if_range = async |named: &str| {
        let request = server.request(Method::GET, &path).header(header::RANGE, "bytes=0-9");
        server.send(request.header(header::IF_RANGE, named)).await
    };
    assert_eq!(if_range(&etag).await.body, whole.body[..10]);
    assert_eq!(if_range("\"another\"").await.body, whole.body, "a part of another image is of no use");
    let head = server.send(server.request(Method::HEAD, &path)).await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, &*length.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_image_is_a_problem_and_a_width_is_taken_into_bounds() {
    let place = Place::new();
    place.gate.open();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let text = server.taken("a.txt", b"CHAPTER 1\n\nIt was a dark night.\n".to_vec()).await;
    let page = format!("/api/books/{book_id}/pages");
    for (path, status, code) in [
        (format!("{page}/900/image"), 404, "unknown_page"),
        (format!("{page}/0/image"), 404, "unknown_page"),
        (format!("{page}/x/image"), 400, "invalid_request"),
        (format!("{page}/1/image?width=x"), 400, "invalid_request"),
        (format!("{page}/1/image?width=-1"), 400, "invalid_request"),
        ("/api/books/b-0/pages/1/image".to_owned(), 404, "unknown_book"),
        (format!("/api/books/{text}/pages/1/image"), 404, "no_image"),
        (format!("{page}/900/words"), 404, "unknown_page"),
        (format!("{page}/1/words"), 404, "no_words"),
        (format!("/api/books/{text}/pages/1/words"), 404, "no_words"),
    ] {
        let answer = server.get(&path).await;
        assert_eq!((answer.status.as_u16(), &*answer.problem()), (status, code), "{path}");
    }
    for (asked, width) in [("0", 16), ("99999", 3000)] {
        let answer = server.get(&format!("{page}/1/image?width={asked}")).await;
        assert_eq!(size(&place, &answer).0, width, "{asked}");
    }
    let turned = server.get(&format!("{page}/1/image?width=200&turned=90")).await;
    let (width, height) = size(&place, &turned);
    assert!(width == 200 && height < width, "a page on its side: {width} x {height}");
    assert_eq!(server.get(&format!("{page}/1/image?turned=45")).await.problem(), "invalid_request");
    // A book of another machine's has no file here.
    server.done(&book_id).await;
    fs::remove_dir_all(place.path("data/sources")).unwrap();
    assert_eq!(server.get(&format!("{page}/1/image")).await.problem(), "no_image");
}

/// An image of one pixel, as a program answers with it.
const PIXEL: &str = r#"echo '{"Image":{"width":1,"height":1,"has_colours":false,"dpi":null}}'; printf x"#;

/// A program that makes images, in the place of ours.
fn program(script: &str) -> Option<ImageProgram> {
    let arguments = ["-c", script].map(OsString::from).to_vec();
    Some(ImageProgram { program: "/bin/sh".into(), arguments, time: PATIENCE })
}

async fn until(what: &str, there: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !there() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect(what);
}

/// A script that says that it has begun, and makes its image once it may go on.
fn held(begun: &Path, go_on: &Path) -> String {
    let (begun, go_on) = (begun.display(), go_on.display());
    format!("echo >> {begun}; while [ ! -e {go_on} ]; do sleep 0.01; done; {PIXEL}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_images_are_made_at_once_and_nothing_else_waits_for_them() {
    let place = Place::new();
    let (begun, go_on) = (place.path("begun"), place.path("go-on"));
    let server = place.server_with("data", Vec::new(), |config| {
        config.intake.images = program(&held(&begun, &go_on));
        config.limits.image_time = PATIENCE;
        config.limits.image_wait = Duration::from_millis(50);
        (config.limits.images, config.limits.images_waiting) = (1, 4);
    });
    let (book_id, _) = server.book().await;
    let path = |page: u32| format!("/api/books/{book_id}/pages/{page}/image");
    let first = tokio::spawn(server.request(Method::GET, &path(1)).send());
    until("the making begins", || begun.exists()).await;
    for page in 2..6 {
        let late = server.get(&path(page)).await;
        assert_eq!((late.status, &*late.problem()), (StatusCode::SERVICE_UNAVAILABLE, "busy"));
        assert_eq!(late.header("retry-after"), "5");
    }
    // Its first line may not be written yet.
    assert!(fs::read_to_string(&begun).unwrap().lines().count() <= 1, "one at a time");
    // What is not made is answered meanwhile.
    assert_eq!(server.get(&format!("/api/books/{book_id}/pages/1")).await.status, StatusCode::OK);
    fs::write(&go_on, "").unwrap();
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(server.get(&path(2)).await.status, StatusCode::OK, "there is room again");
    assert_eq!(server.get(&path(1)).await.status, StatusCode::OK);
    assert_eq!(fs::read_to_string(&begun).unwrap().lines().count(), 2, "each was made once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_an_image_that_another_has_made_meanwhile_gets_that() {
    let place = Place::new();
    let (begun, go_on) = (place.path("begun"), place.path("go-on"));
    let server = place.server_with("data", Vec::new(), |config| {
        config.intake.images = program(&held(&begun, &go_on));
        (config.limits.image_time, config.limits.image_wait) = (PATIENCE, PATIENCE);
        config.limits.images = 1;
    });
    let (book_id, _) = server.book().await;
    let path = format!("/api/books/{book_id}/pages/1/image");
    let all: Vec<_> = (0..4).map(|_| tokio::spawn(server.request(Method::GET, &path).send())).collect();
    until("the making begins", || begun.exists()).await;
    fs::write(&go_on, "").unwrap();
    for one in all {
        assert_eq!(one.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(fs::read_to_string(&begun).unwrap().lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_image_takes_the_room_of_a_disk_that_is_nearly_full() {
    let place = Place::new();
    let all = |config: &mut bookstate_api::ServerConfig| config.limits.image_bytes = u64::MAX;
    let server = place.server_with("data", Vec::new(), all);
    let (book_id, _) = server.book().await;
    let answer = server.get(&format!("/api/books/{book_id}/pages/1/image?width=50")).await;
    assert_eq!((answer.status, kept(&place).len()), (StatusCode::OK, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_has_a_share_of_the_images_that_are_waited_for() {
    let place = Place::new();
    let (begun, go_on) = (place.path("begun"), place.path("go-on"));
    let server = place.server_with("data", Vec::new(), |config| {
        config.intake.images = program(&held(&begun, &go_on));
        config.limits.image_time = PATIENCE;
        (config.limits.images, config.limits.images_waiting) = (2, 1);
    });
    let (book_id, _) = server.book().await;
    let path = |page: u32| format!("/api/books/{book_id}/pages/{page}/image");
    let first = tokio::spawn(server.request(Method::GET, &path(1)).send());
    until("the making begins", || begun.exists()).await;
    let more = server.get(&path(2)).await;
    assert_eq!((more.status, &*more.problem()), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
    // Who goes away leaves no place behind.
    first.abort();
    fs::write(&go_on, "").unwrap();
    until("the image that nobody waits for is kept all the same", || !kept(&place).is_empty()).await;
    let waited = tokio::time::timeout(PATIENCE, async {
        while server.get(&path(2)).await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_cannot_be_made_is_tried_once_and_says_why() {
    let place = Place::new();
    let tried = place.path("tried");
    let script = format!(
        "echo >> {}; printf '{{\"Broken\":{{\"reason\":\"%s has no pixels\"}}}}\\n' \"$0\"",
        tried.display()
    );
    let server = place.server_with("data", Vec::new(), |config| config.intake.images = program(&script));
    let (book_id, _) = server.book().await;
    for _ in 0..3 {
        let answer = server.get(&format!("/api/books/{book_id}/pages/2/image")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let problem = answer.json();
        assert_eq!(problem["code"], "image_failed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the book's file has no pixels"), "no path of this machine: {detail}");
    }
    assert_eq!(fs::read_to_string(&tried).unwrap().lines().count(), 1);
    assert!(kept(&place).is_empty());
}

/// Reads the same words on every page, and keeps them as the real program's reader does.
#[derive(Debug)]
struct Typist;

#[async_trait]
impl OcrEngine for Typist {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        let at = |x0: f32| Area { x0, y0: 20.0, x1: x0 + 80.0, y1: 40.0 };
        let word = |text: &str, x0: f32, confidence: f32| Word {
            text: text.to_owned(),
            area: at(x0),
            confidence,
            line: 0,
            block: 0,
        };
        let words =
            vec![word("The", 10.0, 0.96), word("<b>Hoose</b>", 100.0, 0.41), word("stood.", 200.0, 0.9)];
        let read =
            PageWords { width: 600, height: 800, dpi: 100.0, turned: 180, words, ..PageWords::default() };
        read.keep(&words_dir(&book.file), page, TESSERACT).unwrap();
        let text = "The <b>Hoose</b> stood.\n".into();
        Ok(OcrReading { text, confidence: Some(0.8), ..OcrReading::default() }.into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubtful_words_are_marked_beside_the_image_until_a_person_has_read_the_page() {
    let place = Place::new();
    let server = place.server_reading(TESSERACT, std::sync::Arc::new(Typist));
    let (book_id, _) = server.book().await;
    server.done(&book_id).await;
    let words = server.get(&format!("/api/books/{book_id}/pages/2/words")).await;
    assert_eq!(words.status, StatusCode::OK, "{words:?}");
    let read = words.json();
    assert_eq!((&read["width"], &read["height"], &read["turned"]), (&json!(600), &json!(800), &json!(180)));
    let word = &read["words"][1];
    assert_eq!((&word["text"], &word["doubtful"]), (&json!("<b>Hoose</b>"), &json!(true)));
    assert_eq!(word["area"], json!({"x0": 100.0, "y0": 20.0, "x1": 180.0, "y1": 40.0}));
    assert_eq!(read["words"][0]["doubtful"], json!(false));
    let path = format!("/api/books/{book_id}/pages/2/words");
    let again = server.asked(&path, header::IF_NONE_MATCH, words.header("etag")).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    let view = async || {
        let page = server.get(&format!("/books/{book_id}/pages/2")).await;
        assert!(page.header("content-security-policy").contains("img-src 'self'"));
        String::from_utf8(page.body).unwrap()
    };
    let page = view().await;
    assert!(
        page.contains("<mark title=\"read with 41 % certainty\">&lt;b&gt;Hoose&lt;/b&gt;</mark>"),
        "{page}"
    );
    let image = format!("src=\"/api/books/{book_id}/pages/2/image?width=1200&amp;turned=180\"");
    assert!(page.contains(&image) && page.contains("loading=\"lazy\"") && page.contains("alt=\"Page 2 of"));
    let (person, text) = (format!("/api/books/{book_id}/pages/2/correction"), "The <b>Hoose</b> stood.");
    assert_eq!(server.post(&person, &json!({"text": text})).await.status, StatusCode::OK);
    let page = view().await;
    assert!(!page.contains("<mark") && page.contains(&image), "a person does not doubt: {page}");
    assert_eq!(server.get(&path).await.problem(), "no_words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_view_of_a_book_without_images_has_none() {
    let place = Place::new();
    place.gate.open();
    let server = place.server();
    let text = server.taken("a.txt", b"CHAPTER 1\n\nIt was a dark night.\n".to_vec()).await;
    server.done(&text).await;
    let page = server.get(&format!("/books/{text}/pages/1")).await;
    let page = String::from_utf8(page.body).unwrap();
    assert!(
        page.contains("It was a dark night.") && !page.contains("<img") && !page.contains("<mark"),
        "{page}"
    );
}
