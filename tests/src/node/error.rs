//! What can go wrong with a node.

use std::io;
use std::path::{Path, PathBuf};

use crate::go_program::ProgramError;

/// Why there is no node, or it does not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// There is no program.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file or directory could not be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The process did not start.
    #[error("cannot start {program}: {reason}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It ended, or did not answer, instead of getting ready.
    #[error("the DefraDB node {what}; it said: {log}")]
    NotReady {
        /// What it did instead.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// It did not answer a request, or not in HTTP.
    #[error("no answer from the DefraDB node at {url}: {reason}")]
    NoAnswer {
        /// Where it was asked.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// It answered with something else than what was asked for.
    #[error("the DefraDB node refuses: {answer}")]
    Refused {
        /// Its answer; of a GraphQL request, the `errors`.
        answer: String,
    },
    /// Something was asked for that the node's state does not allow.
    #[error("the node {0}")]
    State(&'static str),
}

impl NodeError {
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }
}
