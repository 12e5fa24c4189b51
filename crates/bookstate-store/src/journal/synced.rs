//! How far a journal is synced, for tasks that wait for it.

use tokio::sync::watch;

use super::error::Poisoned;

/// What waiting tasks watch.
#[derive(Clone, Debug, Default)]
pub(super) struct Synced {
    pub(super) synced: u64,
    pub(super) poison: Option<Poisoned>,
}

/// A watch on the syncs of a journal, and on its poisoning.
#[derive(Debug)]
pub struct SyncWatch(pub(super) watch::Receiver<Synced>);

impl SyncWatch {
    /// What was synced until now is not news any more.
    pub fn mark_seen(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits until more was synced than was last marked as seen, or the journal is poisoned. Never returns when
    /// the journal is gone.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn advanced(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
