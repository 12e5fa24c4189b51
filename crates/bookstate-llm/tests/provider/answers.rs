//! Answers in JSON, from servers that differ in how they want to be asked.

use bookstate_llm::{Schema, Usd};
use bookstate_tests::models::{Answer, ModelServer};
use serde_json::{Value, json};

use super::{BOOK, kind, provider, request};

fn pages() -> Schema {
    let pages = json!({ "type": "array", "items": { "type": "integer" } });
    let schema = json!({ "type": "object", "required": ["pages"], "properties": { "pages": pages } });
    Schema { name: "pages".to_owned(), schema }
}

#[tokio::test]
async fn small_mistakes_are_repaired_without_asking_again() {
    let server =
        ModelServer::start(|_| Answer::said("Sure:\n```json\n{\"pages\": [1, 2,]}\n```", 0.01)).unwrap();
    let (value, reply) = provider(&server).chat_json(&request("x").answer_as(pages()), BOOK).await.unwrap();
    assert_eq!(value, json!({ "pages": [1, 2] }));
    assert_eq!((server.seen().len(), reply.usage.cost), (1, Usd::from_dollars(0.01)));
}

#[tokio::test]
async fn a_wrong_answer_is_asked_for_once_more_and_both_are_paid() {
    let server = ModelServer::start(|asked| {
        let text = if asked.number == 1 { "{\"pages\": [\"ix\"]}" } else { "{\"pages\": [9]}" };
        Answer::said(text, 0.01)
    })
    .unwrap();
    let provider = provider(&server);
    let (value, reply) = provider.chat_json(&request("x").answer_as(pages()), BOOK).await.unwrap();
    assert_eq!((value, reply.usage.cost), (json!({ "pages": [9] }), Usd::from_dollars(0.02)));
    let again = &server.seen()[1].asked.body["messages"];
    assert_eq!(again[1], json!({ "role": "assistant", "content": "{\"pages\": [\"ix\"]}" }));
    assert!(again[2]["content"].as_str().unwrap().contains("pages[0] must be integer"), "{again}");

    server.answer(|_| Answer::said("I am sorry.", 0.01));
    let error = provider.chat_json(&request("y").answer_as(pages()), BOOK).await.unwrap_err();
    assert_eq!((kind(&error).0, error.usage().cost), ("permanent", Usd::from_dollars(0.02)));
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn an_answer_that_ran_out_of_tokens_is_not_asked_for_again() {
    let body = json!({ "choices": [{ "message": { "content": "{\"pages\": [1, 2" }, "finish_reason": "length" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 50, "cost": 0.5 } });
    let server = ModelServer::start(move |_| Answer::json(200, &body)).unwrap();
    let error = provider(&server).chat_json(&request("x").answer_as(pages()), BOOK).await.unwrap_err();
    assert_eq!((kind(&error).0, error.usage().cost), ("permanent", Usd::from_dollars(0.5)));
    assert_eq!(server.seen().len(), 1);
}

/// LM Studio knows no `json_object`, others no `json_schema`, and some neither.
#[tokio::test]
async fn a_server_that_knows_no_schemas_is_asked_in_another_way_from_then_on() {
    let server = ModelServer::start(|asked| match asked.body["response_format"]["type"].as_str() {
        None => Answer::said("{\"pages\": []}", 0.0),
        Some(name) => Answer::json(400, &json!({ "error": format!("response_format {name}: no") })),
    })
    .unwrap();
    let provider = provider(&server);
    for number in 0..3 {
        let asked = request(&format!("{number}")).answer_as(pages());
        let (value, _) = provider.chat_json(&asked, BOOK).await.unwrap();
        assert_eq!(value, json!({ "pages": [] }));
    }
    let formats: Vec<Value> =
        server.seen().iter().map(|seen| seen.asked.body["response_format"]["type"].clone()).collect();
    assert_eq!(formats, [json!("json_schema"), json!("json_object"), Value::Null, Value::Null, Value::Null]);
}
