//! SIGHUP: a server reads its configuration again and adds and removes targets while everything runs. The keys of
//! providers are read again, too, and the budget is the new one.
//!
//! Only these: every other key is in effect until the process ends. A configuration with a mistake changes
//! nothing and is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use bookstate_sink::Sink;
use bookstate_store::TargetName;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    failure::Failure,
    library,
    logging::say,
    models::Models,
    settings::{Settings, TargetSettings},
};

/// Begins to listen. `read` reads the configuration; `targets` are those that the sink has. It ends with the sink.
pub(crate) fn on_hangup(
    sink: &Arc<Sink>,
    targets: &[TargetSettings],
    models: Models,
    read: impl Fn() -> Result<Settings, Failure> + Send + 'static,
) {
    let sink = Arc::downgrade(sink);
    let mut known = by_name(targets);
    tokio::spawn(async move {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            // Then SIGHUP ends the process, which loses nothing.
            return say("warning", "SIGHUP cannot be caught: the configuration is not read again");
        };
        while hangup.recv().await.is_some() {
            match read() {
                Ok(settings) => {
                    models.renew(&settings);
                    if !change(&sink, &mut known, &by_name(&settings.targets)).await {
                        return;
                    }
                }
                Err(failure) => say("warning", format_args!("the configuration was not taken: {failure}")),
            }
        }
    });
}

fn by_name(targets: &[TargetSettings]) -> BTreeMap<TargetName, TargetSettings> {
    targets.iter().map(|target| (target.name.clone(), target.clone())).collect()
}

/// Brings the sink from the known targets to the wanted ones; a target that moved is another target. Says whether
/// there is still a sink.
async fn change(
    sink: &Weak<Sink>,
    known: &mut BTreeMap<TargetName, TargetSettings>,
    wanted: &BTreeMap<TargetName, TargetSettings>,
) -> bool {
    let gone: Vec<_> = known.values().filter(|old| wanted.get(&old.name) != Some(old)).cloned().collect();
    for old in gone {
        let Some(sink) = sink.upgrade() else { return false };
        match sink.remove(&old.name).await {
            Ok(()) => say("note", format_args!("target {} is removed", old.name)),
            Err(error) => say("warning", format_args!("target {}: {error}", old.name)),
        }
        known.remove(&old.name);
    }
    for new in wanted.values() {
        if known.contains_key(&new.name) {
            continue;
        }
        let Some(sink) = sink.upgrade() else { return false };
        let added = library::remote(new).and_then(|remote| sink.add(remote).map_err(Failure::unexpected));
        if let Err(failure) = added {
            say("warning", format_args!("target {}: {failure}", new.name));
            continue;
        }
        say("note", format_args!("target {} is added; it gets every book", new.name));
        known.insert(new.name.clone(), new.clone());
    }
    true
}
