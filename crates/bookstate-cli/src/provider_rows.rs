//! How the providers of models are, as the server tells it.

use bookstate_api::{
    Providers,
    view::{ModelTotals, ProviderRow},
};
use bookstate_llm::{Provider, Totals};

use crate::models::Models;

impl Providers for Models {
    fn rows(&self) -> Vec<ProviderRow> {
        self.providers().map(row).collect()
    }
}

fn row(provider: &Provider) -> ProviderRow {
    let status = provider.status();
    let totals = |(model, totals): (String, Totals)| ModelTotals {
        model,
        sent: totals.sent,
        answered: totals.answered,
        prompt_tokens: totals.prompt_tokens,
        completion_tokens: totals.completion_tokens,
        cost_usd: totals.cost.dollars(),
    };
    ProviderRow {
        name: status.name,
        state: status.state,
        is_ready: status.is_ready,
        in_flight: u64::try_from(status.in_flight).unwrap_or(u64::MAX),
        models: status.models.into_iter().map(totals).collect(),
    }
}
