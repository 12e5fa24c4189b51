//! Language and vision models behind any OpenAI-compatible endpoint: within rates and budget, and through outages.
//!
//! A [`Provider`] is one account at one server, or at several that are used in turn. A call of [`Provider::chat`]
//! waits for its turn, reserves what it may cost, sends one request and says what came of it: a [`Reply`], or a
//! [`Failure`] that says what the caller should do. What servers really send is read leniently ([`reply`], [`sse`]),
//! and what their errors mean is decided in one pure function ([`classify()`]).
//!
//! Everything that decides is a pure state machine with the times given: the rate limit ([`Limiter`]), the rest of an
//! endpoint ([`Rotation`]), the pause after an outage ([`Breaker`]), the money ([`Ledger`]). The I/O is in `http` and
//! decides nothing. Dropping a call's future cancels its request; what it may have cost is counted.
//!
//! Invariants: what was reserved and what was settled in any 60 seconds stays within the limits; no request is sent
//! above the budget; a [`Key`] is never printed. This crate must not know books, jobs, stores or targets: what is spent
//! is kept per account, a name that the caller chooses, and nothing is written to a disk.
//!
//! Reading order: [`request`], [`reply`], [`classify()`], [`sse`], [`answer`] (is the reply any good), [`limiter`],
//! [`rotation`], [`sharing`], [`breaker`], [`money`] and [`ledger`], [`key`], [`config`], `http`, `flight`, [`provider`].
//!
//! ```no_run
//! use bookstate_llm::{ChatRequest, Key, Provider, ProviderConfig};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = ProviderConfig::new("local", "http://127.0.0.1:8080/v1");
//! config.key = Some(Key::from_env("MY_KEY")?);
//! let provider = Provider::new(config)?;
//! let request = ChatRequest::new("some/model", 200).system("Answer in one word.").user("What is black and white?");
//! let reply = provider.chat(&request, "an account").await?;
//! println!("{} for {:?}", reply.text, reply.usage.cost);
//! # Ok(())
//! # }
//! ```

pub mod answer;
pub mod breaker;
pub mod classify;
pub mod config;
pub mod error;
mod flight;
mod http;
pub mod key;
pub mod ledger;
pub mod limiter;
pub mod money;
pub mod provider;
pub mod reply;
pub mod request;
pub mod rotation;
pub mod sharing;
pub mod sse;

pub use breaker::{Breaker, Halt};
pub use classify::{Failure, Signal, classify};
pub use config::{ConfigError, ProviderConfig};
pub use error::CallError;
pub use flight::Totals;
pub use key::{Key, KeyError};
pub use ledger::{Budget, Ledger, SharedLedger};
pub use limiter::{Limiter, RateLimits};
pub use money::{Price, Usd};
pub use provider::{Estimate, Provider, ProviderStatus};
pub use reply::{Finish, Reply, Usage};
pub use request::{ChatRequest, Image, JsonWay, Schema};
pub use rotation::Rotation;
pub use sharing::Sharing;
