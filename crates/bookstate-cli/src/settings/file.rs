//! The configuration files: which ones they are, and reading them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    keys::Layers,
    layer::Origin,
    meant::{unknown, written_in},
    providers, targets,
};
use crate::failure::Failure;

/// The file in the working directory.
const IN_WORKING_DIR: &str = "bookstate.toml";

/// The file in the data directory, and in the user's.
const IN_DATA_DIR: &str = "config.toml";

/// A configuration file, or the place where one would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// It was found through the data directory, so it cannot say where that is.
    pub(super) in_data_dir: bool,
}

impl ConfigFile {
    /// # Errors
    /// The key is none for this file.
    pub(super) fn may_have(&self, key: &str) -> Result<(), Failure> {
        if self.in_data_dir && key == "data_dir" {
            return Err(Failure::usage(format_args!(
                "{} cannot say where the data directory is: it was found through it",
                self.path.display()
            )));
        }
        Ok(())
    }
}

/// The user's own file, for all projects: where the XDG base directories have it.
pub(super) fn of_user(environment: &BTreeMap<String, String>) -> Option<ConfigFile> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    let path = base.join("bookstate").join(IN_DATA_DIR);
    Some(ConfigFile { exists: path.is_file(), path, in_data_dir: false })
}

/// The file that was asked for; else the one in the working directory; else the one in the data directory,
/// whether it is there or not.
pub(super) fn locate(asked: Option<&Path>, data_dir: &Path) -> Result<ConfigFile, Failure> {
    if let Some(path) = asked {
        if !path.is_file() {
            let path = path.display();
            return Err(Failure::usage(format_args!(
                "there is no configuration file {path}: check --config"
            )));
        }
        return Ok(ConfigFile { path: path.to_owned(), exists: true, in_data_dir: false });
    }
    let path = PathBuf::from(IN_WORKING_DIR);
    if path.is_file() {
        return Ok(ConfigFile { path, exists: true, in_data_dir: false });
    }
    let path = data_dir.join(IN_DATA_DIR);
    Ok(ConfigFile { exists: path.is_file(), path, in_data_dir: true })
}

/// The content of a file as a table.
pub(super) fn read(path: &Path) -> Result<toml::Table, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format_args!("cannot read {}: {error}", path.display())))?;
    parse(path, &text)
}

/// The table of a file's text.
pub(super) fn parse(path: &Path, text: &str) -> Result<toml::Table, Failure> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.lines().count().max(1);
        Failure::usage(format_args!("{}, line {line}: {}", path.display(), error.message()))
    })
}

/// The tables of a file that have names of their own.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub(super) targets: Vec<targets::TargetTable>,
    pub(super) providers: Vec<providers::ProviderSettings>,
}

impl Tables {
    /// These, with those of another file over them.
    pub(super) fn under(self, above: Self) -> Self {
        Self {
            targets: targets::merged(self.targets, above.targets),
            providers: providers::merged(self.providers, above.providers),
        }
    }
}

/// Lays a file's keys over `layers`; returns its targets and providers.
pub(super) fn lay_over(
    layers: &mut Layers,
    file: &ConfigFile,
    mut table: toml::Table,
) -> Result<Tables, Failure> {
    let origin = Origin::File(file.path.clone());
    let (targets, providers) = (table.remove("targets"), table.remove("providers"));
    for (name, value) in flat("", &table) {
        // What is left of a table when its last key goes.
        let is_section = || Layers::keys().iter().any(|key| key.name.starts_with(&format!("{name}.")));
        if value.as_table().is_some_and(toml::Table::is_empty) && is_section() {
            continue;
        }
        file.may_have(&name)?;
        // Beside the other stages it may be written, too.
        let name = if name == "stages.ocr" { "jobs.ocr".to_owned() } else { name };
        if !layers.set_toml(&name, value, &origin).map_err(Failure::usage)? {
            return Err(unknown(&name, &written_in(&file.path)));
        }
    }
    let base = file.path.parent().unwrap_or(Path::new(""));
    if layers.data_dir.origin == origin {
        layers.data_dir.value = base.join(&layers.data_dir.value);
    }
    let (token, read) = (&mut layers.token_file, &mut layers.read_token_file);
    for path in [token, read, &mut layers.prompts, &mut layers.paddle_models, &mut layers.fleet_token_file]
        .into_iter()
        .filter(|given| given.origin == origin)
        .filter_map(|given| given.value.as_mut())
    {
        *path = base.join(&*path);
    }
    for path in layers.ingest_roots.value.0.iter_mut().filter(|_| layers.ingest_roots.origin == origin) {
        *path = base.join(&*path);
    }
    let targets = targets.map(|found| targets::of_file(&found, &file.path)).transpose()?;
    let providers = providers.map(|found| providers::of_file(&found, &file.path)).transpose()?;
    Ok(Tables { targets: targets.unwrap_or_default(), providers: providers.unwrap_or_default() })
}

/// The leaves of a table, with their full names.
fn flat<'t>(prefix: &str, table: &'t toml::Table) -> Vec<(String, &'t toml::Value)> {
    let mut leaves = Vec::new();
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => leaves.extend(flat(&name, inner)),
            value => leaves.push((name, value)),
        }
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_syntax_names_its_line() {
        let error = parse(Path::new("a.toml"), "data_dir = \"x\"\njournal = [").unwrap_err().to_string();
        assert!(error.starts_with("a.toml, line 2: "), "{error}");
    }
}
