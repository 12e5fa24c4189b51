//! Providers of models, as the server's jobs use them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderRow {
    /// Its name.
    pub name: String,
    /// For people: `ready`, or why nothing is sent to it.
    pub state: String,
    /// Whether a request would be sent.
    pub is_ready: bool,
    /// Requests in flight.
    pub in_flight: u64,
    /// Those of its models that were asked.
    pub models: Vec<ModelTotals>,
}

/// What a model has done since the server was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelTotals {
    /// Its name at the provider.
    pub model: String,
    /// Requests sent.
    pub sent: u64,
    /// Those that were answered well.
    pub answered: u64,
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
    /// What it cost, in US dollars.
    pub cost_usd: f64,
}
