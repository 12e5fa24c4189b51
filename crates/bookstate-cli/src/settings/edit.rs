//! Editing the configuration file: adding and removing a target, while every other line stays as it is.
//!
//! The text is edited and then read again: if it does not mean what it should, nothing is written and a
//! person is asked to edit the file. So a file in an unusual form is never damaged.

use std::{io::Write, path::Path};

use bookstate_store::{
    TargetName,
    fs::{OsFs, create_dirs, private},
};

use super::{file, place::Place};
use crate::failure::Failure;

pub(super) fn add_target(path: &Path, name: &TargetName, place: &Place) -> Result<(), Failure> {
    let text = current(path)?;
    let mut expected = file::parse(path, &text)?;
    let targets = expected.entry("targets").or_insert_with(|| toml::Table::new().into());
    let targets = targets.as_table_mut().ok_or_else(|| by_hand(path, name))?;
    if targets.contains_key(name.as_str()) {
        let path = path.display();
        return Err(Failure::usage(format_args!("{path} has a target {name} already: remove it first")));
    }
    let target = toml::Table::from_iter([
        ("kind".to_owned(), place.kind().into()),
        (place.key_and_value().0.to_owned(), place.to_string().into()),
    ]);
    let gap = if text.is_empty() || text.ends_with("\n\n") {
        ""
    } else if text.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let edited = format!("{text}{gap}[targets.{name}]\n{target}");
    targets.insert(name.to_string(), target.into());
    write(path, name, &edited, &expected)
}

pub(super) fn remove_target(path: &Path, name: &TargetName) -> Result<(), Failure> {
    let text = current(path)?;
    let mut expected = file::parse(path, &text)?;
    let targets = expected.get_mut("targets").and_then(toml::Value::as_table_mut);
    let removed = targets.and_then(|targets| targets.remove(name.as_str()));
    if removed.is_none() {
        let path = path.display();
        return Err(Failure::usage(format_args!("{path} has no target {name}: see `target list`")));
    }
    let mut inside = false;
    let mut kept: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        let line_ = line.trim_start();
        if line_.starts_with('[') {
            let header = line_.split('#').next().unwrap_or_default();
            let header: String = header.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            inside = header == format!("[targets.{name}]");
        }
        if !inside {
            kept.push(line);
        }
    }
    // What is left of `targets` after its last table went is nothing.
    if expected.get("targets").and_then(toml::Value::as_table).is_some_and(toml::Table::is_empty)
        && !text.lines().any(|line| line.trim() == "[targets]")
    {
        expected.remove("targets");
    }
    write(path, name, &kept.concat(), &expected)
}

fn current(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::usage(format_args!("cannot read {}: {error}", path.display()))),
    }
}

fn by_hand(path: &Path, name: &TargetName) -> Failure {
    Failure::usage(format_args!(
        "{} is written in a form that cannot be edited for you: edit [targets.{name}] by hand",
        path.display()
    ))
}

/// Writes the file whole or not at all, if it means what it should.
fn write(path: &Path, name: &TargetName, text: &str, expected: &toml::Table) -> Result<(), Failure> {
    if toml::from_str::<toml::Table>(text).ok().as_ref() != Some(expected) {
        return Err(by_hand(path, name));
    }
    let io = |error: std::io::Error| Failure::usage(format_args!("cannot write {}: {error}", path.display()));
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        create_dirs(&OsFs, dir).map_err(io)?;
    }
    let temporary = path.with_extension("toml.new");
    let mut file = private::create_temporary(&temporary).map_err(io)?;
    if let Ok(before) = std::fs::metadata(path) {
        file.set_permissions(before.permissions()).map_err(io)?;
    }
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
        assert_eq!(added, format!("{FILE}\n[targets.b]\nkind = \"sqlite\"\npath = \"b.sqlite\"\n"));
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
    fn what_cannot_be_edited_safely_is_left_to_a_person() {
        let twice = edited(FILE, |path| add_target(path, &name("a"), &sqlite("b"))).unwrap_err();
        assert!(twice.contains("already"), "{twice}");
        let unknown = edited(FILE, |path| remove_target(path, &name("z"))).unwrap_err();
        assert!(unknown.contains("no target z"), "{unknown}");
        let inline = "targets = { a = { kind = \"sqlite\", path = \"a\" } }\n";
        let refused = edited(inline, |path| add_target(path, &name("b"), &sqlite("b"))).unwrap_err();
        assert!(refused.contains("by hand"), "{refused}");
        let refused = edited(inline, |path| remove_target(path, &name("a"))).unwrap_err();
        assert!(refused.contains("by hand"), "{refused}");
    }
}
