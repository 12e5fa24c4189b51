//! The commands of commands: of the journal, of what is parked, of targets, of the configuration.

use clap::Subcommand;

use crate::completion;

/// `journal`.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Print every commit in the journal as a line of JSON
    Inspect {
        /// Only this book's: an id, a unique beginning of one, or the path of the book's file
        #[arg(long)]
        #[arg(add = completion::book())]
        book: Option<String>,
    },
    /// Check that the journal and the local store are whole; exit code 4 when one is not
    Verify,
    /// Set a damaged segment aside, so that the journal opens again
    ///
    /// What stands before the damage stays readable, what stands behind it in that segment is given up. The
    /// file is renamed, never deleted. Restore it from a copy instead, if there is one.
    Quarantine {
        /// The segment's number, as `journal verify` says it
        segment: u64,
    },
}

/// `parked`.
#[derive(Debug, Subcommand)]
pub(crate) enum ParkedCommand {
    /// List the documents that targets refuse, with the reasons
    List {
        /// Only this target's
        target: Option<String>,
    },
    /// Try parked documents again, with their present state
    Retry {
        /// The target
        target: String,
        /// The document, as `parked list` shows it; all of them without it
        document: Option<String>,
    },
    /// Accept on purpose that the target's copy of a document differs
    Drop {
        /// The target
        target: String,
        /// The document, as `parked list` shows it
        document: String,
    },
}

/// `target`.
#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// List the targets and how far each has the books
    List,
    /// Add a target to the configuration file
    #[command(after_help = "Example:
  bookstate target add nas sqlite:/mnt/nas/books.sqlite
  bookstate target add defradb http://127.0.0.1:9181")]
    Add {
        /// Its name
        name: String,
        /// What it is and where: sqlite:PATH, http://HOST:PORT of a DefraDB node, or nats://HOST:PORT of NATS servers
        #[arg(value_name = "PLACE")]
        place: String,
    },
    /// Remove a target from the configuration file, and forget how far it was
    Remove {
        /// Its name
        #[arg(add = completion::target())]
        name: String,
    },
    /// Compare the books with their copies in a target; exit code 5 when they differ
    Verify {
        /// The target
        #[arg(add = completion::target())]
        name: String,
        /// A book; all without it
        #[arg(add = completion::book())]
        book: Option<String>,
    },
    /// Compare the books with their copies in a target, and send what differs
    Resync {
        /// The target
        #[arg(add = completion::target())]
        name: String,
        /// A book; all without it
        #[arg(add = completion::book())]
        book: Option<String>,
    },
    /// Write a book that another data directory has written into a target, importing it when it is unknown
    /// here
    Takeover {
        /// The target
        #[arg(add = completion::target())]
        name: String,
        /// The book's id
        #[arg(add = completion::book())]
        book: String,
    },
}

/// `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every key with its value and where that comes from
    Show,
    /// Print the value of a key
    Get {
        /// The key, as `config show` has it
        key: String,
    },
    /// Set a key in the configuration file, making the file when it is not there
    #[command(after_help = "Examples:
  bookstate config set jobs.workers 4
  bookstate config set --user ocr.languages deu,frk     for all directories you work in")]
    Set {
        /// The key
        key: String,
        /// Its value; lists with commas
        value: String,
        /// In your own configuration file, which counts in every directory, below the one there
        #[arg(long)]
        user: bool,
    },
    /// Remove a key from the configuration file
    Unset {
        /// The key
        key: String,
        /// From your own configuration file
        #[arg(long)]
        user: bool,
    },
}
