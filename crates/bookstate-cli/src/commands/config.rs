//! `bookstate config show`.

use serde::Serialize;

use crate::{
    failure::Failure,
    output,
    settings::{Row, Settings},
};

#[derive(Serialize)]
struct Config<'a> {
    file: Option<String>,
    settings: &'a [Row],
}

/// Prints every key with its value and where that comes from.
pub(crate) fn run(settings: &Settings, json: bool) -> Result<(), Failure> {
    let file = settings.file.exists.then(|| settings.file.path.display().to_string());
    if json {
        return output::json(&Config { file, settings: &settings.rows });
    }
    let mut table = output::table(&["key", "value", "from"]);
    for row in &settings.rows {
        let value = match &row.value {
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        table.add_row([row.key.clone(), value, row.origin.clone()]);
    }
    output::print(&table, "")?;
    match file {
        Some(file) => output::line(&format!("\nconfiguration file: {file}")),
        None => output::line(&format!(
            "\nno configuration file; one may be put at {}",
            settings.file.path.display()
        )),
    }
}
