//! What somebody waits for: that books reach a seq in a target. It is known when it was asked, so that a busy book
//! does not put it off for ever.

use std::collections::BTreeMap;

use bookstate_domain::{BookId, Seq};
use bookstate_store::{TargetError, WriterId};
use tokio::sync::oneshot;

use crate::command::{Answer, CommandError, Reached, TakenOver};

/// Somebody waits.
#[derive(Debug)]
pub(crate) struct Errand {
    /// What has not been reached yet.
    pub(crate) goals: BTreeMap<BookId, Seq>,
    pub(crate) reply: Reply,
}

/// For what.
#[derive(Debug)]
pub(crate) enum Reply {
    Barrier(oneshot::Sender<Reached>),
    Resync(Answer<()>),
    TakeOver(TakenOver, Answer<TakenOver>),
    Retry(usize, Answer<usize>),
}

impl Errand {
    /// Everything was reached.
    pub(crate) fn done(self) {
        // Whoever asked may have gone away; the work is done all the same.
        match self.reply {
            Reply::Barrier(answer) => drop(answer.send(Reached::All)),
            Reply::Resync(answer) => drop(answer.send(Ok(()))),
            Reply::TakeOver(taken, answer) => drop(answer.send(Ok(taken))),
            Reply::Retry(count, answer) => drop(answer.send(Ok(count))),
        }
    }

    /// The target does not get there for the time being.
    pub(crate) fn fails(self, error: &TargetError) {
        match self.reply {
            Reply::Barrier(answer) => drop(answer.send(Reached::Unhealthy { error: error.to_string() })),
            reply => reply.refuse(CommandError::Target(error.clone())),
        }
    }

    /// A book is another's. Returns the errand when it goes on without it.
    pub(crate) fn without(mut self, id: &BookId, writer: WriterId) -> Option<Self> {
        match self.reply {
            Reply::Barrier(_) | Reply::Retry(..) => {
                self.goals.remove(id);
                Some(self)
            }
            reply => {
                reply.refuse(CommandError::Foreign { book_id: id.clone(), writer });
                None
            }
        }
    }
}

impl Reply {
    fn refuse(self, error: CommandError) {
        match self {
            Self::Barrier(answer) => drop(answer.send(Reached::Unhealthy { error: error.to_string() })),
            Self::Resync(answer) => drop(answer.send(Err(error))),
            Self::TakeOver(_, answer) => drop(answer.send(Err(error))),
            Self::Retry(_, answer) => drop(answer.send(Err(error))),
        }
    }
}
