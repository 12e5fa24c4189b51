//! A value and where it comes from.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::value::SettingValue;

/// Where a value comes from. A later one outweighs an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said otherwise.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::File(path) => f.pad(&path.display().to_string()),
            Self::Variable(name) => f.pad(name),
            Self::Flag(name) => f.pad(name),
        }
    }
}

/// A value that a key cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {found} in {origin}: expected {expected}")]
pub(super) struct WrongValue {
    /// The key.
    pub(super) key: String,
    /// The value as it was written.
    pub(super) found: String,
    /// Where it was written.
    pub(super) origin: String,
    /// What may be written.
    pub(super) expected: String,
}

/// The value of a key.
#[derive(Debug, Clone)]
pub(super) struct Given<T> {
    /// The value.
    pub(super) value: T,
    /// Where it comes from.
    pub(super) origin: Origin,
}

impl<T: SettingValue> Given<T> {
    /// Takes a value that was read; none when it could not be.
    pub(super) fn set(
        &mut self,
        key: &str,
        value: Option<T>,
        found: &str,
        origin: &Origin,
    ) -> Result<(), WrongValue> {
        let value = value.ok_or_else(|| WrongValue {
            key: key.to_owned(),
            found: found.to_owned(),
            origin: origin.to_string(),
            expected: T::expected(),
        })?;
        *self = Self { value, origin: origin.clone() };
        Ok(())
    }

    /// The row of `config show`.
    pub(super) fn row(&self, key: &str) -> Row {
        Row { key: key.to_owned(), value: self.value.show(), origin: self.origin.to_string() }
    }
}

/// A key with its value, for `config show`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The key.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: serde_json::Value,
    /// Where it comes from.
    pub(crate) origin: String,
}
