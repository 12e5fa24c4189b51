//! How the sink treats a target.

use std::{sync::Arc, time::Duration};

use bookstate_store::{Target, TargetName};

/// The pace of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// How long an idle target waits after a first change, and every book after its last batch, so that what
    /// follows joins the batch. Nobody rests while somebody waits for the target.
    pub linger: Duration,
    /// How long a chunk may take before its outcome counts as unknown.
    pub timeout: Duration,
    /// The first pause after a failure; it doubles, with full jitter.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Pace {
    /// For the local store: a batch every 20 ms at most.
    pub const LOCAL: Self = Self {
        linger: Duration::from_millis(20),
        timeout: Duration::from_secs(120),
        first_pause: Duration::from_millis(50),
        longest_pause: Duration::from_secs(5),
    };

    /// For a remote target: batches of about a second, pauses of up to 30 s.
    pub const REMOTE: Self = Self {
        linger: Duration::from_secs(1),
        timeout: Duration::from_secs(30),
        first_pause: Duration::from_millis(200),
        longest_pause: Duration::from_secs(30),
    };

    /// For a log on other machines, which takes a batch in a millisecond or two: one every 20 ms at most, so that a
    /// machine that dies takes hardly anything with it.
    pub const LOG: Self = Self {
        linger: Duration::from_millis(20),
        timeout: Duration::from_secs(20),
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_secs(5),
    };
}

/// A remote target, as it is given to the sink.
#[derive(Debug, Clone)]
pub struct RemoteTarget {
    /// Its name, unique, not `local`.
    pub name: TargetName,
    /// The target.
    pub target: Arc<dyn Target>,
    /// Its pace.
    pub pace: Pace,
}

/// How the sink works.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// The local store's pace.
    pub local: Pace,
    /// Seeds jitter and chunk tokens; random in production, fixed in tests.
    pub seed: u64,
}

impl SinkConfig {
    /// The defaults, with a random seed.
    #[must_use]
    pub fn new() -> Self {
        Self { local: Pace::LOCAL, seed: rand::random() }
    }
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self::new()
    }
}
