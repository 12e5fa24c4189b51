//! What can go wrong with a NATS server.

use std::io;
use std::path::{Path, PathBuf};

use crate::go_program::ProgramError;

/// Why there is no server, or it does not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// There is no program.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file, a directory or a port could not be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// What.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It ended, or was not ready in time.
    #[error("the NATS server {what}; it said: {log}")]
    NotReady {
        /// What it did instead.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Something was asked for that its state does not allow.
    #[error("the NATS server {0}")]
    State(&'static str),
}

impl NatsError {
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }
}
