//! What follows from a target's error: one pure function.

use bookstate_store::TargetError;

/// What the sink does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same chunk again, later.
    Retry,
    /// The same chunk again in a moment: another writer was first, and nothing is wrong.
    Yield,
    /// Ask the target what it has; then the chunk again, or on to the next.
    Resolve,
    /// The chunk or the target is at fault: a chunk of the same book without documents tells which. If it is taken,
    /// the chunk is cut in two, and a single document is parked.
    Suspect,
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
}

/// After how many failures a chunk is suspected, whatever the target says.
pub const SUSPECT_AFTER: u32 = 4;

/// Decides. An unavailable target is retried for ever; but a chunk that keeps failing may itself be the cause.
///
/// ```
/// use bookstate_sink::{Circumstances, Verdict, classify};
/// use bookstate_store::TargetError;
///
/// let down = TargetError::Unavailable { reason: "connection refused".into() };
/// assert_eq!(classify(&down, Circumstances { failures: 1 }), Verdict::Retry);
/// // Whose fault is it? That is found out, never guessed.
/// assert_eq!(classify(&down, Circumstances { failures: 900 }), Verdict::Suspect);
/// // It may have been applied: asked, never guessed.
/// let lost = TargetError::Ambiguous { reason: "timed out".into() };
/// assert_eq!(classify(&lost, Circumstances::default()), Verdict::Resolve);
/// ```
#[must_use]
pub const fn classify(error: &TargetError, seen: Circumstances) -> Verdict {
    match error {
        TargetError::Unavailable { .. } if seen.failures >= SUSPECT_AFTER => Verdict::Suspect,
        TargetError::Unavailable { .. } => Verdict::Retry,
        TargetError::Conflict { .. } => Verdict::Yield,
        TargetError::Ambiguous { .. } | TargetError::Mismatch => Verdict::Resolve,
        TargetError::TooLarge { .. } | TargetError::Refused { .. } => Verdict::Suspect,
        TargetError::Missing { .. } => Verdict::Compare,
        // Unusable, and what is added later: not to be hammered.
        _ => Verdict::Stop,
    }
}
