//! What the tasks of this machine share: its leases, its jobs, what was heard of the others, and who is told of it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bookstate_domain::{BookId, Priority};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};

use crate::{
    bucket::Bucket,
    lease::{End, Rules, State},
    notes::{JobNote, Owner},
    options::FleetOptions,
    quota::Shares,
    view::View,
};

/// Who works on the books that are held. Called by one task, in order, and must return at once.
///
/// Between a claim and its first [`extended`](Holder::extended) the claim's own end holds.
pub trait Holder: Send + Sync {
    /// The book is held until then, unless this is called again. Whoever writes the book looks at the time before each
    /// write, and at nothing else: when it has come and nothing was said, the book is not held.
    fn extended(&self, book: &BookId, until: Instant);

    /// The book is not held any more, for good: stop. It can be claimed again, under a higher epoch. Not called for
    /// what was released.
    fn lost(&self, book: &BookId, why: End);
}

/// A book that this machine has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The book.
    pub book: BookId,
    /// Higher than that of every lease of the book before, and than the floor that was given: what targets compare.
    pub epoch: u32,
    /// Until when it is held at least; renewals move it, and are told to the [`Holder`].
    pub until: Instant,
}

/// A job whose key this machine looks after.
pub(crate) struct Kept {
    pub(crate) note: JobNote,
    /// When the book's lease was lost: perhaps with the whole bucket.
    pub(crate) lost: Option<Instant>,
}

impl From<JobNote> for Kept {
    fn from(note: JobNote) -> Self {
        Self { note, lost: None }
    }
}

pub(crate) struct Inner {
    pub(crate) options: FleetOptions,
    pub(crate) rules: Rules,
    /// This process.
    pub(crate) start: String,
    pub(crate) bucket: Bucket,
    pub(crate) holder: Arc<dyn Holder>,
    /// Absent: a claim is under way.
    pub(crate) leases: Mutex<HashMap<BookId, State>>,
    /// The jobs of books that are held here, or were a moment ago: written again when somebody lost them.
    pub(crate) jobs: Mutex<HashMap<BookId, Kept>>,
    pub(crate) view: Mutex<View>,
    pub(crate) shares: Mutex<Shares>,
    /// How long this machine's key of quotas stands after a beat.
    pub(crate) beats_last: Duration,
    /// Counts what changed in the view; 0 until all of it was there once.
    pub(crate) changes: watch::Sender<u64>,
    /// What the bucket holds is to be heard anew.
    pub(crate) again: Notify,
    pub(crate) claims: Semaphore,
    pub(crate) leaving: AtomicBool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn owner(&self, epoch: u32) -> Owner {
        let FleetOptions { machine, address, .. } = &self.options;
        Owner { machine: machine.clone(), address: address.clone(), epoch, start: self.start.clone() }
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }
}

impl Inner {
    /// What was heard speaks against a lease: it is renewed now, and the bucket says whether it stands.
    pub(crate) fn doubt(&self, book: &BookId) {
        let mut leases = self.leases.lock();
        let Some(state) = leases.get_mut(book) else { return };
        let State::Held(held) = *state else { return };
        let heard = self.view.lock().owners.get(book).cloned();
        if heard.is_none_or(|owner| owner.start != self.start || owner.epoch != held.epoch) {
            (*state, _) = state.on(crate::lease::Event::Nudge, Instant::now(), &self.rules);
        }
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// The books with a job that nobody has, with their priorities.
    pub(crate) fn unowned(&self) -> Vec<(BookId, Priority)> {
        let leases = self.leases.lock();
        let view = self.view.lock();
        let free = |book: &&BookId| !view.owners.contains_key(*book) && !leases.contains_key(*book);
        let books = view.jobs.iter().filter(|(book, _)| free(book));
        books.map(|(book, note)| (book.clone(), note.priority)).collect()
    }
}
