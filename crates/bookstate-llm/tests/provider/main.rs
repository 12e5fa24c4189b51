//! A provider against a server that does what servers do: each thing that goes wrong, over real connections.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "functions beside the tests")]

mod answers;
mod failures;
mod limits;
mod money;
mod real;
mod recorded;
mod streams;

use std::{sync::Arc, time::Duration};

use bookstate_llm::{CallError, ChatRequest, Key, Provider, ProviderConfig};
use bookstate_tests::models::ModelServer;

/// The account that calls are counted for.
const BOOK: &str = "a book";

/// A key that must not be seen anywhere.
const CANARY: &str = "sk-canary-4711-0815";

fn config(server: &ModelServer) -> ProviderConfig {
    let mut config = ProviderConfig::new("replay", &server.url());
    config.key = Some(Key::new(CANARY, "the test").unwrap());
    config
}

fn provider(server: &ModelServer) -> Arc<Provider> {
    Arc::new(Provider::new(config(server)).unwrap())
}

fn request(text: &str) -> ChatRequest {
    ChatRequest::new("m", 50).user(text)
}

/// The kind of failure, or `held`, and for how long.
fn kind(error: &CallError) -> (&'static str, Option<Duration>) {
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    match error {
        CallError::Failed { failure, .. } => (failure.kind(), None),
        CallError::Held { pause, .. } => ("held", *pause),
    }
}
