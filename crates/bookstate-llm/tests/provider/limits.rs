//! Rates and concurrency, as the server counts them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bookstate_llm::{ChatRequest, Provider, RateLimits, Sharing};
use bookstate_tests::models::{Answer, Ended, ModelServer, Seen, most};
use parking_lot::Mutex;
use tokio::{task::JoinSet, time::Instant};

use super::{BOOK, config, kind, request};

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

/// Some programs that share what is allowed, in equal parts, and what they were told.
#[derive(Debug)]
struct Programs {
    /// 0: this one has no share.
    count: AtomicU32,
    pauses: Mutex<Vec<(String, Instant)>>,
}

impl Programs {
    fn of(count: u32) -> Arc<Self> {
        Arc::new(Self { count: AtomicU32::new(count), pauses: Mutex::default() })
    }
}

impl Sharing for Programs {
    fn share(&self, quota: u32) -> u32 {
        quota.checked_div(self.count.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn pause(&self, provider: &str, url: &str) -> Option<Duration> {
        let (name, pauses) = (format!("{provider} {url}"), self.pauses.lock());
        let (_, until) = pauses.iter().rfind(|(told, _)| *told == name)?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    fn tell_pause(&self, provider: &str, url: &str, pause: Duration) {
        self.pauses.lock().push((format!("{provider} {url}"), Instant::now() + pause));
    }
}

#[tokio::test]
async fn programs_that_share_what_is_allowed_keep_it_together() {
    let server = ModelServer::start(|_| Answer::said("yes", 0.0)).unwrap();
    let programs = Programs::of(3);
    let provider = |_| {
        let mut config = config(&server);
        config.limits = RateLimits { requests: Some(6), tokens: Some(3_000), window: WINDOW };
        let provider = Arc::new(Provider::new(config).unwrap());
        provider.share_with(programs.clone());
        provider
    };
    let providers: Vec<_> = (0..3).map(provider).collect();
    let mut all = JoinSet::new();
    for provider in providers.clone() {
        all.spawn(async move { calls(&provider, 5).await });
    }
    all.join_all().await;
    let most = most(&server.seen(), WINDOW, |_| 1);
    assert!(most <= 6, "{most} of 6");
    assert_eq!(server.seen().len(), 15);
    // A thousand tokens are each one's.
    let long = ChatRequest::new("m", 1_500).user("a long answer");
    let held = providers[0].chat(&long, BOOK).await.unwrap_err();
    assert_eq!(kind(&held).0, "held", "{held}");
    assert!(held.to_string().contains("1000 of the 3000"), "{held}");
    programs.count.store(0, Ordering::Relaxed);
    assert!(providers[0].ready().is_err(), "nobody makes an image for it");
    let held = providers[0].chat(&request("x"), BOOK).await.unwrap_err();
    assert_eq!(kind(&held), ("held", Some(Duration::from_secs(1))), "{held}");
    programs.count.store(1, Ordering::Relaxed);
    providers[0].chat(&long, BOOK).await.unwrap();
    assert_eq!(server.seen().len(), 16, "what was held was not sent");
}

#[tokio::test]
async fn a_pause_that_one_program_is_told_is_made_by_the_others() {
    const PAUSE: Duration = Duration::from_secs(1);
    let server = ModelServer::start(|asked| match asked.number {
        1 => Answer::text(429, "slowly").header("retry-after", "1"),
        _ => Answer::said("yes", 0.0),
    })
    .unwrap();
    let programs = Programs::of(2);
    let providers = [(); 2].map(|()| {
        let provider = Arc::new(Provider::new(config(&server)).unwrap());
        provider.share_with(programs.clone());
        provider
    });
    let first = tokio::spawn({
        let provider = providers[0].clone();
        async move { provider.chat(&request("a"), BOOK).await }
    });
    while programs.pauses.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    providers[1].chat(&request("b"), BOOK).await.unwrap();
    first.await.unwrap().unwrap();
    let seen = server.seen();
    assert!(seen.len() == 3 && seen[1].at - seen[0].at >= PAUSE, "{seen:?}");
}
