//! `bookstate parked list|retry|drop`.

use bookstate_api::view::{Parked, Tried};
use bookstate_domain::AnyKey;
use bookstate_sink::Sink;
use bookstate_store::TargetName;
use serde_json::json;

use crate::{
    args::ParkedCommand,
    commands::target::{command_failure, configured},
    failure::Failure,
    library,
    local::LocalReader,
    output::{self, count},
    settings::Settings,
    source::Source,
    table::{Column, Table},
};

/// Runs a subcommand.
pub(crate) async fn run(settings: &Settings, command: &ParkedCommand, json: bool) -> Result<(), Failure> {
    match command {
        ParkedCommand::List { target } => {
            list(&Source::open(settings, None)?.parked(target.as_deref()).await?, json)
        }
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
            tell_dropped(target.as_str(), document, json)
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
    let sink = library::start_sink(&library, settings)?;
    let done = command(&sink).await;
    library::finish(library, sink, settings).await?;
    done
}

fn still_parked(settings: &Settings, target: &TargetName) -> Result<usize, Failure> {
    let parked = LocalReader::open(&settings.data_dir)?.store().parked(Some(target.as_str()), None)?;
    Ok(parked.iter().filter(|document| !document.dropped).count())
}

/// Lists what targets refuse.
fn list(parked: &Parked, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(parked);
    }
    let mut table = Table::new(&[
        Column::whole("target"),
        Column::whole("document"),
        Column::number("since seq").rank(1),
        Column::text("reason", 20),
        Column::text("accepted", 8).rank(2),
    ]);
    for row in &parked.parked {
        table.row([
            row.target.as_str(),
            row.document.as_str(),
            &row.first_seq.to_string(),
            row.reason.as_str(),
            if row.dropped { "accepted" } else { "" },
        ]);
    }
    output::print(&table, "no target refuses anything")
}

/// Runs a subcommand on a server.
pub(crate) async fn remote(source: &Source, command: &ParkedCommand, json: bool) -> Result<(), Failure> {
    let server = source.server()?;
    let path = |target: &str, document: &AnyKey, end: &[&str]| {
        let (collection, key) = (document.collection().to_string(), document.key_text());
        let start = ["api", "targets", target, "parked", &collection, &key].map(str::to_owned);
        start.into_iter().chain(end.iter().map(|part| (*part).to_owned())).collect::<Vec<_>>()
    };
    match command {
        ParkedCommand::List { target } => list(&source.parked(target.as_deref()).await?, json),
        ParkedCommand::Retry { target, document } => {
            let path = match document.as_deref().map(key).transpose()? {
                Some(document) => path(target, &document, &["retry"]),
                None => ["api", "targets", target, "parked", "retry"].map(str::to_owned).to_vec(),
            };
            let answer: Tried = server.post(&path, None::<&()>).await?;
            if json {
                return output::json(&answer);
            }
            let tried = count(answer.tried, "document");
            let left = answer.still_parked;
            output::line(&format!("tried {tried} again in target {target}; {left} still parked"))
        }
        ParkedCommand::Drop { target, document } => {
            server.delete(&path(target, &key(document)?, &[])).await?;
            tell_dropped(target, document, json)
        }
    }
}

fn tell_dropped(target: &str, document: &str, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"target": target, "dropped": document}));
    }
    output::line(&format!("the copy of {document} in target {target} differs on purpose from now on"))
}
