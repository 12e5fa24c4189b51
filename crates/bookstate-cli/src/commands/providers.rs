//! `bookstate providers`: the providers of models that stages name, whether they can be used, and what they cost today.

use bookstate_llm::Usd;
use serde::Serialize;

use crate::{
    failure::{Exit, Failure},
    local::LocalReader,
    models::{Models, spent_today},
    output,
    settings::Settings,
    table::{Column, Table},
};

#[derive(Debug, Serialize)]
struct ProviderRow {
    name: String,
    urls: Vec<String>,
    models: Vec<String>,
    /// `ready`, or what is wrong.
    state: String,
    is_ready: bool,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    spent_today_usd: f64,
}

/// Asks every provider for the list of its models, which costs nothing.
///
/// # Errors
/// A provider cannot be used as it is configured, or the local store cannot be read.
pub(crate) async fn run(settings: &Settings, json: bool) -> Result<Exit, Failure> {
    let models = Models::of(settings)?;
    let mut rows = Vec::new();
    for provider in models.providers() {
        let used: Vec<String> = models.models_of(provider.name()).into_iter().map(str::to_owned).collect();
        let (state, is_ready) = match provider.models().await {
            Ok(there) => match used.iter().find(|model| !there.is_empty() && !there.contains(model)) {
                Some(missing) => (format!("has no model {missing}"), false),
                None => ("ready".to_owned(), true),
            },
            Err(failure) => (failure.to_string(), false),
        };
        let config = provider.config();
        rows.push(ProviderRow {
            name: provider.name().to_owned(),
            urls: config.urls.clone(),
            models: used,
            state,
            is_ready,
            requests_per_minute: config.limits.requests,
            tokens_per_minute: config.limits.tokens,
            spent_today_usd: spent(settings, provider.name())?.dollars(),
        });
    }
    tell(settings, &rows, json)?;
    Ok(if rows.iter().all(|row| row.is_ready) { Exit::Ok } else { Exit::Target })
}

/// What the books of the local store say was spent today.
fn spent(settings: &Settings, provider: &str) -> Result<Usd, Failure> {
    // Before the first book there is no store.
    let Ok(reader) = LocalReader::open(&settings.data_dir) else { return Ok(Usd::ZERO) };
    let mut spent = Usd::ZERO;
    for (id, _) in reader.store().list_books()? {
        if let Some(book) = reader.store().load_book(&id)? {
            spent = spent + spent_today(&book.state, Some(provider));
        }
    }
    Ok(spent)
}

fn tell(settings: &Settings, rows: &[ProviderRow], json: bool) -> Result<(), Failure> {
    let budget = settings.budget;
    let dollars = |limit: Option<Usd>| limit.map(Usd::dollars);
    if json {
        return output::json(&serde_json::json!({
            "providers": rows,
            "per_book_usd": dollars(budget.per_account),
            "per_day_usd": dollars(budget.per_day),
        }));
    }
    let mut table = Table::new(&[
        Column::whole("provider"),
        Column::text("models", 16),
        Column::whole("today"),
        Column::text("per minute", 12).rank(2),
        Column::text("state", 16).toned(),
    ]);
    for row in rows {
        let rate = |limit: Option<u32>, what: &str| limit.map(|limit| format!("{limit} {what}"));
        let rates = [rate(row.requests_per_minute, "requests"), rate(row.tokens_per_minute, "tokens")];
        let rates: Vec<String> = rates.into_iter().flatten().collect();
        table.row([
            row.name.clone(),
            row.models.join(", "),
            Usd::from_dollars(row.spent_today_usd).unwrap_or_default().to_string(),
            rates.join(", "),
            row.state.clone(),
        ]);
    }
    output::print(&table, "no stage names a model: everything is done on this machine, for nothing")?;
    let limit = |limit: Option<Usd>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    if rows.is_empty() {
        return Ok(());
    }
    output::line("")?;
    output::line(&format!(
        "budget: {} per book, {} per day",
        limit(budget.per_account),
        limit(budget.per_day)
    ))
}
