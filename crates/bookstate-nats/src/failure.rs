//! What errors of the client mean for a chunk.

use std::error::Error as _;

use async_nats::jetstream::{
    self,
    context::{PublishError, PublishErrorKind},
};
use bookstate_store::TargetError;

/// Nothing was changed; the same will go through later.
pub(crate) fn unavailable(error: impl std::fmt::Display) -> TargetError {
    TargetError::Unavailable { reason: error.to_string() }
}

/// What it means that a message was not acknowledged.
pub(crate) fn of_publish(error: &PublishError) -> TargetError {
    // With what is behind it: the kind alone says little.
    let reason = error.to_string();
    match error.kind() {
        PublishErrorKind::WrongLastSequence => TargetError::Mismatch,
        PublishErrorKind::MaxPayloadExceeded => TargetError::TooLarge { reason },
        // Nobody has the subject, or the message did not leave: nothing was applied.
        PublishErrorKind::StreamNotFound | PublishErrorKind::MaxAckPending => {
            TargetError::Unavailable { reason }
        }
        // The stream said no: it is full, or its servers lack room.
        _ if is_refusal(error) => TargetError::Unavailable { reason },
        _ => TargetError::Ambiguous { reason },
    }
}

/// Whether it is an answer of the stream, not the lack of one.
fn is_refusal(error: &PublishError) -> bool {
    error.source().is_some_and(|source| source.is::<jetstream::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_surely_not_taken_is_told_so() {
        let of = |kind| of_publish(&PublishError::new(kind));
        assert_eq!(of(PublishErrorKind::WrongLastSequence), TargetError::Mismatch);
        assert!(matches!(of(PublishErrorKind::MaxPayloadExceeded), TargetError::TooLarge { .. }));
        assert!(matches!(of(PublishErrorKind::StreamNotFound), TargetError::Unavailable { .. }));
        for lost in [PublishErrorKind::TimedOut, PublishErrorKind::BrokenPipe, PublishErrorKind::Other] {
            assert!(matches!(of(lost), TargetError::Ambiguous { .. }), "{lost}");
        }
    }
}
