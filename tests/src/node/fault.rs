//! What a proxy can do to a request.

use std::fmt;
use std::time::Duration;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// It waits before the node gets it.
    Delay(Duration),
    /// The node gets half of it, then both connections are reset.
    CutRequest,
    /// The node never gets it.
    Lose(End),
    /// It is held. The node gets it when it has answered that many others; the client gets no answer, ever.
    Stall {
        /// How many others.
        answers: u64,
    },
    /// The node gets it and answers, which is waited for; the client does not get the answer.
    LoseAnswer(End),
    /// The client gets half of the answer, then its connection is reset.
    CutAnswer,
}

/// What the client sees in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its connection is reset.
    Reset,
    /// Its connection is closed in good order.
    Close,
    /// Nothing: the connection stays open until the client closes it.
    Silence,
}

/// What a proxy has seen and done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that clients opened.
    pub connections: u64,
    /// Requests that came, complete.
    pub requests: u64,
    /// Those of them that something was done to.
    pub faults: u64,
    /// Answers of the node, whether their clients got them or not; but for late ones.
    pub answers: u64,
    /// Answers of the node to requests that had been stalled.
    pub late: u64,
    /// Requests that the node did not answer: not reached, hung up, cut. Their clients were reset.
    pub unreached: u64,
}

/// A request, as the choice of its fault sees it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its number at this proxy, from 0.
    pub number: u64,
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

impl Asked<'_> {
    /// Whether a text stands in its body.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.body.windows(text.len().max(1)).any(|window| window == text.as_bytes())
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} ({} bytes)", self.number, self.method, self.path, self.body.len())
    }
}
