//! Books with an active job that nobody has, one after another: what a machine with room may try to claim.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_domain::BookId;
use rand::RngExt;

use crate::{notes::JobNote, shared::Inner};

/// A book that nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The book.
    pub book: BookId,
    /// What its job needs.
    pub note: JobNote,
}

/// Books with an active job that nobody has. It is a hint: the claim decides, and whoever is too late is told so.
///
/// No queue is behind it: the keys of jobs without those of owners are what is wanted, so that no queue can be lost.
#[derive(Debug)]
pub struct Wanted {
    inner: Arc<Inner>,
    /// When a book was given out last, as long as nobody has it.
    given: HashMap<BookId, Instant>,
}

/// The longest pause by chance, so that not all machines try the same book in the same moment.
const JITTER: Duration = Duration::from_millis(250);

impl Wanted {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, given: HashMap::new() }
    }

    /// Waits for the next one: interactive before bulk, by chance among equals. One that was not claimed is given again
    /// after a third of a lease's time, or when somebody had it meanwhile. `None` when this machine is leaving.
    ///
    /// Ask when there is room. Safe to drop: nothing was given out.
    pub async fn next(&mut self) -> Option<Candidate> {
        let mut changes = self.inner.changes.subscribe();
        let again = self.inner.rules.renew_after;
        loop {
            if self.inner.is_leaving() {
                return None;
            }
            changes.mark_unchanged();
            if let Some(book) = self.pick() {
                let most = JITTER.min(self.inner.rules.ttl / 30);
                let pause = most.mul_f64(rand::rng().random_range(0.0..1.0));
                tokio::time::sleep(pause).await;
                let note = self.inner.view.lock().jobs.get(&book).cloned();
                let free = self.inner.unowned().iter().any(|(other, _)| *other == book);
                if let Some(note) = note.filter(|_| free) {
                    self.given.insert(book.clone(), Instant::now());
                    return Some(Candidate { book, note });
                }
                continue;
            }
            // What was given and not claimed comes again.
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = tokio::time::sleep(again / 4) => {}
            }
        }
    }

    fn pick(&mut self) -> Option<BookId> {
        let unowned = self.inner.unowned();
        let now = Instant::now();
        let again = self.inner.rules.renew_after;
        {
            let view = self.inner.view.lock();
            self.given.retain(|book, when| now < *when + again && !view.owners.contains_key(book));
        }
        let free: Vec<_> = unowned.into_iter().filter(|(book, _)| !self.given.contains_key(book)).collect();
        let first = free.iter().map(|(_, priority)| *priority).max()?;
        let mut first: Vec<BookId> =
            free.into_iter().filter(|(_, priority)| *priority == first).map(|(book, _)| book).collect();
        let chosen = rand::rng().random_range(0..first.len());
        Some(first.swap_remove(chosen))
    }
}
