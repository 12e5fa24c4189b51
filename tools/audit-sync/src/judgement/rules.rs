//! The rules: what is banned, why, and what to do instead.

use crate::walk::call::{Call, Flaw};

/// Where a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On every way from a hot root.
    Hot,
    /// In every function.
    Everywhere,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) why: &'static str,
    pub(crate) instead: &'static str,
    pub(crate) reach: Reach,
    /// What is banned. `a::b::*` is a path; `.name` any call of this name; `~name` the same, but for types of
    /// libraries that use the name for something else. `*` stands for anything.
    pub(crate) calls: &'static [&'static str],
}

pub(crate) const WAITS: &str = "waits-for-storage";
pub(crate) const BLOCKS: &str = "blocks-the-thread";
pub(crate) const LOCK: &str = "lock-across-await";
pub(crate) const BYPASSES: &str = "bypasses-the-sink";
pub(crate) const DROPS: &str = "drops-a-persist-error";
pub(crate) const MACRO: &str = "unknown-macro";

/// All rules.
pub(crate) const RULES: [Rule; 6] = [
    Rule {
        id: WAITS,
        title: "a hot path waits for storage",
        why: "Whoever waits for storage is as slow as the slowest database, and stands still when it \
              is down. A persist call has accepted the change when it returns: it is in memory and in \
              the journal.",
        instead: "Make the persist call and go on. Where a record is made outside of a job, wait \
                  there, not here; on the way out, `drain` once.",
        reach: Reach::Hot,
        calls: &[
            ".upsert_and_wait",
            ".*_and_wait",
            ".write_chunk",
            "~barrier",
            ".persisted",
            ".durable",
            "~drain",
            "~synced",
            ".wait_synced",
            ".send_sync",
            ".send_*_sync",
            ".send_tracked",
            ".send_*_tracked",
        ],
    },
    Rule {
        id: BLOCKS,
        title: "a hot path blocks its thread",
        why: "The runtime has a few threads for all books. One that sleeps, reads a file or waits for \
              another thread stops every task that would have run on it.",
        instead: "Read before the hot path begins, or give the work to `spawn_blocking` and go on; \
                  sleep with the runtime's timer.",
        reach: Reach::Hot,
        calls: &[
            ".block_on",
            ".block_in_place",
            ".blocking_*",
            "std::fs::*",
            "std::thread::sleep",
            "std::thread::park*",
            "std::thread::JoinHandle::join",
            "std::path::*::exists",
            "std::path::*::is_file",
            "std::path::*::is_dir",
            "std::path::*::metadata",
            "std::path::*::canonicalize",
            "std::path::*::read_dir",
            "std::process::Command::*",
            "std::net::Tcp*",
            "std::net::Udp*",
            "std::io::stdin",
            "std::sync::mpsc::Receiver::recv*",
            "std::sync::Barrier::wait",
            "*::Condvar::wait*",
            "rustix::fs::*",
            "~sync_data",
            "~sync_all",
            "bookstate_store::SqliteStore::*",
            "rusqlite::*",
        ],
    },
    Rule {
        id: LOCK,
        title: "a lock that blocks is held across an await",
        why: "While the task waits, every other task that wants the lock blocks its thread; with all \
              threads blocked nothing wakes the first one any more.",
        instead: "Copy out what is needed and let the guard go before the await (a block of its own, \
                  or `drop`).",
        reach: Reach::Everywhere,
        calls: &[],
    },
    Rule {
        id: BYPASSES,
        title: "a hot path goes to a database by itself",
        why: "A write beside the sink is not in the journal and not in memory: a kill loses it, and \
              the sink overwrites it. A read beside the library waits for the database and may be \
              older than memory.",
        instead: "Write with a persist call; read with `Library::active`, `Library::read` or the \
                  handle's snapshot.",
        reach: Reach::Hot,
        calls: &[
            "bookstate_store::Target::*",
            "bookstate_store::SqliteStore::*",
            "bookstate_store::SqliteTarget::*",
            "rusqlite::*",
            "reqwest::*",
            "graphql_client::*",
            ".post_graphql*",
            "ureq::*",
            "hyper::*",
            "sqlx::*",
            "diesel::*",
            "tokio_postgres::*",
            "postgres::*",
            "mysql*::*",
            "mongodb::*",
            "redis::*",
        ],
    },
    Rule {
        id: DROPS,
        title: "the error of a persist call is dropped",
        why: "A persist call that fails has changed nothing: the result, perhaps a paid one, is lost. \
              The error is never a database; it is a misuse, a full disk or a poisoned journal.",
        instead: "Handle it: keep the result and make the call again when the journal is full, stop \
                  when it is poisoned, fail the job on a misuse. `?` does when the caller handles it.",
        reach: Reach::Everywhere,
        calls: &[],
    },
    Rule {
        id: MACRO,
        title: "a macro that is not known holds a banned name",
        why: "What the macro does with its tokens is not known, so the call can be neither followed \
              nor ruled out.",
        instead: "Write the call outside of the macro, or name the macro under `known-macros` when its \
                  arguments are plain expressions.",
        reach: Reach::Everywhere,
        calls: &[],
    },
];

/// The rule of this id.
pub(crate) fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// What a rule bans, ready to be compared.
#[derive(Debug)]
pub(crate) struct Bans {
    pub(crate) rule: &'static Rule,
    patterns: Vec<Pattern>,
}

/// A pattern of calls.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Path(String),
    Name(String),
    NameOfOurs(String),
}

impl Pattern {
    /// Reads a pattern; paths of the workspace may be those of re-exports.
    pub(crate) fn read(text: &str, canonical: &dyn Fn(&str) -> String) -> Self {
        match (text.strip_prefix('.'), text.strip_prefix('~')) {
            (Some(name), _) => Self::Name(name.to_owned()),
            (_, Some(name)) => Self::NameOfOurs(name.to_owned()),
            _ => Self::Path(canonical(text)),
        }
    }

    /// Whether a call is meant.
    pub(crate) fn is_of(&self, call: &Call) -> bool {
        match self {
            Self::Path(path) => call.callees.iter().any(|callee| is_like(path, callee)),
            Self::Name(name) => is_like(name, &call.name),
            Self::NameOfOurs(name) => is_like(name, &call.name) && !call.is_foreign && !call.takes_range,
        }
    }
}

impl Bans {
    /// The bans of a rule, and those that the configuration adds.
    pub(crate) fn new(
        rule: &'static Rule,
        added: impl Iterator<Item = String>,
        canonical: &dyn Fn(&str) -> String,
    ) -> Self {
        let texts = rule.calls.iter().map(|text| (*text).to_owned()).chain(added);
        let mut patterns: Vec<_> = texts.map(|text| Pattern::read(&text, canonical)).collect();
        // Where the sources of the crates are not at hand, types are known as they are imported.
        patterns.extend(
            rule.calls
                .iter()
                .filter(|text| text.contains("::"))
                .map(|text| Pattern::Path((*text).to_owned())),
        );
        Self { rule, patterns }
    }

    /// Whether the rule bans a call.
    pub(crate) fn forbid(&self, call: &Call) -> bool {
        match &call.flaw {
            None => self.patterns.iter().any(|pattern| pattern.is_of(call)),
            Some(Flaw::LockAcrossAwait(_)) => self.rule.id == LOCK,
            Some(Flaw::DroppedError(_)) => self.rule.id == DROPS,
            Some(Flaw::UnknownMacro(_)) => self.rule.id == MACRO,
        }
    }

    /// Whether a name alone is banned: for macros that are not known.
    pub(crate) fn forbid_name(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Name(banned) | Pattern::NameOfOurs(banned) => is_like(banned, name),
            Pattern::Path(_) => false,
        })
    }
}

/// Whether a text is like a pattern; `*` stands for any characters.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = rest.get(at + before.len()..).unwrap_or_default();
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}
