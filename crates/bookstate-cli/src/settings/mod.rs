//! The configuration: the user's file, the project's, environment variables and flags, in rising precedence.
//!
//! [`load`] reads all of them and validates the whole before anything is opened; what it returns is of
//! another type than what was read, so that nobody works with a configuration that was not validated.
//!
//! Reading order: [`keys`] (what there is), [`layer`] (a value and its origin), [`mod@file`], [`targets`].

mod edit;
mod file;
mod fleet;
mod keys;
mod layer;
mod meant;
mod on_failure;
mod place;
mod provider_keys;
mod providers;
mod secret;
mod server;
mod target_keys;
mod targets;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use bookstate_domain::{Engines, Text, Variant};
use bookstate_jobs::Part;
use bookstate_llm::{Budget, Usd};
use bookstate_store::{LibraryConfig, TargetName, journal::SyncPolicy};

use crate::failure::Failure;
pub(crate) use file::ConfigFile;
pub(crate) use fleet::FleetSettings;
pub(crate) use layer::Row;
pub(crate) use place::Place;
#[cfg(feature = "nats")]
pub(crate) use place::TokenSource;
pub(crate) use providers::{KeySource, ProviderSettings};
pub(crate) use secret::Secret;
pub(crate) use server::ServerSettings;
pub(crate) use targets::{TargetSettings, name as target_name};
pub(crate) use value::{KeptAnswers, LogFormat};

use keys::{Layers, variable_of};
use layer::Origin;
use value::JournalPolicy;

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// Keys that have a flag: the key, the flag, the text.
    pub(crate) keys: Vec<(&'static str, &'static str, String)>,
    /// `--target`, each `NAME=sqlite:PATH`, `NAME=http://HOST:PORT` or `NAME=nats://HOST:PORT`.
    pub(crate) targets: Vec<String>,
}

/// The configuration files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// The project's.
    pub(crate) project: ConfigFile,
    /// The user's, for all projects. None where nobody knows the user's home.
    pub(crate) user: Option<ConfigFile>,
}

/// A validated configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// When commits are synced.
    pub(crate) policy: SyncPolicy,
    /// The size of a journal segment, in bytes.
    pub(crate) segment_bytes: u64,
    /// The local store's linger.
    pub(crate) local_linger: Duration,
    /// How long the end of a command waits for targets.
    pub(crate) drain: Duration,
    /// The remote targets.
    pub(crate) targets: Vec<TargetSettings>,
    /// Units of work at once.
    pub(crate) workers: usize,
    /// Books at once.
    pub(crate) books_at_once: usize,
    /// Free disk below which no unit is begun, in bytes.
    pub(crate) min_free_bytes: u64,
    /// How long a job waits for room on a full disk.
    pub(crate) stall: Duration,
    /// The variant of new jobs.
    pub(crate) variant: Variant,
    /// The engines of new jobs.
    pub(crate) engines: Engines,
    /// The providers of models.
    pub(crate) providers: Vec<ProviderSettings>,
    /// What models may cost.
    pub(crate) budget: Budget,
    /// Pages that a book may have.
    pub(crate) max_pages: u32,
    /// How many times as large as its file a book may be.
    pub(crate) max_growth: u32,
    /// Whether an image that shows two pages is two pages.
    pub(crate) split_spreads: bool,
    /// Memory for the opening of a file, in MiB.
    pub(crate) intake_memory_mb: u64,
    pub(crate) page_seconds: u64,
    /// The languages of scanned pages; empty: found by the pages.
    pub(crate) languages: Vec<String>,
    /// The directory with the models of the engine `paddle`.
    pub(crate) paddle_models: Option<PathBuf>,
    /// The server, and how to be its client.
    pub(crate) server: ServerSettings,
    /// The fleet that the server is part of.
    pub(crate) fleet: Option<FleetSettings>,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// What is done with answers of models that were paid for.
    pub(crate) answers: KeptAnswers,
    /// The directory with prompts in place of the program's own.
    pub(crate) prompts: Option<PathBuf>,
    /// The stages that fail with their model.
    pub(crate) without_fallback: BTreeSet<Part>,
    /// Whether all that agents said is kept.
    pub(crate) debug_agents: bool,
    /// The configuration files, or where they would be.
    pub(crate) files: Files,
    /// Every key with its value and where it comes from.
    pub(crate) rows: Vec<Row>,
    /// Variables that look like keys and are none.
    pub(crate) unknown_variables: Vec<String>,
}

impl Settings {
    /// The models that the stages of new jobs name, `PROVIDER:MODEL`, with the part of the pipeline; none for what reads
    /// pages.
    pub(crate) fn model_engines(&self) -> Vec<(Option<Part>, String)> {
        let ocr = self.engines.ocr.iter().map(|name| (None, name.to_string()));
        let words = self.engines.analysis.split(' ').skip(1).filter_map(|word| word.split_once('='));
        let parts = words.filter_map(|(part, name)| Some((Some(part.parse().ok()?), name.to_owned())));
        ocr.chain(parts).filter(|(_, name)| name.contains(':')).collect()
    }
}

/// Reads and validates the configuration.
///
/// # Errors
/// An unknown key, a value that a key cannot have, an unreadable file. Each names where it stands.
pub(crate) fn load(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<Settings, Failure> {
    let mut layers = Layers::defaults();
    let mut tables = file::Tables::default();
    let user_file = file::of_user(environment);
    if let Some(file) = user_file.as_ref().filter(|file| file.exists) {
        tables = file::lay_over(&mut layers, file, file::read(&file.path)?)?;
    }
    // The project's file may be in the data directory, so where that is must be known before the file is read.
    let mut early = Layers::defaults();
    early.data_dir = layers.data_dir.clone();
    lay_variables(&mut early, environment)?;
    lay_flags(&mut early, flags)?;
    let asked = flags.config.clone().or_else(|| environment.get("BOOKSTATE_CONFIG").map(PathBuf::from));
    let file = file::locate(asked.as_deref(), &early.data_dir.value)?;
    if file.exists {
        let of_file = file::lay_over(&mut layers, &file, file::read(&file.path)?)?;
        tables = tables.under(of_file);
    }
    let unknown_variables = lay_variables(&mut layers, environment)?;
    lay_flags(&mut layers, flags)?;
    let flagged = flags.targets.iter().map(|text| targets::of_flag(text)).collect::<Result<_, _>>()?;
    let tables = tables.under(file::Tables { targets: flagged, ..file::Tables::default() });
    validated(&layers, &tables, Files { project: file, user: user_file }, environment, unknown_variables)
}

fn validated(
    layers: &Layers,
    tables: &file::Tables,
    files: Files,
    environment: &BTreeMap<String, String>,
    unknown_variables: Vec<String>,
) -> Result<Settings, Failure> {
    let data_dir = layers.data_dir.value.clone();
    if data_dir.exists() && !data_dir.is_dir() {
        let (path, origin) = (data_dir.display(), &layers.data_dir.origin);
        return Err(Failure::usage(format_args!(
            "data_dir is {path} in {origin}: that is a file, not a directory"
        )));
    }
    let fleet = FleetSettings::of(layers)?;
    let mut tables = tables.clone();
    if let Some(fleet) = fleet.as_ref().filter(|_| !tables.targets.iter().any(targets::is_stream)) {
        tables.targets.push(fleet.stream()?);
    }
    let targets = targets::validated(&tables.targets, &LibraryConfig::store_path(&data_dir))?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = match layers.workers.value.0 {
        0 => processors,
        workers => usize::try_from(workers).unwrap_or(processors),
    };
    let mut rows = layers.rows();
    rows.extend(tables.targets.iter().flat_map(targets::TargetTable::rows));
    rows.extend(tables.providers.iter().flat_map(ProviderSettings::rows).cloned());
    Ok(Settings {
        policy: match layers.policy.value {
            JournalPolicy::Always => SyncPolicy::Always,
            JournalPolicy::Interval => {
                SyncPolicy::Interval(Duration::from_millis(layers.interval_ms.value.0))
            }
            JournalPolicy::Os => SyncPolicy::Os,
        },
        segment_bytes: layers.segment_mb.value.0 << 20,
        local_linger: Duration::from_millis(layers.local_linger_ms.value.0),
        drain: Duration::from_millis(layers.drain_ms.value.0),
        min_free_bytes: layers.min_free_mb.value.0 << 20,
        stall: Duration::from_millis(layers.stall_ms.value.0),
        variant: layers.variant.value,
        engines: Engines {
            ocr: layers.ocr.value.iter().map(|name| name.0.clone()).collect(),
            analysis: analysis(layers),
        },
        providers: tables.providers.clone(),
        budget: Budget {
            per_account: layers.per_book_usd.value.0.and_then(Usd::from_dollars),
            per_day: layers.per_day_usd.value.0.and_then(Usd::from_dollars),
        },
        max_pages: u32::try_from(layers.max_pages.value.0).unwrap_or(u32::MAX),
        max_growth: u32::try_from(layers.max_growth.value.0).unwrap_or(u32::MAX),
        split_spreads: layers.split_spreads.value,
        answers: layers.answers.value,
        prompts: layers.prompts.value.clone(),
        without_fallback: layers.on_failure.value.0.clone(),
        debug_agents: layers.debug_agents.value,
        intake_memory_mb: layers.intake_memory_mb.value.0,
        page_seconds: layers.page_seconds.value.0,
        languages: layers.languages.value.0.clone(),
        paddle_models: layers.paddle_models.value.clone(),
        server: ServerSettings::of(layers, environment),
        fleet,
        log_format: layers.log_format.value,
        data_dir,
        targets,
        workers,
        books_at_once: usize::try_from(layers.books.value.0).unwrap_or(1),
        files,
        rows,
        unknown_variables,
    })
}

/// The engine of the stages behind the pages, then those of single stages that are others.
fn analysis(layers: &Layers) -> Text {
    let parts = [
        (Part::Metadata, &layers.metadata),
        (Part::TocFinder, &layers.toc_finder),
        (Part::TocExtract, &layers.toc_extract),
        (Part::TocLink, &layers.toc_link),
        (Part::Patterns, &layers.patterns),
        (Part::Discover, &layers.discover),
        (Part::Gaps, &layers.gaps),
        (Part::Classify, &layers.classify),
        (Part::Polish, &layers.polish),
    ];
    let others = parts.into_iter().filter(|(_, given)| given.origin != Origin::Default);
    let general = layers.analysis.value.0.to_string();
    let named = others.filter(|(_, given)| given.value.0.contains(':'));
    named.fold(general, |text, (part, given)| format!("{text} {part}={}", given.value.0)).into()
}

/// Lays the environment over `layers`; returns the variables that look like keys and are none.
fn lay_variables(
    layers: &mut Layers,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<String>, Failure> {
    let mut unknown: Vec<String> =
        environment.keys().filter(|name| name.starts_with("BOOKSTATE_")).cloned().collect();
    unknown.retain(|name| {
        ![&["BOOKSTATE_CONFIG", "BOOKSTATE_LOG"], &server::VARIABLES[..]].concat().contains(&name.as_str())
    });
    for key in Layers::keys() {
        let variable = variable_of(key.name);
        if let Some(text) = environment.get(&variable) {
            layers.set_text(key.name, text, &Origin::Variable(variable.clone())).map_err(Failure::usage)?;
            unknown.retain(|name| *name != variable);
        }
    }
    Ok(unknown)
}

fn lay_flags(layers: &mut Layers, flags: &Flags) -> Result<(), Failure> {
    for (key, flag, text) in &flags.keys {
        layers.set_text(key, text, &Origin::Flag(flag)).map_err(Failure::usage)?;
    }
    Ok(())
}

/// Adds a target to the configuration file, making the file when it is not there.
///
/// # Errors
/// The file has the target already, the target is no possible one, or the file cannot be written.
pub(crate) fn add_target(settings: &Settings, name: &TargetName, place: &Place) -> Result<(), Failure> {
    targets::check_free(&settings.targets, name, place, &LibraryConfig::store_path(&settings.data_dir))?;
    edit::add_target(&settings.files.project.path, name, place)
}

/// Removes a target from the configuration file.
///
/// # Errors
/// The file does not have the target, has it in a form that only a person can edit, or cannot be written.
pub(crate) fn remove_target(settings: &Settings, name: &TargetName) -> Result<(), Failure> {
    edit::remove_target(&settings.files.project.path, name)
}

/// The error for a key that there is not, with the nearest one that there is.
pub(crate) fn unknown_key(key: &str) -> Failure {
    meant::unknown(key, "")
}

/// Sets a key in a configuration file, the user's or the project's, making the file when it is not there.
///
/// # Errors
/// There is no such key, it cannot have this value, or the file cannot be written.
pub(crate) fn set(file: &ConfigFile, key: &str, text: &str) -> Result<(), Failure> {
    let mut layers = Layers::defaults();
    file.may_have(key)?;
    let origin = Origin::File(file.path.clone());
    if !layers.set_text(key, text, &origin).map_err(Failure::usage)? {
        return Err(unknown_key(key));
    }
    let value = layers.rows().into_iter().find(|row| row.key == key).map(|row| row.value);
    edit::set(&file.path, key, &value.unwrap_or_default())
}

/// Removes a key from a configuration file, so that what is below it counts.
///
/// # Errors
/// The file does not have the key, or cannot be written.
pub(crate) fn unset(file: &ConfigFile, key: &str) -> Result<(), Failure> {
    edit::unset(&file.path, key)
}

#[cfg(test)]
mod tests;
