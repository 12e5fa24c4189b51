//! When which book is due: one time per book, and the first of them in order.
//!
//! No `tokio_util::time::DelayQueue`: that gives the due ones away one by one, and rounds times up to milliseconds. The
//! worker looks at all that are due and chooses, by what is being sent already, so it would have to keep a second list of
//! those that were given away, and a book's time in both.

use std::collections::{BTreeSet, HashMap};

use bookstate_domain::BookId;
use tokio::time::Instant;

/// Books by the time at which they are due; of those due at one time, the one that was put there first.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    order: BTreeSet<(Instant, u64, BookId)>,
    places: HashMap<BookId, (Instant, u64)>,
    count: u64,
}

impl Agenda {
    /// A book is due at this time, and at no other.
    pub(crate) fn put(&mut self, id: &BookId, due: Instant) {
        self.remove(id);
        self.count += 1;
        self.order.insert((due, self.count, id.clone()));
        self.places.insert(id.clone(), (due, self.count));
    }

    /// A book is not due any more.
    pub(crate) fn remove(&mut self, id: &BookId) {
        if let Some((due, count)) = self.places.remove(id) {
            self.order.remove(&(due, count, id.clone()));
        }
    }

    /// When a book is due.
    pub(crate) fn due(&self, id: &BookId) -> Option<Instant> {
        self.places.get(id).map(|(due, _)| *due)
    }

    /// When the first book is due.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(due, ..)| *due)
    }

    /// The books that are due, in order.
    pub(crate) fn due_by(&self, now: Instant) -> impl Iterator<Item = &BookId> {
        self.order.iter().take_while(move |(due, ..)| *due <= now).map(|(.., id)| id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn books_are_due_in_order_and_once() {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        let id = |id: &str| BookId::new(id).unwrap();
        let later = now + Duration::from_secs(1);
        agenda.put(&id("b"), now);
        agenda.put(&id("a"), now);
        agenda.put(&id("c"), later);
        assert_eq!(agenda.due_by(now).cloned().collect::<Vec<_>>(), [id("b"), id("a")]);
        agenda.put(&id("b"), later);
        assert_eq!(agenda.due_by(now).cloned().collect::<Vec<_>>(), [id("a")]);
        assert_eq!(agenda.due_by(later).count(), 3);
        agenda.remove(&id("a"));
        assert_eq!((agenda.first(), agenda.due(&id("a"))), (Some(later), None));
    }
}
