//! Jobs: started once, refused twice, cancelled, resumed.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::place::{Place, pdf, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_starts_at_once_one_is_refused() {
    let place = Place::new();
    let server = place.server();
    let (book_id, job) = server.book().await;
    assert_eq!(
        server.send(server.request(Method::POST, &format!("/api/jobs/{job}/cancel"))).await.status,
        202
    );
    server
        .until(&format!("/api/jobs/{job}"), |job| job["status"] == "cancelled" && job["live"].is_null())
        .await;
    drop(server.keep_live(&book_id).await);
    let path = format!("/api/jobs/start/{book_id}");
    let start = || server.send(server.request(Method::POST, &path));
    let (a, b) = tokio::join!(start(), start());
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409], "{a:?} {b:?}");
    let (won, lost) = if a.status == StatusCode::ACCEPTED { (a, b) } else { (b, a) };
    assert_eq!(lost.problem(), "job_active");
    let won = won.json();
    assert_eq!((&won["book_id"], &won["status"]), (&json!(book_id), &json!("running")));
    assert_eq!(
        server.get(&format!("/api/jobs/{}", won["id"].as_str().unwrap())).await.json()["job_id"],
        "job-2"
    );
    place.gate.open();
    server.done(&book_id).await;
    drop(server.keep_live(&book_id).await);
    let done = start().await;
    assert_eq!((done.status, &done.json()["status"]), (StatusCode::OK, &json!("complete")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_refused_while_a_job_is_active_and_runs_stages_again_afterwards() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let reset = format!("/api/books/{book_id}/reset");
    let structure = json!({"operation": "structure"});
    let refused = server.post(&reset, &structure).await;
    assert_eq!((refused.status, &*refused.problem()), (StatusCode::CONFLICT, "job_active"));
    for body in [json!({"operation": "everything"}), json!({"operation": ""})] {
        let refused = server.post(&reset, &body).await;
        assert_eq!((refused.status, &*refused.problem()), (StatusCode::BAD_REQUEST, "unknown_operation"));
    }
    place.gate.open();
    server.done(&book_id).await;
    drop(server.keep_live(&book_id).await);
    let done = server.post(&reset, &structure).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(done.json()["reset"], json!(["structure"]));
    let stages = server.get(&format!("/api/jobs/status/{book_id}")).await.json()["stages"].clone();
    assert_eq!(stages[7]["state"], "waiting");
    let start = json!({"variant": "standard", "reset_from": "toc_link"});
    let started = server.post(&format!("/api/jobs/start/{book_id}"), &start).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{started:?}");
    server.done(&book_id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_page_is_corrected_once_no_job_works_on_its_book() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let page = format!("/api/books/{book_id}/pages/2");
    let correct = format!("{page}/correction");
    let text = json!({"text": "What a person read."});
    let refused = server.post(&correct, &text).await;
    assert_eq!((refused.status, &*refused.problem()), (StatusCode::CONFLICT, "job_active"));
    place.gate.open();
    server.done(&book_id).await;
    drop(server.keep_live(&book_id).await);
    let done = server.post(&correct, &text).await;
    assert_eq!((done.status, &done.json()["book_id"]), (StatusCode::OK, &json!(book_id)), "{done:?}");
    let read = server.get(&page).await.json();
    assert_eq!(read["markdown"], "What a person read.");
    let person = read["texts"].as_array().unwrap().iter().find(|text| text["provider"] == "person");
    assert_eq!(person.unwrap()["confidence"], 1.0, "{read}");
    let rows = server.get(&format!("/api/books/{book_id}/pages")).await.json();
    assert_eq!(rows["pages"][1]["confidence"], 1.0);
    let none = server.post(&format!("/api/books/{book_id}/pages/900/correction"), &text).await;
    assert_eq!((none.status, &*none.problem()), (StatusCode::NOT_FOUND, "unknown_page"));

    let reread = format!("/api/books/{book_id}/reread");
    for (pages, status) in [(json!([900]), 404), (json!([]), 400), (json!(["x"]), 400)] {
        let refused = server.post(&reread, &json!({"pages": pages})).await;
        assert_eq!(refused.status.as_u16(), status, "{refused:?}");
    }
    let nobody = server.post(&reread, &json!({"pages": [1], "engine": "nobody"})).await;
    assert_eq!((nobody.status.as_u16(), &*nobody.problem()), (400, "invalid_request"), "{nobody:?}");
    assert_eq!(server.get(&page).await.json()["ocr_complete"], true, "nothing was changed");
    let done = server.post(&reread, &json!({"pages": [1, 2]})).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(server.get(&page).await.json()["ocr_complete"], false);
    let started = server.post(&format!("/api/jobs/start/{book_id}"), &json!({"variant": "standard"})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{started:?}");
    server.done(&book_id).await;
    assert_eq!(server.get(&page).await.json()["markdown"], "What a person read.", "no engine replaces it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_is_removed_once_no_job_works_on_it() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let book = format!("/api/books/{book_id}");
    let remove = || server.send(server.request(Method::DELETE, &book).body(String::new()));
    let refused = remove().await;
    assert_eq!((refused.status, &*refused.problem()), (StatusCode::CONFLICT, "job_active"));
    place.gate.open();
    server.done(&book_id).await;
    drop(server.keep_live(&book_id).await);
    assert_eq!(remove().await.status, StatusCode::NO_CONTENT);
    for path in [book.clone(), format!("{book}/chapters"), format!("/api/jobs/status/{book_id}")] {
        assert_eq!(server.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(remove().await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/books").await.json()["total"], 0);
    let start = server.post(&format!("/api/jobs/start/{book_id}"), &json!({})).await;
    assert!(start.status.is_client_error(), "{start:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_the_end_of_the_server_interrupts_goes_on_at_the_next_start() {
    let place = Place::new();
    let server = place.server();
    let (book_id, job) = server.book().await;
    place.gate.let_through(3);
    server.until(&format!("/api/jobs/status/{book_id}"), |book| book["stages"][1]["done"] == 3).await;
    server.stop().await;
    place.gate.open();
    let server = place.server();
    let done = server.done(&book_id).await;
    assert_eq!((&done["status"], &done["job"]["job_id"]), (&json!("complete"), &json!("job-1")));
    let job = server.get(&format!("/api/jobs/{job}")).await.json();
    assert_eq!((&job["status"], &job["live"]), (&json!("completed"), &json!(null)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_cancelled_once() {
    let place = Place::new();
    let server = place.server();
    let (_, job) = server.book().await;
    let live = server.until(&format!("/api/jobs/{job}"), |job| job["status"] == "running").await;
    assert_eq!(live["live"]["activity"], "working");
    let cancel = format!("/api/jobs/{job}/cancel");
    let cancelled = server.send(server.request(Method::POST, &cancel)).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED);
    server.until(&format!("/api/jobs/{job}"), |job| job["live"].is_null()).await;
    let again = server.send(server.request(Method::POST, &cancel)).await;
    assert_eq!((again.status, &*again.problem()), (StatusCode::CONFLICT, "job_over"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_taken_in_below_the_roots_only() {
    let place = Place::new();
    place.gate.open();
    let roots = place.path("books");
    write(&roots.join("sub/a.pdf"), &pdf());
    write(&place.path("outside/b.txt"), b"CHAPTER 1\n\nSecret.\n");
    std::os::unix::fs::symlink(place.path("outside"), roots.join("link")).unwrap();
    let server =
        place.server_with("data", Vec::new(), |config| config.ingest_roots = vec![place.path("books")]);
    let ingest = async |path: String| server.post("/api/books/ingest", &json!({"paths": [path]})).await;
    let text = |path: std::path::PathBuf| path.display().to_string();
    for path in [
        text(roots.join("link/b.txt")),
        text(roots.join("../outside/b.txt")),
        text(place.path("outside/b.txt")),
        "/etc/passwd".to_owned(),
        "sub/a.pdf".to_owned(),
    ] {
        let refused = ingest(path.clone()).await;
        assert_eq!(
            (refused.status, &*refused.problem()),
            (StatusCode::FORBIDDEN, "path_not_allowed"),
            "{path}"
        );
    }
    let missing = ingest(text(roots.join("none.pdf"))).await;
    assert_eq!((missing.status, &*missing.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "not_a_book"));
    let taken = ingest(text(roots.join("sub/a.pdf"))).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{taken:?}");
    let book_id = taken.json()["book_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(server.done(&book_id).await["status"], "complete");
    assert_eq!(server.get("/api/books").await.json()["total"], 1);
    assert_eq!(std::fs::read_dir(place.path("data/uploads")).unwrap().count(), 0, "copies are cleared away");
}
