//! What programs that use the same account agree on: their shares of its rate, and pauses that its server asked for.
//!
//! How they agree is not known here. A provider asks each time, just before it sends, so what was agreed a moment ago
//! is kept; and it waits where it has no share, as for any other rate.

use std::{fmt, time::Duration};

use crate::limiter::RateLimits;

/// What programs that use the same account have agreed on. Every method returns at once.
pub trait Sharing: fmt::Debug + Send + Sync {
    /// This program's share now of a quota that holds for all of them together in any window of [`RateLimits`]; it may be
    /// 0. The quota is kept if no program reserves more than its share in any window.
    fn share(&self, quota: u32) -> u32;

    /// How long an endpoint of a provider is to be left alone, as another program was told by it; `None`: not at all.
    fn pause(&self, provider: &str, url: &str) -> Option<Duration>;

    /// An endpoint of a provider has asked to be left alone for so long: the other programs are told.
    fn tell_pause(&self, provider: &str, url: &str, pause: Duration);
}

/// This program's shares of the limits.
pub(crate) fn shares(limits: RateLimits, sharing: &dyn Sharing) -> RateLimits {
    let share = |limit: Option<u32>| limit.map(|quota| sharing.share(quota));
    RateLimits { requests: share(limits.requests), tokens: share(limits.tokens), window: limits.window }
}

/// Why a request of so many tokens cannot go within the shares, however long it waits; `None`: it can. One that is larger
/// than the whole limit goes alone where the whole limit is this program's.
pub(crate) fn obstacle(limits: RateLimits, shares: RateLimits, tokens: u32) -> Option<String> {
    if shares.requests == Some(0) {
        return Some("none of its rate is this program's now: others have it".to_owned());
    }
    let (limit, share) = limits.tokens.zip(shares.tokens)?;
    (tokens > share && share < limit).then(|| {
        format!(
            "a request may take {tokens} tokens, and {share} of the {limit} a minute are this program's now: fewer \
             programs or a higher limit make room"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_a_share_never_goes_and_what_is_larger_than_all_goes_alone() {
        let limits = |requests, tokens| RateLimits {
            requests: Some(requests),
            tokens: Some(tokens),
            window: Duration::from_secs(60),
        };
        let all = limits(10, 1_000);
        let goes = |shares, tokens| obstacle(all, shares, tokens).is_none();
        assert!(goes(all, 5_000));
        assert!(goes(limits(5, 500), 500));
        assert!(!goes(limits(5, 500), 501));
        assert!(!goes(limits(0, 500), 1));
        assert_eq!(obstacle(RateLimits::NONE, RateLimits::NONE, 5_000), None);
    }
}
