//! The server's part of the configuration. Tokens are no keys: what is a key is shown by `config show`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use bookstate_api::{Access, Tokens};

use super::{keys::Layers, secret::Secret};
use crate::failure::Failure;

/// Variables that are no keys: the tokens, and the server that a command asks.
pub(super) const VARIABLES: [&str; 3] = [TOKEN, READ_TOKEN, "BOOKSTATE_SERVER"];
/// Holds the token that allows everything; for a client, its token.
const TOKEN: &str = "BOOKSTATE_TOKEN";
/// Holds the token that allows reading.
const READ_TOKEN: &str = "BOOKSTATE_READ_TOKEN";

/// See the module documentation.
#[derive(Debug, Clone)]
pub(crate) struct ServerSettings {
    /// Where it answers.
    pub(crate) bind: SocketAddr,
    /// Directories below which files may be taken in by their path.
    pub(crate) ingest_roots: Vec<PathBuf>,
    /// Origins of other sites.
    pub(crate) cors_origins: Vec<String>,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Bytes that an uploaded file may have.
    pub(crate) upload_bytes: u64,
    token: Option<Secret>,
    read_token: Option<Secret>,
    token_file: Option<PathBuf>,
    read_token_file: Option<PathBuf>,
}

impl ServerSettings {
    pub(super) fn of(layers: &Layers, environment: &BTreeMap<String, String>) -> Self {
        let secret = |name: &str| environment.get(name).map(|text| Secret::new(text));
        Self {
            bind: layers.bind.value.0,
            ingest_roots: layers.ingest_roots.value.0.clone(),
            cors_origins: layers.cors_origins.value.0.clone(),
            connections: usize::try_from(layers.connections.value.0).unwrap_or(usize::MAX),
            upload_bytes: layers.upload_mb.value.0 << 20,
            token: secret(TOKEN),
            read_token: secret(READ_TOKEN),
            token_file: layers.token_file.value.clone(),
            read_token_file: layers.read_token_file.value.clone(),
        }
    }

    /// The tokens that the server takes.
    ///
    /// # Errors
    /// A file cannot be read, or holds no token; so does a variable.
    pub(crate) fn tokens(&self) -> Result<Tokens, Failure> {
        let mut tokens = Tokens::default();
        for (variable, secret, file, access) in [
            (TOKEN, &self.token, &self.token_file, Access::Full),
            (READ_TOKEN, &self.read_token, &self.read_token_file, Access::Read),
        ] {
            if let Some(token) = secret {
                tokens
                    .add(token.as_str(), access)
                    .map_err(|error| Failure::usage(format_args!("{variable}: {error}")))?;
            }
            if let Some(path) = file {
                tokens
                    .add(Secret::read(path)?.as_str(), access)
                    .map_err(|error| Failure::usage(format_args!("{}: {error}", path.display())))?;
            }
        }
        Ok(tokens)
    }

    /// The token that a client brings: of the variables, else of the files, the one that allows more first.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn client_token(&self) -> Result<Option<Secret>, Failure> {
        if let Some(secret) = self.token.as_ref().or(self.read_token.as_ref()) {
            return Ok(Some(secret.clone()));
        }
        self.token_file.as_ref().or(self.read_token_file.as_ref()).map(|path| Secret::read(path)).transpose()
    }
}
