//! Claiming a book and giving it back: the calls that a lease's state asks for, one after another.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_domain::BookId;
use rand::RngExt;

use crate::{
    bucket::{Write, WriteError},
    error::{ClaimError, FleetError},
    keys::Kind,
    lease::{Action, Counter, Event, Found, State},
    notes::{self, Count, Owner},
    shared::{Inner, Lease},
};

/// The pause between attempts, and at most so much more by chance.
const PAUSE: Duration = Duration::from_millis(50);

/// The place of a claim that is under way: goes with it, unless the book is held.
struct Place<'a> {
    inner: &'a Inner,
    book: &'a BookId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut leases = self.inner.leases.lock();
        if leases.get(self.book) == Some(&State::Absent) {
            leases.remove(self.book);
        }
    }
}

pub(crate) async fn claim(inner: &Arc<Inner>, book: &BookId, floor: u32) -> Result<Lease, ClaimError> {
    let begun = Instant::now();
    {
        let mut leases = inner.leases.lock();
        if leases.contains_key(book) {
            return Err(ClaimError::Mine);
        }
        leases.insert(book.clone(), State::Absent);
    }
    let _place = Place { inner, book };
    let _turn = inner.claims.acquire().await.map_err(|_| leaving())?;
    let mut why = "others were first".to_owned();
    // Past one lease's time somebody else may as well try.
    while begun.elapsed() < inner.rules.ttl {
        if inner.is_leaving() {
            return Err(leaving());
        }
        match attempt(inner, book, floor).await {
            Ok(Some(lease)) => {
                let note = inner.view.lock().jobs.get(book).cloned();
                if let Some(note) = note {
                    inner.jobs.lock().insert(book.clone(), note.into());
                }
                return Ok(lease);
            }
            Ok(None) => {}
            Err(ClaimError::Unavailable { reason }) => why = reason,
            Err(error) => return Err(error),
        }
        let more = rand::rng().random_range(0..=4);
        tokio::time::sleep(PAUSE + PAUSE * more).await;
    }
    Err(ClaimError::Unavailable { reason: why })
}

fn leaving() -> ClaimError {
    ClaimError::Unavailable { reason: "this machine is leaving".to_owned() }
}

/// One attempt; `None`: it was refused, or nothing is known of it.
async fn attempt(inner: &Inner, book: &BookId, floor: u32) -> Result<Option<Lease>, ClaimError> {
    let (state, _) = State::Absent.on(Event::Claim { floor }, Instant::now(), &inner.rules);
    let (found, counter, owner) = inner.look(book).await?;
    let (state, action) = state.on(Event::Looked { found, counter }, Instant::now(), &inner.rules);
    let (epoch, key, counter, sent) = match action {
        Action::Create { epoch, key, counter, sent } => (epoch, key, counter, sent),
        Action::Exhausted => {
            return Err(ClaimError::Unusable { reason: "its epochs are used up".to_owned() });
        }
        _ => return owner.map_or(Ok(None), |owner| Err(ClaimError::HeldBy(owner))),
    };
    let count = Write {
        key: Kind::Epoch.of(book),
        value: notes::write(&Count { epoch }),
        expected: counter,
        ttl: None,
    };
    let own = Write {
        key: Kind::Own.of(book),
        value: notes::write(&inner.owner(epoch)),
        expected: key,
        ttl: Some(inner.rules.ttl),
    };
    let (event, why) = match inner.bucket.write_both(count, own).await {
        Ok(revision) => (Event::Written { sent, revision }, None),
        Err(WriteError::Refused) => (Event::Refused { sent, expected: key }, None),
        Err(WriteError::Unknown(error)) => (Event::Unknown { sent }, Some(error)),
    };
    let (state, action) = state.on(event, Instant::now(), &inner.rules);
    match (action, why) {
        (Action::Holds { until }, _) => {
            inner.leases.lock().insert(book.clone(), state);
            Ok(Some(Lease { book: book.clone(), epoch, until }))
        }
        (_, Some(error)) => Err(error.into()),
        _ => Ok(None),
    }
}

/// Gives a book back.
pub(crate) async fn release(inner: &Inner, book: &BookId) {
    let mut event = Event::Release;
    loop {
        let action = {
            let mut leases = inner.leases.lock();
            let Some(state) = leases.get_mut(book).filter(|state| **state != State::Absent) else { return };
            let (next, action) = state.on(event, Instant::now(), &inner.rules);
            *state = next;
            if matches!(next, State::Ended(_)) {
                leases.remove(book);
                return;
            }
            action
        };
        if action == Action::Nothing {
            // Somebody else gives it back.
            return;
        }
        let unanswered = matches!(event, Event::Unknown { .. });
        if unanswered {
            tokio::time::sleep(PAUSE).await;
        }
        event = inner.perform(book, action).await;
    }
}

impl Inner {
    /// Does what a lease's state asks for, and says what came of it.
    pub(crate) async fn perform(&self, book: &BookId, action: Action) -> Event {
        let (sent, expected, done) = match action {
            Action::Renew { epoch, revision, sent } => {
                let write = Write {
                    key: Kind::Own.of(book),
                    value: notes::write(&self.owner(epoch)),
                    expected: revision,
                    ttl: Some(self.rules.ttl),
                };
                (sent, revision, self.bucket.write(write).await)
            }
            Action::Delete { revision, sent } => {
                (sent, revision, self.bucket.delete(&Kind::Own.of(book), Some(revision)).await)
            }
            Action::Look { sent } => {
                return match self.look(book).await {
                    Ok((found, counter, _)) => Event::Looked { found, counter },
                    Err(_) => Event::Unknown { sent },
                };
            }
            _ => return Event::Tick,
        };
        match done {
            Ok(revision) => Event::Written { sent, revision },
            Err(WriteError::Refused) => Event::Refused { sent, expected },
            Err(WriteError::Unknown(error)) => {
                tracing::debug!(%book, %error, "no answer of the fleet's bucket");
                Event::Unknown { sent }
            }
        }
    }

    /// Reads a book's key and counter.
    async fn look(&self, book: &BookId) -> Result<(Found, Counter, Option<Owner>), FleetError> {
        let (own, count) = (Kind::Own.of(book), Kind::Epoch.of(book));
        let (own, count) = tokio::try_join!(self.bucket.read(&own), self.bucket.read(&count))?;
        let strange = |what: &str| FleetError::Unusable {
            reason: format!(
                "the bucket has a {what} of book {book} that this program cannot read: update it"
            ),
        };
        let counter = match count.value {
            // Nobody deletes it; whoever did leaves its revision to be compared with.
            None => Counter { epoch: 0, revision: count.revision },
            Some(value) => {
                let Count { epoch } = notes::read(&value).ok_or_else(|| strange("counter"))?;
                Counter { epoch, revision: count.revision }
            }
        };
        let Some(value) = own.value else { return Ok((Found::Free(own.revision), counter, None)) };
        let owner: Owner = notes::read(&value).ok_or_else(|| strange("lease"))?;
        let found = if owner.start == self.start {
            Found::Ours { revision: own.revision, epoch: owner.epoch }
        } else {
            Found::Theirs
        };
        Ok((found, counter, Some(owner)))
    }
}
