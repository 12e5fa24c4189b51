//! The rate limit: a lease of one request and some tokens, reserved before sending and settled afterwards.
//!
//! A server counts a request at some moment between its sending and its answer, which the client cannot know. So a
//! lease counts from its reservation until a whole window after its settlement. Then no window of the server's can
//! hold more than the limits, whatever the network does: of the requests in it, the last one reserved saw all others.
//! The price is a throughput of `window / (window + latency)` where the limit, and not the concurrency, is what binds.

use std::{collections::BTreeMap, time::Duration};

/// How much may be sent in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests; `None`: no limit.
    pub requests: Option<u32>,
    /// Tokens, sent and received; `None`: no limit.
    pub tokens: Option<u32>,
    /// The window: a minute, for all servers that are known.
    pub window: Duration,
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self { requests: None, tokens: None, window: Duration::from_secs(60) };
}

#[derive(Debug)]
struct Lease {
    tokens: u32,
    /// It counts until then, inclusive; `None`: it is in flight.
    until: Option<Duration>,
}

/// See the module documentation. Times are given, as the time since any moment that stays the same.
#[derive(Debug)]
pub struct Limiter {
    limits: RateLimits,
    leases: BTreeMap<u64, Lease>,
    next: u64,
}

/// There is no room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// When there may be; `None`: not before something in flight is settled.
    pub until: Option<Duration>,
}

impl Limiter {
    /// Nothing was sent yet.
    #[must_use]
    pub const fn new(limits: RateLimits) -> Self {
        Self { limits, leases: BTreeMap::new(), next: 0 }
    }

    /// From now on this may be sent in a window. What was reserved before counts.
    pub const fn set_limits(&mut self, limits: RateLimits) {
        self.limits = limits;
    }

    /// Reserves a request with at most `tokens`. One that is larger than the whole limit is let through alone.
    ///
    /// # Errors
    /// There is no room; nothing is reserved.
    pub fn reserve(&mut self, now: Duration, tokens: u32) -> Result<u64, Full> {
        self.leases.retain(|_, lease| lease.until.is_none_or(|until| until >= now));
        let tokens = self.limits.tokens.map_or(tokens, |limit| tokens.min(limit));
        let held: u64 = self.leases.values().map(|lease| u64::from(lease.tokens)).sum();
        let wanted = held + u64::from(tokens);
        let fits = self.limits.requests.is_none_or(|limit| self.leases.len() < limit.max(1) as usize)
            && self.limits.tokens.is_none_or(|limit| wanted <= u64::from(limit));
        if !fits {
            let until = self.leases.values().filter_map(|lease| lease.until).min();
            return Err(Full { until: until.map(|until| until + Duration::from_millis(1)) });
        }
        self.next += 1;
        self.leases.insert(self.next, Lease { tokens, until: None });
        Ok(self.next)
    }

    /// The request is over and took this many tokens. Settling twice is settling once.
    pub fn settle(&mut self, now: Duration, number: u64, tokens: u32) {
        let until = now + self.limits.window;
        if let Some(lease) = self.leases.get_mut(&number).filter(|lease| lease.until.is_none()) {
            *lease = Lease { tokens, until: Some(until) };
        }
    }

    /// The request was never sent.
    pub fn give_back(&mut self, number: u64) {
        self.leases.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    struct Sent {
        /// When the server counts it.
        counted: Duration,
        tokens: u32,
    }

    /// Runs requests through a limiter with `workers` at once, until `end`. Each is described by its latency, the
    /// moment within it at which the server counts, and the share of its estimate that it takes.
    fn run(limits: RateLimits, workers: usize, requests: &[(u64, u64, u32)], end: Duration) -> Vec<Sent> {
        const ESTIMATE: u32 = 500;
        let mut limiter = Limiter::new(limits);
        let (mut now, mut sent) = (Duration::ZERO, Vec::new());
        let mut busy: Vec<(Duration, u64, u32)> = Vec::new();
        let mut coming = requests.iter().cycle();
        while now < end {
            busy.retain(|(ends, number, tokens)| {
                if *ends <= now {
                    limiter.settle(*ends, *number, *tokens);
                }
                *ends > now
            });
            let mut next = busy.iter().map(|(ends, ..)| *ends).min();
            if busy.len() < workers {
                match limiter.reserve(now, ESTIMATE) {
                    Ok(number) => {
                        let (latency, counted, share) = coming.next().unwrap();
                        let counted = now + Duration::from_millis(latency * counted / 100);
                        let tokens = ESTIMATE * share / 100;
                        sent.push(Sent { counted, tokens });
                        busy.push((now + Duration::from_millis(*latency), number, tokens));
                        continue;
                    }
                    Err(Full { until }) => next = next.into_iter().chain(until).min(),
                }
            }
            now = next.expect("either something is in flight or a lease ends").max(now);
        }
        sent.sort_by_key(|sent| sent.counted);
        sent
    }

    /// The most that any window holds, of requests and of tokens.
    fn most(sent: &[Sent]) -> (usize, u32) {
        let window = |from: &Sent| {
            let (from, to) = (from.counted, from.counted + WINDOW);
            sent.iter().filter(move |sent| (from..=to).contains(&sent.counted))
        };
        let requests = sent.iter().map(|from| window(from).count()).max().unwrap_or(0);
        let tokens = sent.iter().map(|from| window(from).map(|sent| sent.tokens).sum()).max().unwrap_or(0);
        (requests, tokens)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever latencies are and whenever the server counts, no window of it holds more than the limits.
        #[test]
        fn no_window_of_the_server_holds_more_than_the_limits(
            requests in proptest::collection::vec((1u64..20_000, 0u64..=100, 0u32..=100), 1..40),
            workers in 1usize..24,
            (most_requests, most_tokens) in (1u32..80, 500u32..30_000),
        ) {
            let limits =
                RateLimits { requests: Some(most_requests), tokens: Some(most_tokens), window: WINDOW };
            let sent = run(limits, workers, &requests, Duration::from_secs(400));
            let (requests, tokens) = most(&sent);
            prop_assert!(requests <= most_requests as usize, "{requests} of {most_requests}");
            prop_assert!(tokens <= most_tokens, "{tokens} of {most_tokens}");
        }
    }

    #[test]
    fn what_was_reserved_under_a_higher_limit_counts_under_a_lower_one() {
        let limits = |requests| RateLimits { requests: Some(requests), tokens: None, window: WINDOW };
        let mut limiter = Limiter::new(limits(3));
        let seconds = Duration::from_secs;
        for second in 0..3 {
            let number = limiter.reserve(seconds(second), 1).unwrap();
            limiter.settle(seconds(second), number, 1);
        }
        limiter.set_limits(limits(1));
        let after = |second| seconds(second) + Duration::from_millis(1);
        assert_eq!(limiter.reserve(seconds(60), 1), Err(Full { until: Some(after(60)) }));
        assert_eq!(limiter.reserve(after(61), 1), Err(Full { until: Some(after(62)) }), "one is left");
        assert!(limiter.reserve(after(62), 1).is_ok());
    }

    #[test]
    fn what_is_allowed_is_nearly_used_up() {
        let limits = RateLimits { requests: Some(60), tokens: Some(20_000), window: WINDOW };
        // Two seconds each, and the estimate is twice what they take.
        let sent = run(limits, 8, &[(2_000, 50, 50)], Duration::from_secs(3_600));
        let requests = sent.len() as f64 / 3_600.0;
        assert!(requests >= 0.9, "{requests} of 1 request a second");
        let sent = run(limits, 8, &[(2_000, 50, 100)], Duration::from_secs(3_600));
        let tokens = f64::from(sent.iter().map(|sent| sent.tokens).sum::<u32>()) / 60.0;
        assert!(tokens >= 0.9 * 20_000.0, "{tokens} of 20,000 tokens a minute");
    }

    #[test]
    fn a_request_larger_than_the_limit_goes_alone_and_one_that_was_not_sent_costs_nothing() {
        let limits = RateLimits { requests: Some(1), tokens: Some(100), window: WINDOW };
        let mut limiter = Limiter::new(limits);
        let unsent = limiter.reserve(Duration::ZERO, 1_000).unwrap();
        assert_eq!(limiter.reserve(Duration::ZERO, 1), Err(Full { until: None }));
        limiter.give_back(unsent);
        let sent = limiter.reserve(Duration::ZERO, 1_000).unwrap();
        limiter.settle(Duration::from_secs(1), sent, 5);
        limiter.settle(Duration::from_secs(9), sent, 5);
        let until = Some(Duration::from_millis(61_001));
        assert_eq!(limiter.reserve(Duration::from_secs(61), 1), Err(Full { until }));
        assert!(limiter.reserve(Duration::from_millis(61_001), 1).is_ok());
    }
}
