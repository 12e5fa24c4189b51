//! What a target is and where: a SQLite file, a DefraDB node, or a stream of NATS servers.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bookstate_sink::{
    Pace,
    defradb::{DefraOptions, DefraTarget},
};
use bookstate_store::{SqliteTarget, Target};
use serde_json::{Value, json};

use super::secret::Secret;
use crate::failure::Failure;

/// What is expected where a place is written.
pub(crate) const EXPECTED: &str = "sqlite:PATH, http://HOST:PORT or nats://HOST:PORT";

/// What a target is and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A SQLite file.
    Sqlite {
        /// Its path.
        path: PathBuf,
    },
    /// A DefraDB node.
    Defradb {
        /// Its URL.
        url: String,
        /// Where its token is, if it asks for one.
        token: Option<TokenSource>,
    },
    /// A stream of NATS servers.
    Nats {
        /// Their address: `nats://HOST:PORT,HOST:PORT`.
        url: String,
        /// Where their token is, if they ask for one.
        token: Option<TokenSource>,
    },
}

/// Where a token is. It is read when it is used, and never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// In a file, on one line.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
}

impl Place {
    /// Reads `sqlite:PATH` or a URL.
    ///
    /// # Errors
    /// Neither is written.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite { path: PathBuf::from(path) }),
            Some(("http" | "https", _)) => {
                let place = Self::Defradb { url: text.to_owned(), token: None };
                place.check()?;
                Ok(place)
            }
            Some(("nats" | "tls", _)) => {
                let place = Self::Nats { url: text.to_owned(), token: None };
                place.check()?;
                Ok(place)
            }
            _ => Err(Failure::usage(format_args!("{text:?} is not a target: {EXPECTED} is expected"))),
        }
    }

    /// Whether it can be one.
    ///
    /// # Errors
    /// The URL is none, or needs what this program lacks.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite { .. } => Ok(()),
            Self::Defradb { url, .. } => DefraOptions::new(url).check().map_err(Failure::usage),
            Self::Nats { url, .. } => nats::check(url),
        }
    }

    /// The pace of a target of this kind.
    pub(super) const fn pace(&self) -> Pace {
        match self {
            Self::Sqlite { .. } | Self::Defradb { .. } => Pace::REMOTE,
            Self::Nats { .. } => Pace::LOG,
        }
    }

    /// Where its token is, if it has one.
    pub(super) const fn token(&self) -> Option<&TokenSource> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Defradb { token, .. } | Self::Nats { token, .. } => token.as_ref(),
        }
    }

    /// The word for what it is.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Defradb { .. } => "defradb",
            Self::Nats { .. } => "nats",
        }
    }

    /// The key of the configuration that says where it is, and what it says.
    pub(crate) fn key_and_value(&self) -> (&'static str, Value) {
        match self {
            Self::Sqlite { path } => ("path", json!(path)),
            Self::Defradb { url, .. } | Self::Nats { url, .. } => ("url", json!(url)),
        }
    }

    /// Whether it is the same file or the same node.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match (self, other) {
            (Self::Sqlite { path: a }, Self::Sqlite { path: b }) => whole(a) == whole(b),
            (Self::Defradb { url: a, .. }, Self::Defradb { url: b, .. })
            | (Self::Nats { url: a, .. }, Self::Nats { url: b, .. }) => {
                a.trim_end_matches('/') == b.trim_end_matches('/')
            }
            _ => false,
        }
    }

    /// The target.
    ///
    /// # Errors
    /// Its token cannot be read, or is none.
    pub(crate) fn target(&self, timeout: Duration) -> Result<Arc<dyn Target>, Failure> {
        match self {
            Self::Sqlite { path } => Ok(Arc::new(SqliteTarget::mirror(path.clone()))),
            Self::Defradb { url, token } => {
                let mut options = DefraOptions::new(url);
                options.timeout = timeout;
                options.token = token.as_ref().map(TokenSource::read).transpose()?;
                if let Some(TokenSource::File(path)) = token {
                    options.token_file = Some(path.clone());
                }
                Ok(Arc::new(DefraTarget::new(&options).map_err(Failure::usage)?))
            }
            Self::Nats { url, token } => nats::target(url, token.as_ref()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => path.display().fmt(f),
            Self::Defradb { url, .. } | Self::Nats { url, .. } => f.pad(url),
        }
    }
}

/// A stream of NATS servers, in a program that was built for it.
#[cfg(feature = "nats")]
mod nats {
    use std::sync::Arc;

    use bookstate_nats::{NatsOptions, NatsTarget};
    use bookstate_store::Target;

    use super::TokenSource;
    use crate::failure::Failure;

    pub(super) fn check(url: &str) -> Result<(), Failure> {
        NatsOptions::new(url).check().map_err(Failure::usage)
    }

    pub(super) fn target(url: &str, token: Option<&TokenSource>) -> Result<Arc<dyn Target>, Failure> {
        let mut options = NatsOptions::new(url);
        options.token = token.map(TokenSource::read).transpose()?;
        Ok(Arc::new(NatsTarget::new(options).map_err(Failure::usage)?))
    }
}

/// What is said in its place in a program that was not.
#[cfg(not(feature = "nats"))]
mod nats {
    use std::sync::Arc;

    use bookstate_store::Target;

    use super::TokenSource;
    use crate::failure::Failure;

    pub(super) fn check(url: &str) -> Result<(), Failure> {
        Err(Failure::usage(format_args!(
            "{url}: this bookstate is built without NATS; build it with `--features nats`"
        )))
    }

    pub(super) fn target(url: &str, _: Option<&TokenSource>) -> Result<Arc<dyn Target>, Failure> {
        check(url).and(Err(Failure::unexpected("a target that cannot be")))
    }
}

impl TokenSource {
    /// The token.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(&self) -> Result<String, Failure> {
        let token = match self {
            Self::File(path) => Secret::read(path)?,
            Self::Variable(name) => Secret::new(
                &std::env::var(name)
                    .map_err(|_| Failure::usage(format_args!("the token's variable {name} is not set")))?,
            ),
        };
        Ok(token.as_str().to_owned())
    }
}
