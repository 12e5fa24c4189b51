//! `bookstate parked list|retry|drop`.

use bookstate_domain::AnyKey;
use bookstate_sink::Sink;
use bookstate_store::{ParkedDocument, TargetName};
use serde_json::json;

use crate::{
    args::ParkedCommand,
    commands::target::{command_failure, configured},
    failure::Failure,
    library,
    local::LocalReader,
    output::{self, count},
    settings::Settings,
};

/// Runs a subcommand.
pub(crate) async fn run(settings: &Settings, command: &ParkedCommand, json: bool) -> Result<(), Failure> {
    match command {
        ParkedCommand::List { target } => list(settings, target.as_deref(), json),
        ParkedCommand::Retry { target, document } => {
            let target = configured(settings, target)?;
            let document = document.as_deref().map(key).transpose()?;
            let tried = with_sink(settings, async |sink: &Sink| {
                sink.retry_parked(&target, document).await.map_err(command_failure)
            })
            .await?;
            let left = still_parked(settings, &target)?;
            if json {
                return output::json(&json!({"target": target, "tried": tried, "still_parked": left}));
            }
            let tried = count(tried, "document");
            output::line(&format!("tried {tried} again in target {target}; {left} still parked"))
        }
        ParkedCommand::Drop { target, document } => {
            let target = configured(settings, target)?;
            let key = key(document)?;
            with_sink(settings, async |sink: &Sink| {
                sink.drop_parked(&target, key).await.map_err(command_failure)
            })
            .await?;
            if json {
                return output::json(&json!({"target": target, "dropped": document}));
            }
            output::line(&format!("the copy of {document} in target {target} differs on purpose from now on"))
        }
    }
}

fn key(text: &str) -> Result<AnyKey, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(format_args!(
            "{text:?} is not a document: give it as `bookstate parked list` shows it"
        ))
    })
}

/// Runs a command of the sink on the locked data directory, and brings what it led to to the targets.
async fn with_sink<T>(
    settings: &Settings,
    command: impl AsyncFnOnce(&Sink) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let library = library::open(settings)?;
    let sink = library::start_sink(&library, settings);
    let done = command(&sink).await;
    library::finish(library, sink, settings).await?;
    done
}

fn parked(settings: &Settings, target: Option<&str>) -> Result<Vec<ParkedDocument>, Failure> {
    Ok(LocalReader::open(&settings.data_dir)?.store().parked(target, None)?)
}

fn still_parked(settings: &Settings, target: &TargetName) -> Result<usize, Failure> {
    let parked = parked(settings, Some(target.as_str()))?;
    Ok(parked.iter().filter(|document| !document.dropped).count())
}

fn list(settings: &Settings, target: Option<&str>, json: bool) -> Result<(), Failure> {
    let parked = parked(settings, target)?;
    if json {
        let rows = parked.iter().map(|ParkedDocument { target, parked, dropped }| {
            json!({
                "target": target, "book_id": parked.book_id, "document": parked.document,
                "reason": parked.reason, "first_seq": parked.first_seq,
                "parked_at": parked.parked_at, "dropped": dropped,
            })
        });
        return output::json(&json!({"parked": rows.collect::<Vec<_>>()}));
    }
    let mut table = output::table(&["target", "document", "since seq", "reason", ""]);
    for ParkedDocument { target, parked, dropped } in parked {
        let accepted = if dropped { "accepted" } else { "" };
        table.add_row([
            target,
            parked.document.to_string(),
            parked.first_seq.to_string(),
            parked.reason,
            accepted.to_owned(),
        ]);
    }
    output::print(&table, "no target refuses anything")
}
