//! The breaker: whether a provider is asked at all.
//!
//! After a few failures that are the server's own it is left alone; after a pause one request, the probe, tells
//! whether it is back. A refused key and an account without credit stop it at once: further requests cannot work.
//! One pure function, [`Breaker::step`], from an event to what follows from it.

use std::time::Duration;

/// So many failures in a row open it.
const FAILURES: usize = 4;
/// The first pause, and the longest: they double.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often an account without credit is tried again: that costs nothing.
const CREDIT_PAUSE: Duration = Duration::from_secs(300);

/// Why a provider cannot be asked until a person has done something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// It does not accept the key.
    #[error("the key is refused")]
    RefusedKey,
    /// There is no credit left.
    #[error("there is no credit")]
    NoCredit,
    /// The address or the model is wrong, or the model cannot do what is asked of it.
    #[error("the provider cannot be used like this")]
    Unusable,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server's: it cannot be reached, or says that it is not there.
    Server,
    /// The server's or this request's, which is named by any number. Only different requests together tell that it is
    /// the server.
    Unclear(u64),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants to send a request.
    Asked,
    /// An answer came: a good one, or one that only a working server gives.
    Answered,
    /// A request failed.
    Failed(Fault),
    /// A request cannot work, and no other can.
    Stopped(Halt),
    /// A request was given up before its answer.
    Abandoned,
    /// A person has done something: a new key, a restart of the server.
    Renewed,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send it.
    Send,
    /// Do not send it; ask again then.
    Wait {
        /// When to ask again.
        until: Duration,
    },
    /// Do not send it: a person must act.
    Halted(Halt),
    /// Nothing.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Requests go. What failed in a row since the last answer: how often the server, and which requests.
    Closed { server: usize, requests: Vec<u64> },
    /// Nothing goes until then.
    Open { until: Duration, pauses: u32 },
    /// One request is on its way to see. Should it never come back, another one goes at `until`.
    Probing { until: Duration, pauses: u32 },
    /// Nothing goes; only an account without credit is tried again, at `until`.
    Halted { why: Halt, until: Option<Duration> },
}

/// See the module documentation. Times are given, as the time since any moment that stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    phase: Phase,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { phase: Phase::Closed { server: 0, requests: Vec::new() } }
    }
}

impl Breaker {
    /// The breaker after an event, and what follows from it.
    #[must_use]
    pub fn step(self, now: Duration, event: Event) -> (Self, Action) {
        let pause = |pauses: u32| FIRST_PAUSE.saturating_mul(1 << pauses.min(8)).min(LONGEST_PAUSE);
        let wait = |until: Duration| Action::Wait { until };
        let (phase, action) = match (self.phase, event) {
            (_, Event::Renewed) => (Self::default().phase, Action::None),

            (phase @ Phase::Closed { .. }, Event::Asked) => (phase, Action::Send),
            (Phase::Open { until, pauses } | Phase::Probing { until, pauses }, Event::Asked)
                if until <= now =>
            {
                (Phase::Probing { until: now + LONGEST_PAUSE, pauses }, Action::Send)
            }
            (phase @ Phase::Open { until, .. }, Event::Asked) => (phase, wait(until)),
            // Soon it is known.
            (phase @ Phase::Probing { until, .. }, Event::Asked) => {
                (phase, wait(until.min(now + Duration::from_secs(1))))
            }
            (Phase::Halted { until: Some(until), .. }, Event::Asked) if until <= now => {
                (Phase::Probing { until: now + LONGEST_PAUSE, pauses: 0 }, Action::Send)
            }
            (phase @ Phase::Halted { why, .. }, Event::Asked) => (phase, Action::Halted(why)),

            // An answer to an earlier request says nothing of the key that is refused now.
            (phase @ Phase::Halted { .. }, Event::Answered) => (phase, Action::None),
            (_, Event::Answered) => (Self::default().phase, Action::None),

            (_, Event::Stopped(why)) => {
                let until = (why == Halt::NoCredit).then(|| now + CREDIT_PAUSE);
                (Phase::Halted { why, until }, Action::None)
            }

            (Phase::Closed { mut server, mut requests }, Event::Failed(fault)) => {
                match fault {
                    Fault::Server => server += 1,
                    Fault::Unclear(request) if requests.contains(&request) => {}
                    Fault::Unclear(request) => requests.push(request),
                }
                let phase = if server + requests.len() >= FAILURES {
                    Phase::Open { until: now + pause(0), pauses: 1 }
                } else {
                    Phase::Closed { server, requests }
                };
                (phase, Action::None)
            }
            (Phase::Probing { pauses, .. }, Event::Failed(_)) => {
                (Phase::Open { until: now + pause(pauses), pauses: pauses.saturating_add(1) }, Action::None)
            }
            // Sent before it opened.
            (phase @ (Phase::Open { .. } | Phase::Halted { .. }), Event::Failed(_)) => (phase, Action::None),

            (Phase::Probing { pauses, .. }, Event::Abandoned) => {
                (Phase::Open { until: now, pauses }, Action::None)
            }
            (phase, Event::Abandoned) => (phase, Action::None),
        };
        (Self { phase }, action)
    }

    /// For people: `ready`, or why not.
    #[must_use]
    pub fn describe(&self, now: Duration) -> String {
        match &self.phase {
            Phase::Closed { .. } => "ready".to_owned(),
            Phase::Open { until, .. } => {
                format!("does not work now, is tried again in {} s", until.saturating_sub(now).as_secs())
            }
            Phase::Probing { .. } => "does not work now, is being tried".to_owned(),
            Phase::Halted { why, .. } => why.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: fn(u64) -> Duration = Duration::from_secs;

    struct Run(Breaker);

    impl Run {
        fn on(&mut self, at: u64, event: Event) -> Action {
            let (next, action) = std::mem::take(&mut self.0).step(AT(at), event);
            self.0 = next;
            action
        }
    }

    #[test]
    fn an_outage_pauses_is_probed_and_ends() {
        let mut run = Run(Breaker::default());
        for _ in 0..FAILURES {
            assert_eq!(run.on(0, Event::Asked), Action::Send);
            run.on(0, Event::Failed(Fault::Server));
        }
        assert_eq!(run.on(1, Event::Asked), Action::Wait { until: AT(5) });
        assert_eq!(run.on(5, Event::Asked), Action::Send, "the probe");
        assert_eq!(run.on(5, Event::Asked), Action::Wait { until: AT(6) }, "only one");
        run.on(6, Event::Failed(Fault::Server));
        assert_eq!(run.on(6, Event::Asked), Action::Wait { until: AT(16) }, "the pause doubles");
        assert_eq!(run.on(16, Event::Asked), Action::Send);
        run.on(16, Event::Abandoned);
        assert_eq!(run.on(16, Event::Asked), Action::Send, "a probe that is given up is made again");
        run.on(17, Event::Answered);
        assert_eq!(run.on(17, Event::Asked), Action::Send);
        assert_eq!(run.0.describe(AT(17)), "ready");
    }

    #[test]
    fn one_request_that_always_fails_does_not_stop_the_others() {
        let mut run = Run(Breaker::default());
        for _ in 0..100 {
            run.on(0, Event::Failed(Fault::Unclear(7)));
        }
        assert_eq!(run.on(0, Event::Asked), Action::Send);
        for request in 8..11 {
            run.on(0, Event::Failed(Fault::Unclear(request)));
        }
        assert_eq!(run.on(0, Event::Asked), Action::Wait { until: AT(5) }, "many do: it is the server");
    }

    #[test]
    fn a_refused_key_stops_at_once_until_there_is_a_new_one() {
        let mut run = Run(Breaker::default());
        run.on(0, Event::Stopped(Halt::RefusedKey));
        run.on(1, Event::Answered);
        assert_eq!(run.on(1_000_000, Event::Asked), Action::Halted(Halt::RefusedKey));
        run.on(1_000_001, Event::Renewed);
        assert_eq!(run.on(1_000_001, Event::Asked), Action::Send);
        run.on(0, Event::Stopped(Halt::NoCredit));
        assert_eq!(run.on(299, Event::Asked), Action::Halted(Halt::NoCredit));
        assert_eq!(run.on(300, Event::Asked), Action::Send, "credit may have been bought");
        run.on(301, Event::Stopped(Halt::NoCredit));
        assert_eq!(run.on(302, Event::Asked), Action::Halted(Halt::NoCredit));
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Asked),
            Just(Event::Answered),
            Just(Event::Failed(Fault::Server)),
            (0u64..6).prop_map(|request| Event::Failed(Fault::Unclear(request))),
            Just(Event::Stopped(Halt::NoCredit)),
            Just(Event::Abandoned),
        ]
    }

    proptest! {
        /// Whatever happened, who asks again when told to is let through in the end, unless a person must act; and
        /// never are two let through while the server is known not to work.
        #[test]
        fn nobody_waits_for_ever_and_an_outage_is_met_by_one_at_a_time(
            events in proptest::collection::vec((0u64..20, event()), 0..60)
        ) {
            let mut run = Run(Breaker::default());
            let mut at = 0;
            for (later, event) in events {
                at += later;
                run.on(at, event);
            }
            let mut asked = 0;
            while run.on(at, Event::Asked) != Action::Send {
                at += 60;
                asked += 1;
                prop_assert!(asked <= 7, "{:?}", run.0);
            }
            if matches!(run.0.phase, Phase::Probing { .. }) {
                prop_assert_ne!(run.on(at, Event::Asked), Action::Send);
            }
        }
    }
}
