//! `process --estimate`: what models may take at most, stage by stage, before anything is sent.

use std::path::PathBuf;

use bookstate_jobs::{Intake, ingest_within};
use bookstate_llm::Usd;
use bookstate_store::Library;
use serde::Serialize;

use super::{book::ingest_failure, existing};
use crate::{
    args::ProcessArgs,
    failure::{Exit, Failure},
    library,
    models::{Models, StageEstimate},
    output,
    settings::Settings,
    table::{Column, Table},
};

/// A line of the estimate.
#[derive(Debug, Serialize)]
struct Row {
    book: String,
    stage: &'static str,
    engine: String,
    units: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    cost_usd: Option<f64>,
}

impl Row {
    fn of(book: &str, estimate: StageEstimate) -> Self {
        let StageEstimate { stage, engine, units, each } = estimate;
        Self {
            book: book.to_owned(),
            stage,
            engine,
            units,
            prompt_tokens: units.saturating_mul(each.prompt_tokens.into()),
            completion_tokens: units.saturating_mul(each.completion_tokens.into()),
            cost_usd: each.cost.map(|cost| cost.times(units).dollars()),
        }
    }
}

/// Takes the books in and says what they may cost. Nothing is sent, and no job is started.
///
/// # Errors
/// None of the files is there, one cannot be taken in, or the data directory is taken.
pub(super) async fn run(settings: &Settings, args: &ProcessArgs, json: bool) -> Result<Exit, Failure> {
    let (files, exit) = existing(&args.files)?;
    let models = Models::of(settings)?;
    let intake = library::intake(settings)?;
    let library = library::open(settings)?;
    let sink = library::start_sink(&library, settings)?;
    let rows = rows(&library, &models, &files, &intake).await;
    library::finish(library, sink, settings).await?;
    tell(&rows?, json)?;
    Ok(exit)
}

async fn rows(
    library: &Library,
    models: &Models,
    files: &[PathBuf],
    intake: &Intake,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for file in files {
        let id = ingest_within(library, file, intake).await.map_err(ingest_failure)?.book_id;
        let reading = library.read(&id).await?;
        let reading = reading.ok_or_else(|| Failure::unexpected(format_args!("book {id} is gone")))?;
        let estimates = models.estimates(&reading.snapshot.state);
        rows.extend(estimates.into_iter().map(|estimate| Row::of(id.as_str(), estimate)));
    }
    Ok(rows)
}

fn tell(rows: &[Row], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&rows);
    }
    let mut table = Table::new(&[
        Column::text("book", 12),
        Column::whole("stage"),
        Column::text("engine", 12),
        Column::count("units"),
        Column::count("tokens sent"),
        Column::count("received"),
        Column::number("cost"),
    ]);
    for row in rows {
        let cost = row.cost_usd.and_then(Usd::from_dollars);
        table.row([
            row.book.clone(),
            row.stage.to_owned(),
            row.engine.clone(),
            row.units.to_string(),
            row.prompt_tokens.to_string(),
            row.completion_tokens.to_string(),
            cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string()),
        ]);
    }
    output::print(&table, "no stage names a model: this costs nothing")?;
    if rows.is_empty() {
        return Ok(());
    }
    output::line("")?;
    output::line("at most: pages that are read well without the model, and shorter answers, cost less")
}
