//! What can be wrong with a simulated target, beyond the fault of a single chunk.

use std::{collections::BTreeSet, time::Duration};

use bookstate_domain::{AnyKey, WriteOp};
use bookstate_store::{Chunk, TargetError};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// How reads are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reads {
    /// As things are.
    #[default]
    Answered,
    /// Where a book stands is told; a whole book is not, with an error.
    LoadsFail,
    /// Never.
    Silent,
    /// Half of them as things were one chunk ago: what a load balancer in front of several nodes makes of it.
    Stale,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Habits {
    pub(super) refused: BTreeSet<AnyKey>,
    pub(super) choked: BTreeSet<AnyKey>,
    pub(super) silent: BTreeSet<AnyKey>,
    pub(super) hang_above: Option<usize>,
    pub(super) sick: Option<String>,
    pub(super) conflicts: u32,
    pub(super) reads: Reads,
    pub(super) read_takes: Duration,
    random: SmallRng,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            refused: BTreeSet::new(),
            choked: BTreeSet::new(),
            silent: BTreeSet::new(),
            hang_above: None,
            sick: None,
            conflicts: 0,
            reads: Reads::Answered,
            read_takes: Duration::ZERO,
            random: SmallRng::seed_from_u64(0),
        }
    }
}

/// What becomes of a chunk before it is looked at.
pub(super) enum Reception {
    /// It is looked at.
    Taken,
    /// It is answered with an error.
    Error(TargetError),
    /// It is never answered.
    Silence,
}

/// Longer than anybody waits.
pub(super) const FOR_EVER: Duration = Duration::from_secs(3600);

impl Habits {
    pub(super) fn receive(&mut self, chunk: &Chunk) -> Reception {
        let has = |keys: &BTreeSet<AnyKey>| chunk.ops.iter().map(WriteOp::key).any(|key| keys.contains(&key));
        if let Some(text) = &self.sick {
            return Reception::Error(TargetError::Refused { reason: text.clone() });
        }
        if self.conflicts > 0 && self.random.random_ratio(self.conflicts.min(100), 100) {
            let reason = "transaction conflict".to_owned();
            return Reception::Error(TargetError::Conflict { reason });
        }
        if has(&self.choked) {
            return Reception::Error(TargetError::Unavailable { reason: "500".to_owned() });
        }
        if has(&self.silent) || self.hang_above.is_some_and(|most| chunk.ops.len() > most) {
            return Reception::Silence;
        }
        Reception::Taken
    }

    /// Whether a read is answered with what was there one chunk ago.
    pub(super) fn is_stale(&mut self) -> bool {
        self.reads == Reads::Stale && self.random.random_bool(0.5)
    }
}
