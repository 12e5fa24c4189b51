//! What providers allow, kept by all machines of the fleet together: this machine's shares, and pauses that any of them
//! was told to make.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bookstate_llm::Sharing;

use super::member::{Inner, Member};

/// A pause that ends so much later than one that is known is told to the others.
const LATER: Duration = Duration::from_secs(1);

/// See the module documentation. Does not hold the member, whose scheduler holds the providers.
#[derive(Debug)]
struct Quotas(Weak<Inner>);

/// What the providers of a member ask. Until it has joined they have no share.
pub(super) fn of(member: &Member) -> Arc<dyn Sharing> {
    Arc::new(Quotas(Arc::downgrade(&member.0)))
}

/// What an endpoint of a provider is called among the machines.
fn name(provider: &str, url: &str) -> String {
    format!("{provider} {url}")
}

fn share(inner: &Inner, quota: u32) -> u32 {
    inner.fleet().map_or(0, |fleet| fleet.share(quota))
}

fn known(inner: &Inner, provider: &str, url: &str) -> Option<Duration> {
    let until = inner.fleet().ok()?.paused_until(&name(provider, url))?;
    Some(until.saturating_duration_since(Instant::now()))
}

impl Sharing for Quotas {
    fn share(&self, quota: u32) -> u32 {
        self.0.upgrade().map_or(0, |inner| share(&inner, quota))
    }

    fn pause(&self, provider: &str, url: &str) -> Option<Duration> {
        known(&*self.0.upgrade()?, provider, url)
    }

    fn tell_pause(&self, provider: &str, url: &str, pause: Duration) {
        let Some(inner) = self.0.upgrade() else { return };
        // Requests that were in flight together are told the same.
        if known(&inner, provider, url).is_some_and(|known| pause < known + LATER) {
            return;
        }
        tokio::spawn(tell_all(inner, provider.to_owned(), name(provider, url), pause));
    }
}

/// Tells the others of a pause. Nobody waits for it.
async fn tell_all(inner: Arc<Inner>, provider: String, endpoint: String, pause: Duration) {
    let Ok(fleet) = inner.fleet() else { return };
    match fleet.pause(&endpoint, pause).await {
        Ok(()) => tracing::info!(provider, ?pause, "all machines leave the provider alone"),
        Err(error) => tracing::debug!(provider, %error, "each machine finds out by itself"),
    }
}
