//! The OpenAPI document: checked in as the code has it, served, and shown.

use super::place::Place;

/// Set this variable to write the document instead of comparing it.
const WRITE: &str = "BOOKSTATE_WRITE_OPENAPI";

#[test]
fn the_document_that_is_checked_in_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path, bookstate_api::openapi_text()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == bookstate_api::openapi_text(),
        "{path} is old: run this test with {WRITE}=1 to write it"
    );
}

#[test]
fn every_route_is_described_and_its_shapes_are_there() {
    let document = serde_json::to_value(bookstate_api::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{method} {path}: {status}");
            }
            assert!(operation["tags"][0].is_string(), "{method} {path}");
            assert!(operation["responses"]["default"]["content"]["application/problem+json"].is_object());
        }
    }
    let text = bookstate_api::openapi_text();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_served_and_shown_without_anything_from_elsewhere() {
    let place = Place::new();
    let server = place.server();
    let document = server.get("/openapi.json").await;
    assert_eq!(document.body, bookstate_api::openapi_text().as_bytes());
    let page = String::from_utf8(server.get("/docs").await.body).unwrap();
    for path in document.json()["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
}
