//! `bookstate config show`.

use serde::Serialize;

use crate::{
    failure::Failure,
    output,
    settings::{Row, Settings},
    table::{Column, Table},
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
    let mut table =
        Table::new(&[Column::whole("key"), Column::whole("value"), Column::text("from", 12).rank(1)]);
    for row in &settings.rows {
        let value = match &row.value {
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        table.row([row.key.clone(), value, row.origin.clone()]);
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
