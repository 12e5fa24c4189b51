//! Why a call has no reply.

use std::time::Duration;

use crate::{classify::Failure, reply::Usage};

/// Why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was sent, and failed.
    #[error("{provider}: {failure}")]
    Failed {
        /// The provider.
        provider: String,
        /// What to do.
        failure: Failure,
        /// What it took nevertheless.
        usage: Usage,
    },
    /// It was not sent, or was and could not be answered by anybody: the provider cannot be used now. That says nothing
    /// about the request.
    #[error("{provider}: {reason}")]
    Held {
        /// The provider.
        provider: String,
        /// Why, with the remedy.
        reason: String,
        /// When to ask again; `None`: when a person has done something.
        pause: Option<Duration>,
        /// What it took nevertheless.
        usage: Usage,
    },
}

impl CallError {
    /// What the call took.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        match self {
            Self::Failed { usage, .. } | Self::Held { usage, .. } => *usage,
        }
    }

    /// The same after earlier requests of the call.
    pub(crate) fn and(mut self, earlier: Usage) -> Self {
        let (Self::Failed { usage, .. } | Self::Held { usage, .. }) = &mut self;
        *usage = earlier.and(*usage);
        self
    }
}
