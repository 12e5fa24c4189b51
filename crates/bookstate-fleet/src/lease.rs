//! One machine's lease of one book. Pure: a state, an event and the time give the next state and what is to be done.
//!
//! Invariants: a lease is held only until [`State::until`], which counts from when the last message that was
//! acknowledged was *sent*; an answer that comes late extends from then, and one that comes behind the end not at all.
//! A lease that was lost is lost for good: who wants the book claims it anew, with a higher epoch. What a read says
//! decides nothing here: it only gives the numbers that the next write is compared with.

use std::time::{Duration, Instant};

/// The highest epoch: targets have 32-bit integers with a sign.
pub(crate) const HIGHEST: u32 = i32::MAX as u32;

/// The times of leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How long the bucket keeps a key that is not renewed.
    pub(crate) ttl: Duration,
    /// So much sooner a machine believes its lease over, for the servers' clocks and for the way back of an answer.
    pub(crate) margin: Duration,
    /// When a lease is renewed, counted like its end.
    pub(crate) renew_after: Duration,
    /// When a renewal is tried again that has no answer.
    pub(crate) retry_after: Duration,
}

impl Rules {
    /// A tenth of margin, renewed each third, tried again each thirtieth.
    pub(crate) fn of(ttl: Duration) -> Self {
        Self { ttl, margin: ttl / 10, renew_after: ttl / 3, retry_after: ttl / 30 }
    }

    fn until(&self, sent: Instant) -> Instant {
        sent + self.ttl.saturating_sub(self.margin)
    }
}

/// What is known of a book's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none, or a marker that there is none any more, at this revision (0: nothing at all).
    Free(u64),
    /// This process has it, under this epoch.
    Ours { revision: u64, epoch: u32 },
    /// Another one has it.
    Theirs,
}

/// The counter of a book's epochs: its value and revision, both 0 when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counter {
    pub(crate) epoch: u32,
    pub(crate) revision: u64,
}

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// None, and nothing is being done about it.
    Absent,
    /// The keys are being read. No epoch of the caller's is above `floor`.
    Looking { floor: u32 },
    /// Counter and key are being written, together.
    Creating { epoch: u32, sent: Instant },
    /// Held until its end.
    Held(Held),
    /// Given back; the key is being deleted.
    Releasing(Held),
    /// Over, for good.
    Ended(End),
}

/// A lease that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) epoch: u32,
    pub(crate) revision: u64,
    /// When the last message that was acknowledged was sent.
    extended: Instant,
    /// When the last message was sent, acknowledged or not.
    tried: Instant,
    in_flight: bool,
    /// A message of ours may have been taken without our knowing: a refusal may be due to it.
    doubtful: bool,
    /// Something spoke against it: it is renewed now, and the bucket decides.
    nudged: bool,
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was given back.
    Released,
    /// The bucket refused a renewal: the key is not as this machine left it.
    Refused,
    /// No renewal was acknowledged in time.
    Expired,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The book is wanted.
    Claim { floor: u32 },
    /// An answer to [`Action::Look`].
    Looked { found: Found, counter: Counter },
    /// The message that was sent then was taken and has this revision.
    Written { sent: Instant, revision: u64 },
    /// The message that was sent then was compared and refused.
    Refused { sent: Instant, expected: u64 },
    /// There is no answer to what was asked then: it may have been taken or not.
    Unknown { sent: Instant },
    /// Somebody says that the key is not as it should be.
    Nudge,
    /// Time has passed.
    Tick,
    /// The book is given back; its owner writes no more.
    Release,
}

/// What is to be done. Times are those that the answer's event has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    /// Read the key and the counter.
    Look {
        sent: Instant,
    },
    /// Write counter and key, both or none, each compared with its revision.
    Create {
        epoch: u32,
        key: u64,
        counter: u64,
        sent: Instant,
    },
    /// Write the key anew with its whole time, compared with this revision.
    Renew {
        epoch: u32,
        revision: u64,
        sent: Instant,
    },
    /// Delete the key, compared with this revision.
    Delete {
        revision: u64,
        sent: Instant,
    },
    /// The claim has not come through: begin anew.
    Again,
    /// Another machine has the book.
    Theirs,
    /// There is no higher epoch.
    Exhausted,
    /// Held, from now or for longer.
    Holds {
        until: Instant,
    },
    /// Over.
    Ended(End),
}

impl State {
    /// Until when it is held.
    pub(crate) fn until(&self, rules: &Rules) -> Option<Instant> {
        match self {
            Self::Held(held) => Some(rules.until(held.extended)),
            _ => None,
        }
    }

    /// Whether it is held now: what a machine believes.
    pub(crate) fn holds(&self, now: Instant, rules: &Rules) -> bool {
        self.until(rules).is_some_and(|until| now < until)
    }

    /// What follows from an event.
    pub(crate) fn on(self, event: Event, now: Instant, rules: &Rules) -> (Self, Action) {
        match self {
            Self::Absent | Self::Looking { .. } | Self::Creating { .. } => self.claiming(event, now, rules),
            Self::Held(held) if now >= rules.until(held.extended) => {
                (Self::Ended(End::Expired), Action::Ended(End::Expired))
            }
            Self::Held(held) => held.on(event, now, rules),
            Self::Releasing(held) => held.releasing(event, now, rules),
            Self::Ended(_) => (self, Action::Nothing),
        }
    }

    fn claiming(self, event: Event, now: Instant, rules: &Rules) -> (Self, Action) {
        match (self, event) {
            (Self::Absent, Event::Claim { floor }) => (Self::Looking { floor }, Action::Look { sent: now }),
            (Self::Looking { floor }, Event::Looked { found, counter }) => {
                // One that this process left behind is not held by it: a lost answer's, or one that ended.
                let key = match found {
                    Found::Theirs => return (Self::Absent, Action::Theirs),
                    Found::Free(revision) | Found::Ours { revision, .. } => revision,
                };
                let epoch = match counter.epoch.max(floor).checked_add(1).filter(|epoch| *epoch <= HIGHEST) {
                    Some(epoch) => epoch,
                    None => return (Self::Absent, Action::Exhausted),
                };
                let create = Action::Create { epoch, key, counter: counter.revision, sent: now };
                (Self::Creating { epoch, sent: now }, create)
            }
            (Self::Creating { epoch, sent }, Event::Written { sent: answered, revision })
                if sent == answered =>
            {
                let until = rules.until(sent);
                if now >= until {
                    return (Self::Absent, Action::Again);
                }
                let held = Held {
                    epoch,
                    revision,
                    extended: sent,
                    tried: sent,
                    in_flight: false,
                    doubtful: false,
                    nudged: false,
                };
                (Self::Held(held), Action::Holds { until })
            }
            (Self::Looking { .. }, Event::Unknown { .. }) => (Self::Absent, Action::Again),
            (
                Self::Creating { sent, .. },
                Event::Unknown { sent: answered } | Event::Refused { sent: answered, .. },
            ) if sent == answered => (Self::Absent, Action::Again),
            (_, Event::Release) => (Self::Ended(End::Released), Action::Ended(End::Released)),
            _ => (self, Action::Nothing),
        }
    }
}

impl Held {
    fn on(mut self, event: Event, now: Instant, rules: &Rules) -> (State, Action) {
        let action = match event {
            Event::Tick => self.tick(now, rules),
            Event::Written { sent, revision } => return self.written(sent, revision, rules),
            Event::Refused { sent, expected } => {
                self.answered(sent);
                if expected != self.revision {
                    // Of a message that was overtaken by another of ours.
                    Action::Nothing
                } else if self.doubtful {
                    self.look(now)
                } else {
                    return (State::Ended(End::Refused), Action::Ended(End::Refused));
                }
            }
            Event::Unknown { sent } => {
                self.answered(sent);
                self.doubtful = true;
                Action::Nothing
            }
            Event::Looked { found: Found::Ours { revision, epoch }, .. } if epoch == self.epoch => {
                // The read may be old. The next renewal is compared with it, and extends the lease or does not.
                self.in_flight = false;
                self.revision = self.revision.max(revision);
                self.nudged = true;
                Action::Nothing
            }
            Event::Looked { .. } => return (State::Ended(End::Refused), Action::Ended(End::Refused)),
            Event::Nudge => {
                self.nudged = true;
                Action::Nothing
            }
            Event::Release => {
                self.doubtful |= self.in_flight;
                return (State::Releasing(self), Action::Delete { revision: self.revision, sent: now });
            }
            Event::Claim { .. } => Action::Nothing,
        };
        (State::Held(self), action)
    }

    fn tick(&mut self, now: Instant, rules: &Rules) -> Action {
        let due = now >= self.extended + rules.renew_after || self.nudged;
        if self.in_flight || !due || (self.doubtful || self.nudged) && now < self.tried + rules.retry_after {
            return Action::Nothing;
        }
        self.in_flight = true;
        self.tried = now;
        self.nudged = false;
        Action::Renew { epoch: self.epoch, revision: self.revision, sent: now }
    }

    fn look(&mut self, now: Instant) -> Action {
        self.in_flight = true;
        self.tried = now;
        Action::Look { sent: now }
    }

    fn answered(&mut self, sent: Instant) {
        if sent == self.tried {
            self.in_flight = false;
        }
    }

    fn written(mut self, sent: Instant, revision: u64, rules: &Rules) -> (State, Action) {
        self.answered(sent);
        if revision < self.revision {
            return (State::Held(self), Action::Nothing);
        }
        let before = self.extended;
        if revision > self.revision {
            self.revision = revision;
            // What was sent before was compared with an older revision, and is refused from now on.
            self.doubtful = self.in_flight;
        }
        self.extended = before.max(sent);
        let longer = self.extended > before;
        let action =
            if longer { Action::Holds { until: rules.until(self.extended) } } else { Action::Nothing };
        (State::Held(self), action)
    }

    fn releasing(mut self, event: Event, now: Instant, rules: &Rules) -> (State, Action) {
        const GONE: (State, Action) = (State::Ended(End::Released), Action::Ended(End::Released));
        // Behind its end the key goes by itself.
        if now >= rules.until(self.extended) {
            return GONE;
        }
        match event {
            Event::Written { .. } => GONE,
            Event::Refused { expected, .. } if expected == self.revision && self.doubtful => {
                (State::Releasing(self), Action::Look { sent: now })
            }
            Event::Refused { .. } => GONE,
            Event::Looked { found: Found::Ours { revision, epoch }, .. } if epoch == self.epoch => {
                self.revision = self.revision.max(revision);
                (State::Releasing(self), Action::Delete { revision: self.revision, sent: now })
            }
            Event::Looked { .. } => GONE,
            Event::Unknown { .. } => {
                (State::Releasing(self), Action::Delete { revision: self.revision, sent: now })
            }
            Event::Tick | Event::Nudge | Event::Claim { .. } | Event::Release => {
                (State::Releasing(self), Action::Nothing)
            }
        }
    }
}

#[cfg(test)]
#[path = "lease_model.rs"]
mod model;
