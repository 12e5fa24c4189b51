//! What somebody waits for: that books reach a seq in a target. It is known when it was asked, so that a busy book
//! does not put it off for ever.

use std::collections::BTreeMap;

use bookstate_domain::{BookId, Seq};
use bookstate_store::{Epoch, TargetError, TargetName, WriterId};
use tokio::sync::oneshot;

use crate::{
    command::{Answer, CommandError, Reached, TakenOver},
    cursor::Claim,
};

/// Whose a book is in a target that does not take it from here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) target: &'a TargetName,
    pub(crate) writer: WriterId,
    pub(crate) epoch: Epoch,
}

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
    TakeOver(TakenOver, Claim, Answer<TakenOver>),
    Retry(usize, Answer<usize>),
}

impl Errand {
    /// Everything was reached.
    pub(crate) fn done(self) {
        // Whoever asked may have gone away; the work is done all the same.
        match self.reply {
            Reply::Barrier(answer) => drop(answer.send(Reached::All)),
            Reply::Resync(answer) => drop(answer.send(Ok(()))),
            Reply::TakeOver(taken, _, answer) => drop(answer.send(Ok(taken))),
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
    pub(crate) fn without(mut self, id: &BookId, whose: Whose<'_>) -> Option<Self> {
        let (book_id, target) = (id.clone(), whose.target.clone());
        match self.reply {
            Reply::Barrier(_) | Reply::Retry(..) => {
                self.goals.remove(id);
                Some(self)
            }
            reply @ Reply::TakeOver(_, Claim::Owner(_), _) => {
                reply.refuse(CommandError::Superseded { book_id, target, epoch: whose.epoch });
                None
            }
            reply => {
                reply.refuse(CommandError::Foreign { book_id, writer: whose.writer });
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
            Self::TakeOver(_, _, answer) => drop(answer.send(Err(error))),
            Self::Retry(_, answer) => drop(answer.send(Err(error))),
        }
    }
}
