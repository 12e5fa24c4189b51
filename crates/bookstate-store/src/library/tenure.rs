//! The right to write one book until a deadline, and the books that somebody has it for.
//!
//! Machines that share a fleet's books take turns in owning one. An owner may write as long as nobody else can have
//! been given the book: until a deadline that is put off by each renewal. Behind it every persist call is refused, by
//! one atomic read. What makes a wrong deadline harmless (a clock that stood still, a machine that was suspended) is
//! not here: it is the epoch that every chunk carries to the targets ([`BookSync::epoch`](crate::BookSync::epoch)).
//!
//! A tenure that has ended stays ended. Whoever was told that it does not hold is never contradicted later, so work
//! that was dropped for that is not taken up again under it.

use std::{
    fmt,
    future::pending,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bookstate_domain::BookId;
use tokio::sync::Notify;

use super::{Library, OpenBookError};
use crate::target::Epoch;

/// What deadlines are counted from, in nanoseconds: an [`Instant`] is no number.
static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The deadline of a tenure that has ended.
const ENDED: u64 = 0;

/// The right to write a book until a deadline. Cheap to clone; all clones are one tenure.
///
/// ```
/// use std::time::{Duration, Instant};
/// use bookstate_store::{Epoch, Tenure};
///
/// let sent = Instant::now();
/// let tenure = Tenure::new(Epoch(1), sent + Duration::from_secs(30));
/// assert!(tenure.holds(Instant::now()));
/// // A renewal was acknowledged: it counts from when it was sent.
/// assert!(tenure.extend(sent + Duration::from_secs(60)));
/// tenure.end();
/// assert!(!tenure.holds(Instant::now()) && !tenure.extend(sent + Duration::from_secs(90)));
/// ```
#[derive(Clone)]
pub struct Tenure(Arc<Inner>);

struct Inner {
    epoch: Epoch,
    /// Nanoseconds since [`BASE`], or [`ENDED`].
    until: AtomicU64,
    ended: Notify,
}

impl Tenure {
    /// A tenure until `until`, and not beyond. Count that from when the claim was *sent*: whoever answered it counts
    /// from later.
    #[must_use]
    pub fn new(epoch: Epoch, until: Instant) -> Self {
        Self(Arc::new(Inner { epoch, until: AtomicU64::new(nanos(until)), ended: Notify::new() }))
    }

    /// Which ownership of the book this is.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    /// Puts the deadline off; an earlier one than there is changes nothing. False when the tenure has ended, by its
    /// deadline or by a word: it stays ended, and the book has to be claimed anew.
    pub fn extend(&self, until: Instant) -> bool {
        let until = nanos(until);
        loop {
            let present = self.0.until.load(Ordering::Acquire);
            if !self.holds_at(present, Instant::now()) {
                return false;
            }
            let later = present.max(until);
            if self.0.until.compare_exchange(present, later, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return true;
            }
        }
    }

    /// Ends it now: persist calls are refused from here on, but for those that are being made.
    pub fn end(&self) {
        self.0.until.store(ENDED, Ordering::Release);
        self.0.ended.notify_waiters();
    }

    /// Whether the book may be written at `now`. No is for ever: the tenure has ended then.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.holds_at(self.0.until.load(Ordering::Acquire), now)
    }

    /// The same, of a deadline that was read. The path on which it holds is a comparison.
    fn holds_at(&self, until: u64, now: Instant) -> bool {
        let mut until = until;
        loop {
            if nanos(now) < until {
                return true;
            }
            // A renewal that comes now is too late, or has come before: then that one counts.
            match self.pass(until) {
                Ok(()) => return false,
                Err(present) => until = present,
            }
        }
    }

    /// The deadline has passed, if it is still this one.
    fn pass(&self, until: u64) -> Result<(), u64> {
        let passed = self.0.until.compare_exchange(until, ENDED, Ordering::AcqRel, Ordering::Acquire);
        passed.map(|_| self.0.ended.notify_waiters())
    }

    /// Waits until the tenure has ended, by its deadline or by a word. Whoever works for the book drops the work then.
    ///
    /// Cancel safe. Call it within a tokio runtime with a timer.
    pub async fn ended(&self) {
        loop {
            let told = self.0.ended.notified();
            tokio::pin!(told);
            // Registered before the deadline is read, so that an end in between is not missed.
            told.as_mut().enable();
            let until = self.0.until.load(Ordering::Acquire);
            if until == ENDED {
                return;
            }
            let passes = async {
                match BASE.checked_add(Duration::from_nanos(until)) {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = told => {}
                // Unless it was put off meanwhile.
                () = passes => drop(self.pass(until)),
            }
        }
    }
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.0.until.load(Ordering::Acquire);
        let left =
            (until != ENDED).then(|| Duration::from_nanos(until.saturating_sub(nanos(Instant::now()))));
        f.debug_struct("Tenure").field("epoch", &self.0.epoch).field("left", &left).finish()
    }
}

/// What is before all deadlines is [`ENDED`].
fn nanos(at: Instant) -> u64 {
    at.checked_duration_since(*BASE)
        .map_or(ENDED, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

impl Library {
    /// Whether books are written under a tenure only: see
    /// [`LibraryConfig::require_tenures`](super::LibraryConfig::require_tenures).
    #[must_use]
    pub fn requires_tenures(&self) -> bool {
        self.0.requires_tenures
    }

    /// The book may be written under this tenure, whose epoch chunks carry from now on. Another one that it was
    /// granted under before is ended.
    pub fn grant(&self, id: &BookId, tenure: Tenure) {
        let before = self.0.tenures.write().insert(id.clone(), tenure.clone());
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(&before.0, &tenure.0)) {
            before.end();
        }
    }

    /// Ends the tenure that the book was granted under, and forgets it. What was accepted under it still goes to
    /// targets that nobody else has claimed.
    pub fn revoke(&self, id: &BookId) -> Option<Tenure> {
        let tenure = self.0.tenures.write().remove(id);
        tenure.inspect(Tenure::end)
    }

    /// Ends the tenure that the book was granted under, and forgets it, unless it is this one.
    pub fn revoke_other(&self, id: &BookId, tenure: &Tenure) {
        let mut tenures = self.0.tenures.write();
        if tenures.get(id).is_some_and(|granted| !Arc::ptr_eq(&granted.0, &tenure.0)) {
            tenures.remove(id).iter().for_each(Tenure::end);
        }
    }

    /// The tenure that the book was granted under last; it may have ended.
    #[must_use]
    pub fn tenure(&self, id: &BookId) -> Option<Tenure> {
        self.0.tenures.read().get(id).cloned()
    }

    /// Under which tenure a book may be opened for writing; `None` for one that needs none.
    pub(super) fn right_to_write(&self, id: &BookId) -> Result<Option<Tenure>, OpenBookError> {
        match self.tenure(id) {
            Some(tenure) if tenure.holds(Instant::now()) => Ok(Some(tenure)),
            None if !self.requires_tenures() => Ok(None),
            _ => Err(OpenBookError::NotOwned { book_id: id.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_tenure_holds_until_its_deadline_and_no_renewal_shortens_it() {
        let now = Instant::now();
        let tenure = Tenure::new(Epoch(3), now + HOUR);
        assert!(tenure.holds(now) && tenure.extend(now + HOUR / 2));
        assert!(tenure.holds(now + HOUR / 2), "an earlier deadline changes nothing");
        assert!(tenure.extend(now + 2 * HOUR) && tenure.holds(now + HOUR));
        assert_eq!(tenure.epoch(), Epoch(3));
        assert!(!tenure.holds(now + 2 * HOUR));
    }

    #[test]
    fn a_tenure_that_has_ended_stays_ended() {
        let now = Instant::now();
        let said = Tenure::new(Epoch(1), now + HOUR);
        said.clone().end();
        // Somebody was told that it does not hold any more.
        let told = Tenure::new(Epoch(1), now + HOUR);
        assert!(!told.holds(now + HOUR));
        let past = Tenure::new(Epoch(1), now);
        for tenure in [said, told, past] {
            assert!(!tenure.extend(now + 2 * HOUR), "{tenure:?}");
            assert!(!tenure.holds(now), "{tenure:?}");
        }
    }

    /// A renewal and a look at the deadline at the same time: either it was put off, or it has ended; never first the one
    /// and then the other.
    #[test]
    fn who_was_told_no_is_never_contradicted() {
        for _ in 0..200 {
            let now = Instant::now();
            let tenure = Tenure::new(Epoch(1), now + HOUR);
            thread::scope(|threads| {
                threads.spawn(|| tenure.extend(now + 2 * HOUR));
                if !tenure.holds(now + HOUR) {
                    assert!(!tenure.holds(now) && !tenure.extend(now + 3 * HOUR));
                }
            });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn its_end_is_told_whoever_ends_it() {
        let tenure = Tenure::new(Epoch(1), Instant::now() + HOUR);
        let (waiting, other) = (tenure.clone(), tenure.clone());
        let told = tokio::spawn(async move { waiting.ended().await });
        tokio::task::yield_now().await;
        assert!(!told.is_finished());
        other.end();
        told.await.unwrap();
        // By its deadline, which was put off once.
        let tenure = Tenure::new(Epoch(1), Instant::now() + HOUR);
        let mut ended = Box::pin(tenure.ended());
        assert!(tokio::time::timeout(HOUR / 2, &mut ended).await.is_err());
        assert!(tenure.extend(Instant::now() + 2 * HOUR));
        assert!(tokio::time::timeout(HOUR, &mut ended).await.is_err(), "it was put off");
        ended.await;
        assert!(!tenure.holds(Instant::now()));
    }
}
