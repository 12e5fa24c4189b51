//! Keeping what this machine has: all leases in one task, their renewals beside each other; its own key; its jobs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_domain::BookId;
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};
use tokio::time::MissedTickBehavior;

use crate::{
    keys::Kind,
    lease::{Action, End, Event, State},
    notes::{self, Machine},
    shared::Inner,
};

/// How many jobs are written again at once.
const AT_ONCE: usize = 64;

/// What the holder is told, outside the lock.
enum Tell {
    Extended(BookId, Instant),
    Lost(BookId, End),
}

/// Renews every lease, for ever.
pub(crate) async fn renew(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.rules.retry_after.max(Duration::from_millis(20)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // One per lease at most.
    let mut flights: FuturesUnordered<BoxFuture<'_, (BookId, Event)>> = FuturesUnordered::new();
    let mut actions = Vec::new();
    loop {
        tokio::select! {
            // Ends are seen before answers: of a lease that is over an answer changes nothing.
            biased;
            _ = ticks.tick() => inner.tick(&mut actions),
            Some((book, event)) = flights.next() => inner.feed(book, event, &mut actions),
        }
        for (book, action) in actions.drain(..) {
            let inner = &inner;
            flights.push(Box::pin(async move {
                let event = inner.perform(&book, action).await;
                (book, event)
            }));
        }
    }
}

impl Inner {
    fn tick(&self, actions: &mut Vec<(BookId, Action)>) {
        let now = Instant::now();
        let mut told = Vec::new();
        {
            let mut leases = self.leases.lock();
            leases.retain(|book, state| {
                let (next, action) = state.on(Event::Tick, now, &self.rules);
                *state = next;
                note(book, action, actions, &mut told, matches!(next, State::Held(_) | State::Ended(_)));
                !matches!(next, State::Ended(_))
            });
        }
        self.tell(told);
    }

    fn feed(&self, book: BookId, event: Event, actions: &mut Vec<(BookId, Action)>) {
        let mut told = Vec::new();
        {
            let mut leases = self.leases.lock();
            // What is being claimed or given back is in the hands of who does it.
            let Some(state) = leases.get_mut(&book).filter(|state| matches!(state, State::Held(_))) else {
                return;
            };
            let (next, action) = state.on(event, Instant::now(), &self.rules);
            *state = next;
            if matches!(next, State::Ended(_)) {
                leases.remove(&book);
            }
            note(&book, action, actions, &mut told, true);
        }
        self.tell(told);
    }

    fn tell(&self, told: Vec<Tell>) {
        for tell in told {
            match tell {
                Tell::Extended(book, until) => self.holder.extended(&book, until),
                Tell::Lost(book, why) => {
                    if let Some(kept) = self.jobs.lock().get_mut(&book) {
                        kept.lost = Some(Instant::now());
                    }
                    tracing::warn!(%book, ?why, "the lease of a book is lost; another machine goes on with it");
                    if why == End::Refused {
                        // Somebody has changed the bucket, perhaps emptied it.
                        self.again.notify_one();
                    }
                    self.holder.lost(&book, why);
                }
            }
        }
    }
}

fn note(
    book: &BookId,
    action: Action,
    actions: &mut Vec<(BookId, Action)>,
    told: &mut Vec<Tell>,
    theirs: bool,
) {
    match action {
        Action::Holds { until } => told.push(Tell::Extended(book.clone(), until)),
        Action::Ended(why) if theirs && why != End::Released => told.push(Tell::Lost(book.clone(), why)),
        Action::Look { .. } | Action::Renew { .. } => actions.push((book.clone(), action)),
        _ => {}
    }
}

/// Keeps this machine's key, and the jobs of its books, for ever.
pub(crate) async fn stay(inner: Arc<Inner>) {
    let options = &inner.options;
    let machine = Machine {
        machine: options.machine.clone(),
        address: options.address.clone(),
        version: options.version.clone(),
        capacity: options.capacity,
        start: inner.start.clone(),
    };
    let (key, value) = (Kind::Machine.named(&options.machine), notes::write(&machine));
    let mut doubled = false;
    loop {
        let heard = inner.view.lock().machines.get(&options.machine).map(|heard| heard.start.clone());
        let other = heard.is_some_and(|start| start != inner.start);
        if other && doubled {
            // Once it may be what this machine was before it was started again.
            tracing::error!(machine = %options.machine, "two machines have the same name: give each its own");
        }
        doubled = other;
        let mut pause = inner.rules.renew_after;
        if !inner.is_leaving()
            && let Err(error) = inner.bucket.put(&key, value.clone(), Some(inner.rules.ttl)).await
        {
            tracing::debug!(%error, "this machine is not announced");
            pause = inner.rules.retry_after;
        }
        inner.announce_again().await;
        tokio::time::sleep(pause).await;
    }
}

/// Keeps this machine's share of quotas, for ever. What it has used counts when it has left, too: its key goes by itself.
pub(crate) async fn beat(inner: Arc<Inner>) {
    // Who was there before is known from then on.
    drop(inner.changes.subscribe().wait_for(|count| *count > 0).await);
    let key = Kind::Quota.named(&inner.options.machine);
    while !inner.is_leaving() {
        let beat = inner.shares.lock().beat(Instant::now());
        let mut pause = inner.rules.renew_after;
        if let Err(error) = inner.bucket.put(&key, notes::write(&beat), Some(inner.beats_last)).await {
            tracing::debug!(%error, "this machine loses its share of quotas");
            pause = inner.rules.retry_after;
        }
        tokio::time::sleep(pause).await;
    }
}

impl Inner {
    /// Writes the jobs of the books that are held, where the bucket lacks them; and of those that were lost a moment
    /// ago, as long as nobody has them: when a bucket is lost, all lose their leases and somebody has to say what is
    /// wanted.
    async fn announce_again(&self) {
        if *self.changes.borrow() == 0 {
            return;
        }
        let now = Instant::now();
        let lacks: Vec<_> = {
            let (mut jobs, view) = (self.jobs.lock(), self.view.lock());
            let kept = |book: &BookId, lost: Option<Instant>| {
                let another = view.owners.get(book).is_some_and(|owner| owner.start != self.start);
                lost.is_none_or(|lost| now < lost + self.rules.ttl && !another)
            };
            jobs.retain(|book, job| kept(book, job.lost));
            let lacks = jobs.iter().filter(|(book, job)| view.jobs.get(*book) != Some(&job.note));
            lacks.map(|(book, job)| (book.clone(), notes::write(&job.note))).collect()
        };
        stream::iter(lacks)
            .for_each_concurrent(AT_ONCE, |(book, value)| async move {
                // Finished meanwhile?
                if !self.jobs.lock().contains_key(&book) {
                    return;
                }
                if let Err(error) = self.bucket.put(&Kind::Job.of(&book), value, None).await {
                    tracing::debug!(%book, %error, "a job is not announced; it is tried again");
                }
            })
            .await;
    }
}
