//! An API key: a text that nothing prints.

use std::{fmt, path::Path, sync::Arc};

use reqwest::header::HeaderValue;

/// From this length on a key's text is looked for in what a server says. A shorter one is a placeholder for a server
/// that wants none.
const SHORTEST_SECRET: usize = 8;

/// Stands where a key was.
const HIDDEN: &str = "***";

/// An API key. `Debug` does not show it, there is no `Display`, and the header that carries it is marked sensitive.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Arc<str>);

/// Why there is no key. The texts never hold what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The environment variable is not set, or empty.
    #[error("the environment variable {name} is not set: put the key into it")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("the key's file {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// Other people of this machine can read the file.
    #[error("the key's file {path} can be read by others: chmod 600 {path}")]
    Open {
        /// The file.
        path: String,
    },
    /// What was found is no key.
    #[error("the key from {place} is empty, or has spaces or characters that no header can have")]
    NoKey {
        /// Where it was found.
        place: String,
    },
}

impl Key {
    /// A key from its text; spaces around it are cut off. `place` says in an error where it came from.
    ///
    /// # Errors
    /// It is empty, or could not stand in a header.
    pub fn new(text: &str, place: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::NoKey { place: place.to_owned() });
        }
        Ok(Self(text.into()))
    }

    /// The key in an environment variable.
    ///
    /// # Errors
    /// It is not set, or holds no key.
    pub fn from_env(name: &str) -> Result<Self, KeyError> {
        let text = std::env::var_os(name).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| KeyError::NotSet { name: name.to_owned() })?;
        Self::new(text.to_str().unwrap_or_default(), name)
    }

    /// The key in a file that only its owner can read. Blocks.
    ///
    /// # Errors
    /// It cannot be read, others can read it, or it holds no key.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        use std::{io::Read, os::unix::fs::MetadataExt};
        let shown = path.display().to_string();
        let unreadable =
            |error: std::io::Error| KeyError::Unreadable { path: shown.clone(), reason: error.to_string() };
        let mut file = std::fs::File::open(path).map_err(unreadable)?;
        // Of the file that is open, so that no other can take its place.
        if file.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
            return Err(KeyError::Open { path: shown });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        Self::new(&text, &shown)
    }

    /// A server's text without the key, which some repeat in their errors.
    #[must_use]
    pub fn hidden_in(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_SECRET { text.to_owned() } else { text.replace(&*self.0, HIDDEN) }
    }

    /// The header's value.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SECRET: &str = "sk-canary-0123456789";

    #[test]
    fn a_key_is_never_shown() {
        let key = Key::new(&format!(" {SECRET}\n"), "X").unwrap();
        let header = key.bearer().unwrap();
        assert_eq!(header.to_str().unwrap(), format!("Bearer {SECRET}"));
        assert!(!format!("{key:?} {header:?}").contains("canary"));
        assert_eq!(key.hidden_in(&format!("bad key {SECRET}.")), "bad key ***.");
        let error = Key::new("sk-canary with a space", "X").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{SECRET}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Key::from_file(&path).unwrap_err();
        assert!(matches!(error, KeyError::Open { .. }), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Key::from_file(&path), Key::new(SECRET, "X"));
        let error = Key::from_env("A_VARIABLE_THAT_IS_NOT_SET").unwrap_err();
        assert!(error.to_string().contains("A_VARIABLE_THAT_IS_NOT_SET"), "{error}");
    }
}
