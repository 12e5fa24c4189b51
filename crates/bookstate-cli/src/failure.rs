//! How the program ends: exit codes, and the one line that says what went wrong and what to do.
//!
//! The codes are a promise to scripts; `docs/operating.md` has the table. Which error leads to which code is
//! decided here and nowhere else.

use std::{error::Error, fmt};

use bookstate_store::{OpenBookError, OpenError, PersistError, ReadError, StoreError};

/// An exit code, least serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything was done.
    Ok,
    /// A book was processed, and something failed on the way.
    Degraded,
    /// A target refuses, differs, or cannot be reached.
    Target,
    /// What was given is no book: missing, broken, encrypted, empty; or there is no such book.
    Input,
    /// A job failed, or something that nobody expects.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// The data directory is busy, damaged, full or missing.
    DataDir,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// Every code, with its meaning as the manual has it.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Input,
        Self::DataDir,
        Self::Target,
        Self::Degraded,
        Self::Interrupted,
    ];

    /// The number that the process exits with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::DataDir => 4,
            Self::Target => 5,
            Self::Degraded => 6,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    /// An end that has been explained already, or needs no explanation.
    pub(crate) const fn silent(exit: Exit) -> Self {
        Self { exit, message: String::new() }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// What was given is no book, or there is no such book.
    pub(crate) fn input(message: impl fmt::Display) -> Self {
        Self::new(Exit::Input, message)
    }

    /// The data directory is busy, damaged, full or missing.
    pub(crate) fn data_dir(message: impl fmt::Display) -> Self {
        Self::new(Exit::DataDir, message)
    }

    /// A target refuses, differs, or cannot be reached.
    pub(crate) fn target(message: impl fmt::Display) -> Self {
        Self::new(Exit::Target, message)
    }

    /// Something that nobody expects.
    pub(crate) fn unexpected(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        let message = message.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Self { exit, message }
    }

    /// An error with what caused it, in one line.
    pub(crate) fn caused(exit: Exit, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some errors show their cause themselves.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(exit, message)
    }

    /// Whether there is anything to say.
    pub(crate) const fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::caused(Exit::DataDir, &error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::DataDir, format_args!("the local store: {error}"))
    }
}

impl From<OpenBookError> for Failure {
    fn from(error: OpenBookError) -> Self {
        let exit = match error {
            OpenBookError::Unknown { .. } | OpenBookError::Exists { .. } => Exit::Input,
            _ => Exit::DataDir,
        };
        Self::caused(exit, &error)
    }
}

impl From<PersistError> for Failure {
    fn from(error: PersistError) -> Self {
        let exit = match error {
            PersistError::JournalFull
            | PersistError::Poisoned { .. }
            | PersistError::NotSynced { .. }
            | PersistError::Fenced { .. } => Exit::DataDir,
            _ => Exit::Failed,
        };
        Self::caused(exit, &error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = match error {
            ReadError::Target { .. } => Exit::Target,
            _ => Exit::DataDir,
        };
        Self::caused(exit, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let cause = std::io::Error::other("the disk\nis gone");
        let error = OpenError::Io { path: "books".into(), source: cause };
        let failure = Failure::from(error);
        assert_eq!(failure.to_string(), "books: the disk is gone");
        assert_eq!(failure.exit, Exit::DataDir);
    }

    #[test]
    fn every_code_is_in_the_manual() {
        let manual = include_str!("../../../docs/operating.md");
        let rows: Vec<u8> = manual
            .lines()
            .skip_while(|line| !line.starts_with("## Exit codes"))
            .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(rows, Exit::ALL.map(Exit::code));
    }
}
