//! Whose turn it is to be worked on: so many jobs at once, who is waited for before the others.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use bookstate_domain::Priority;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The turns of a scheduler. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<Waiting>>);

#[derive(Debug)]
struct Waiting {
    free: usize,
    asked: u64,
    /// By priority, then in the order in which they asked.
    queue: BTreeMap<(Reverse<Priority>, u64), oneshot::Sender<Held>>,
}

/// A turn, as long as it lives; then it is the next one's.
#[derive(Debug)]
pub(crate) struct Held(Option<Turns>);

impl Turns {
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Waiting { free: at_once.max(1), asked: 0, queue: BTreeMap::new() })))
    }

    /// A turn, if one is free and nobody waits for it.
    pub(crate) fn try_take(&self) -> Option<Held> {
        let mut waiting = self.0.lock();
        let is_free = waiting.free > 0 && waiting.queue.is_empty();
        is_free.then(|| {
            waiting.free -= 1;
            Held(Some(self.clone()))
        })
    }

    /// Waits for a turn. Cancel safe: a turn that comes to one that is gone is the next one's.
    pub(crate) async fn take(&self, priority: Priority) -> Held {
        let (tell, told) = oneshot::channel();
        {
            let mut waiting = self.0.lock();
            let number = waiting.asked;
            waiting.asked += 1;
            waiting.queue.insert((Reverse(priority), number), tell);
        }
        self.give();
        // It is told once, or its sender is dropped with all turns, of which this is one.
        told.await.unwrap_or(Held(None))
    }

    /// Gives the free turns to those who wait.
    fn give(&self) {
        loop {
            let tell = {
                let mut waiting = self.0.lock();
                if waiting.free == 0 {
                    return;
                }
                let Some((_, tell)) = waiting.queue.pop_first() else { return };
                waiting.free -= 1;
                tell
            };
            // One that nobody takes is free again, for the next one of this loop: thousands may have gone.
            if let Err(mut unwanted) = tell.send(Held(Some(self.clone()))) {
                unwanted.0 = None;
                self.0.lock().free += 1;
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.0.lock().free += 1;
            turns.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    /// Whether a future is ready when it is asked once.
    fn now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        match std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn who_is_waited_for_is_before_who_asked_earlier() {
        let turns = Turns::new(1);
        let first = turns.try_take().unwrap();
        let mut bulk = pin!(turns.take(Priority::Bulk));
        let mut urgent = pin!(turns.take(Priority::Interactive));
        assert!(now(&mut bulk).is_none() && now(&mut urgent).is_none());
        drop(first);
        let second = now(&mut urgent).unwrap();
        assert!(now(&mut bulk).is_none(), "one at once");
        drop(second);
        assert!(now(&mut bulk).is_some());
    }

    #[test]
    fn a_turn_is_not_lost_with_one_that_waits_no_more() {
        let turns = Turns::new(1);
        let first = turns.try_take().unwrap();
        let mut gone = Box::pin(turns.take(Priority::Interactive));
        let mut next = pin!(turns.take(Priority::Bulk));
        assert!(now(&mut gone).is_none() && now(&mut next).is_none());
        drop(gone);
        drop(first);
        drop(now(&mut next).unwrap());
        let mut told = Box::pin(turns.take(Priority::Bulk));
        let first = now(&mut told).unwrap();
        let mut told = Box::pin(turns.take(Priority::Bulk));
        assert!(now(&mut told).is_none());
        drop(first);
        drop(told);
        assert!(turns.try_take().is_some(), "it was given to one that never looked");
    }

    #[test]
    fn nobody_takes_a_turn_for_which_another_waits() {
        let turns = Turns::new(1);
        let first = turns.try_take().unwrap();
        let mut waits = pin!(turns.take(Priority::Bulk));
        assert!(now(&mut waits).is_none());
        assert!(turns.try_take().is_none());
        drop(first);
        assert!(turns.try_take().is_none());
        assert!(now(&mut waits).is_some());
        assert!(turns.try_take().is_some());
    }
}
