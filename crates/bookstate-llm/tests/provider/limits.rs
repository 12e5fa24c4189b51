//! Rates and concurrency, as the server counts them.

use std::{sync::Arc, time::Duration};

use bookstate_llm::{ChatRequest, Provider, RateLimits};
use bookstate_tests::models::{Answer, Ended, ModelServer, Seen, most};
use tokio::task::JoinSet;

use super::{BOOK, config};

/// A minute, shortened. The rule holds whatever the network and the scheduler do, so that no slack is needed.
const WINDOW: Duration = Duration::from_millis(400);

async fn calls(provider: &Arc<Provider>, count: usize) {
    let mut calls = JoinSet::new();
    for number in 0..count {
        let provider = provider.clone();
        // Estimated at 159 tokens, of which 120 are taken.
        let request = ChatRequest::new("m", 150).user(format!("{number}"));
        calls.spawn(async move { provider.chat(&request, BOOK).await.unwrap() });
    }
    assert_eq!(calls.join_all().await.len(), count);
}

#[tokio::test]
async fn no_window_of_the_server_holds_more_requests_or_tokens_than_allowed() {
    let server = ModelServer::start(|asked| {
        // Answers of very different length, so that settlements come in any order.
        Answer::said("yes", 0.0).after(Duration::from_millis(asked.number as u64 * 37 % 90))
    })
    .unwrap();
    // By requests; then by tokens, of which each takes 120.
    for (requests, tokens, expected) in [(Some(5), None, (5, 600)), (None, Some(500), (4, 500))] {
        let mut config = config(&server);
        config.limits = RateLimits { requests, tokens, window: WINDOW };
        config.concurrency = 8;
        let provider = Arc::new(Provider::new(config).unwrap());
        let before = server.seen().len();
        calls(&provider, 20).await;
        let seen = &server.seen()[before..];
        assert_eq!(seen.len(), 20);
        let requests = most(seen, WINDOW, |_| 1);
        assert!(requests <= expected.0, "{requests} requests in a window");
        let tokens = most(seen, WINDOW, |seen| seen.tokens);
        assert!(tokens <= expected.1, "{tokens} tokens in a window");
    }
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed() {
    let server = ModelServer::start(|_| Answer::said("yes", 0.0).after(Duration::from_millis(20))).unwrap();
    let mut config = config(&server);
    config.concurrency = 3;
    let provider = Arc::new(Provider::new(config).unwrap());
    let watch = tokio::task::spawn_blocking(move || {
        let mut most = 0;
        let all_came = server.wait_until(|seen| {
            let running = |seen: &&Seen| seen.ended == Ended::Not;
            most = most.max(seen.iter().filter(running).count());
            seen.len() == 30
        });
        assert!(all_came);
        (server, most)
    });
    calls(&provider, 30).await;
    let (_server, most) = watch.await.unwrap();
    assert!((1..=3).contains(&most), "{most}");
}
