//! Targets as the configuration has them: `[targets.NAME]` in the file, `--target NAME=sqlite:PATH` for one
//! run.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bookstate_sink::Pace;
use bookstate_store::TargetName;

use super::{
    file,
    layer::{Given, Origin, Row},
    value::{SettingValue, Whole},
};
use crate::failure::Failure;

/// A key of a target.
pub(super) struct TargetKey {
    /// Its name in the manual.
    pub(super) name: &'static str,
    /// What it means.
    #[cfg(test)]
    pub(super) about: &'static str,
    /// What is expected.
    #[cfg(test)]
    pub(super) expected: &'static str,
    /// Its default, in the manual's words.
    #[cfg(test)]
    pub(super) default: &'static str,
}

macro_rules! target_keys {
    ($($name:literal, $about:literal, $expected:literal, $default:literal;)*) => {
        /// The keys that a target has.
        pub(super) const KEYS: [TargetKey; 4] = [$(TargetKey {
            name: concat!("targets.NAME.", $name),
            #[cfg(test)]
            about: $about,
            #[cfg(test)]
            expected: $expected,
            #[cfg(test)]
            default: $default,
        }),*];
    };
}

target_keys! {
    "kind", "What the target is: another SQLite file.", "sqlite", "(required)";
    "path", "The SQLite file; made when it is not there, its directory is not.", "a path", "(required)";
    "linger_ms", "Milliseconds that an idle target waits after a first change.", "0 to 3600000", "1000";
    "timeout_ms", "Milliseconds that one write may take.", "1 to 3600000", "30000";
}

/// A target as it was written, not validated against the others.
#[derive(Debug, Clone)]
pub(super) struct TargetTable {
    name: TargetName,
    path: Given<PathBuf>,
    linger_ms: Given<Whole<0, 3_600_000>>,
    timeout_ms: Given<Whole<1, 3_600_000>>,
}

/// A target that can be opened.
#[derive(Debug, Clone)]
pub(crate) struct TargetSettings {
    /// Its name.
    pub(crate) name: TargetName,
    /// The SQLite file.
    pub(crate) path: PathBuf,
    /// Its pace.
    pub(crate) pace: Pace,
}

impl TargetTable {
    fn new(name: TargetName, path: PathBuf, origin: Origin) -> Self {
        let default = |value: Duration| u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        Self {
            name,
            path: Given { value: path, origin },
            linger_ms: Given { value: Whole(default(Pace::REMOTE.linger)), origin: Origin::Default },
            timeout_ms: Given { value: Whole(default(Pace::REMOTE.timeout)), origin: Origin::Default },
        }
    }

    fn settings(&self) -> TargetSettings {
        let pace = Pace {
            linger: Duration::from_millis(self.linger_ms.value.0),
            timeout: Duration::from_millis(self.timeout_ms.value.0),
            ..Pace::REMOTE
        };
        TargetSettings { name: self.name.clone(), path: self.path.value.clone(), pace }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let key = |key: &str| format!("targets.{}.{key}", self.name);
        let kind = Row { key: key("kind"), value: "sqlite".into(), origin: self.path.origin.to_string() };
        vec![
            kind,
            self.path.row(&key("path")),
            self.linger_ms.row(&key("linger_ms")),
            self.timeout_ms.row(&key("timeout_ms")),
        ]
    }
}

/// The name of a target that may be configured.
pub(crate) fn name(text: &str) -> Result<TargetName, Failure> {
    let name: TargetName = text
        .parse()
        .map_err(|error| Failure::usage(format_args!("a target cannot have this name: {error}")))?;
    if name == TargetName::local() {
        return Err(Failure::usage("no target can be named local: that is the local store's name"));
    }
    Ok(name)
}

/// `NAME=sqlite:PATH`, or the part behind the `=`.
pub(crate) fn place(text: &str) -> Result<PathBuf, Failure> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(Failure::usage(format_args!("{text:?} is not a target: sqlite:PATH is expected"))),
    }
}

/// The target of a flag.
pub(super) fn of_flag(text: &str) -> Result<TargetTable, Failure> {
    let (left, right) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format_args!("--target {text}: NAME=sqlite:PATH is expected")))?;
    Ok(TargetTable::new(name(left)?, place(right)?, Origin::Flag("--target")))
}

/// The `[targets]` of a file. Relative paths are relative to the file.
pub(super) fn of_file(targets: &toml::Value, path: &Path) -> Result<Vec<TargetTable>, Failure> {
    let shape = || Failure::usage(format_args!("targets in {}: [targets.NAME] is expected", path.display()));
    let table = targets.as_table().ok_or_else(shape)?;
    table.iter().map(|(name, target)| one(name, target.as_table().ok_or_else(shape)?, path)).collect()
}

fn one(text: &str, table: &toml::Table, file: &Path) -> Result<TargetTable, Failure> {
    let origin = Origin::File(file.to_owned());
    let full = |key: &str| format!("targets.{text}.{key}");
    let missing = |key| Failure::usage(format_args!("{} is missing in {}", full(key), file.display()));
    let kind = table.get("kind").ok_or_else(|| missing("kind"))?;
    if kind.as_str() != Some("sqlite") {
        let (key, file) = (full("kind"), file.display());
        return Err(Failure::usage(format_args!("{key} is {kind} in {file}: expected \"sqlite\"")));
    }
    let path = table.get("path").ok_or_else(|| missing("path"))?;
    let base = file.parent().unwrap_or(Path::new(""));
    let mut target = TargetTable::new(name(text)?, PathBuf::new(), origin.clone());
    target
        .path
        .set(&full("path"), PathBuf::from_toml(path), &path.to_string(), &origin)
        .map_err(Failure::usage)?;
    target.path.value = base.join(&target.path.value);
    for (key, value) in table {
        let found = value.to_string();
        let set = match key.as_str() {
            "kind" | "path" => Ok(()),
            "linger_ms" => target.linger_ms.set(&full(key), SettingValue::from_toml(value), &found, &origin),
            "timeout_ms" => {
                target.timeout_ms.set(&full(key), SettingValue::from_toml(value), &found, &origin)
            }
            _ => return Err(file::unknown(&full(key), file)),
        };
        set.map_err(Failure::usage)?;
    }
    Ok(target)
}

/// The targets of the file, with those of flags over them.
pub(super) fn merged(mut targets: Vec<TargetTable>, flags: Vec<TargetTable>) -> Vec<TargetTable> {
    for flag in flags {
        targets.retain(|target| target.name != flag.name);
        targets.push(flag);
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    targets
}

/// Refuses two targets in one file, and a target that is the local store.
pub(super) fn validated(tables: &[TargetTable], store: &Path) -> Result<Vec<TargetSettings>, Failure> {
    let mut settings: Vec<TargetSettings> = Vec::new();
    for table in tables {
        check_free(&settings, &table.name, &table.path.value, store)?;
        settings.push(table.settings());
    }
    Ok(settings)
}

/// Refuses a target whose file is another target's, or the local store.
pub(super) fn check_free(
    others: &[TargetSettings],
    name: &TargetName,
    path: &Path,
    store: &Path,
) -> Result<(), Failure> {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let same = |other: &Path| whole(other) == whole(path);
    let other = others.iter().find(|other| other.name != *name && same(&other.path));
    let taken = match other {
        Some(other) => format!("target {}", other.name),
        None if same(store) => "the local store".to_owned(),
        None => return Ok(()),
    };
    let path = path.display();
    Err(Failure::usage(format_args!("target {name} is {path}, which is {taken}: choose another file")))
}
