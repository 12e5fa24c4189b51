//! Editing a configuration file: targets and keys come and go, while every other line and comment stays as it is.

use std::{io::Write, path::Path};

use bookstate_store::{
    TargetName,
    fs::{OsFs, create_dirs, private},
};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use super::place::Place;
use crate::failure::Failure;

pub(super) fn add_target(path: &Path, name: &TargetName, place: &Place) -> Result<(), Failure> {
    let mut document = current(path)?;
    let targets = below(document.as_table_mut(), "targets").ok_or_else(|| no_table(path, "targets"))?;
    if targets.contains_key(name.as_str()) {
        let path = path.display();
        return Err(Failure::usage(format_args!("{path} has a target {name} already: remove it first")));
    }
    let mut target = Table::new();
    target.insert("kind", Item::Value(place.kind().into()));
    target.insert(place.key_and_value().0, Item::Value(place.to_string().into()));
    targets.insert(name.as_str(), Item::Table(target));
    write(path, &document)
}

pub(super) fn remove_target(path: &Path, name: &TargetName) -> Result<(), Failure> {
    let mut document = current(path)?;
    let targets = document.get_mut("targets").and_then(Item::as_table_like_mut);
    let removed = targets.and_then(|targets| targets.remove(name.as_str()));
    if removed.is_none() {
        let path = path.display();
        return Err(Failure::usage(format_args!("{path} has no target {name}: see `target list`")));
    }
    write(path, &document)
}

/// Sets a key, `journal.policy`, to a value that was checked.
pub(super) fn set(path: &Path, key: &str, value: &serde_json::Value) -> Result<(), Failure> {
    let mut document = current(path)?;
    let (tables, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for name in tables.split('.').filter(|name| !name.is_empty()) {
        table = below(table, name).ok_or_else(|| no_table(path, name))?;
    }
    let mut value = written(value);
    match table.get_mut(last) {
        // In its place: the comments before the key and behind the old value stay.
        Some(item) => {
            if let Some(before) = item.as_value() {
                *value.decor_mut() = before.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => drop(table.insert(last, Item::Value(value))),
    }
    write(path, &document)
}

/// Removes a key.
pub(super) fn unset(path: &Path, key: &str) -> Result<(), Failure> {
    let mut document = current(path)?;
    let (tables, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table: Option<&mut dyn TableLike> = Some(document.as_table_mut());
    for name in tables.split('.').filter(|name| !name.is_empty()) {
        table = table.and_then(|table| table.get_mut(name)?.as_table_like_mut());
    }
    if table.and_then(|table| table.remove(last)).is_none() {
        return Err(Failure::usage(format_args!("{} does not set {key}: see `config show`", path.display())));
    }
    write(path, &document)
}

/// The table of this name, made when there is none; nothing when something else has the name.
fn below<'t>(table: &'t mut dyn TableLike, name: &str) -> Option<&'t mut dyn TableLike> {
    let made = || {
        let mut made = Table::new();
        made.set_implicit(true);
        Item::Table(made)
    };
    table.entry(name).or_insert_with(made).as_table_like_mut()
}

/// A value as a file has it. What no key can be is an empty text.
fn written(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => number.as_i64().unwrap_or(i64::MAX).into(),
        serde_json::Value::Array(values) => Value::Array(values.iter().map(written).collect::<Array>()),
        value => value.as_str().unwrap_or_default().into(),
    }
}

fn current(path: &Path) -> Result<DocumentMut, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Failure::usage(format_args!("cannot read {}: {error}", path.display())));
        }
    };
    text.parse().map_err(|error| Failure::usage(format_args!("{}: {error}", path.display())))
}

fn no_table(path: &Path, name: &str) -> Failure {
    Failure::usage(format_args!("{name} in {} is no table: edit the file by hand", path.display()))
}

/// Writes the file whole or not at all.
fn write(path: &Path, document: &DocumentMut) -> Result<(), Failure> {
    let io = |error: std::io::Error| Failure::usage(format_args!("cannot write {}: {error}", path.display()));
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        create_dirs(&OsFs, dir).map_err(io)?;
    }
    let temporary = path.with_extension("toml.new");
    let mut file = private::create_temporary(&temporary).map_err(io)?;
    if let Ok(before) = std::fs::metadata(path) {
        file.set_permissions(before.permissions()).map_err(io)?;
    }
    let text = document.to_string();
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    std::fs::rename(&temporary, path).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bookstate.toml");
        std::fs::write(&path, text).unwrap();
        let result = edit(&path);
        let after = std::fs::read_to_string(&path).unwrap();
        match result {
            Ok(()) => Ok(after),
            Err(failure) => {
                assert_eq!(after, text, "a refused edit changes nothing");
                Err(failure.to_string())
            }
        }
    }

    fn name(text: &str) -> TargetName {
        text.parse().unwrap()
    }

    fn sqlite(path: &str) -> Place {
        Place::Sqlite { path: path.into() }
    }

    const FILE: &str = "# mine\ndata_dir = \"x\" # here\n\n[targets.a] # first\nkind = \"sqlite\"\n\
                        path = \"a.sqlite\"\n\n[journal]\npolicy = \"os\"\n";

    #[test]
    fn adding_and_removing_leaves_the_rest_as_it_is() {
        let added = edited(FILE, |path| add_target(path, &name("b"), &sqlite("b.sqlite"))).unwrap();
        let new = "[targets.b]\nkind = \"sqlite\"\npath = \"b.sqlite\"\n\n";
        assert_eq!(added, FILE.replace("[journal]", &format!("{new}[journal]")), "beside its like");
        let removed = edited(&added, |path| remove_target(path, &name("b"))).unwrap();
        assert_eq!(removed.trim_end(), FILE.trim_end());
        let none = edited(FILE, |path| remove_target(path, &name("a"))).unwrap();
        assert_eq!(none, "# mine\ndata_dir = \"x\" # here\n\n[journal]\npolicy = \"os\"\n");
    }

    #[test]
    fn the_first_target_makes_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/config.toml");
        add_target(&path, &name("m"), &sqlite("/m.sqlite")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "[targets.m]\nkind = \"sqlite\"\npath = \"/m.sqlite\"\n");
        add_target(&path, &name("d"), &Place::parse("http://host:9181").unwrap()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("[targets.d]\nkind = \"defradb\"\nurl = \"http://host:9181\"\n"), "{text}");
    }

    #[test]
    fn what_is_there_already_or_not_is_told() {
        let twice = edited(FILE, |path| add_target(path, &name("a"), &sqlite("b"))).unwrap_err();
        assert!(twice.contains("already"), "{twice}");
        let unknown = edited(FILE, |path| remove_target(path, &name("z"))).unwrap_err();
        assert!(unknown.contains("no target z"), "{unknown}");
        let no_table =
            edited("targets = 3\n", |path| add_target(path, &name("b"), &sqlite("b"))).unwrap_err();
        assert!(no_table.contains("no table"), "{no_table}");
    }

    #[test]
    fn a_table_in_one_line_stays_in_one_line() {
        let inline = "targets = { a = { kind = \"sqlite\", path = \"a\" } }\n";
        let added = edited(inline, |path| add_target(path, &name("b"), &sqlite("b"))).unwrap();
        assert_eq!(added.lines().count(), 1, "{added}");
        let table: toml::Table = toml::from_str(&added).unwrap();
        assert_eq!(table["targets"]["b"]["path"].as_str(), Some("b"));
        let removed = edited(&added, |path| remove_target(path, &name("a"))).unwrap();
        assert!(!removed.contains("\"a\""), "{removed}");
    }

    #[test]
    fn a_key_is_set_in_its_place_and_removed() {
        let set = |text: &str, key: &str, value: serde_json::Value| {
            edited(text, |path| super::set(path, key, &value)).unwrap()
        };
        let changed = set(FILE, "journal.policy", "always".into());
        assert_eq!(changed, FILE.replace("\"os\"", "\"always\""));
        let changed = set(FILE, "data_dir", "y".into());
        assert_eq!(changed, FILE.replace("\"x\" # here", "\"y\" # here"), "a comment stays");
        let first = set("", "jobs.ocr", serde_json::json!(["a", "b"]));
        assert_eq!(first, "[jobs]\nocr = [\"a\", \"b\"]\n");
        let deep = set(&first, "sink.local.linger_ms", 5.into());
        let table: toml::Table = toml::from_str(&deep).unwrap();
        assert_eq!(table["sink"]["local"]["linger_ms"].as_integer(), Some(5), "{deep}");
        let gone = edited(&deep, |path| unset(path, "sink.local.linger_ms")).unwrap();
        assert!(!gone.contains("linger_ms"), "{gone}");
        let unknown = edited(&deep, |path| unset(path, "log.format")).unwrap_err();
        assert!(unknown.contains("does not set"), "{unknown}");
    }
}
