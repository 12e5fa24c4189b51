//! What goes wrong, by what the caller should do.

use crate::notes::Owner;

/// Something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The servers do not answer, or elect who leads: try again. It may have been done.
    #[error("the fleet's bucket does not answer: {reason}; try again")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// A person must act.
    #[error("the fleet cannot be used: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
}

/// A book was not claimed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// Another machine has it: ask there, or wait until it is wanted.
    #[error("the machine {} has the book: ask at {}", .0.machine, .0.address)]
    HeldBy(Owner),
    /// This machine has it, or is claiming it or giving it back: do nothing.
    #[error("this machine has the book already")]
    Mine,
    /// The servers do not answer, or others were always first: try again.
    #[error("the book could not be claimed: {reason}; try again")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// A person must act.
    #[error("the book cannot be claimed: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
}

impl From<FleetError> for ClaimError {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Unavailable { reason } => Self::Unavailable { reason },
            FleetError::Unusable { reason } => Self::Unusable { reason },
        }
    }
}
