//! What follows from a target's error: one pure function.

use bookstate_store::TargetError;

/// What the sink does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same chunk again, later.
    Retry,
    /// Ask the target what it has; then the chunk again, or on to the next.
    Resolve,
    /// Two halves of the chunk, one after the other; a single document is parked.
    Split,
    /// Compare the whole book with the target's copy.
    Compare,
    /// Nothing can be done until a person acts; tried again at the slowest pace.
    Stop,
}

/// What was observed beside the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// How often this very chunk has failed before.
    pub failures: u32,
    /// Whether the target has answered a read since this chunk first failed.
    pub reads_answer: bool,
    /// Whether another book's chunk went through since this chunk first failed.
    pub others_succeed: bool,
}

/// After how many failures a chunk that fails alone is suspected.
pub const SUSPECT_AFTER: u32 = 4;

/// Decides. An unavailable target is retried for ever; but when it serves others and only this chunk keeps
/// failing, the chunk is the cause, whatever the target says.
///
/// ```
/// use bookstate_sink::{Circumstances, Verdict, classify};
/// use bookstate_store::TargetError;
///
/// let down = TargetError::Unavailable { reason: "connection refused".into() };
/// assert_eq!(classify(&down, Circumstances { failures: 900, ..Default::default() }), Verdict::Retry);
/// // It may have been applied: asked, never guessed.
/// let lost = TargetError::Ambiguous { reason: "timed out".into() };
/// assert_eq!(classify(&lost, Circumstances::default()), Verdict::Resolve);
/// ```
#[must_use]
pub const fn classify(error: &TargetError, seen: Circumstances) -> Verdict {
    match error {
        TargetError::Unavailable { .. }
            if seen.failures >= SUSPECT_AFTER && seen.reads_answer && seen.others_succeed =>
        {
            Verdict::Split
        }
        TargetError::Unavailable { .. } => Verdict::Retry,
        TargetError::Ambiguous { .. } | TargetError::Mismatch => Verdict::Resolve,
        TargetError::TooLarge { .. } | TargetError::Refused { .. } => Verdict::Split,
        TargetError::Missing { .. } => Verdict::Compare,
        // Unusable, and what is added later: not to be hammered.
        _ => Verdict::Stop,
    }
}
