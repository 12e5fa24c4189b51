//! A provider: an account at a server, or at several that are used in turn, and everything that a call goes through.
//!
//! A call waits for a place among those in flight, for money, for the rate limit and for an endpoint that does not
//! rest; then the breaker says whether it is sent. What was reserved is settled when the answer is there, or when the
//! call is given up: then as if it had cost all that it might.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    answer,
    breaker::{Action, Breaker, Event, Halt},
    classify::Failure,
    config::{ConfigError, ProviderConfig},
    error::CallError,
    flight::{Flight, Shared, State, Totals},
    http::{self, Attempt, Times},
    key::Key,
    ledger::{Reached, SharedLedger},
    limiter::Limiter,
    money::Usd,
    reply::{Finish, Reply, Usage},
    request::{ChatRequest, JsonWay},
    rotation::Rotation,
    sharing::Sharing,
};

/// A call is sent so often at most while it is asked for patience.
const ROUNDS: u32 = 6;
/// A call waits so long for endpoints that rest; what takes longer is the caller's to wait for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the list of models may take.
const PROBE_TIME: Duration = Duration::from_secs(15);
/// When to ask again after a failure that says nothing of it: by then the breaker has an opinion.
const SOON: Duration = Duration::from_secs(1);
/// When to ask again where a person may have done something meanwhile.
const NOW_AND_THEN: Duration = Duration::from_secs(60);

/// How a provider is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderStatus {
    /// Its name.
    pub name: String,
    /// For people: `ready`, or why not.
    pub state: String,
    /// Calls that have a place among those in flight; some may still wait for a rate or money.
    pub in_flight: usize,
    /// Whether a request would be sent, as far as the provider is concerned: budgets are another matter.
    pub is_ready: bool,
    /// What each of its models has done since it was made.
    pub models: BTreeMap<String, Totals>,
}

/// What a request may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens sent.
    pub prompt_tokens: u32,
    /// Tokens received.
    pub completion_tokens: u32,
    /// What that costs; `None` as long as nobody knows.
    pub cost: Option<Usd>,
}

/// See the module documentation.
pub struct Provider {
    config: ProviderConfig,
    client: reqwest::Client,
    key: RwLock<Option<Key>>,
    permits: Semaphore,
    shared: Shared,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Provider {
    /// A provider with a ledger of its own, which has no budget. Nothing is sent yet.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn new(config: ProviderConfig) -> Result<Self, ConfigError> {
        Self::with_ledger(config, SharedLedger::default())
    }

    /// A provider that shares a budget with others.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn with_ledger(mut config: ProviderConfig, ledger: SharedLedger) -> Result<Self, ConfigError> {
        config.check()?;
        let client = http::client()
            .map_err(|error| ConfigError::Client { name: config.name.clone(), reason: error.to_string() })?;
        let state = State {
            limiter: Limiter::new(config.limits),
            rotation: Rotation::new(config.urls.len()),
            breaker: Breaker::default(),
            said: String::new(),
            json: config.json.unwrap_or(JsonWay::Schema),
            totals: BTreeMap::new(),
            dearest: HashMap::new(),
        };
        let shared = Shared {
            state: Mutex::new(state),
            ledger,
            prices: config.prices.clone(),
            limits: config.limits,
            sharing: OnceLock::new(),
            began: Instant::now(),
            turn: tokio::sync::Mutex::default(),
            settled: Notify::new(),
        };
        let permits = Semaphore::new(config.concurrency.max(1));
        Ok(Self { client, key: RwLock::new(config.key.take()), permits, shared, config })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How it is used; without the key.
    #[must_use]
    pub const fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// What is spent through it and those that share its budget.
    #[must_use]
    pub const fn ledger(&self) -> &SharedLedger {
        &self.shared.ledger
    }

    /// From now on it is used with this key; a provider that was stopped is tried again.
    pub fn renew(&self, key: Option<Key>) {
        *self.key.write() = key;
        self.shared.event(Event::Renewed);
    }

    /// From now on its rate is shared with other programs. Said once, before anything is sent; what is said later is not
    /// heard.
    pub fn share_with(&self, sharing: Arc<dyn Sharing>) {
        drop(self.shared.sharing.set(sharing));
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> ProviderStatus {
        let concurrency = self.config.concurrency.max(1);
        let in_flight = concurrency.saturating_sub(self.permits.available_permits());
        let now = self.shared.now();
        let state = self.shared.state.lock();
        let name = self.config.name.clone();
        let is_ready = state.breaker.clone().step(now, Event::Asked).1 == Action::Send;
        let models = state.totals.clone();
        ProviderStatus { name, state: state.breaker.describe(now), in_flight, is_ready, models }
    }

    /// Whether a request would be sent now, as far as is known. Nothing is sent.
    ///
    /// # Errors
    /// [`CallError::Held`].
    pub fn ready(&self) -> Result<(), CallError> {
        self.go(self.shared.outlook())?;
        self.shared.limits(0).map(drop).map_err(|reason| self.without_share(reason))
    }

    /// What a request may take at most: by the configured price, or by the dearest request to its model so far.
    #[must_use]
    pub fn estimate(&self, request: &ChatRequest) -> Estimate {
        let prompt_tokens = request.prompt_tokens(self.config.image_tokens);
        let completion_tokens = request.max_tokens();
        let price = self.config.prices.get(request.model());
        let dearest = self.shared.state.lock().dearest.get(request.model()).copied();
        let cost = price.map(|price| price.of(prompt_tokens, completion_tokens)).max(dearest);
        Estimate { prompt_tokens, completion_tokens, cost }
    }

    /// The models that the server says it has.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub async fn models(&self) -> Result<Vec<String>, Failure> {
        let key = self.key.read().clone();
        let body = http::get(&self.client, &self.url(0, "models"), key.as_ref(), PROBE_TIME).await;
        let body = body.map_err(|failure| hide(failure, key.as_ref()))?;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|_| Failure::Unusable { reason: "the list of models is no JSON".to_owned() })?;
        let listed = body.get("data").and_then(Value::as_array).into_iter().flatten();
        Ok(listed.filter_map(|model| model.get("id")?.as_str().map(str::to_owned)).collect())
    }

    /// Sends a request when it may be sent, and says what came of it. What it costs is counted for `account`.
    ///
    /// Dropping the future cancels the request; what it may have cost is counted.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn chat(&self, request: &ChatRequest, account: &str) -> Result<Reply, CallError> {
        // The semaphore is never closed; were it, the call would merely go without a permit.
        let _permit = self.permits.acquire().await.ok();
        let mut spent = Usage::default();
        for round in 1.. {
            let way = self.shared.state.lock().json;
            let landed = self.attempt(request, account, way).await.map_err(|held| held.and(spent))?;
            let Attempt { failure, usage, .. } = match landed {
                Ok(mut reply) => {
                    reply.usage = spent.and(reply.usage);
                    return Ok(reply);
                }
                Err(attempt) => attempt,
            };
            spent = spent.and(usage);
            let goes_on = match &failure {
                Failure::NoSuchFormat { .. } if request.schema().is_some() => self.lower(way),
                // The endpoint rests; another one, or it later, may do.
                Failure::RateLimited { .. } => true,
                Failure::Unavailable { .. } => {
                    let now = self.shared.now();
                    let state = self.shared.state.lock();
                    state.rotation.has_others() && state.rotation.is_awake(now)
                }
                _ => false,
            };
            if !goes_on || round >= ROUNDS {
                return Err(self.error(failure, spent));
            }
        }
        Err(self.held("is asked too often".to_owned(), Some(SOON), spent))
    }

    /// The same for an answer in JSON: repaired where that is safe, checked against the request's schema, and asked
    /// for once more where it is wrong.
    ///
    /// # Errors
    /// See [`CallError`]; an answer that is wrong twice is [`Failure::Permanent`].
    pub async fn chat_json(&self, request: &ChatRequest, account: &str) -> Result<(Value, Reply), CallError> {
        let judge = |reply: &Reply| {
            let value = answer::with_integers(answer::json_in(&reply.text).ok_or("it is no JSON")?);
            let wrong = request.schema().and_then(|schema| answer::mismatch(&schema.schema, &value));
            wrong.map_or(Ok(value), Err)
        };
        let first = self.chat(request, account).await?;
        let wrong = match judge(&first) {
            Ok(value) => return Ok((value, first)),
            Err(wrong) => wrong,
        };
        // One that ran out of tokens would do so again.
        if first.finish == Finish::Cut {
            let reason = format!("the answer is cut off after {} tokens", request.max_tokens());
            return Err(self.error(Failure::Permanent { reason }, first.usage));
        }
        let told = format!("That is no valid answer: {wrong}. Answer again, with the JSON and nothing else.");
        let again = request.clone().assistant(&first.text).user(told);
        let mut second = self.chat(&again, account).await.map_err(|error| error.and(first.usage))?;
        second.usage = first.usage.and(second.usage);
        match judge(&second) {
            Ok(value) => Ok((value, second)),
            Err(wrong) => {
                let reason = format!("the answer is wrong twice: {wrong}");
                Err(self.error(Failure::Permanent { reason }, second.usage))
            }
        }
    }

    /// One attempt: what came of it, or why it was not made.
    async fn attempt(
        &self,
        request: &ChatRequest,
        account: &str,
        way: JsonWay,
    ) -> Result<Result<Reply, Attempt>, CallError> {
        // Nobody waits for money or a turn only to hear that.
        self.ready()?;
        let estimate = self.estimate(request);
        let most = estimate.cost.unwrap_or(Usd::ZERO);
        let money = self.shared.ledger.reserve(account, most).await;
        let money = money.map_err(|reached| self.over_budget(account, &reached))?;
        let tokens = estimate.prompt_tokens.saturating_add(estimate.completion_tokens);
        let mut flight = Flight::new(&self.shared, request, (money, most), tokens);
        let place = loop {
            self.rested().await?;
            flight.lease().await.map_err(|reason| self.without_share(reason))?;
            // What is reserved is for now: behind a pause another program may have it.
            match self.rotation(Rotation::pick) {
                Ok(place) => break place,
                Err(_) => flight.wait_again(),
            }
        };
        // From the reservation to the sending nothing is awaited.
        self.go(self.shared.event(Event::Asked))?;
        flight.depart();
        let key = self.key.read().clone();
        let times = Times { whole: self.config.timeout, idle: self.config.idle };
        let url = self.url(place, "chat/completions");
        let body = request.body(way, self.config.stream);
        let result = http::post(&self.client, &url, key.as_ref(), body, times).await;
        if let Err(attempt) = &result
            && let (Some(sharing), Some(pause)) = (self.shared.sharing.get(), attempt.failure.pause())
        {
            sharing.tell_pause(&self.config.name, self.base(place), pause);
        }
        let hidden = |attempt: Attempt| Attempt { failure: hide(attempt.failure, key.as_ref()), ..attempt };
        Ok(flight.land(place, result.map_err(hidden)))
    }

    /// Which endpoints rest, with what other programs were told by them.
    fn rotation<T>(&self, look: impl FnOnce(&mut Rotation, Duration) -> T) -> T {
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        if let Some(sharing) = self.shared.sharing.get() {
            for (place, url) in self.config.urls.iter().enumerate() {
                if let Some(pause) = sharing.pause(&self.config.name, url) {
                    state.rotation.rest_as_told(place, now + pause);
                }
            }
        }
        look(&mut state.rotation, now)
    }

    /// Waits until some endpoint does not rest.
    async fn rested(&self) -> Result<(), CallError> {
        loop {
            let pause = self.rotation(|rotation, now| rotation.wakes().saturating_sub(now));
            if pause.is_zero() {
                return Ok(());
            }
            if pause > LONGEST_WAIT {
                let reason = format!("the server asks for a pause of {} s", pause.as_secs());
                return Err(self.held(reason, Some(pause), Usage::default()));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// What the breaker says, as an error.
    fn go(&self, action: Action) -> Result<(), CallError> {
        let said = || self.shared.state.lock().said.clone();
        let (reason, pause) = match action {
            Action::Send | Action::None => return Ok(()),
            Action::Wait { until } => {
                (format!("does not work now: {}", said()), Some(until.saturating_sub(self.shared.now())))
            }
            Action::Halted(halt) => {
                let (remedy, pause) = match halt {
                    Halt::RefusedKey => ("put a valid one where it is configured", None),
                    Halt::NoCredit => ("buy some", Some(NOW_AND_THEN)),
                    Halt::Unusable => ("check its URL and models", None),
                };
                (format!("{halt}: {remedy} ({})", said()), pause)
            }
        };
        Err(self.held(reason, pause, Usage::default()))
    }

    fn without_share(&self, reason: String) -> CallError {
        self.held(reason, Some(SOON), Usage::default())
    }

    fn over_budget(&self, account: &str, reached: &Reached) -> CallError {
        // Tomorrow the day has another one.
        let (whose, limit, spent, pause) = match reached {
            Reached::Account { limit, spent } => (account, limit, spent, None),
            Reached::Day { limit, spent } => ("the day", limit, spent, Some(NOW_AND_THEN)),
        };
        let reason =
            format!("the budget of {whose} is reached: {spent} of {limit} are spent; raise it to go on");
        self.held(reason, pause, Usage::default())
    }

    /// Answers in JSON are asked for in the next way, unless another call has found it already. `false`: there is none.
    fn lower(&self, way: JsonWay) -> bool {
        let lower = way.lower().filter(|_| self.config.json.is_none());
        let mut state = self.shared.state.lock();
        state.json = state.json.max(lower.unwrap_or(way));
        lower.is_some()
    }

    /// What a failure is for the caller: what no request could help is no failure of this one.
    fn error(&self, failure: Failure, usage: Usage) -> CallError {
        let reason = failure.to_string();
        match failure {
            Failure::Unavailable { pause, .. } | Failure::RateLimited { pause, .. } => {
                self.held(reason, Some(pause.unwrap_or(SOON)), usage)
            }
            // The breaker knows by now, and says what to do to whoever asks again.
            Failure::RefusedKey { .. } | Failure::NoCredit { .. } | Failure::Unusable { .. } => {
                let held = self.go(self.shared.outlook()).err();
                held.map_or_else(|| self.held(reason, Some(SOON), usage), |held| held.and(usage))
            }
            failure => CallError::Failed { provider: self.config.name.clone(), failure, usage },
        }
    }

    fn held(&self, reason: String, pause: Option<Duration>, usage: Usage) -> CallError {
        CallError::Held { provider: self.config.name.clone(), reason, pause, usage }
    }

    fn base(&self, place: usize) -> &str {
        self.config.urls.get(place).map_or("", String::as_str)
    }

    fn url(&self, place: usize, path: &str) -> String {
        format!("{}/{path}", self.base(place).trim_end_matches('/'))
    }
}

/// A server's words without the key.
fn hide(mut failure: Failure, key: Option<&Key>) -> Failure {
    if let Some(key) = key {
        let reason = failure.reason_mut();
        *reason = key.hidden_in(reason);
    }
    failure
}
