//! The units of a job that wait for a provider that cannot be used.
//!
//! Their tasks write it down, the actor reads it: a job of which nothing else goes on is stalled.

use std::collections::BTreeMap;

use bookstate_domain::Text;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Why a unit waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    /// The provider and what is wrong.
    pub(super) reason: String,
    /// It goes on by itself; otherwise a person has to do something.
    pub(super) goes_on: bool,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Holds {
    held: Mutex<BTreeMap<Text, Hold>>,
    changed: Notify,
}

impl Holds {
    /// A unit waits, or still does.
    pub(super) fn begin(&self, unit: &Text, hold: Hold) {
        let before = self.held.lock().insert(unit.clone(), hold.clone());
        if before.is_none_or(|before| before != hold) {
            self.changed.notify_one();
        }
    }

    /// Whether a unit waits.
    pub(super) fn has(&self, unit: &Text) -> bool {
        self.held.lock().contains_key(unit)
    }

    /// A unit does not wait any more.
    pub(super) fn end(&self, unit: &Text) {
        if self.held.lock().remove(unit).is_some() {
            self.changed.notify_one();
        }
    }

    /// Waits until a unit begins or ceases to wait. A change that nobody waited for is heard by the next call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Why nothing goes on, when all `in_flight` units wait. What a person has to do is told first.
    pub(super) fn all(&self, in_flight: usize) -> Option<Hold> {
        let held = self.held.lock();
        let first = held.values().find(|hold| !hold.goes_on).or_else(|| held.values().next())?;
        (held.len() >= in_flight).then(|| first.clone())
    }
}
