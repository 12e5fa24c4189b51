//! What the calls of a provider share, and what one of them has reserved.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    breaker::{Action, Breaker, Event, Fault, Halt},
    classify::Failure,
    http::Attempt,
    ledger::{SharedLedger, today},
    limiter::{Full, Limiter, RateLimits},
    money::{Price, Usd},
    reply::{Reply, Usage},
    request::{ChatRequest, JsonWay},
    rotation::Rotation,
    sharing::{self, Sharing},
};

/// Sums of a provider's model since the provider was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests sent.
    pub sent: u64,
    /// Those that were answered well.
    pub answered: u64,
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
    /// What it cost.
    pub cost: Usd,
}

/// What changes with every call.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) rotation: Rotation,
    pub(crate) breaker: Breaker,
    /// What the server said when a request failed last.
    pub(crate) said: String,
    pub(crate) json: JsonWay,
    /// By model.
    pub(crate) totals: BTreeMap<String, Totals>,
    /// The most that a request to a model has cost.
    pub(crate) dearest: HashMap<String, Usd>,
}

impl State {
    /// The sums of a model.
    fn totals_of(&mut self, model: &str) -> &mut Totals {
        self.totals.entry(model.to_owned()).or_default()
    }
}

/// What the calls of a provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) ledger: SharedLedger,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) limits: RateLimits,
    /// Whoever shares the limits with other programs; they are this one's alone otherwise.
    pub(crate) sharing: OnceLock<Arc<dyn Sharing>>,
    pub(crate) began: Instant,
    /// Whoever waits for the rate limit holds it, so that a large request is not overtaken for ever.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) settled: Notify,
}

impl Shared {
    /// The time of all state machines: since the provider was made.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells the breaker.
    pub(crate) fn event(&self, event: Event) -> Action {
        let now = self.now();
        let mut state = self.state.lock();
        let (next, action) = std::mem::take(&mut state.breaker).step(now, event);
        state.breaker = next;
        action
    }

    /// What the breaker would say to a request, which is not made.
    pub(crate) fn outlook(&self) -> Action {
        let now = self.now();
        self.state.lock().breaker.clone().step(now, Event::Asked).1
    }

    /// The limits as they hold for this program now.
    ///
    /// # Errors
    /// A request of so many tokens cannot go within them, however long it waits: why.
    pub(crate) fn limits(&self, tokens: u32) -> Result<RateLimits, String> {
        let Some(sharing) = self.sharing.get() else { return Ok(self.limits) };
        let shares = sharing::shares(self.limits, &**sharing);
        sharing::obstacle(self.limits, shares, tokens).map_or(Ok(shares), Err)
    }

    /// Waits for the rate limit. Cancel safe.
    ///
    /// # Errors
    /// Waiting is no use: see [`Self::limits`].
    pub(crate) async fn lease(&self, tokens: u32) -> Result<u64, String> {
        let _turn = self.turn.lock().await;
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // Heard from now on, before the limiter is asked.
            settled.as_mut().enable();
            let limits = self.limits(tokens)?;
            let now = self.now();
            let reserved = {
                let mut state = self.state.lock();
                state.limiter.set_limits(limits);
                state.limiter.reserve(now, tokens)
            };
            match reserved {
                Ok(number) => return Ok(number),
                Err(Full { until: None }) => settled.await,
                // Either is a reason to look again.
                Err(Full { until: Some(until) }) => {
                    drop(tokio::time::timeout(until.saturating_sub(now), settled).await);
                }
            }
        }
    }
}

/// What is reserved for a request. Dropped, it is given back when nothing was sent, and counted in full when
/// something was.
pub(crate) struct Flight<'a> {
    shared: &'a Shared,
    request: &'a ChatRequest,
    money: u64,
    most: Usd,
    tokens: u32,
    lease: Option<u64>,
    is_sent: bool,
}

impl<'a> Flight<'a> {
    /// Of a request for which `most` is reserved in the ledger, under the number `money`.
    pub(crate) const fn new(
        shared: &'a Shared,
        request: &'a ChatRequest,
        (money, most): (u64, Usd),
        tokens: u32,
    ) -> Self {
        Self { shared, request, money, most, tokens, lease: None, is_sent: false }
    }

    /// Waits for the rate limit.
    ///
    /// # Errors
    /// Waiting is no use: see [`Shared::limits`].
    pub(crate) async fn lease(&mut self) -> Result<(), String> {
        self.lease = Some(self.shared.lease(self.tokens).await?);
        Ok(())
    }

    /// It cannot be sent at once: its place within the rate limit is given back.
    pub(crate) fn wait_again(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.shared.state.lock().limiter.give_back(lease);
            self.shared.settled.notify_waiters();
        }
    }

    /// From now on it may cost something.
    pub(crate) fn depart(&mut self) {
        self.is_sent = true;
        self.shared.state.lock().totals_of(self.request.model()).sent += 1;
    }

    /// The request is over: everything is settled with what it took.
    pub(crate) fn land(mut self, place: usize, mut result: Result<Reply, Attempt>) -> Result<Reply, Attempt> {
        self.is_sent = false;
        let (mut usage, is_unknown) = match &result {
            Ok(reply) => (reply.usage, reply.usage == Usage::default()),
            Err(attempt) => (attempt.usage, attempt.is_unknown),
        };
        usage.cost = usage.cost.or_else(|| self.cost(usage, is_unknown));
        match &mut result {
            Ok(reply) => reply.usage = usage,
            Err(attempt) => attempt.usage = usage,
        }
        self.settle_state(place, &result, usage);
        self.shared.settled.notify_waiters();
        self.shared.ledger.with(|ledger| match is_unknown {
            true => ledger.settle_unknown(today(), self.money),
            false => ledger.settle(today(), self.money, usage.cost.unwrap_or(Usd::ZERO)),
        });
        result
    }

    /// What a request cost of which the server does not say it.
    fn cost(&self, usage: Usage, is_unknown: bool) -> Option<Usd> {
        if is_unknown {
            return (self.most > Usd::ZERO).then_some(self.most);
        }
        let price = self.shared.prices.get(self.request.model())?;
        let (prompt, completion) = (usage.prompt_tokens, usage.completion_tokens);
        (prompt.is_some() || completion.is_some())
            .then(|| price.of(prompt.unwrap_or(0), completion.unwrap_or(0)))
    }

    fn settle_state(&mut self, place: usize, result: &Result<Reply, Attempt>, usage: Usage) {
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        let mut event = Event::Answered;
        match result {
            Ok(_) => {
                state.rotation.answered(place);
                state.totals_of(self.request.model()).answered += 1;
            }
            Err(Attempt { failure, .. }) => {
                let has_others = state.rotation.has_others();
                match failure {
                    Failure::RateLimited { pause, .. } => state.rotation.rest(place, now, *pause),
                    Failure::Unavailable { pause, .. } if has_others || pause.is_some() => {
                        state.rotation.rest(place, now, *pause);
                    }
                    _ => {}
                }
                event = self.event(failure);
                // While another endpoint can be asked it is no outage of the provider.
                if event == Event::Failed(Fault::Server) && has_others && state.rotation.is_awake(now) {
                    event = Event::Abandoned;
                }
                state.said = failure.to_string();
            }
        }
        state.breaker = std::mem::take(&mut state.breaker).step(now, event).0;
        let totals = state.totals_of(self.request.model());
        totals.prompt_tokens += u64::from(usage.prompt_tokens.unwrap_or(0));
        totals.completion_tokens += u64::from(usage.completion_tokens.unwrap_or(0));
        totals.cost = totals.cost + usage.cost.unwrap_or(Usd::ZERO);
        if let Some(cost) = usage.cost {
            let dearest = state.dearest.entry(self.request.model().to_owned()).or_default();
            *dearest = cost.max(*dearest);
        }
        if let Some(lease) = self.lease.take() {
            let taken = usage.prompt_tokens.zip(usage.completion_tokens);
            let taken = taken.map(|(prompt, completion)| prompt.saturating_add(completion));
            state.limiter.settle(now, lease, taken.unwrap_or(self.tokens));
        }
    }

    /// What a failure says about the provider.
    fn event(&self, failure: &Failure) -> Event {
        match failure {
            Failure::Transient { .. } => Event::Failed(Fault::Unclear(self.request.number())),
            Failure::Unavailable { .. } => Event::Failed(Fault::Server),
            Failure::RefusedKey { .. } => Event::Stopped(Halt::RefusedKey),
            Failure::NoCredit { .. } => Event::Stopped(Halt::NoCredit),
            Failure::Unusable { .. } => Event::Stopped(Halt::Unusable),
            Failure::RateLimited { .. }
            | Failure::TooLong { .. }
            | Failure::NoSuchFormat { .. }
            | Failure::Permanent { .. } => Event::Answered,
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        if let Some(lease) = self.lease.take() {
            match self.is_sent {
                true => state.limiter.settle(now, lease, self.tokens),
                false => state.limiter.give_back(lease),
            }
        }
        if self.is_sent {
            let totals = state.totals_of(self.request.model());
            totals.cost = totals.cost + self.most;
        }
        drop(state);
        self.shared.settled.notify_waiters();
        // After a landing there is nothing left to settle.
        self.shared.ledger.with(|ledger| match self.is_sent {
            true => ledger.settle_unknown(today(), self.money),
            false => ledger.settle(today(), self.money, Usd::ZERO),
        });
        if self.is_sent {
            self.shared.event(Event::Abandoned);
        }
    }
}
