//! Targets as the configuration has them: `[targets.NAME]` in the file, `--target NAME=PLACE` for one run.

use std::{path::Path, time::Duration};

use bookstate_sink::Pace;
use bookstate_store::TargetName;

use super::{
    layer::{Given, Origin, Row},
    meant::{unknown, written_in},
    place::{EXPECTED, Place, TokenSource},
    value::{SettingValue, Whole},
};
use crate::failure::Failure;

/// A target as it was written, not validated against the others.
#[derive(Debug, Clone)]
pub(super) struct TargetTable {
    name: TargetName,
    place: Place,
    origin: Origin,
    linger_ms: Given<Whole<0, 3_600_000>>,
    timeout_ms: Given<Whole<1, 3_600_000>>,
}

/// A target that can be opened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TargetSettings {
    /// Its name.
    pub(crate) name: TargetName,
    /// What it is and where.
    pub(crate) place: Place,
    /// Its pace.
    pub(crate) pace: Pace,
}

impl TargetTable {
    fn new(name: TargetName, place: Place, origin: Origin) -> Self {
        let default = |value: Duration| u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        let pace = place.pace();
        Self {
            name,
            place,
            origin,
            linger_ms: Given { value: Whole(default(pace.linger)), origin: Origin::Default },
            timeout_ms: Given { value: Whole(default(pace.timeout)), origin: Origin::Default },
        }
    }

    fn settings(&self) -> TargetSettings {
        let pace = Pace {
            linger: Duration::from_millis(self.linger_ms.value.0),
            timeout: Duration::from_millis(self.timeout_ms.value.0),
            ..self.place.pace()
        };
        TargetSettings { name: self.name.clone(), place: self.place.clone(), pace }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let key = |key: &str| format!("targets.{}.{key}", self.name);
        let row = |name: &str, value| Row { key: key(name), value, origin: self.origin.to_string() };
        let (place_key, place) = self.place.key_and_value();
        let mut rows = vec![row("kind", self.place.kind().into()), row(place_key, place)];
        // Where the token is, never the token.
        match self.place.token() {
            Some(TokenSource::File(path)) => rows.push(row("token_file", path.display().to_string().into())),
            Some(TokenSource::Variable(name)) => rows.push(row("token_env", name.clone().into())),
            None => {}
        }
        rows.extend([self.linger_ms.row(&key("linger_ms")), self.timeout_ms.row(&key("timeout_ms"))]);
        rows
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

/// The target of a flag.
pub(super) fn of_flag(text: &str) -> Result<TargetTable, Failure> {
    let (left, right) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format_args!(
            "--target {text}: NAME={} is expected",
            EXPECTED.replace(", ", ", NAME=").replace(" or ", " or NAME=")
        ))
    })?;
    Ok(TargetTable::new(name(left)?, Place::parse(right)?, Origin::Flag("--target")))
}

/// The stream of the fleet's servers.
pub(super) fn of_fleet(text: &str, place: Place) -> Result<TargetTable, Failure> {
    Ok(TargetTable::new(name(text)?, place, Origin::Default))
}

/// Whether a target is a stream.
pub(super) fn is_stream(table: &TargetTable) -> bool {
    matches!(table.place, Place::Nats { .. })
}

/// The `[targets]` of a file. Relative paths are relative to the file.
pub(super) fn of_file(targets: &toml::Value, path: &Path) -> Result<Vec<TargetTable>, Failure> {
    let shape = || Failure::usage(format_args!("targets in {}: [targets.NAME] is expected", path.display()));
    let table = targets.as_table().ok_or_else(shape)?;
    table.iter().map(|(name, target)| one(name, target.as_table().ok_or_else(shape)?, path)).collect()
}

fn one(text: &str, table: &toml::Table, file: &Path) -> Result<TargetTable, Failure> {
    let full = |key: &str| format!("targets.{text}.{key}");
    let wrong = |key: &str, found: &toml::Value, expected: &str| {
        let (key, file) = (full(key), file.display());
        Failure::usage(format_args!("{key} is {found} in {file}: expected {expected}"))
    };
    let given = |key: &str| table.get(key);
    let text_of = |key: &str, expected: &str| match given(key) {
        None => Ok(None),
        Some(value) => match value.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(wrong(key, value, expected)),
        },
    };
    let base = file.parent().unwrap_or(Path::new(""));
    let kind = match given("kind") {
        Some(kind) => kind
            .as_str()
            .filter(|kind| ["sqlite", "defradb", "nats"].contains(kind))
            .ok_or_else(|| wrong("kind", kind, "\"sqlite\", \"defradb\" or \"nats\""))?,
        None if given("url").is_some_and(is_nats) => "nats",
        None if given("url").is_some() => "defradb",
        None if given("path").is_some() => "sqlite",
        None => {
            let (path, url) = (full("path"), full("url"));
            return Err(Failure::usage(format_args!("{path} or {url} is missing in {}", file.display())));
        }
    };
    let (wanted, others): (_, &[&str]) = match kind {
        "sqlite" => ("path", &["url", "token_file", "token_env"]),
        _ => ("url", &["path"]),
    };
    if let Some(other) = others.iter().find(|key| given(key).is_some()) {
        let (key, file) = (full(other), file.display());
        return Err(Failure::usage(format_args!("{key} in {file} is no key of a {kind} target: remove it")));
    }
    let expected = match kind {
        "sqlite" => "a path",
        "nats" => "nats://HOST:PORT",
        _ => "http://HOST:PORT",
    };
    let place = text_of(wanted, expected)?;
    let place = place
        .ok_or_else(|| Failure::usage(format_args!("{} is missing in {}", full(wanted), file.display())))?;
    let place = if kind == "sqlite" {
        Place::Sqlite { path: base.join(place) }
    } else {
        let token = match (text_of("token_file", "a path")?, text_of("token_env", "a name")?) {
            (Some(_), Some(_)) => {
                let (a, b) = (full("token_file"), full("token_env"));
                return Err(Failure::usage(format_args!("{a} and {b} in {}: keep one", file.display())));
            }
            (Some(path), None) => Some(TokenSource::File(base.join(path))),
            (None, name) => name.map(TokenSource::Variable),
        };
        if kind == "nats" { Place::Nats { url: place, token } } else { Place::Defradb { url: place, token } }
    };
    place.check()?;
    let origin = Origin::File(file.to_owned());
    let mut target = TargetTable::new(name(text)?, place, origin.clone());
    for (key, value) in table {
        let found = value.to_string();
        let set = match key.as_str() {
            "kind" | "path" | "url" | "token_file" | "token_env" => Ok(()),
            "linger_ms" => target.linger_ms.set(&full(key), SettingValue::from_toml(value), &found, &origin),
            "timeout_ms" => {
                target.timeout_ms.set(&full(key), SettingValue::from_toml(value), &found, &origin)
            }
            _ => return Err(unknown(&full(key), &written_in(file))),
        };
        set.map_err(Failure::usage)?;
    }
    Ok(target)
}

/// Whether a URL says by itself that it is one of NATS servers.
fn is_nats(url: &toml::Value) -> bool {
    url.as_str().is_some_and(|url| url.starts_with("nats://") || url.starts_with("tls://"))
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

/// Refuses two targets in one place, and a target that is the local store.
pub(super) fn validated(tables: &[TargetTable], store: &Path) -> Result<Vec<TargetSettings>, Failure> {
    let mut settings: Vec<TargetSettings> = Vec::new();
    for table in tables {
        check_free(&settings, &table.name, &table.place, store)?;
        settings.push(table.settings());
    }
    Ok(settings)
}

/// Refuses a target whose place is another target's, or the local store.
pub(super) fn check_free(
    others: &[TargetSettings],
    name: &TargetName,
    place: &Place,
    store: &Path,
) -> Result<(), Failure> {
    let other = others.iter().find(|other| other.name != *name && other.place.is_same(place));
    let taken = match other {
        Some(other) => format!("target {}", other.name),
        None if place.is_same(&Place::Sqlite { path: store.to_owned() }) => "the local store".to_owned(),
        None => return Ok(()),
    };
    Err(Failure::usage(format_args!("target {name} is {place}, which is {taken}: choose another place")))
}
