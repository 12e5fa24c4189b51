//! What a target's task is asked to do: it begins it here, and goes on with it among everything else.

use std::collections::BTreeMap;

use bookstate_domain::{AnyKey, BookId, Seq};
use bookstate_store::{BookSync, ImportError, StoreError, StoredBook, TargetError};
use tokio::time::Instant;

use super::{PATIENCE, Worker, served_of};
use crate::{
    backoff::Backoff,
    command::{Answer, Command, CommandError, Judged, TakenOver, Verification},
    cursor::Cursor,
    errand::{Errand, Reply},
    transport::blocking,
    verify::verify,
};

impl Worker {
    pub(super) async fn command(&mut self, command: Command) {
        match command {
            Command::Barrier(answer) => {
                self.find_dirty();
                let goals = self.pending.clone();
                // The target may be back since it failed: who waits learns that from one more attempt.
                self.not_before = None;
                self.begin(Errand { goals, reply: Reply::Barrier(answer) });
            }
            Command::Look(id, answer) => reply(answer, self.look(&id).await),
            Command::Fetch(id, answer) => reply(answer, self.fetch(&id).await),
            Command::Judge(id, answer) => reply(answer, self.judge(&id).await),
            Command::Verify(id, answer) => reply(answer, self.verify(&id).await),
            Command::Resync(id, answer) => match self.link.book_seq(&id).await {
                Ok(seq) => {
                    let cursor = self.cursor(&id);
                    cursor.distrust();
                    cursor.retry(None);
                    self.begin(Errand { goals: BTreeMap::from([(id, seq)]), reply: Reply::Resync(answer) });
                }
                Err(error) => reply(answer, Err(CommandError::Target(error))),
            },
            Command::TakeOver(id, claim, answer) => match self.import_unknown(&id).await {
                Ok((seq, taken)) => {
                    self.cursor(&id).take_over(claim);
                    let reply = Reply::TakeOver(taken, claim, answer);
                    self.begin(Errand { goals: BTreeMap::from([(id, seq)]), reply });
                }
                Err(error) => reply(answer, Err(error)),
            },
            Command::Retry(document, answer) => match self.retry(document.as_ref()).await {
                Ok((count, goals)) => self.begin(Errand { goals, reply: Reply::Retry(count, answer) }),
                Err(error) => reply(answer, Err(CommandError::Target(error))),
            },
            Command::Drop(document, answer) => reply(answer, self.drop_parked(&document).await),
        }
    }

    fn cursor(&mut self, id: &BookId) -> &mut Cursor {
        &mut served_of(&mut self.served, &mut self.pauses, id).cursor
    }

    /// Somebody waits: what he waits for is due now.
    fn begin(&mut self, errand: Errand) {
        let now = Instant::now();
        let goals = errand.goals.clone();
        self.errands.push(errand);
        for (id, seq) in &goals {
            let known = self.pending.entry(id.clone()).or_insert(*seq);
            *known = (*known).max(*seq);
            self.schedule(id, now);
        }
        // Those that were reached before.
        for id in goals.keys() {
            let cursor = self.served.get(id).map(|served| &served.cursor);
            if cursor.is_some_and(|cursor| !cursor.is_pending()) {
                self.answer(id);
            }
        }
        if goals.is_empty() {
            let (done, waiting) =
                std::mem::take(&mut self.errands).into_iter().partition(|errand| errand.goals.is_empty());
            self.errands = waiting;
            let done: Vec<Errand> = done;
            done.into_iter().for_each(Errand::done);
        }
    }

    /// Does something for somebody who waits until it works, or has failed a few times.
    async fn verify(&mut self, id: &BookId) -> Result<Verification, CommandError> {
        if let Some(writer) = self.served.get(id).and_then(|served| served.cursor.foreign()) {
            return Err(CommandError::Foreign { book_id: id.clone(), writer });
        }
        let mut backoff = self.pauses.backoff();
        loop {
            match verify(&self.link, id).await {
                Err(error) if error.passes() && backoff.failures() + 1 < PATIENCE => {
                    tokio::time::sleep(backoff.failed()).await;
                }
                result => return result,
            }
        }
    }

    /// Says where the target has a book.
    async fn look(&mut self, id: &BookId) -> Result<Option<BookSync>, CommandError> {
        let mut backoff = self.pauses.backoff();
        loop {
            let found = match self.ready().await {
                Ok(()) => self.link.target_sync(id).await,
                Err(error) => Err(error),
            };
            if let Some(result) = patience(&mut backoff, found).await {
                return result;
            }
        }
    }

    /// Gives the target's copy of a book.
    async fn fetch(&mut self, id: &BookId) -> Result<Option<StoredBook>, CommandError> {
        let mut backoff = self.pauses.backoff();
        loop {
            let found = match self.ready().await {
                Ok(()) => self.link.load_book(id).await,
                Err(error) => Err(error),
            };
            if let Some(result) = patience(&mut backoff, found).await {
                return result;
            }
        }
    }

    /// Says what the target's copy of a book is worth.
    async fn judge(&mut self, id: &BookId) -> Result<Option<Judged>, CommandError> {
        let mut backoff = self.pauses.backoff();
        loop {
            let found = match self.ready().await {
                Ok(()) => self.link.judge(id).await,
                Err(error) => Err(error),
            };
            if let Some(result) = patience(&mut backoff, found).await {
                return result;
            }
        }
    }

    /// Gets the target ready, if it is not.
    async fn ready(&self) -> Result<(), TargetError> {
        if self.prepared { Ok(()) } else { self.link.prepare().await }
    }

    /// Makes a book that is unknown here from the target's copy. Returns its last commit.
    async fn import_unknown(&mut self, id: &BookId) -> Result<(Seq, TakenOver), CommandError> {
        let mut backoff = self.pauses.backoff();
        loop {
            match self.import(id).await {
                Err(error) if error.passes() && backoff.failures() + 1 < PATIENCE => {
                    tokio::time::sleep(backoff.failed()).await;
                }
                result => return result,
            }
        }
    }

    async fn import(&mut self, id: &BookId) -> Result<(Seq, TakenOver), CommandError> {
        let seq = self.link.book_seq(id).await?;
        if seq > Seq::ZERO {
            return Ok((seq, TakenOver::default()));
        }
        let Some(copy) = self.link.load_book(id).await? else {
            return Err(CommandError::NoSuchBook(id.clone()));
        };
        let taken = TakenOver {
            from: Some(copy.sync.writer),
            in_flux: copy.sync.persisting_seq != copy.sync.persisted_seq,
            parked: copy.sync.parked.len(),
        };
        let library = self.link.library.clone();
        let importing = blocking(move || match library.import_book(&copy) {
            // Somebody was faster: the book is known here now.
            Ok(()) | Err(ImportError::Exists { .. }) => Ok(()),
            Err(ImportError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Io { reason: error.to_string() }),
        });
        importing.await?;
        let seq = self.link.book_seq(id).await?;
        if taken.in_flux || taken.parked > 0 {
            let parked = taken.parked;
            let in_flux = taken.in_flux;
            tracing::warn!(target = %self.link.name, book = %id, in_flux, parked, "the copy was not whole");
        }
        Ok((seq, taken))
    }

    async fn retry(
        &mut self,
        document: Option<&AnyKey>,
    ) -> Result<(usize, BTreeMap<BookId, Seq>), TargetError> {
        let (library, name) = (self.link.library.clone(), self.link.name.clone());
        let parked = blocking(move || library.local_store().parked(Some(name.as_str()), None)).await?;
        let chosen: Vec<_> = parked
            .into_iter()
            .filter(|p| document.map_or(!p.dropped, |document| *document == p.parked.document))
            .collect();
        let mut goals = BTreeMap::new();
        for parked in &chosen {
            let id = &parked.parked.book_id;
            if !goals.contains_key(id) {
                goals.insert(id.clone(), self.link.book_seq(id).await?);
            }
            self.cursor(id).retry(Some(&parked.parked.document));
        }
        Ok((chosen.len(), goals))
    }

    async fn drop_parked(&mut self, document: &AnyKey) -> Result<(), CommandError> {
        let (library, name, key) = (self.link.library.clone(), self.link.name.clone(), document.clone());
        blocking(move || library.local_store().set_dropped(name.as_str(), &key, true)).await?;
        if let Some(served) = self.served.get_mut(document.book_id()) {
            served.cursor.drop_parked(document);
        }
        self.publish(document.book_id());
        Ok(())
    }
}

/// What somebody who waits is told; `None`, after a pause, while it may work in a moment.
async fn patience<T>(
    backoff: &mut Backoff,
    found: Result<T, TargetError>,
) -> Option<Result<T, CommandError>> {
    match found.map_err(CommandError::Target) {
        Err(error) if error.passes() && backoff.failures() + 1 < PATIENCE => {
            tokio::time::sleep(backoff.failed()).await;
            None
        }
        result => Some(result),
    }
}

fn reply<T>(answer: Answer<T>, result: Result<T, CommandError>) {
    // The one who asked may have gone away; the work is done all the same.
    drop(answer.send(result));
}
