//! Answers as streams: comments, usage, errors in the middle, ends that come too early or never. Tests that wait for
//! the server have a second thread, on which the client goes on.

use std::time::Duration;

use bookstate_llm::{Provider, Usd};
use bookstate_tests::models::{Answer, Ended, ModelServer};
use serde_json::json;

use super::{BOOK, config, kind, provider, request};

fn word(text: &str) -> String {
    json!({ "choices": [{ "delta": { "content": text } }] }).to_string()
}

#[tokio::test]
async fn a_stream_with_comments_is_an_answer_with_its_cost() {
    let server = ModelServer::start(|_| Answer::streamed("one two three", 0.02)).unwrap();
    let reply = provider(&server).chat(&request("x"), BOOK).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.usage.cost), ("one two three", Usd::from_dollars(0.02)));
    assert_eq!(server.seen()[0].asked.body["stream"], json!(true));
    let mut config = config(&server);
    config.stream = false;
    server.answer(|asked| Answer::said(&asked.body["stream"].to_string(), 0.0));
    assert_eq!(Provider::new(config).unwrap().chat(&request("x"), BOOK).await.unwrap().text, "null");
}

#[tokio::test]
async fn an_error_in_the_middle_and_an_early_end_are_no_answers() {
    let failed = json!({ "error": { "code": 502, "message": "Provider disconnected" },
        "choices": [{ "delta": { "content": "" }, "finish_reason": "error" }] });
    let frames = [word("one "), failed.to_string(), "[DONE]".to_owned()];
    let server = ModelServer::start(move |_| Answer::frames(&frames)).unwrap();
    let held = provider(&server).chat(&request("x"), BOOK).await.unwrap_err();
    assert_eq!(kind(&held).0, "held", "{held}");
    for answer in [
        Answer::frames(&[word("one ")]),
        Answer::frames(&[word("one "), word("two ")]).cut_after(2),
        Answer::frames(&["{\"choices\": [".to_owned()]),
        Answer::said("half an answer", 0.0).cut_after(0),
        Answer::json(200, &json!("no completion")),
        Answer::text(200, "<html>"),
    ] {
        let provider = provider(&server);
        let shown = format!("{answer:?}");
        server.answer(move |_| answer.clone());
        let error = provider.chat(&request("x"), BOOK).await.unwrap_err();
        assert_eq!(kind(&error).0, "transient", "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_falls_silent_is_given_up() {
    let frames = [word("one "), word("two ")];
    let server =
        ModelServer::start(move |_| Answer::frames(&frames).slowly(Duration::from_secs(600))).unwrap();
    let mut config = config(&server);
    config.idle = Duration::from_millis(200);
    let error = Provider::new(config).unwrap().chat(&request("x"), BOOK).await.unwrap_err();
    assert_eq!(kind(&error).0, "transient");
    assert!(server.wait_until(|seen| seen[0].ended == Ended::GivenUp));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_repeats_itself_is_stopped_before_its_tokens_run_out() {
    let frames = vec![word("and so on, and so forth, "); 5_000];
    let server =
        ModelServer::start(move |_| Answer::frames(&frames).slowly(Duration::from_micros(100))).unwrap();
    let error = provider(&server).chat(&request("x"), BOOK).await.unwrap_err();
    assert_eq!(kind(&error).0, "permanent");
    assert!(error.to_string().contains("repeats itself"), "{error}");
    assert!(server.wait_until(|seen| seen[0].ended == Ended::GivenUp));
}
