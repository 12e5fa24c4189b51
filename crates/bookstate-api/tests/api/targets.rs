//! Targets: lag, parked documents, retry, drop, resync.

use std::sync::Arc;

use bookstate_domain::AnyKey;
use bookstate_sink::sim::SimTarget;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::place::{Place, remote};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_document_is_listed_tried_again_and_dropped() {
    let place = Place::new();
    let picky = Arc::new(SimTarget::new());
    let server = place.server_with("data", vec![remote("picky", picky.clone())], |_| {});
    let (book_id, _) = server.book().await;
    let keys = [1, 2].map(|page| format!("Page/{book_id}/{page}").parse::<AnyKey>().unwrap());
    picky.set_refused(keys.clone());
    place.gate.open();
    server.done(&book_id).await;
    let list = "/api/targets/picky/parked";
    let parked = server.until(list, |parked| parked["parked"].as_array().unwrap().len() == 2).await;
    let first = &parked["parked"][0];
    assert_eq!(first["document"], keys[0].to_string());
    assert_eq!((&first["collection"], &first["key"]), (&json!("Page"), &json!(format!("{book_id}/1"))));
    assert!(!first["reason"].as_str().unwrap().is_empty());
    let of_target = |targets: &Value| targets["targets"].as_array().unwrap()[1].clone();
    assert_eq!(of_target(&server.get("/api/targets").await.json())["parked"], 2);
    let ready = server.get("/api/ready").await;
    assert_eq!(ready.status, StatusCode::OK, "parked documents are a warning");
    assert!(ready.json()["warnings"][0].as_str().unwrap().contains("refuses 2 documents"), "{ready:?}");

    let of = |page: u32, rest: &str| format!("{list}/Page/{book_id}%2F{page}{rest}");
    let retry = |page| server.send(server.request(Method::POST, &of(page, "/retry")));
    let still = retry(1).await.json();
    assert_eq!((&still["tried"], &still["still_parked"]), (&json!(1), &json!(2)));
    picky.set_refused([keys[1].clone()]);
    assert_eq!(retry(1).await.json()["tried"], 1);
    server.until(list, |parked| parked["parked"].as_array().unwrap().len() == 1).await;
    assert_eq!(retry(1).await.problem(), "unknown_document");

    let dropped = server.send(server.request(Method::DELETE, &of(2, ""))).await;
    assert_eq!(dropped.status, StatusCode::NO_CONTENT);
    let parked = server.get(list).await.json();
    assert_eq!(parked["parked"][0]["dropped"], true);
    server.until("/api/targets", |targets| of_target(targets)["parked"] == 0).await;
    let all = server.send(server.request(Method::POST, &format!("{list}/retry"))).await.json();
    assert_eq!((&all["tried"], &all["still_parked"]), (&json!(0), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_of_a_target_that_is_down_grows_and_ends() {
    let place = Place::new();
    let down = Arc::new(SimTarget::new());
    down.set_down(true);
    let server = place.server_with("data", vec![remote("down", down.clone())], |_| {});
    let (book_id, _) = server.book().await;
    place.gate.open();
    server.done(&book_id).await;
    let of = |targets: &Value, name: &str| {
        let targets = targets["targets"].as_array().unwrap();
        targets.iter().find(|target| target["name"] == name).unwrap().clone()
    };
    let lagging = server
        .until("/api/targets", |targets| {
            let down = of(targets, "down");
            // Another target's trouble is not the local store's, which takes its own time.
            let local_has_all = of(targets, "local")["lag_commits"] == 0;
            local_has_all && down["health"] == "failing" && down["lag_seconds"].as_f64().unwrap() > 0.5
        })
        .await;
    let target = of(&lagging, "down");
    assert!(target["lag_commits"].as_u64().unwrap() > 10, "{target}");
    assert_eq!(target["behind"][0]["book_id"], book_id.as_str());
    assert!(target["reason"].is_string());
    let warnings = server.get("/api/status").await.json()["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("down cannot be reached"), "{warnings}");
    down.set_down(false);
    server.until("/api/targets", |targets| of(targets, "down")["lag_commits"] == 0).await;
    let resync = format!("/api/targets/down/resync/{book_id}");
    assert_eq!(server.send(server.request(Method::POST, &resync)).await.status, StatusCode::ACCEPTED);
    let unknown = server.send(server.request(Method::POST, "/api/targets/down/resync/b-0")).await;
    assert_eq!(unknown.problem(), "unknown_book");

    let verify = |book: &str| format!("/api/targets/down/verify/{book}");
    let found = server.get(&verify(book_id.as_str())).await.json();
    assert!(found["equal"].as_u64().unwrap() > 10 && found["missing"] == json!([]), "{found}");
    assert_eq!(server.get(&verify("b-0")).await.problem(), "unknown_book");
    let take_over = async |target: &str, book: &str| {
        let path = format!("/api/targets/{target}/takeover/{book}");
        server.send(server.request(Method::POST, &path)).await
    };
    // It is ours already.
    let taken = take_over("down", book_id.as_str()).await;
    assert_eq!((taken.status, &taken.json()["in_flux"]), (StatusCode::OK, &json!(false)));
    for (target, book, problem) in [
        ("down", "b-0", "unknown_book"),
        ("down", "b%2F0", "unknown_book"),
        ("up", book_id.as_str(), "unknown_target"),
    ] {
        assert_eq!(take_over(target, book).await.problem(), problem, "{target} {book}");
    }
}
