//! `bookstate config`: what is in effect and where it comes from; setting a key in a file.

use serde::Serialize;

use crate::{
    args::ConfigCommand,
    failure::Failure,
    output,
    settings::{self, ConfigFile, Row, Settings},
    table::{Column, Table},
};

#[derive(Serialize)]
struct Config<'a> {
    file: Option<String>,
    user_file: Option<String>,
    settings: &'a [Row],
}

/// Shows or changes the configuration.
///
/// # Errors
/// There is no such key, it cannot have the value, or the file cannot be written.
pub(crate) fn run(settings: &Settings, command: &ConfigCommand, json: bool) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show => show(settings, json),
        ConfigCommand::Get { key } => get(settings, key, json),
        ConfigCommand::Set { key, value, user } => {
            let file = file(settings, *user)?;
            settings::set(file, key, value)?;
            changed(file, json)
        }
        ConfigCommand::Unset { key, user } => {
            let file = file(settings, *user)?;
            settings::unset(file, key)?;
            changed(file, json)
        }
    }
}

/// The file that is to be changed.
fn file(settings: &Settings, user: bool) -> Result<&ConfigFile, Failure> {
    if !user {
        return Ok(&settings.files.project);
    }
    let no_home = || Failure::usage("nobody knows where your own configuration is: HOME is not set");
    settings.files.user.as_ref().ok_or_else(no_home)
}

fn changed(file: &ConfigFile, json: bool) -> Result<(), Failure> {
    let path = file.path.display().to_string();
    if json {
        return output::json(&serde_json::json!({"file": path}));
    }
    output::line(&format!("{path} was changed"))
}

/// A value as people read it.
fn shown(row: &Row) -> String {
    row.value.as_str().map_or_else(|| row.value.to_string(), str::to_owned)
}

fn get(settings: &Settings, key: &str, json: bool) -> Result<(), Failure> {
    let row = settings.rows.iter().find(|row| row.key == key).ok_or_else(|| settings::unknown_key(key))?;
    if json {
        return output::json(row);
    }
    output::line(&shown(row))
}

fn show(settings: &Settings, json: bool) -> Result<(), Failure> {
    let there = |file: &ConfigFile| file.exists.then(|| file.path.display().to_string());
    let (project, user) = (&settings.files.project, settings.files.user.as_ref());
    let (file, user_file) = (there(project), user.and_then(there));
    if json {
        return output::json(&Config { file, user_file, settings: &settings.rows });
    }
    let mut table =
        Table::new(&[Column::whole("key"), Column::whole("value"), Column::text("from", 12).rank(1)]);
    for row in &settings.rows {
        table.row([row.key.clone(), shown(row), row.origin.clone()]);
    }
    output::print(&table, "")?;
    output::line("")?;
    if let Some(file) = &user_file {
        output::line(&format!("your own configuration file: {file}"))?;
    }
    match file {
        Some(file) => output::line(&format!("configuration file: {file}")),
        None => output::line(&format!("no configuration file; one may be put at {}", project.path.display())),
    }
}
