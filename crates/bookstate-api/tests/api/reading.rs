//! Every route of a book goes through the read path, and says the same wherever the book is.

use std::collections::BTreeMap;

use bookstate_store::TargetName;
use reqwest::{Method, StatusCode, header};

use super::place::{Answer, Place, Running};

/// The routes of the OpenAPI document that show one book, filled in. Event streams never end, so they have a
/// test of their own.
fn routes_of_book(book: &str, job: &str) -> Vec<String> {
    let document = serde_json::to_value(bookstate_api::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let gets = paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path.as_str());
    let of_book = gets.filter(|path| path.contains("{book_id}") || path.contains("/jobs/{id}"));
    let mut routes = Vec::new();
    // What is made of a book's file is where the file is.
    let of_file = |path: &str| ["/image", "/words"].iter().any(|end| path.ends_with(end));
    // What a target has of it is asked of the target.
    let of_book = of_book.filter(|path| !path.starts_with("/api/targets/"));
    for path in of_book.filter(|path| !path.ends_with("/events") && !of_file(path)) {
        let path = path.replace("{book_id}", book).replace("{id}", job).replace("{page_num}", "2");
        assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
        if path.ends_with("/export") {
            routes.extend(["markdown", "json", "canonical"].map(|format| format!("{path}?format={format}")));
        } else if path.ends_with("/chapters") {
            routes.extend([path.clone(), format!("{path}?include_text=true")]);
        } else {
            routes.push(path);
        }
    }
    assert!(routes.len() >= 13, "{routes:?}");
    routes
}

async fn all(server: &Running, routes: &[String]) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for route in routes {
        let answer = server.get(route).await;
        assert_eq!(answer.status, StatusCode::OK, "{route}: {answer:?}");
        answers.insert(route.clone(), answer);
    }
    answers
}

fn check(answers: &BTreeMap<String, Answer>, source: &str, seq: u32, persisted: Option<u32>) {
    for (route, answer) in answers {
        assert_eq!(answer.header("x-bookstate-source"), source, "{route}");
        assert_eq!(answer.header("x-bookstate-seq"), seq.to_string(), "{route}");
        let told: u32 = answer.header("x-bookstate-persisted-seq").parse().unwrap();
        assert!(persisted.is_none_or(|persisted| persisted == told), "{route}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_local_store_and_target_answer_the_same() {
    let place = Place::new();
    place.gate.open();
    let server = place.server_with("data", vec![place.mirror("mirror")], |_| {});
    let (book_id, job) = server.book().await;
    server.done(&book_id).await;
    let handle = server.keep_live(&book_id).await;
    let seq = handle.snapshot().seq;
    for target in ["local", "mirror"] {
        handle.persisted(seq, &target.parse::<TargetName>().unwrap()).await;
    }
    let routes = routes_of_book(book_id.as_str(), &job);
    let memory = all(&server, &routes).await;
    check(&memory, "memory", seq.get(), Some(seq.get()));
    drop(handle);
    server.stop().await;

    let server = place.server_with("data", vec![place.mirror("mirror")], |_| {});
    let local = all(&server, &routes).await;
    check(&local, "local", seq.get(), Some(seq.get()));
    server.stop().await;

    let server = place.server_with("elsewhere", vec![place.mirror("mirror")], |_| {});
    let target = all(&server, &routes).await;
    check(&target, "target", seq.get(), Some(seq.get()));
    assert_eq!(target[&routes[0]].header("x-bookstate-target"), "mirror");
    server.stop().await;

    for route in &routes {
        let text =
            |answers: &BTreeMap<String, Answer>| String::from_utf8(answers[route].body.clone()).unwrap();
        assert_eq!(text(&memory), text(&local), "{route}");
        assert_eq!(text(&memory), text(&target), "{route}");
        assert_eq!(memory[route].header("content-type"), target[route].header("content-type"), "{route}");
    }
    assert!(memory.values().any(|answer| answer.body.len() > 1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_job_runs_every_route_answers_from_memory_and_says_how_far_behind_the_targets_are() {
    let place = Place::new();
    let down = std::sync::Arc::new(bookstate_sink::sim::SimTarget::new());
    down.set_down(true);
    let server = place.server_with("data", vec![super::place::remote("down", down)], |_| {});
    let (book_id, job) = server.book().await;
    place.gate.let_through(4);
    let status = format!("/api/jobs/status/{book_id}");
    server.until(&status, |book| book["stages"][1]["done"] == 4).await;
    for route in routes_of_book(book_id.as_str(), &job) {
        let answer = server.get(&route).await;
        assert_eq!(answer.status, StatusCode::OK, "{route}");
        assert_eq!(answer.header("x-bookstate-source"), "memory", "{route}");
        assert_eq!(answer.header("x-bookstate-persisted-seq"), "0", "{route}");
        assert_ne!(answer.header("x-bookstate-seq"), "0", "{route}");
    }
    let stream = server.request(Method::GET, &format!("/api/books/{book_id}/events")).send().await.unwrap();
    assert_eq!(stream.headers()["x-bookstate-source"], "memory");
    drop(stream);
    place.gate.open();
    server.done(&book_id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etag_is_good_until_the_next_commit_or_start() {
    let place = Place::new();
    place.gate.open();
    let server = place.server();
    let (book_id, _) = server.book().await;
    server.done(&book_id).await;
    let handle = server.keep_live(&book_id).await;
    let path = format!("/api/books/{book_id}");
    let etag = server.get(&path).await.header("etag").to_owned();
    let again = async |server: &Running, etag: &str| {
        server.send(server.request(Method::GET, &path).header(header::IF_NONE_MATCH, etag)).await
    };
    let unchanged = again(&server, &etag).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert!(unchanged.body.is_empty());
    assert_eq!((unchanged.header("etag"), unchanged.header("x-bookstate-source")), (&*etag, "memory"));
    assert_eq!(again(&server, &format!("\"x\", {etag}")).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(again(&server, "\"x\"").await.status, StatusCode::OK);
    handle.persist_reset(bookstate_domain::OperationName::Structure).unwrap();
    let changed = again(&server, &etag).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), etag);
    let etag = changed.header("etag").to_owned();
    drop(handle);
    server.stop().await;
    let server = place.server();
    let restarted = again(&server, &etag).await;
    assert_eq!(restarted.status, StatusCode::OK, "an earlier process's");
    assert_eq!(restarted.header("x-bookstate-seq"), changed.header("x-bookstate-seq"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_in_parts() {
    let place = Place::new();
    place.gate.open();
    let server = place.server();
    let mut ids = Vec::new();
    for n in 0..3 {
        let text = format!("CHAPTER 1\n\nBook {n} begins.\n\nCHAPTER 2\n\nIt ends.\n");
        let answer = server.upload("a.txt", text.into_bytes()).await.json();
        ids.push(answer["book_id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    let listed = async |path: &str| {
        let books = server.get(path).await.json();
        let rows = books["books"].as_array().unwrap().clone();
        assert!(rows.iter().all(|row| row["file_name"] == "a.txt"), "{rows:?}");
        let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        (ids, books["total"].as_u64().unwrap())
    };
    assert_eq!(listed("/api/books").await, (ids.clone(), 3));
    assert_eq!(listed("/api/books?limit=2").await, (ids[..2].to_vec(), 3));
    assert_eq!(listed("/api/books?limit=2&offset=2").await, (ids[2..].to_vec(), 3));
    assert_eq!(listed("/api/books?offset=9").await, (Vec::new(), 3));
    for id in &ids {
        server.done(&id.parse().unwrap()).await;
    }
    assert_eq!(listed("/api/books?status=processing").await, (Vec::new(), 0));
    assert_eq!(listed("/api/books?status=complete").await.1, 3);
    for wrong in ["?status=nice", "?limit=x", "?offset=-1"] {
        assert_eq!(server.get(&format!("/api/books{wrong}")).await.problem(), "invalid_request", "{wrong}");
    }
    let jobs = server.get(&format!("/api/jobs?book_id={}", ids[0])).await.json();
    assert_eq!((jobs["total"].as_u64(), &jobs["jobs"][0]["book_id"]), (Some(1), &ids[0].clone().into()));
    assert_eq!(server.get("/api/jobs?status=completed&limit=1").await.json()["total"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_are_compressed_for_who_asks() {
    let place = Place::new();
    place.gate.open();
    let server = place.server();
    let (book_id, _) = server.book().await;
    server.done(&book_id).await;
    let path = format!("/api/books/{book_id}/chapters?include_text=true");
    let gzip = server.request(Method::GET, &path).header(header::ACCEPT_ENCODING, "gzip");
    let (plain, gzip) = (server.get(&path).await, server.send(gzip).await);
    assert_eq!((plain.header("content-encoding"), gzip.header("content-encoding")), ("", "gzip"));
    assert!(gzip.body.len() * 2 < plain.body.len());
    assert_eq!(plain.header("etag"), gzip.header("etag"));
}
