//! Failures: what is sent again, what stops the provider, and what nobody is told. Tests that wait for the server have
//! a second thread, on which the client goes on.

use std::time::{Duration, Instant};

use bookstate_llm::{CallError, Key, Provider};
use bookstate_tests::models::{Answer, Ended, ModelServer};
use serde_json::json;
use tokio::task::JoinSet;

use super::{BOOK, CANARY, config, kind, provider, request};

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": status, "message": message } }))
}

#[tokio::test]
async fn what_a_request_itself_does_wrong_is_told_and_stops_nobody() {
    let server = ModelServer::start(|asked| match asked.number {
        1 => {
            let body = json!({ "error": { "code": 400, "type": "exceed_context_size_error", "n_ctx": 4096,
                "message": "the request exceeds the available context size" } });
            Answer::json(400, &body)
        }
        2 => error(400, "no such parameter"),
        3 => error(500, "odd"),
        4 => Answer::json(200, &json!({ "error": { "code": 403, "message": "flagged by moderation" } })),
        _ => Answer::said("yes", 0.0),
    })
    .unwrap();
    let provider = provider(&server);
    for expected in ["too_long", "permanent", "transient", "permanent"] {
        let error = provider.chat(&request("x"), BOOK).await.unwrap_err();
        assert_eq!(kind(&error).0, expected);
    }
    assert_eq!(provider.chat(&request("x"), BOOK).await.unwrap().text, "yes");
    assert_eq!(server.seen().len(), 5, "nothing is sent twice");
}

#[tokio::test]
async fn a_refused_key_stops_the_provider_until_there_is_a_new_one() {
    let server = ModelServer::start(|asked| match asked.authorization.as_deref() {
        Some("Bearer another-key") => Answer::said("yes", 0.0),
        // Some servers repeat what they were given.
        given => {
            error(401, &format!("Incorrect API key provided: {given:?}")).after(Duration::from_millis(50))
        }
    })
    .unwrap();
    let mut config = config(&server);
    config.concurrency = 3;
    let provider = std::sync::Arc::new(Provider::new(config).unwrap());
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let provider = provider.clone();
        calls.spawn(async move { provider.chat(&request(&format!("{number}")), BOOK).await.unwrap_err() });
    }
    for error in calls.join_all().await {
        assert_eq!(kind(&error), ("held", None), "a person must act: {error}");
        assert!(error.to_string().contains("the key is refused"), "{error}");
        assert!(error.to_string().contains("***"), "{error}");
    }
    assert!(server.seen().len() <= 3, "one of each worker: {}", server.seen().len());
    assert!(!format!("{provider:?} {:?}", provider.status()).contains("canary"));
    assert_eq!(server.seen()[0].asked.authorization, Some(format!("Bearer {CANARY}")), "it was sent");
    provider.renew(Some(Key::new("another-key", "the test").unwrap()));
    assert_eq!(provider.chat(&request("x"), BOOK).await.unwrap().text, "yes");
}

#[tokio::test]
async fn no_credit_and_a_model_that_is_not_there_stop_it_at_once() {
    for (status, message) in
        [(402, "Insufficient credits"), (404, "model 'm' not found"), (500, "image input is not supported")]
    {
        let server = ModelServer::start(move |_| error(status, message)).unwrap();
        let provider = provider(&server);
        for _ in 0..3 {
            let error = provider.chat(&request("x"), BOOK).await.unwrap_err();
            assert_eq!(kind(&error).0, "held");
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!(server.seen().len(), 1, "{message}");
    }
}

#[tokio::test]
async fn an_outage_is_no_failure_of_a_request_and_is_met_with_a_pause() {
    let server = ModelServer::start(|_| error(503, "Loading model")).unwrap();
    let provider = provider(&server);
    for number in 0..20 {
        let error = provider.chat(&request(&format!("{number}")), BOOK).await.unwrap_err();
        let (kind, pause) = kind(&error);
        assert_eq!(kind, "held", "{error}");
        assert!(
            pause.is_some_and(|pause| pause <= Duration::from_secs(5)),
            "it goes on by itself: {pause:?}"
        );
    }
    assert_eq!(server.seen().len(), 4, "then it is left alone");
    assert!(provider.status().state.contains("does not work now"), "{:?}", provider.status());
    assert!(!provider.status().is_ready);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    assert!(provider.status().is_ready, "a request would try it, though none has yet");
    server.answer(|_| Answer::said("yes", 0.0));
    provider.renew(Some(Key::new(CANARY, "the test").unwrap()));
    assert_eq!(provider.chat(&request("x"), BOOK).await.unwrap().text, "yes");
}

#[tokio::test]
async fn endpoints_take_turns_and_a_dead_one_costs_no_call() {
    let servers: Vec<_> = (0..2).map(|_| ModelServer::start(|_| Answer::said("yes", 0.0)).unwrap()).collect();
    let mut config = config(&servers[0]);
    // Port 9 of this machine: nobody is there.
    config.urls = vec![servers[0].url(), "http://127.0.0.1:9/v1".to_owned(), servers[1].url()];
    let provider = Provider::new(config).unwrap();
    for number in 0..9 {
        assert_eq!(provider.chat(&request(&format!("{number}")), BOOK).await.unwrap().text, "yes");
    }
    let counts: Vec<_> = servers.iter().map(|server| server.seen().len()).collect();
    assert!(counts.iter().all(|count| (4..=5).contains(count)), "{counts:?}");
    // Without a rest it would have been asked four times; on a slow machine it may have had two.
    let sent = provider.status().models.values().map(|totals| totals.sent).sum::<u64>();
    assert!((10..=11).contains(&sent), "the dead one was asked {} times", sent - 9);
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_by_all() {
    const PAUSE: Duration = Duration::from_millis(600);
    let server = ModelServer::start(|asked| match asked.number {
        1 => error(429, "slow down").header("retry-after", "0.6"),
        _ => Answer::said("yes", 0.0),
    })
    .unwrap();
    let mut config = config(&server);
    config.concurrency = 1;
    let provider = std::sync::Arc::new(Provider::new(config).unwrap());
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..5 {
        let provider = provider.clone();
        calls.spawn(async move { provider.chat(&request(&format!("{number}")), BOOK).await.unwrap() });
    }
    assert_eq!(calls.join_all().await.len(), 5, "none of them failed");
    let seen = server.seen();
    assert!(seen.iter().skip(1).all(|seen| seen.at - began >= PAUSE), "nobody was earlier");
    assert_eq!(seen.len(), 6);
    server.answer(|_| error(429, "come back tomorrow").header("retry-after", "3600"));
    let error = provider.chat(&request("x"), BOOK).await.unwrap_err();
    let (kind, pause) = kind(&error);
    assert!(kind == "held" && pause.is_some_and(|pause| pause > Duration::from_secs(3_500)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_in_time_is_given_up() {
    let server = ModelServer::start(|_| Answer::said("late", 0.0).after(Duration::from_secs(600))).unwrap();
    let mut config = config(&server);
    config.timeout = Duration::from_millis(200);
    let provider = Provider::new(config).unwrap();
    let error = provider.chat(&request("x"), BOOK).await.unwrap_err();
    assert_eq!(kind(&error).0, "transient");
    assert!(server.wait_until(|seen| seen.iter().all(|seen| seen.ended == Ended::GivenUp)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_cancels_its_request() {
    let server = ModelServer::start(|_| Answer::said("late", 0.0).after(Duration::from_secs(600))).unwrap();
    let provider = provider(&server);
    let call = tokio::spawn({
        let provider = provider.clone();
        async move { provider.chat(&request("x"), BOOK).await }
    });
    assert!(server.wait_until(|seen| seen.len() == 1));
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert!(server.wait_until(|seen| seen[0].ended == Ended::GivenUp));
    assert_eq!(provider.status().in_flight, 0);
    server.answer(|_| Answer::said("yes", 0.0));
    assert_eq!(provider.chat(&request("x"), BOOK).await.unwrap().text, "yes");
}

#[tokio::test]
async fn a_list_of_models_is_had_or_its_failure_told() {
    let list = json!({ "data": [{ "id": "a" }, { "name": "none" }, { "id": "b" }] });
    let server = ModelServer::start(move |_| Answer::json(200, &list)).unwrap();
    let provider = provider(&server);
    assert_eq!(provider.models().await.unwrap(), ["a", "b"]);
    assert_eq!(server.seen()[0].asked.path, "/v1/models");
    server.answer(|_| error(401, CANARY));
    let failure = provider.models().await.unwrap_err();
    assert_eq!(failure.kind(), "refused_key");
    let told = CallError::Failed { provider: String::new(), failure, usage: bookstate_llm::Usage::default() };
    assert_eq!(kind(&told).0, "refused_key");
}
